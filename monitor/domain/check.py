"""What a check says: statuses, findings, metrics, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

Params = Mapping[str, "str | int | float | bool | None"]
Memory = Mapping[str, Any]  # JSON-able; what a check wants to find again at its next pass


class Status(StrEnum):
    """ok: looked, and it is well; warn, crit: looked, and it is not; unknown: could not look."""

    OK = "ok"
    WARN = "warn"
    CRIT = "crit"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """The exit code of monitoring plug-ins: 0 ok, 1 warn, 2 crit, 3 unknown."""
        return _EXIT_CODES[self]

    @property
    def rank(self) -> int:
        """Sorts the worst first: crit, unknown, warn, ok."""
        return WORST_FIRST.index(self)


_EXIT_CODES = {Status.OK: 0, Status.WARN: 1, Status.CRIT: 2, Status.UNKNOWN: 3}
WORST_FIRST = (Status.CRIT, Status.UNKNOWN, Status.WARN, Status.OK)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses (crit, unknown, warn, ok); ok if there are none."""
    return min(statuses, key=lambda status: status.rank, default=Status.OK)


@dataclass(frozen=True, slots=True)
class Metric:
    """One reading. The name is in the catalogue (metrics.py) and ends in its unit."""

    name: str
    value: float
    subject: str = ""

    @property
    def series(self) -> str:
        """The name under which the readings are stored: `name` or `name{subject}`."""
        return series_name(self.name, self.subject)


def series_name(name: str, subject: str = "") -> str:
    """`outbox_waiting_messages{shard1}`: how a series is written everywhere."""
    return f"{name}{{{subject}}}" if subject else name


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well, or that could not be seen (status unknown).

    `code` is a word of templates/<language>/; `subject` is what it is about, path-like
    ("kafka", "shard1", "shard1/payment/12"). `evidence` are rows of the platform's own data.
    `passes_required` is how many passes must see it before it fires (None: as configured). A pass
    with an unknown finding says nothing about the subjects under its `obscures` ("": about
    nothing that this check looks at).
    """

    code: str
    status: Status
    subject: str = ""
    params: Params = field(default_factory=dict)
    evidence: tuple[Params, ...] = ()
    passes_required: int | None = None
    obscures: str = ""

    @property
    def key(self) -> str:
        """What makes the findings of two passes the same."""
        return f"{self.code}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pass of a check came to.

    `records` are values of the domain that the store keeps, each in the way of its type.
    """

    status: Status
    findings: tuple[Finding, ...] = ()
    metrics: tuple[Metric, ...] = ()
    records: tuple[object, ...] = ()

    @classmethod
    def of(cls, findings: Iterable[Finding], metrics: Iterable[Metric] = ()) -> Verdict:
        """A verdict as bad as its worst finding."""
        found = tuple(findings)
        return cls(worst(f.status for f in found), found, tuple(metrics))


@dataclass(frozen=True, slots=True)
class OtherFinding:
    """A finding of another check as last seen; finding None: that check found nothing wrong."""

    check: str
    status: Status
    measured_at: datetime
    finding: Finding | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """All that a check works with: the platform's sources, its options, its memory, the time.

    `other_findings` gives the latest findings of the other checks, for one that explains them.
    """

    platform: Any
    options: Any
    memory: Memory
    now: datetime
    other_findings: Callable[[], tuple[OtherFinding, ...]] = tuple


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of check. `probe` does the I/O and returns facts; `evaluate` is pure.

    `options` is a frozen dataclass of thresholds and settings with defaults. The rest are
    defaults that the configuration may change; `cron` (five fields) takes the place of `every`.
    `explains` tells a check whose findings only explain others': they raise no alert; `live` one
    that may be run at any moment (False: it puts load on the platform, and runs when it is named).
    `switched_by` names an option that switches it on once it is given, and without which it is off.
    """

    name: str
    options: type
    probe: Callable[[ProbeContext], Any]
    evaluate: Callable[[Any, ProbeContext], tuple[Verdict, Memory]]
    every: timedelta = timedelta(minutes=1)
    cron: str = ""
    timeout: timedelta = timedelta(seconds=20)
    enabled: bool = True
    explains: bool = False
    live: bool = True
    switched_by: str = ""
