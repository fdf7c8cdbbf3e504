"""What became of files that hold results of load tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.domain.load_test.history import Judged
from monitor.domain.load_test.run import LoadTestRun


class NoResultError(Exception):
    """A file that is no result of k6. `code` is a word of load_file in the templates."""

    def __init__(self, code: str, line: int | None = None, detail: str = "") -> None:
        super().__init__(f"{code} (line {line}) {detail}")
        self.code, self.line, self.detail = code, line, detail[:200]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: a run, the run that it is a copy of, or the reason why not."""

    path: Path
    run: LoadTestRun | None = None
    duplicate_of: int | None = None
    error: NoResultError | None = None


@dataclass(frozen=True, slots=True)
class Backtested:
    """A file and what is said of it: the judged run, or why there is none in it."""

    path: Path
    judged: Judged | None = None
    error: NoResultError | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it holds a run that measured something."""
        return self.judged is not None and self.judged.run.is_valid
