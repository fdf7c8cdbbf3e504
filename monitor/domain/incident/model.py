"""What an incident is, what may be said of it, and the data that decides it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from monitor.domain.alert import Alert, Phase, Size
from monitor.domain.cause import Causes
from monitor.domain.check import Status
from monitor.domain.incident.impact import Impact, Touch

MANY = "*"  # the subject of an incident about many alike
NOT_VISIBLE = "not_visible:"  # the one incident of what this set-up can never see


@dataclass(frozen=True, slots=True)
class Silence:
    """Until `until`, nobody is told about alerts whose `check/code:subject` matches."""

    pattern: str
    until: datetime
    id: int | None = None
    author: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A known state that is no incident as long as it does not grow: who accepted it, and why.

    `sizes` are those of the alerts as they were accepted, by `code:subject param` and, for what
    appears later, the largest by `param`; `until` None: until somebody ends it.
    """

    pattern: str
    author: str
    reason: str
    at: datetime
    sizes: Mapping[str, float] = field(default_factory=dict)
    until: datetime | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """When an incident speaks.

    `wait`: how long a first message waits for a cause that may show itself; `wait_max`: the
    longest wait of what is not critical while such a cause is pending; `lateness_max`: by how
    much a cause may at most be seen after what follows from it; `update_every`: the shortest time
    between two updates; `remind_crit`, `remind_warn`: how often one that goes on is said again;
    `storm`: from how many alike in one pass they become one incident; `flaps` ends within
    `flap_within` make one unsteady, until it has been steady for `steady_after`; one that then
    goes on for `lasting` is said again.
    """

    wait: timedelta = timedelta(seconds=20)
    wait_max: timedelta = timedelta(minutes=3)
    lateness_max: timedelta = timedelta(minutes=3)
    update_every: timedelta = timedelta(minutes=5)
    remind_crit: timedelta = timedelta(hours=4)
    remind_warn: timedelta = timedelta(hours=24)
    storm: int = 6
    flaps: int = 3
    flap_within: timedelta = timedelta(hours=1)
    steady_after: timedelta = timedelta(minutes=30)
    lasting: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Rules:
    """All data that decides about incidents.

    `lateness` is by check the time in which it sees a change: its interval times the passes needed.
    """

    causes: Causes
    policy: Policy = Policy()
    sizes: Sequence[Size] = ()
    lateness: Mapping[str, timedelta] = field(default_factory=dict)
    touches: Sequence[Touch] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault and what follows from it.

    `root` is the key of the alert that it is named by (`code:*`: many alike), `members` are ids
    of alerts, live or ended, in the order in which they joined. `announced` is the last status
    that was told, with what was told then (in `announced_sizes` the sizes, and of each consequence
    whether it was told as critical). `left_by` is the key of a cause that is over and left
    it behind; until `speak_at` it has time to go away by itself. `acked_members` are what was
    known to whoever acknowledged it. `worst` is the worst that it was, and `impact` the worst
    that it did to payments. `silent_reason` is the code of why something in it is not told; ""
    where all is.
    """

    root: str
    opened_at: datetime
    status: Status
    members: tuple[int, ...] = ()
    worst: Status = Status.OK
    announced: Status | None = None
    announced_at: datetime | None = None
    announced_members: tuple[int, ...] = ()
    announced_sizes: Mapping[str, float] = field(default_factory=dict)
    left_by: str = ""
    left_by_incident: int | None = None
    speak_at: datetime | None = None
    unsteady_at: datetime | None = None
    impact: Impact = field(default_factory=dict)
    acked_by: str = ""
    acked_members: tuple[int, ...] = ()
    silent_reason: str = ""
    ended_at: datetime | None = None
    closed: bool = False
    id: int | None = None

    @property
    def refers_to(self) -> frozenset[int]:
        """The ids of the alerts without which it cannot be decided."""
        return frozenset((*self.members, *self.announced_members, *self.acked_members))

    @property
    def is_many(self) -> bool:
        """Whether it stands for many alike."""
        return self.root.endswith(f":{MANY}")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be said about an incident, and the code of the reason for it.

    kind: firing, update, reminder, unsteady, resolved, or brief (it began and is over: both in one
    message). `in_channel`: it must be seen by who does not follow the thread.
    """

    kind: str
    reason: str
    in_channel: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """An alert that belongs to an incident from now on, and why (a code, and the cause's key)."""

    alert_id: int
    reason: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """An incident after this moment, what to say about it, and who joined it.

    `reason` says why it is silent from now on; "" where it speaks, and where it goes on as before.
    """

    incident: Incident
    notice: Notice | None = None
    joined: tuple[Joined, ...] = ()
    reason: str = ""


