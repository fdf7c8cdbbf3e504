"""What the store knows of the time of a payment: alerts, passes of that time, and breaks of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert
from monitor.domain.books.payment_story import Glance, History
from monitor.store.alerting.alerts import alerts_between
from monitor.store.discrepancies import breaks_of_payment
from monitor.store.passes.snapshots import snapshots

if TYPE_CHECKING:
    from monitor.store.database import Connection

GLANCE_MAX = timedelta(minutes=20)  # an older pass says nothing of a moment
_CHECKS = ("services", "breakers")
_MOMENTS_MAX = 50
_JUST_AFTER = timedelta(microseconds=1)


def history_of(
    tx: Connection,
    payment_id: int,
    shards: Iterable[str],
    moments: Sequence[datetime],
    spans: Iterable[tuple[datetime, datetime]],
) -> History:
    """What was stored of a payment's moments and spans."""
    alerts: dict[int | None, Alert] = {}
    for start, end in spans:
        alerts |= {a.id: a for a in alerts_between(tx, start, end + _JUST_AFTER, pending=True)}
    glances = {(g.check, g.at): g for at in moments[:_MOMENTS_MAX] for g in _glances(tx, at)}
    breaks = [one for shard in shards for one in breaks_of_payment(tx, shard, payment_id)]
    return History(tuple(alerts.values()), tuple(glances.values()), tuple(breaks))


def _glances(tx: Connection, at: datetime) -> Iterable[Glance]:
    """The last pass before a moment of each check that looks at the way of events."""
    for check in _CHECKS:
        for one in snapshots(tx, at - GLANCE_MAX, at + _JUST_AFTER, check, limit=1):
            yield Glance(check, one.at, one.status, one.findings)
