"""Incidents: one for one cause, with its consequences folded in, told once and told when over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import Cause, explains, is_caused, root_of
from monitor.domain.check import Status, worst


@dataclass(frozen=True, slots=True)
class Silence:
    """Until `until`, nobody is told about alerts whose `check/code:subject` matches."""

    pattern: str
    until: datetime
    id: int | None = None
    author: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """When an incident speaks.

    `wait`: how long one with possible causes waits for them; `wait_max`: the longest wait while
    such a cause is pending; `cause_late_max`: by how much a cause may be seen after what follows
    from it, before it is taken for another matter; `update_every`: the shortest time between two
    updates; `remind_crit`, `remind_warn`: how often one that goes on is said again.
    """

    wait: timedelta = timedelta(seconds=30)
    wait_max: timedelta = timedelta(minutes=3)
    cause_late_max: timedelta = timedelta(minutes=30)
    update_every: timedelta = timedelta(minutes=5)
    remind_crit: timedelta = timedelta(hours=4)
    remind_warn: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Incident:
    """A cause and what follows from it. `told` is the last status that was announced.

    `members` are ids of alerts, live or ended, in the order in which they joined.
    """

    root: str
    opened_at: datetime
    status: Status
    members: tuple[int, ...] = ()
    told: Status | None = None
    told_members: tuple[int, ...] = ()
    told_root: str = ""
    told_at: datetime | None = None
    ended_at: datetime | None = None
    acked_by: str = ""
    closed: bool = False
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be said about an incident: firing, update, reminder or resolved."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """An incident after this moment, and what to say about it."""

    incident: Incident
    notice: Notice | None = None


@dataclass(slots=True)
class _Board:
    """The open incidents while one moment is decided."""

    alerts: Mapping[int, Alert]
    causes: Sequence[Cause]
    policy: Policy
    silences: Sequence[Silence]
    now: datetime
    incidents: list[Incident] = field(default_factory=list)


def advance(
    incidents: Sequence[Incident],
    alerts: Mapping[int, Alert],
    causes: Sequence[Cause],
    policy: Policy,
    silences: Sequence[Silence],
    now: datetime,
) -> list[Change]:
    """The open incidents at this moment: joined, opened, told or closed.

    `alerts` holds, by id, all live alerts and the ended ones that open incidents refer to.
    Only incidents that changed come back.
    """
    board = _Board(alerts, causes, policy, silences, now, list(incidents))
    _place(board)
    _merge(board)
    changes = [_speak(board, _refresh(board, incident)) for incident in board.incidents]
    before = {i.id: i for i in incidents if i.id is not None}
    return [c for c in changes if c.incident.id is None or c.incident != before[c.incident.id]]


def _place(board: _Board) -> None:
    """Give every firing alert its incident: the one of its cause, or a new one."""
    placed = {member for incident in board.incidents for member in incident.members}
    firing = {i: a for i, a in board.alerts.items() if a.phase is Phase.FIRING}
    for alert_id, alert in sorted(firing.items()):
        if alert_id in placed:
            continue
        root = root_of(alert.key, _timely(board, alert), board.causes)
        home = _home(board, alert, root)
        if home is None:
            board.incidents.append(Incident(root, board.now, alert.status, (alert_id,)))
        else:
            joined = replace(
                board.incidents[home], members=(*board.incidents[home].members, alert_id)
            )
            board.incidents[home] = joined


def _timely(board: _Board, effect: Alert) -> list[str]:
    """The keys of the firing alerts from which this one may follow at all.

    What a source can never see follows from no trouble, and neither does anything from what
    began long after it.
    """
    if _is_for_ever(effect):
        return []
    latest = effect.since + board.policy.cause_late_max
    firing = (a for a in board.alerts.values() if a.phase is Phase.FIRING)
    return [a.key for a in firing if a.since <= latest]


def _home(board: _Board, alert: Alert, root: str) -> int | None:
    for_ever = _is_for_ever(alert)
    opened = [
        (n, i)
        for n, i in enumerate(board.incidents)
        if not i.closed and _lasts_for_ever(board, i) == for_ever
    ]
    same = [n for n, incident in opened if incident.root in (root, alert.key)]
    if same or for_ever:
        return same[0] if same else None
    latest = alert.since + board.policy.cause_late_max
    causing = [
        n
        for n, incident in opened
        if explains(board.causes, incident.root, alert.key) and incident.opened_at <= latest
    ]
    return causing[0] if causing else None


def _merge(board: _Board) -> None:
    """Re-root incidents whose cause fires now, and fold those with one root into the oldest."""
    first_of: dict[tuple[str, bool], Incident] = {}
    others: list[Incident] = []
    for incident in (replace(i, root=_root(board, i)) for i in board.incidents):
        place = incident.root, _lasts_for_ever(board, incident)
        first = first_of.get(place)
        if incident.closed or (first is not None and first.told and incident.told):
            others.append(incident)  # each that was told gets its own end
        elif first is None:
            first_of[place] = incident
        else:
            first_of[place], dropped = _joined(first, incident)
            if dropped.id is not None:
                others.append(replace(dropped, closed=True, ended_at=board.now, members=()))
    board.incidents = [*first_of.values(), *others]


def _joined(one: Incident, other: Incident) -> tuple[Incident, Incident]:
    """The one that goes on, and the one that nobody was told of and that is no more."""
    keep, drop = sorted((one, other), key=lambda i: (i.told is None, i.opened_at))
    members = tuple(dict.fromkeys((*keep.members, *drop.members)))
    opened_at = min(keep.opened_at, drop.opened_at)
    acked_by = keep.acked_by or drop.acked_by
    return replace(keep, members=members, opened_at=opened_at, acked_by=acked_by), drop


def _is_for_ever(alert: Alert) -> bool:
    """Whether it tells of what a source can never see: that is no trouble, and does not end."""
    return alert.params.get("why") == "not_visible"


def _lasts_for_ever(board: _Board, incident: Incident) -> bool:
    return any(_is_for_ever(a) for a in _members(board, incident) if a.key == incident.root)


def _root(board: _Board, incident: Incident) -> str:
    """The cause of an incident; once found it stays, even when it ends before the rest."""
    roots = [a for a in _members(board, incident) if a.key == incident.root]
    if incident.closed or not roots:
        return incident.root
    first = min(roots, key=lambda alert: alert.since)
    return root_of(incident.root, _timely(board, first), board.causes)


def _refresh(board: _Board, incident: Incident) -> Incident:
    live = [a for a in _members(board, incident) if a.phase is Phase.FIRING]
    if incident.closed:
        return incident
    incident = replace(incident, members=_latest(board, incident))
    if not live:
        return replace(incident, ended_at=incident.ended_at or board.now)
    status = worst(a.status for a in live)
    return replace(incident, status=status, ended_at=None)


def _latest(board: _Board, incident: Incident) -> tuple[int, ...]:
    """The members without earlier episodes of one and the same: what lasts must not grow."""
    newest = {board.alerts[m].identity: m for m in incident.members if m in board.alerts}
    return tuple(m for m in incident.members if m in newest.values())


def _members(board: _Board, incident: Incident) -> list[Alert]:
    return [board.alerts[m] for m in incident.members if m in board.alerts]


def _speak(board: _Board, incident: Incident) -> Change:
    """What must be said now: the difference between what was told and what is."""
    if incident.closed:
        return Change(incident)
    if incident.ended_at is not None and incident.told is None:
        return Change(replace(incident, closed=True))
    if _is_silenced(board, incident):
        return Change(incident)
    notice = _ended(incident) or _first(board, incident) or _further(board, incident)
    if notice is None:
        return Change(incident)
    return Change(_told(board, incident, notice), notice)


def _told(board: _Board, incident: Incident, notice: Notice) -> Incident:
    return replace(
        incident,
        told=incident.status,
        told_members=incident.members,
        told_root=incident.root,
        told_at=board.now,
        closed=notice.kind == "resolved",
    )


def _ended(incident: Incident) -> Notice | None:
    return Notice("resolved", "all of it is over") if incident.ended_at else None


def _first(board: _Board, incident: Incident) -> Notice | None:
    if incident.told is not None:
        return None
    waited = board.now - incident.opened_at
    if not is_caused(incident.root, board.causes):
        return Notice("firing", "nothing is declared that could cause it")
    pending = [a.key for a in board.alerts.values() if a.phase is Phase.PENDING]
    expected = any(explains(board.causes, key, incident.root) for key in pending)
    if waited < (board.policy.wait_max if expected else board.policy.wait):
        return None
    return Notice("firing", f"waited {waited} for a cause")


def _further(board: _Board, incident: Incident) -> Notice | None:
    if incident.told is None or incident.told_at is None:
        return None
    quiet = board.now - incident.told_at
    if incident.told is not Status.CRIT and incident.status is Status.CRIT:
        return Notice("update", "it became critical")
    if incident.root != incident.told_root:
        return Notice("update", "its cause was found")
    if incident.acked_by:
        return None
    new = _news(board, incident)
    if new and quiet >= board.policy.update_every:
        return Notice("update", f"{len(new)} more consequences")
    remind = (
        board.policy.remind_crit if incident.status is Status.CRIT else board.policy.remind_warn
    )
    return Notice("reminder", f"still so after {quiet}") if quiet >= remind else None


_NO_NEWS = ("monitoring_gap", "regression")


def _news(board: _Board, incident: Incident) -> set[str]:
    """Consequences that were not told yet; that a lost part is not seen goes without saying."""
    alerts = [(m, board.alerts[m]) for m in incident.members if m in board.alerts]
    told = {alert.key for m, alert in alerts if m in incident.told_members}
    return {a.key for _, a in alerts if a.code not in _NO_NEWS and a.key not in told}


def _is_silenced(board: _Board, incident: Incident) -> bool:
    """Whether its cause is silenced, and nothing that follows from it is worse than its cause."""
    members = [a for a in _members(board, incident) if a.phase is Phase.FIRING]
    members = members or _members(board, incident)
    roots = [a for a in members if a.key == incident.root] or members
    if not roots or not all(_matches(board, alert) for alert in roots):
        return False
    severity = worst(a.status for a in roots)
    louder = [a for a in members if worst((a.status, severity)) is not severity]
    return all(_matches(board, alert) for alert in louder)


def _matches(board: _Board, alert: Alert) -> bool:
    return is_silenced(alert, board.silences, board.now)


def is_silenced(alert: Alert, silences: Iterable[Silence], now: datetime) -> bool:
    """Whether one of these keeps quiet about an alert; a gap may go by its old name, blind."""
    names = {name := f"{alert.check}/{alert.key}", name.replace("/monitoring_gap:", "/blind:")}
    return any(s.until > now and fnmatchcase(n, s.pattern) for s in silences for n in names)