def names(alert: Alert) -> set[str]:
    """What a pattern may call an alert; a gap may go by its old name, blind."""
    return {name := f"{alert.check}/{alert.key}", name.replace("/monitoring_gap:", "/blind:")}


def is_silenced(alert: Alert, silences: Collection[Silence], now: datetime) -> bool:
    """Whether one of these keeps quiet about an alert."""
    return any(s.until > now and means(s.pattern, alert) for s in silences)


def accepting(
    alert: Alert, accepted: Collection[Acceptance], sizes: Sequence[Size], now: datetime
) -> Acceptance | None:
    """The acceptance that covers an alert as large as it is now; None if there is none."""
    for one in accepted:
        holds = one.until is None or one.until > now
        if holds and means(one.pattern, alert) and not _exceeds(alert, one, sizes):
            return one
    return None


def _exceeds(alert: Alert, accepted: Acceptance, sizes: Sequence[Size]) -> bool:
    """Whether it is worse than what was accepted: by a size, or critical where it was not."""
    severity = _known(accepted, alert, _CRITICAL)
    if severity == 0.0 and alert.status is Status.CRIT:
        return True
    for size in sizes:
        value, known = size.of(alert), _known(accepted, alert, size.param)
        if value is not None and known is not None and size.beyond(value, known) >= size.floor:
            return True
    return False


_CRITICAL = "critical"


def _known(accepted: Acceptance, alert: Alert, param: str) -> float | None:
    """What was accepted of this alert, or else of any that matched."""
    return accepted.sizes.get(f"{alert.key} {param}", accepted.sizes.get(param))


def accepted_sizes(alerts: Collection[Alert], sizes: Sequence[Size]) -> dict[str, float]:
    """How large these are now, as an acceptance keeps it."""
    found: dict[str, float] = {}
    for alert in alerts:
        for size in sizes:
            value = size.of(alert)
            if value is not None:
                _keep(found, alert, size.param, value, falls=size.falls)
        _keep(found, alert, _CRITICAL, float(alert.status is Status.CRIT))
    return found


def _keep(
    found: dict[str, float], alert: Alert, param: str, value: float, *, falls: bool = False
) -> None:
    """By the alert itself, and the worst of all for what appears later."""
    for name in (f"{alert.key} {param}", param):
        known = found.get(name, value)
        found[name] = min(known, value) if falls else max(known, value)


def matching(pattern: str, alerts: Collection[Alert]) -> list[Alert]:
    """The alerts that fire and that a pattern over `check/code:subject` means."""
    return [a for a in alerts if a.phase is Phase.FIRING and means(pattern, a)]


def means(pattern: str, alert: Alert) -> bool:
    """Whether a pattern over `check/code:subject` means an alert."""
    return any(fnmatchcase(name, pattern) for name in names(alert))


def is_everything(pattern: str) -> bool:
    """Whether a pattern means alerts of any check with any code."""
    return fnmatchcase("\N{NULL}/\N{NULL}:", pattern)


def names_its_kind(pattern: str) -> bool:
    """Whether a pattern names the check or the code in full, so that it cannot mean much else."""
    check, _, rest = pattern.partition("/")
    return any(part and not _WILDCARDS & {*part} for part in (check, rest.partition(":")[0]))


_WILDCARDS = {*"*?["}
