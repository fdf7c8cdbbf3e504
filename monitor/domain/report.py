"""What a report says: figures and codes, put into words when it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, get_args, get_origin, get_type_hints

from monitor.domain.check import Status


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident, or an alert that belongs to none: its cause, and how long it lasted."""

    check: str
    code: str
    subject: str
    status: Status
    since: datetime
    ended_at: datetime | None = None
    params: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[dict[str, Any], ...] = ()
    consequences: int = 0
    impact: dict[str, dict[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcceptedTrouble:
    """What somebody accepted as known: the worst that it covers now, and how much it covers."""

    pattern: str
    author: str
    reason: str
    since: datetime
    until: datetime | None = None
    trouble: Trouble | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody looked, between two passes."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ClockNote:
    """What the monitor noted about its own clock."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """How many alerts there were, and what became of the messages about them."""

    fired: int = 0
    resolved: int = 0
    firing: int = 0
    messages_sent: int = 0
    messages_waiting: int = 0
    messages_dead: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure beside the same figure of two earlier periods; None: did not exist.

    `statistic`: total, mean, median or p95. The words are those of comparison, in the
    direction that is worse for this metric. `trend` are the figures of the last days.
    """

    check: str
    series: str
    statistic: str
    unit: str
    now: float | None
    before: float | None
    earlier: float | None
    change: float | None
    change_earlier: float | None
    word: str
    word_earlier: str
    trend: tuple[float | None, ...] = ()

    @property
    def is_usual(self) -> bool:
        """Whether it was judged to be as before, and by no past to be otherwise."""
        judged = self.statistic != "total" and self.word == "same"
        return judged and self.word_earlier in ("same", "not_enough_history")

    @property
    def is_still_zero(self) -> bool:
        """Whether it stands at zero, as it did in both earlier periods and the days between."""
        seen = [self.now, self.before, self.earlier, *self.trend]
        return self.now == 0 and not any(seen)


@dataclass(frozen=True, slots=True)
class Drift:
    """A series whose weekly median moves in its bad direction; `change` is relative."""

    check: str
    series: str
    unit: str
    now: float
    before: float
    change: float


@dataclass(frozen=True, slots=True)
class LoadTest:
    """The last load test, and the figures of the run before it, if the two can be compared."""

    scenario: str
    target: str
    state: str
    started_at: datetime
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    before_at: datetime | None = None
    before: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)  # figure -> word of comparison


@dataclass(frozen=True, slots=True)
class CheckCoverage:
    """The passes of one check in the period."""

    check: str
    ran: int
    missed: int
    unknown: int

    @property
    def expected(self) -> int:
        """How many passes there should have been."""
        return self.ran + self.missed


@dataclass(frozen=True, slots=True)
class Report:
    """A report for the people of one day.

    The figures stand for the whole local days from `start` to `end`; `wrong` is as of `as_of`,
    and `recovered` are the troubles of the time between `start` and `as_of` that are over.
    """

    kind: str  # daily, weekly
    day: date
    start: datetime
    end: datetime
    as_of: datetime
    status: Status
    wrong: tuple[Trouble, ...] = ()
    recovered: tuple[Trouble, ...] = ()
    unseen: tuple[Trouble, ...] = ()
    accepted: tuple[AcceptedTrouble, ...] = ()
    alerts: AlertCounts = AlertCounts()
    figures: tuple[Figure, ...] = ()
    drifts: tuple[Drift, ...] = ()
    load_test: LoadTest | None = None
    coverage: tuple[CheckCoverage, ...] = ()
    skipped: tuple[date, ...] = ()  # earlier reports that could not be sent in time
    simulated: bool = False
    unseen_since: datetime | None = None  # the last pass, if by `as_of` it was long ago
    pending: tuple[Trouble, ...] = ()  # critical, and not yet seen often enough to be told
    gaps: tuple[Gap, ...] = ()  # the longest that end in the period, oldest first
    notes: tuple[ClockNote, ...] = ()

    @property
    def ran(self) -> int:
        """All passes of the period."""
        return sum(item.ran for item in self.coverage)

    @property
    def expected(self) -> int:
        """All passes that there should have been."""
        return sum(item.expected for item in self.coverage)

    @property
    def share(self) -> float:
        """How much of what should have been looked at was: 1 is all."""
        return self.ran / self.expected if self.expected else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The plain form: JSON types only."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The report behind its plain form."""
        report: Report = _built(cls, data)
        return report


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Status):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _built(kind: Any, data: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], data[name]) for name in hints if name in data})


def _value(hint: Any, value: Any) -> Any:
    """A plain value as the type that a field declares."""
    if value is None:
        return None
    arms = get_args(hint)
    if get_origin(hint) is tuple:
        return tuple(_value(arms[0], item) for item in value)
    if type(None) in arms:
        return _value(next(arm for arm in arms if arm is not type(None)), value)
    if hint in (datetime, date):
        return hint.fromisoformat(value)
    if hint is Status:
        return Status(value)
    if isinstance(hint, type) and isinstance(value, Mapping) and hint.__module__ == __name__:
        return _built(hint, value)
    return value
