"""What must be said of an open incident now, and why it is silent where nothing must."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from monitor.domain.alert import Alert, Phase, Size
from monitor.domain.check import Status
from monitor.domain.incident.board import Board
from monitor.domain.incident.model import NOT_VISIBLE, Change, Incident, Notice

_NO_NEWS = ("monitoring_gap", "regression")  # that a lost part is not seen goes without saying


def speak(board: Board, incident: Incident) -> Change:
    """The difference between what was announced and what is."""
    if incident.closed:
        return Change(incident)
    if board.is_silenced(incident):
        return Change(incident, reason="silenced")
    if incident.unsteady_at is not None:
        found = _unsteady(board, incident)
    else:
        found = (_further if incident.announced else _first)(board, incident)
    if isinstance(found, str):
        return Change(incident, reason=found)
    return Change(announced(board, incident), found)


def announced(board: Board, incident: Incident) -> Incident:
    """The incident, everything in it having been announced now."""
    return replace(
        incident,
        announced=incident.status,
        announced_members=incident.members,
        announced_sizes={
            **incident.announced_sizes,
            **_sizes(board, incident),
            **_severities(board, incident),
        },
        announced_at=board.now,
    )


def _first(board: Board, incident: Incident) -> Notice | str:
    """The first message, or why it waits."""
    if board.drains(incident):
        return "may_drain"
    if incident.left_by:
        return Notice("firing", "did_not_drain", True)
    if incident.root == NOT_VISIBLE or incident.is_many:
        return Notice("firing", "many_alike" if incident.is_many else "never_visible", True)
    if not board.rules.causes.of(incident.root):
        return Notice("firing", "no_cause_declared", True)
    waited = board.now - incident.opened_at
    if waited < board.rules.policy.wait:
        return "waits_for_cause"
    if incident.status is not Status.CRIT and waited < board.rules.policy.wait_max:
        pending = [a for a in board.alerts.values() if a.phase is Phase.PENDING]
        if any(board.rules.causes.rule(a.key, incident.root) for a in pending):
            return "waits_for_cause"
    return Notice("firing", "no_cause_seen", True)


def _unsteady(board: Board, incident: Incident) -> Notice | str:
    """Of one that comes and goes only that it became worse, and that it has come to stay."""
    root = board.root(incident)
    if root is None or root.phase is not Phase.FIRING:
        return "unsteady"
    if incident.announced is not Status.CRIT and incident.status is Status.CRIT:
        return Notice("update", "became_critical", True)
    if _has_grown(board, incident):
        return Notice("update", "grew", True)
    is_new = root.id not in incident.announced_members
    if is_new and board.now - root.since >= board.rules.policy.lasting:
        return Notice("update", "lasts_this_time", True)
    return "unsteady"


def _further(board: Board, incident: Incident) -> Notice | str:
    """What is said after the first message, or why nothing is."""
    if incident.announced is not Status.CRIT and incident.status is Status.CRIT:
        return Notice("update", "became_critical", True)
    if _has_grown(board, incident):
        return Notice("update", "grew", True)
    critical = _new_critical(board, incident)
    if incident.acked_by:
        return Notice("update", "new_critical", True) if critical else "acknowledged"
    if any(_has_settled(board, incident, alert) for alert in critical):
        return Notice("update", "new_critical")
    news = _news(board, incident)
    quiet = board.now - (incident.announced_at or incident.opened_at)
    if news:
        due = quiet >= board.rules.policy.update_every
        return Notice("update", "more_follows") if due else "update_waits"
    if incident.root == NOT_VISIBLE or quiet < _remind_every(board, incident):
        return ""
    return Notice("reminder", "still_so")


def _remind_every(board: Board, incident: Incident) -> timedelta:
    policy = board.rules.policy
    return policy.remind_crit if incident.status is Status.CRIT else policy.remind_warn


def _news(board: Board, incident: Incident) -> list[Alert]:
    """What follows from it, fires, and was never announced nor known to who acknowledged it."""
    known, told = _known(board, incident), incident.announced_sizes
    fresh = (a for a in board.live(incident) if a.key not in known and a.code not in _NO_NEWS)
    return [a for a in fresh if _critical_key(a) not in told]  # it may have left, and come back


def _known(board: Board, incident: Incident) -> set[str]:
    """The keys of what was announced, or known to who acknowledged it."""
    known = {*incident.announced_members, *(incident.acked_members if incident.acked_by else ())}
    return {board.alerts[m].key for m in known if m in board.alerts}


def _new_critical(board: Board, incident: Incident) -> list[Alert]:
    """What is critical in it, neither announced as that nor known to who acknowledged it."""
    known, found = _known(board, incident), []
    for alert in board.live(incident):
        was_critical = incident.announced_sizes.get(_critical_key(alert))
        is_new = alert.key not in known if was_critical is None else not was_critical
        if alert.status is Status.CRIT and is_new:
            found.append(alert)
    return found


def _has_settled(board: Board, incident: Incident, alert: Alert) -> bool:
    """Whether a consequence is critical for so long that what comes with it is there too."""
    if board.is_root(incident, alert):
        return False
    became = alert.rose_at or alert.fired_at or alert.since
    return board.now - became >= board.rules.policy.wait


def _has_grown(board: Board, incident: Incident) -> bool:
    """Whether something in it is twice as large as when it was last announced."""
    for alert in _seen_last(board, incident):
        for size in board.rules.sizes:
            value = size.of(alert)
            known = incident.announced_sizes.get(_size_key(size, alert))
            if value is not None and known is not None and size.has_doubled(value, known):
                return True
    return _counts_twice(board, incident)


def _counts_twice(board: Board, incident: Incident) -> bool:
    if not incident.is_many:
        return False
    known = incident.announced_sizes.get("count", 0)
    return len(board.live(incident)) >= 2 * known > 0


def _sizes(board: Board, incident: Incident) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for alert in _seen_last(board, incident):
        for size in board.rules.sizes:
            value = size.of(alert)
            if value is not None:
                found[_size_key(size, alert)] = value
    return {**found, "count": len(board.live(incident))} if incident.is_many else found


def _severities(board: Board, incident: Incident) -> Mapping[str, float]:
    """Of each consequence, over or not, whether it was announced as critical, now or before."""
    found: dict[str, float] = {}
    for alert in board.members(incident):
        if not board.is_root(incident, alert):
            name = _critical_key(alert)
            before = found.get(name, incident.announced_sizes.get(name, 0.0))
            is_critical = alert.phase is Phase.FIRING and alert.status is Status.CRIT
            found[name] = max(before, float(is_critical))
    return found


def _seen_last(board: Board, incident: Incident) -> Collection[Alert]:
    """What fires in it; of what several checks see the latest look."""
    latest: dict[str, Alert] = {}
    for alert in board.live(incident):
        known = latest.get(alert.key)
        if known is None or alert.last_seen_at > known.last_seen_at:
            latest[alert.key] = alert
    return latest.values()


def _size_key(size: Size, alert: Alert) -> str:
    return f"{alert.key} {size.param}"


def _critical_key(alert: Alert) -> str:
    return f"{alert.key} critical"
