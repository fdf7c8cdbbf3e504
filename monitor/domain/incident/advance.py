"""One moment of all open incidents: what ends, what joins, what opens, and what must be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status, worst
from monitor.domain.incident.board import Board
from monitor.domain.incident.impact import impact
from monitor.domain.incident.model import (
    NOT_VISIBLE,
    Acceptance,
    Change,
    Incident,
    Notice,
    Rules,
    Silence,
)
from monitor.domain.incident.place import fold, gather, place
from monitor.domain.incident.release import release
from monitor.domain.incident.speak import announced, speak


def advance(
    incidents: Sequence[Incident],
    alerts: Mapping[int, Alert],
    rules: Rules,
    now: datetime,
    *,
    silences: Sequence[Silence] = (),
    accepted: Sequence[Acceptance] = (),
    recent: Sequence[Incident] = (),
) -> list[Change]:
    """The open incidents at this moment: ended, joined, opened, and what is to be said of them.

    `alerts` holds, by id, all live alerts, those that open incidents refer to, and those that
    ended so lately that they may have left something behind. Only what changed comes back.
    """
    board = Board(alerts, rules, silences, accepted, recent, now)
    board.incidents = [_with_latest(board, incident) for incident in incidents]
    release(board)
    board.incidents = [_refreshed(board, incident) for incident in board.incidents]
    ends = {n: _end(board, i) for n, i in enumerate(board.incidents)}
    for n, change in ends.items():
        if change is not None:
            board.incidents[n] = change.incident
    place(board)
    fold(board)
    gather(board)
    before: dict[int | None, Incident] = {i.id: i for i in incidents}
    changes = [
        _with_reason(_with_joined(board, n, ends.get(n) or speak(board, incident)), before)
        for n, incident in enumerate(board.incidents)
    ]
    return [c for c in changes if _is_news(c, before)]


def _is_news(change: Change, before: Mapping[int | None, Incident]) -> bool:
    if change.incident.id is None:
        return not change.incident.closed or change.notice is not None
    return change.incident != before[change.incident.id] or bool(change.joined)


def _with_reason(change: Change, before: Mapping[int | None, Incident]) -> Change:
    """The change with its silence noted in the incident, and its reason only where it is new."""
    incident = replace(change.incident, silent_reason=change.reason)
    was = before[incident.id].silent_reason if incident.id in before else ""
    return replace(change, incident=incident, reason="" if was == change.reason else change.reason)


def _with_joined(board: Board, n: int, change: Change) -> Change:
    incident = change.incident
    touched = impact(board.members(incident), board.rules.touches, incident.impact)
    if touched != incident.impact:
        change = replace(change, incident=replace(incident, impact=touched))
    joined = board.joined.get(n)
    return replace(change, joined=tuple(joined)) if joined else change


def _with_latest(board: Board, incident: Incident) -> Incident:
    """With the latest episode of each alert: what comes and goes must not make it grow."""
    newest = {board.alerts[m].identity: m for m in incident.members if m in board.alerts}
    members = tuple(m for m in incident.members if m in newest.values())
    if not members or members == incident.members:
        return incident
    return replace(incident, members=members)


def _refreshed(board: Board, incident: Incident) -> Incident:
    """As it is now: how bad what fires is, and the worst that it was."""
    firing = board.live(incident)
    status = worst(a.status for a in firing) if firing else incident.status
    bad = worst((status, incident.worst))
    roots = (a for a in firing if board.is_root(incident, a))
    rose = any(board.has_risen(a, incident.opened_at) for a in roots)
    speak_at = None if rose else incident.speak_at  # what becomes worse does not drain
    if (status, bad, speak_at) == (incident.status, incident.worst, incident.speak_at):
        return incident
    return replace(incident, status=status, worst=bad, speak_at=speak_at)


def _end(board: Board, incident: Incident) -> Change | None:
    """What becomes of an incident whose own trouble is over; None while it goes on."""
    live = board.live(incident)
    if any(board.is_root(incident, a) for a in live):
        return _accepted(board, incident, live)
    if _fires_elsewhere(board, incident):
        return None
    root = board.root(incident)
    ended_at = (root and root.ended_at) or board.now
    if incident.unsteady_at is not None:
        return _steady(board, incident, ended_at)
    if _is_told(board, incident) and _flaps(board, incident):
        return _unsteady(board, incident)
    closed = _closed(incident, ended_at)
    if incident.announced is not None:
        return Change(announced(board, closed), Notice("resolved", "over"))
    if _is_told(board, incident):
        return Change(announced(board, closed), Notice("brief", "over_before_it_was_told", True))
    return Change(closed, reason=_why_silent(board, incident))


def _fires_elsewhere(board: Board, incident: Incident) -> bool:
    """Whether another check sees the same, and has not joined yet: it was accepted until now."""
    code = incident.root.partition(":")[0]
    return any(
        alert.key == incident.root
        and not board.is_accepted(alert)
        and not any(alert_id in other.members for other in board.incidents)
        for alert_id, alert in board.firing.get(code, ())
    )


def _is_told(board: Board, incident: Incident) -> bool:
    """Whether the end of an incident is told: it was announced, or should have been."""
    if incident.announced is not None:
        return True
    if incident.root == NOT_VISIBLE or incident.worst is not Status.CRIT:
        return False
    return not incident.left_by and not board.is_silenced(incident)


def _why_silent(board: Board, incident: Incident) -> str:
    if incident.left_by:
        return "drained"
    return "silenced" if board.is_silenced(incident) else "over_before_it_spoke"


def _closed(incident: Incident, ended_at: datetime) -> Incident:
    return replace(incident, closed=True, ended_at=ended_at)


def _accepted(board: Board, incident: Incident, live: Sequence[Alert]) -> Change | None:
    """The end of an incident that somebody takes as known."""
    roots = [a for a in live if board.is_root(incident, a)]
    if not board.accepted or not roots or not all(board.is_accepted(a) for a in roots):
        return None
    closed = _closed(incident, board.now)
    if incident.announced is None:
        return Change(closed, reason="accepted")
    return Change(announced(board, closed), Notice("resolved", "accepted"))


def _flaps(board: Board, incident: Incident) -> bool:
    """Whether this is one end too many within the time."""
    policy = board.rules.policy
    since = board.now - policy.flap_within
    recent = [i for i in board.recent if i.root == incident.root and (i.ended_at or since) >= since]
    # An episode that somebody accepted for a while is one all the same.
    episodes = {i.members[0] for i in (*recent, incident) if i.members}
    return not incident.is_many and len(episodes) >= policy.flaps


def _unsteady(board: Board, incident: Incident) -> Change:
    rest = tuple(m for m in incident.members if _belongs(board, incident, m))
    notice = Notice("unsteady", "ended_so_often", in_channel=incident.announced is None)
    incident = replace(incident, members=rest, unsteady_at=board.now)
    return Change(announced(board, incident), notice)


def _belongs(board: Board, incident: Incident, member: int) -> bool:
    """Whether a member is the root itself: what else still fires finds its own place."""
    alert = board.alerts.get(member)
    return alert is not None and (board.is_root(incident, alert) or alert.phase is not Phase.FIRING)


def _steady(board: Board, incident: Incident, ended_at: datetime) -> Change | None:
    if board.now - ended_at < board.rules.policy.steady_after or board.fires(incident.root):
        return None
    return Change(announced(board, _closed(incident, ended_at)), Notice("resolved", "steady_again"))
