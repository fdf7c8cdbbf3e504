"""What was accepted as known as a report is made, and what that covers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.incident.model import Acceptance, means
from monitor.domain.report import AcceptedTrouble, Trouble
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import alerts_between

if TYPE_CHECKING:
    from monitor.store.database import Connection

_ACCEPTED_MAX = 50
_MOMENT = timedelta(seconds=1)


def accepted_troubles(tx: Connection, at: datetime) -> tuple[AcceptedTrouble, ...]:
    """What was accepted at a time, oldest first."""
    known = active_acceptances(tx, at)[:_ACCEPTED_MAX]
    alerts = alerts_between(tx, at - _MOMENT, at) if known else []
    live = [a for a in alerts if a.ended_at is None or a.ended_at > at]
    return tuple(_accepted(one, [a for a in live if means(one.pattern, a)]) for one in known)


def goes_on_accepted(story: IncidentStory, at: datetime) -> bool:
    """Whether an incident ended although its trouble did not: somebody accepted it."""
    over = story.incident.ended_at is not None and story.incident.ended_at <= at
    roots = [a for a in story.alerts if a.key == story.incident.root]
    return over and any(a.ended_at is None or a.ended_at > at for a in roots)


def _accepted(one: Acceptance, covered: list[Alert]) -> AcceptedTrouble:
    first = min(covered, key=lambda a: (a.status.rank, a.since), default=None)
    trouble = None
    if first is not None:
        trouble = Trouble(
            first.check,
            first.code,
            first.subject,
            first.status,
            first.since,
            params=dict(first.params),
        )
    return AcceptedTrouble(
        one.pattern, one.author, one.reason, one.at, one.until, trouble, len(covered)
    )
