"""Which incident a firing alert belongs to: its cause's, one about many alike, or its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.incident.board import Board, is_not_visible
from monitor.domain.incident.model import MANY, NOT_VISIBLE, Incident, Joined


def place(board: Board) -> None:
    """Give every firing alert its incident."""
    firing = [(a.since, i) for group in board.firing.values() for i, a in group]
    for _, alert_id in sorted(firing):
        _place(board, alert_id, set())


def _place(board: Board, alert_id: int, above: set[int]) -> int | None:
    """The index of the alert's incident; its causes are placed first."""
    if alert_id in board.home_of or alert_id in above:
        return board.home_of.get(alert_id)
    alert = board.alerts[alert_id]
    if board.is_accepted(alert):
        return None
    if is_not_visible(alert):
        return _join_or_open(board, alert_id, NOT_VISIBLE)
    same = _going_on(board, alert)
    if same is not None:
        board.join(same, Joined(alert_id, "alike"))
        return same
    for cause_id, cause in _causes(board, alert):
        home = _place(board, cause_id, {*above, alert_id})
        if home is not None and may_fold(board, alert, cause, home):
            board.join(home, Joined(alert_id, "follows_from", cause.key))
            return home
    return _alone(board, alert_id, alert)


def _going_on(board: Board, alert: Alert) -> int | None:
    """The incident that another check's sight of the same has opened and keeps open."""
    for n, incident in enumerate(board.incidents):
        steady = not incident.closed and incident.unsteady_at is None
        if steady and incident.root == alert.key and not is_not_visible(alert):
            return n
    return None


def _causes(board: Board, alert: Alert) -> list[tuple[int, Alert]]:
    """The firing causes from which it may follow, the first first."""
    found = [(i, c) for i, c in board.above(alert) if board.is_timely(alert, c)]
    return sorted(found, key=lambda item: (item[1].since, item[1].key, item[0]))


def may_fold(board: Board, alert: Alert, cause: Alert, home: int) -> bool:
    """Whether an alert may be told with its cause: nothing critical hides in what is not."""
    incident = board.incidents[home]
    if incident.root == NOT_VISIBLE or incident.unsteady_at is not None:
        return False
    if alert.status is not Status.CRIT:
        return True
    if board.drains(incident) and not board.was_left_with(incident, alert):
        return False
    return cause.status is Status.CRIT and not board.is_silenced(incident)


def _alone(board: Board, alert_id: int, alert: Alert) -> int:
    same = _open_with(board, alert, (alert.key, f"{alert.code}:{MANY}"))
    if same is not None:
        board.join(same, Joined(alert_id, "alike"))
        return same
    incident = Incident(alert.key, board.now, alert.status, (alert_id,), worst=alert.status)
    left = _left_by(board, alert)
    if left is not None:
        ended, incident_id, until = left
        incident = replace(
            incident, left_by=ended.key, left_by_incident=incident_id, speak_at=until
        )
        why = Joined(alert_id, "left_by", ended.key)
    else:
        why = Joined(alert_id, "own")
    board.open(incident, alert_id, why)
    return board.home_of[alert_id]


def _open_with(board: Board, alert: Alert, roots: Iterable[str]) -> int | None:
    """An open incident with one of these roots, raised by the same check where it is of many."""
    for n, incident in enumerate(board.incidents):
        if incident.closed or incident.root not in roots:
            continue
        if incident.is_many and board.drains(incident):
            continue  # what it left behind may drain; this one is new
        first = board.members(incident)
        if not incident.is_many or (first and first[0].check == alert.check):
            return n
    return None


def _join_or_open(board: Board, alert_id: int, root: str) -> int:
    alert = board.alerts[alert_id]
    home = _open_with(board, alert, (root,))
    if home is None:
        incident = Incident(root, board.now, alert.status, (alert_id,), worst=alert.status)
        board.open(incident, alert_id, Joined(alert_id, "own"))
        return board.home_of[alert_id]
    board.join(home, Joined(alert_id, "alike"))
    return home


def _left_by(board: Board, alert: Alert) -> tuple[Alert, int | None, datetime] | None:
    """The cause that is over and may have left it behind, its incident, and until when it may."""
    found = []
    for ended_id, ended in board.ended:
        rule = board.rules.causes.rule(ended.key, alert.key)
        if rule is None or ended.ended_at is None or not board.is_timely(alert, ended):
            continue
        if alert.status is Status.CRIT and ended.worst is not Status.CRIT:
            continue
        if board.has_risen(alert, ended.ended_at):
            continue
        if rule.explains_after(ended.ended_at, alert.since):
            found.append((ended.ended_at, ended_id, ended.ended_at + rule.drain))
    if not found:
        return None
    _, ended_id, until = max(found)  # the cause that was there last
    return board.alerts[ended_id], board.incident_of_ended(ended_id), until


def fold(board: Board) -> None:
    """What nobody was told of yet goes to its cause, where that has shown itself since."""
    for n, incident in enumerate(board.incidents):
        if incident.closed or incident.announced is not None or incident.root == NOT_VISIBLE:
            continue
        roots = [a for a in board.live(incident) if board.is_root(incident, a)]
        if not roots or incident.is_many:
            continue
        alert = min(roots, key=lambda a: a.since)
        for cause_id, cause in _causes(board, alert):
            home = board.home_of.get(cause_id)
            if (
                home is not None
                and home != n
                and all(may_fold(board, a, cause, home) for a in roots)
            ):
                _move(board, n, home, cause.key)
                break


def _move(board: Board, source: int, home: int, cause: str) -> None:
    for member in board.incidents[source].members:
        board.join(home, Joined(member, "follows_from", cause))
    board.incidents[source] = replace(
        board.incidents[source], closed=True, ended_at=board.now, members=()
    )


def gather(board: Board) -> None:
    """Many alike that began in one pass become one incident."""
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, incident in enumerate(board.incidents):
        if incident.id is None and not incident.closed and incident.root != NOT_VISIBLE:
            alert = board.root(incident)
            if alert is not None and not incident.is_many:
                alike[alert.check, alert.code].append(n)
    for (_, code), found in alike.items():
        if len(found) >= board.rules.policy.storm:
            first = replace(board.incidents[found[0]], root=f"{code}:{MANY}")
            if len({board.incidents[n].left_by for n in found}) > 1:  # some of it came by itself
                first = replace(first, left_by="", left_by_incident=None, speak_at=None)
            board.incidents[found[0]] = first
            for n in found[1:]:
                members = board.incidents[n].members
                board.incidents[n] = replace(board.incidents[n], closed=True, members=())
                for member in members:
                    board.join(found[0], Joined(member, "alike"))
