"""What people must be told: incidents decided, stored and owed to every receiver in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.advance import advance
from monitor.domain.incident.links import links
from monitor.domain.incident.message import incident_message
from monitor.domain.incident.model import Change, Incident, Notice, Rules
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import alerts_by_id, alerts_ended_since, all_live_alerts
from monitor.store.alerting.incidents import (
    incident_by_id,
    incidents_ended_since,
    open_incidents,
    save_incidents,
)
from monitor.store.alerting.silences import silences
from monitor.store.alerting.transitions import notices_said
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications

if TYPE_CHECKING:
    from monitor.store.database import Connection

_OPENED_WITHIN = timedelta(days=30)


@dataclass(slots=True)
class Announcer:
    """Decides what is said of what fires. Only the scheduler's process does."""

    store: Store
    rules: Rules
    receivers: Callable[[], Sequence[str]]
    is_simulated: bool = False
    url: str = ""

    def step(self, now: datetime) -> None:
        """What time alone brings about: a wait that is over, a reminder, what did not drain."""
        with self.store.read() as tx:
            idle = not open_incidents(tx)
        if not idle:
            with self.store.write() as tx:
                self.advance(tx, now)

    def advance(self, tx: Connection, now: datetime) -> None:
        """The incidents as they stand now, and what must be said about them."""
        opened = open_incidents(tx)
        known = all_live_alerts(tx)
        if not known and not opened:
            return
        known = self._with_ended(tx, known, opened, now)
        changes = advance(
            opened,
            known,
            self.rules,
            now,
            silences=silences(tx, now),
            accepted=active_acceptances(tx, now),
            recent=self._recent(tx, now),
        )
        saved = save_incidents(tx, changes, now)
        current = _current(opened, saved)
        for change, incident in zip(changes, saved, strict=True):
            self._enqueue(tx, replace(change, incident=incident), current, known, now)

    def refreshed(self, tx: Connection, message: Message, now: datetime) -> Mapping[str, Any]:
        """The payload of an incident's message as things are now, not as they were when it was
        made: a message that waited calls broken only what still is."""
        payload = message.payload
        number = payload.get("incident_id")
        story = incident_by_id(tx, number) if number is not None else None
        if story is None:
            return payload
        incident = story.incident
        opened = open_incidents(tx)
        known = self._with_ended(tx, all_live_alerts(tx), [*opened, incident], now)
        notice = Notice(
            payload["kind"], payload.get("reason", ""), payload.get("in_channel", False)
        )
        return self._payload(incident, notice, opened, known, now, payload.get("sequence", 0))

    def _with_ended(
        self,
        tx: Connection,
        live: dict[int, Alert],
        incidents: Iterable[Incident],
        now: datetime,
    ) -> dict[int, Alert]:
        """The live alerts, those of these incidents, and those that may have left something."""
        known = live | alerts_ended_since(tx, now - self._drain_max)
        missing = {m for i in incidents for m in i.refers_to} - known.keys()
        return known | (alerts_by_id(tx, missing) if missing else {})

    @property
    def _drain_max(self) -> timedelta:
        return max((rule.drain for rule in self.rules.causes.rules), default=timedelta())

    def _recent(self, tx: Connection, now: datetime) -> list[Incident]:
        within = max(self.rules.policy.flap_within, self._drain_max)
        return incidents_ended_since(tx, now - within, now - _OPENED_WITHIN)

    def _enqueue(
        self,
        tx: Connection,
        change: Change,
        opened: Sequence[Incident],
        known: Mapping[int, Alert],
        now: datetime,
    ) -> None:
        """The messages about a notice, one for each receiver, in the transaction of the pass."""
        incident, notice = change.incident, change.notice
        if notice is None:
            return
        sequence = notices_said(tx, incident)
        payload = self._payload(incident, notice, opened, known, now, sequence)
        thread = f"incident:{incident.id}"
        key = f"{thread}:{notice.kind}:{sequence}"
        urgent = notice.in_channel and Status.CRIT in (incident.status, incident.worst)
        add_notifications(
            tx,
            [
                Message(key, r, "incident", payload, now, now, thread, priority=0 if urgent else 1)
                for r in self.receivers()
            ],
        )

    def _payload(
        self,
        incident: Incident,
        notice: Notice,
        opened: Sequence[Incident],
        known: Mapping[int, Alert],
        now: datetime,
        sequence: int,
    ) -> dict[str, Any]:
        return incident_message(
            incident,
            [known[m] for m in incident.members if m in known],
            notice,
            now,
            sequence=sequence,
            simulated=self.is_simulated,
            url=self.url,
            links=links(incident, opened, known, self.rules),
        )


def _current(opened: Sequence[Incident], saved: Sequence[Incident]) -> list[Incident]:
    """The open incidents after this moment."""
    changed = {i.id: i for i in saved}
    before = [changed.pop(i.id, i) for i in opened]
    return [i for i in (*before, *changed.values()) if not i.closed]
