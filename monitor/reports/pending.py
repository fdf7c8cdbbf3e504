"""What is critical as a report is made, and was not yet seen often enough to be told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.incident.model import means
from monitor.domain.report import Trouble
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import alerts_between

if TYPE_CHECKING:
    from monitor.store.database import Connection

_MOMENT = timedelta(microseconds=1)


def pending_troubles(tx: Connection, at: datetime) -> tuple[Trouble, ...]:
    """The critical findings that wait to be confirmed, oldest first; not what was accepted."""
    known = active_acceptances(tx, at)
    alerts = alerts_between(tx, at, at + _MOMENT, pending=True)
    found = [
        alert
        for alert in reversed(alerts)
        if _is_pending(alert, at) and not any(means(one.pattern, alert) for one in known)
    ]
    return tuple(_trouble(alert) for alert in found)


def _is_pending(alert: Alert, at: datetime) -> bool:
    is_told = alert.fired_at is not None and alert.fired_at <= at
    return alert.status is Status.CRIT and not is_told


def _trouble(alert: Alert) -> Trouble:
    """It is not known to be critical, nor to be well."""
    return Trouble(
        check=alert.check,
        code=alert.code,
        subject=alert.subject,
        status=Status.WARN,
        since=alert.since,
        params=dict(alert.params),
        evidence=tuple(dict(row) for row in alert.evidence),
    )
