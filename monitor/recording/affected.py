"""The payments that open incidents touch, counted in the platform's own data as time goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.domain.incident.model import Incident
from monitor.store.alerting.alerts import alerts_by_id
from monitor.store.alerting.incidents import add_impact, open_incidents
from monitor.store.database import Store

COUNT_EVERY = timedelta(minutes=1)
# By kind how many and how much in won, of payments since a time; anything else: it was not seen.
Count = Callable[[datetime, datetime], object]


@dataclass(frozen=True, slots=True)
class PaymentCounter:
    """Counts for each open incident that touches payments those of its own time.

    `count` asks the platform; a question takes seconds, so that none is open on the store then.
    """

    store: Store
    count: Count

    def step(self, now: datetime) -> None:
        """One count; incidents that touch no payments are not asked for."""
        for incident, began in self._touching():
            counted = self.count(began, now)
            if isinstance(counted, Mapping) and counted and incident.id is not None:
                found = {k: {"count": n, "krw": krw} for k, (n, krw) in counted.items()}
                with self.store.write() as tx:
                    add_impact(tx, incident.id, found)

    def _touching(self) -> list[tuple[Incident, datetime]]:
        with self.store.read() as tx:
            touching = [i for i in open_incidents(tx) if i.impact]
            alerts = alerts_by_id(tx, {m for i in touching for m in i.members})
        return [
            (i, min((alerts[m].since for m in i.members if m in alerts), default=i.opened_at))
            for i in touching
        ]
