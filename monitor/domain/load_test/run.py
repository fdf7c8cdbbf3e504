"""A run of a load test, as it is stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.domain.load_test.result import LoadResult
from monitor.domain.statement import Statement

RUNNING, PASSED, FAILED, INVALID = "running", "passed", "failed", "invalid"
UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class LoadTestRun:
    """One run of k6. `state`: running, passed, failed (a threshold was crossed), invalid, or
    unjudged (it measured well, but whether its limits held is not known).

    `figures` are the few numbers that a run is told by (http_req_duration p95 in ms, requests
    per second, failed share, dropped iterations, ...), empty for an invalid run; `result` is all
    that k6 told. `doubts` say why a run is invalid, the gravest first; its code is `reason`.
    `options`: what was asked for (rate, seconds, vus, as far as known). `host`: how busy the
    machine of k6 was. `origin`: run, or import (of `file`). `raw` is the result as k6 wrote it,
    only on the way into the store. `log` is the end of k6's log, of an invalid run. `compared` is
    how it stands beside earlier runs, of a run that has just ended (load_history.compared_of).
    """

    scenario: str
    target: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    exit_code: int | None = None
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    log: str = ""
    id: int | None = None
    doubts: tuple[Statement, ...] = ()
    result: LoadResult | None = None
    script_hash: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    k6_version: str = ""
    host: Mapping[str, float] = field(default_factory=dict)
    origin: str = "run"
    file: str = ""
    content_hash: str = ""
    raw: bytes = field(default=b"", repr=False)
    compared: Mapping[str, str | int | float | None] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Whether it measured what it was to measure, be it good or bad."""
        return self.state in (PASSED, FAILED, UNJUDGED)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """The limits of an unjudged run of which nobody knows whether they held."""
        if self.state != UNJUDGED or self.result is None:
            return ()
        return self.result.open_limits(self.exit_code)

    @property
    def kind(self) -> tuple[str, str]:
        """What runs must have in common to be told side by side: scenario and target."""
        return self.scenario, self.target
