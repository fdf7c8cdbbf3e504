"""What an incident no longer explains leaves it, and finds its own place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.incident.board import Board
from monitor.domain.incident.model import NOT_VISIBLE, Incident, is_silenced


def release(board: Board) -> None:
    """Let go of each firing member that nothing in its incident causes any more, of what is
    critical where it would not be heard, and of what has an incident of its own by now."""
    own = {i.root for i in board.incidents if not i.closed and i.unsteady_at is None}
    for n, incident in enumerate(board.incidents):
        if incident.closed or incident.root == NOT_VISIBLE:
            continue
        leaving = _leaving(board, incident, own)
        if leaving:
            rest = tuple(m for m in incident.members if m not in leaving)
            board.incidents[n] = replace(incident, members=rest)


def _leaving(board: Board, incident: Incident, own: Collection[str]) -> set[int]:
    live = {m: a for m, a in board.known(incident) if a.phase is Phase.FIRING}
    held = _held(board, incident, live)
    twice = {m for m, a in live.items() if a.key in own and a.key != incident.root}
    if not held:  # it ends now: what became critical at this moment was no part of it
        return twice | {m for m, a in live.items() if board.has_risen(a, board.now)}
    return live.keys() - held | twice


def _held(board: Board, incident: Incident, live: Mapping[int, Alert]) -> set[int]:
    """The members that follow, step by step, from what the incident is named by."""
    held = {i for i, a in live.items() if board.is_root(incident, a)}
    hushed = board.drains(incident) or (incident.announced is None and board.is_silenced(incident))
    fresh = set(held)
    while fresh:
        causes = [live[i] for i in fresh]
        fresh = {
            i
            for i, a in live.items()
            if i not in held
            and any(_holds(board, a, c) for c in causes)
            and not (hushed and _would_be_heard(board, a) and not board.was_left_with(incident, a))
        }
        held |= fresh
    return held


def _holds(board: Board, alert: Alert, cause: Alert) -> bool:
    """Whether an alert may stay with its cause: nothing critical hides in what never was."""
    if not board.follows(alert, cause):
        return False
    return alert.status is not Status.CRIT or cause.worst is Status.CRIT


def _would_be_heard(board: Board, alert: Alert) -> bool:
    return alert.status is Status.CRIT and not is_silenced(alert, board.silences, board.now)
