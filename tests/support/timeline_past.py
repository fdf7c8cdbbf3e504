"""What the oracle remembers of a timeline: each alert's past, each thread of the receiver."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache

from timeline import CAUSES

from checks.sizes import SIZES
from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import explains
from monitor.domain.check import Status, worst
from monitor.domain.incident.message import AlertSummary, IncidentMessage

Sizes = dict[str, float]


@dataclass(slots=True)
class Past:
    """An episode of an alert: the worst that it was, since when it is critical."""

    alert: Alert
    worst: Status = Status.OK
    peak: Sizes = field(default_factory=dict)
    crit_at: datetime | None = None
    crit_spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    was_crit_when_it_fired: bool = False
    ended_at: datetime | None = None

    def see(self, alert: Alert, now: datetime) -> None:
        """One more look at it."""
        fires_anew = self.alert.phase is not Phase.FIRING and alert.phase is Phase.FIRING
        self.alert = alert
        if alert.phase is Phase.RESOLVED:
            self.ended_at = self.ended_at or now
            return
        if self.crit_at is None and alert.phase is Phase.FIRING and alert.status is Status.CRIT:
            self.crit_at = now
            self.was_crit_when_it_fired = fires_anew or alert.fired_at == now
        elif alert.status is not Status.CRIT:
            if self.crit_at is not None:
                self.crit_spans.append((self.crit_at, now))
            self.crit_at = None
        self._worsen(alert)

    def lasts_at(self, at: datetime) -> bool:
        """Whether it was there already at a moment, and not over."""
        return self.alert.since <= at and (self.ended_at is None or self.ended_at >= at)

    def was_crit_at(self, at: datetime) -> bool:
        """Whether it fired as critical at a moment."""
        if self.crit_at is not None and self.crit_at <= at:
            return True
        return any(begins <= at <= ends for begins, ends in self.crit_spans)

    def _worsen(self, alert: Alert) -> None:
        if worst((alert.status, self.worst)) is not alert.status:
            return
        sizes = sizes_of(alert)
        first = next(iter(sizes), None)
        if (
            self.worst is not alert.status
            or first is None
            or is_as_bad(alert.code, first, sizes[first], self.peak.get(first))
        ):
            self.worst, self.peak = alert.status, sizes


@dataclass(slots=True)
class Thread:
    """A first message and all that followed it."""

    first: IncidentMessage
    messages: list[IncidentMessage] = field(default_factory=list)
    is_over: bool = False
    is_late: bool = False  # its end should have been told
    is_unsteady: bool = False
    was_crit: bool = False
    acked: frozenset[str] | None = None
    told: dict[str, tuple[datetime, Sizes]] = field(default_factory=dict)  # by key: since, sizes
    told_crit: set[str] = field(default_factory=set)  # keys that it said are critical

    @property
    def root(self) -> str:
        """The key that its first message names."""
        return self.first.root.key

    @property
    def is_storm(self) -> bool:
        """Whether it is about many alike."""
        return self.first.root.subject == "*"

    @property
    def listed(self) -> set[str]:
        """The keys that its last message says still go on."""
        return {i.key for i in self.messages[-1].consequences if i.ended_at is None}

    def names(self, alert: Alert | AlertSummary) -> bool:
        """Whether it is about this alert: by its own key, or as one of many alike."""
        if self.is_storm:
            return (alert.check, alert.code) == (self.first.root.check, self.first.root.code)
        return alert.key == self.root

    def knows_critical(self, key: str) -> bool:
        """Whether whoever reads it knows that this is critical, as far as it lists all."""
        is_cut = self.is_storm or any(m.more for m in self.messages)
        return is_cut or key in self.told_crit or key in (self.acked or ())

    def add(self, message: IncidentMessage) -> None:
        """One more message in it."""
        self.messages.append(message)
        self.is_unsteady |= message.kind == "unsteady"
        self.is_over |= message.kind in ("resolved", "brief")
        self.was_crit |= message.status is Status.CRIT and message.in_channel
        for item in (message.root, *message.consequences):
            if item.ended_at is None:
                self.told[item.key] = item.since, sizes_of(item)
                self.told_crit |= {item.key} if item.status is Status.CRIT else set()


def sizes_of(alert: Alert | AlertSummary) -> Sizes:
    """How large it says that it is, by parameter."""
    names = [s.param for s in SIZES if s.pattern == f"{alert.code}:*"]
    return {n: float(v) for n in names if isinstance(v := alert.params.get(n), (int, float))}


def is_as_bad(code: str, param: str, value: float, known: float | None) -> bool:
    """Whether a size is at least as bad as a known one."""
    if known is None:
        return True
    return value <= known if _falls(code, param) else value >= known


def has_doubled(code: str, sizes: Sizes, known: Sizes) -> bool:
    """Whether any of these is twice as bad and beyond its floor."""
    for param, value in sizes.items():
        before = known.get(param)
        if before is None:
            continue
        if _falls(code, param):
            if value <= before / 2 and before - value >= _floor(code, param):
                return True
        elif value >= before * 2 and value - before >= _floor(code, param):
            return True
    return False


def grows_beyond(code: str, sizes: Sizes, known: Sizes) -> bool:
    """Whether any of these is worse by its floor or more."""
    for param, value in sizes.items():
        before = known.get(param)
        if before is not None:
            worse = before - value if _falls(code, param) else value - before
            if worse >= _floor(code, param):
                return True
    return False


def _falls(code: str, param: str) -> bool:
    return any(s.falls for s in SIZES if (s.pattern, s.param) == (f"{code}:*", param))


def _floor(code: str, param: str) -> float:
    return next(s.floor for s in SIZES if (s.pattern, s.param) == (f"{code}:*", param))


@lru_cache(maxsize=200_000)
def is_declared(cause: str, effect: str) -> bool:
    """Whether one key is a declared cause of the other."""
    return explains(_rules_near(effect.partition(":")[0]), cause, effect)


@lru_cache(maxsize=200_000)
def drain_of(cause: str, effect: str) -> timedelta:
    """The time that the effect has to go away once the cause is over."""
    near = _rules_near(effect.partition(":")[0])
    return max(r.drain for r in near if explains([r], cause, effect))


@lru_cache(maxsize=200_000)
def begins_within_of(cause: str, effect: str) -> timedelta:
    """The time after the end of the cause in which the effect may still begin because of it."""
    near = _rules_near(effect.partition(":")[0])
    rule = max((r for r in near if explains([r], cause, effect)), key=lambda r: r.drain)
    return rule.drain if rule.begins_within is None else rule.begins_within


@cache
def _rules_near(code: str):  # type: ignore[no-untyped-def]
    return tuple(r for r in CAUSES if r.effect.partition(":")[0] == code)
