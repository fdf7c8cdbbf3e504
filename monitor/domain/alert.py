"""The state machine of an alert: one finding of one check, from its first sighting to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from monitor.domain.check import Finding, Params, Status, Verdict, worst


class Phase(StrEnum):
    """pending: seen, not yet often enough; firing; resolved: seen gone often enough."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    CLEARED = "cleared"  # went away before it fired


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a finding must be seen, and be gone.

    It fires when `fire` of the last `within` passes saw it, and resolves after `resolve` passes
    in a row that looked and did not see it. "Could not look" fires after `blind_after`.
    """

    fire: int = 2
    within: int = 3
    resolve: int = 2
    blind_after: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Size:
    """Which parameter of an alert says how large its trouble is, declared as data.

    `pattern` is over `code:subject`; growth of less than `floor` is no news; `falls`: the lower
    the value, the worse.
    """

    pattern: str
    param: str
    floor: float
    falls: bool = False

    def of(self, alert: Alert) -> float | None:
        """How large an alert is by this parameter; None if it does not say."""
        value = alert.params.get(self.param)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return value if fnmatchcase(alert.key, self.pattern) else None

    def beyond(self, value: float, known: float) -> float:
        """By how much a value is worse than a known one; negative if it is better."""
        return known - value if self.falls else value - known

    def has_doubled(self, value: float, known: float) -> bool:
        """Whether it is so much worse that it must be said again."""
        if self.beyond(value, known) < self.floor:
            return False
        return value <= known / 2 if self.falls else value >= known * 2


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one finding. `passes` are the last looks, newest last: 1 seen, 0 not.

    `worst` is the worst status that it had, and `peak` its parameters then. `rose_at` is when it
    became critical having fired as less; None if it is not critical, or was so from the start.
    """

    check: str
    code: str
    subject: str
    phase: Phase
    status: Status
    since: datetime
    last_seen_at: datetime
    params: Params = field(default_factory=dict)
    evidence: tuple[Params, ...] = ()
    passes: str = "1"
    worst: Status = Status.OK
    peak: Params = field(default_factory=dict)
    fired_at: datetime | None = None
    rose_at: datetime | None = None
    ended_at: datetime | None = None
    id: int | None = None

    @property
    def key(self) -> str:
        """What it is about, whichever check saw it: `code:subject`."""
        return f"{self.code}:{self.subject}"

    @property
    def identity(self) -> tuple[str, str]:
        """One alert at a time exists per check and key."""
        return self.check, self.key


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alert, and why."""

    alert: Alert
    kind: str  # pending, fired, worsened, eased, resolved, cleared
    at: datetime
    reason: str


def see(
    alert: Alert | None, finding: Finding, rule: Rule, now: datetime
) -> tuple[Alert, Transition | None]:
    """A look that saw the finding: the alert after it, and what changed."""
    if alert is None:
        alert = _first(finding, now)
        started = Transition(alert, "pending", now, "first seen")
    else:
        alert = _seen(alert, finding, now)
        started = None
    return _fire(alert, finding, rule, now, started)


def _first(finding: Finding, now: datetime) -> Alert:
    return Alert(
        check="",
        code=finding.code,
        subject=finding.subject,
        phase=Phase.PENDING,
        status=finding.status,
        since=now,
        last_seen_at=now,
        params=finding.params,
        evidence=finding.evidence,
    )


def _seen(alert: Alert, finding: Finding, now: datetime) -> Alert:
    return replace(
        alert,
        last_seen_at=now,
        params=finding.params,
        evidence=finding.evidence,
        passes=(alert.passes + "1")[-_PASSES_KEPT:],
    )


_PASSES_KEPT = 30


def _fire(
    alert: Alert, finding: Finding, rule: Rule, now: datetime, started: Transition | None
) -> tuple[Alert, Transition | None]:
    if alert.phase is Phase.FIRING:
        return _severity(alert, finding.status, now)
    alert = replace(alert, status=finding.status)
    due, reason = _is_due(alert, finding, rule, now)
    if not due:
        return alert, replace(started, alert=alert) if started else None
    alert = replace(alert, phase=Phase.FIRING, fired_at=now)
    return alert, Transition(alert, "fired", now, reason)


def _is_due(alert: Alert, finding: Finding, rule: Rule, now: datetime) -> tuple[bool, str]:
    if finding.status is Status.UNKNOWN:
        return now - alert.since >= rule.blind_after, f"could not look for {rule.blind_after}"
    needed = rule.fire if finding.passes_required is None else finding.passes_required
    window = max(rule.within, needed)
    seen = alert.passes[-window:].count("1")
    return seen >= needed, f"seen in {seen} of the last {len(alert.passes[-window:])} passes"


def _severity(alert: Alert, status: Status, now: datetime) -> tuple[Alert, Transition | None]:
    if status is alert.status:
        return alert, None
    rises = status is Status.CRIT
    kind = "worsened" if rises else "eased"
    changed = replace(alert, status=status, rose_at=now if rises else None)
    return changed, Transition(changed, kind, now, f"{alert.status} became {status}")


def miss(alert: Alert, rule: Rule, now: datetime) -> tuple[Alert, Transition | None]:
    """A look that did not see the finding any more: the alert after it, and what changed."""
    alert = replace(alert, passes=(alert.passes + "0")[-_PASSES_KEPT:])
    if alert.phase is Phase.PENDING:
        # Blindness must last without a break; what is seen in between may come and go.
        if alert.status is not Status.UNKNOWN and "1" in alert.passes[-rule.within :]:
            return alert, None
        ended = replace(alert, phase=Phase.CLEARED, ended_at=now)
        return ended, Transition(ended, "cleared", now, "gone before it fired")
    clean = len(alert.passes) - len(alert.passes.rstrip("0"))
    if clean < rule.resolve:
        return alert, None
    ended = replace(alert, phase=Phase.RESOLVED, ended_at=now)
    return ended, Transition(ended, "resolved", now, f"not seen in {clean} passes in a row")


def advance_all(
    check: str,
    alerts: Mapping[str, Alert],
    verdict: Verdict,
    rule: Rule,
    now: datetime,
    unjudged: Collection[str] = (),
    sizes: Sequence[Size] = (),
) -> tuple[list[Alert], list[Transition]]:
    """One pass of one check over its live alerts (by key): the changed alerts and transitions.

    What the pass could not see neither advances nor resets anything, and of series that lack
    history (`unjudged`) nothing can be said.
    """
    findings = {finding.key: finding for finding in verdict.findings}
    unseen = [f for f in verdict.findings if f.status is Status.UNKNOWN]
    measured = {metric.series for metric in verdict.metrics} - set(unjudged)
    steps = [see(alerts.get(key), finding, rule, now) for key, finding in findings.items()]
    steps += [
        miss(alert, rule, now)
        for key, alert in alerts.items()
        if key not in findings and not _is_hidden(alert, unseen, measured)
    ]
    changed = [_peaked(_of(after, check), sizes) for after, _ in steps]
    transitions = [
        replace(transition, alert=after)
        for after, (_, transition) in zip(changed, steps, strict=True)
        if transition is not None
    ]
    return changed, transitions


def _of(alert: Alert, check: str) -> Alert:
    return alert if alert.check == check else replace(alert, check=check)


def _peaked(alert: Alert, sizes: Sequence[Size]) -> Alert:
    """The alert, with the worst that it was so far."""
    if alert.ended_at is not None or not _is_worse(alert, sizes):
        return alert
    return replace(alert, worst=alert.status, peak=alert.params)


def _is_worse(alert: Alert, sizes: Sequence[Size]) -> bool:
    """Whether it is at least as bad as it ever was."""
    if alert.status is not alert.worst:
        return worst((alert.status, alert.worst)) is alert.status
    before = replace(alert, params=alert.peak)
    for size in sizes:
        value, known = size.of(alert), size.of(before)
        if value is not None and known is not None:
            return size.beyond(value, known) >= 0
    return True


def _is_hidden(alert: Alert, unseen: Sequence[Finding], measured: Collection[str]) -> bool:
    """Whether a pass without its finding, that could not see these, says nothing about it.

    "Could not look" itself is hidden only when the way to everything or the whole pass failed,
    and a regression whenever its series was not measured.
    """
    if alert.code == "monitoring_gap":
        return any(_nothing_seen(f) for f in unseen)
    if alert.code == "regression":
        return alert.subject not in measured
    return any(under(alert.subject, f.obscures) for f in unseen)


def _nothing_seen(finding: Finding) -> bool:
    return finding.params.get("why") == "way" or finding.subject.startswith("check/")


def under(subject: str, parent: str) -> bool:
    """Whether a path-like subject is its parent or lies below it ("" holds everything)."""
    return not parent or subject == parent or subject.startswith(parent + "/")
