"""The log of a long run: on stderr, and bounded however often the same thing goes wrong."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

SAME_MAX = 3  # how often the same line may stand in the log within a minute
_MINUTE_SECONDS = 60.0
_KEYS_MAX = 1000
_VARIES = re.compile(r"\d+|0x[0-9a-f]+")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int) -> None:
    """Let everything of this level and above be logged, the same line a few times a minute."""
    logging.basicConfig(level=level, format=_FORMAT)
    # A wake that finds its job still at work is normal, and is said every two seconds.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it says addresses, which hold secrets
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogLimit(handler.handle))


@dataclass(slots=True)
class _Line:
    """A line that was logged: how often within its minute, and how often it was left out."""

    since: float
    logged: int = 0
    left_out: int = 0


class LogLimit(logging.Filter):
    """Lets the same line (whatever its numbers) pass a few times a minute, then its count.

    `emit` takes the line with the count; `elapsed` is the clock, in seconds.
    """

    def __init__(
        self,
        emit: Callable[[logging.LogRecord], object],
        same_max: int = SAME_MAX,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__()
        self._emit = emit
        self._same_max = same_max
        self._elapsed = elapsed
        self._lines: dict[tuple[str, int, str], _Line] = {}
        self._turn = threading.RLock()  # what is emitted comes through here, too

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be logged; counts it if not."""
        if getattr(record, "is_count", False):
            return True
        with self._turn:
            now = self._elapsed()
            self._end_minutes(now)
            line = self._lines.setdefault(_key(record), _Line(now))
            if line.logged < self._same_max:
                line.logged += 1
                return True
            line.left_out += 1
            return False

    def _end_minutes(self, now: float) -> None:
        is_full = len(self._lines) > _KEYS_MAX
        over = [k for k, x in self._lines.items() if is_full or now - x.since >= _MINUTE_SECONDS]
        for key in over:
            line = self._lines.pop(key)
            if line.left_out:
                self._emit(_count(key, line.left_out, now - line.since))


def _key(record: logging.LogRecord) -> tuple[str, int, str]:
    return record.name, record.levelno, _VARIES.sub("#", record.getMessage())


def _count(key: tuple[str, int, str], left_out: int, seconds: float) -> logging.LogRecord:
    name, level, text = key
    said = f"{left_out} times more within {seconds:.0f} s: {text}"
    record = logging.LogRecord(name, level, "", 0, said, None, None)
    record.is_count = True
    return record
