"""What a pass leaves behind: snapshot, alerts, incidents and notifications in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain import alert as alerts
from monitor.domain import incident as incidents
from monitor.domain.alert import Alert, Phase, Transition
from monitor.domain.cause import Cause
from monitor.domain.check import Memory
from monitor.domain.delivery import Message
from monitor.domain.incident import Change
from monitor.domain.message import incident_message
from monitor.store.alerting.alerts import (
    alerts_by_id,
    all_live_alerts,
    live_alerts,
    save_alerts,
)
from monitor.store.alerting.incidents import open_incidents, save_incidents
from monitor.store.alerting.silences import silences
from monitor.store.alerting.transitions import notices_told, save_transitions
from monitor.store.database import Store
from monitor.store.job_runs import JobRun, record_run
from monitor.store.notifications import add_notifications
from monitor.store.passes.memory import memory_of
from monitor.store.passes.record import record_pass

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed, Planned
    from monitor.store.database import Connection


@dataclass(slots=True)
class Recorder:
    """Writes passes. Only the scheduler's process records, so check memories are kept at hand."""

    store: Store
    causes: Sequence[Cause]
    receivers: Callable[[], Sequence[str]]
    is_simulated: bool = False
    _memories: dict[str, Memory] = field(default_factory=dict)

    def memory(self, check: str) -> Memory:
        """What a check remembers."""
        if check not in self._memories:
            with self.store.read() as tx:
                self._memories[check] = memory_of(tx, check)
        return self._memories[check]

    def record(self, planned: Planned, seen: Observed, slot_at: datetime, missed: int) -> None:
        """All that one pass changes, or none of it."""
        self._memories.pop(seen.name, None)  # after a failed commit the stored one holds
        with self.store.write() as tx:
            record_run(tx, _run(seen, slot_at, missed))
            snapshot_id = record_pass(tx, seen, slot_at, missed)
            if not planned.check.explains:
                self._alert(tx, planned, seen, snapshot_id)
            self._tell(tx, planned, seen.at)
        self._memories[seen.name] = seen.memory

    def retire(self, watched: Collection[str], now: datetime) -> None:
        """End the alerts of checks that nobody runs any more: they would last for ever."""
        with self.store.write() as tx:
            live = all_live_alerts(tx).values()
            ended = [
                replace(alert, phase=Phase.RESOLVED, ended_at=now)
                for alert in live
                if alert.check not in watched
            ]
            save_alerts(tx, ended)
            reason = "its check is no longer run"
            told = [Transition(alert, "resolved", now, reason) for alert in ended]
            save_transitions(tx, told, None)

    def _alert(self, tx: Connection, planned: Planned, seen: Observed, snapshot_id: int) -> None:
        live = live_alerts(tx, seen.name)
        if not live and not seen.verdict.findings:
            return
        changed, transitions = alerts.advance_all(
            seen.name, live, seen.verdict, planned.rule, seen.at, seen.unjudged
        )
        save_alerts(tx, changed)
        save_transitions(tx, transitions, snapshot_id)

    def _tell(self, tx: Connection, planned: Planned, now: datetime) -> None:
        """The incidents as they stand after this pass, and what must be said about them."""
        opened = open_incidents(tx)
        known = all_live_alerts(tx)
        if not known and not opened:
            return
        known |= alerts_by_id(tx, {m for i in opened for m in i.members} - known.keys())
        quiet = silences(tx, now)
        changes = incidents.advance(opened, known, self.causes, planned.policy, quiet, now)
        saved = save_incidents(tx, changes, now)
        for change, incident in zip(changes, saved, strict=True):
            self._owe(tx, replace(change, incident=incident), known, now)

    def _owe(
        self, tx: Connection, change: Change, known: Mapping[int, Alert], now: datetime
    ) -> None:
        """The messages about a notice, one for each receiver, in the transaction of the pass."""
        incident, notice = change.incident, change.notice
        if notice is None:
            return
        members = [known[m] for m in incident.members if m in known]
        sequence = notices_told(tx, incident)
        payload = incident_message(
            incident, members, notice, now, sequence=sequence, simulated=self.is_simulated
        )
        thread = f"incident:{incident.id}"
        key = f"{thread}:{notice.kind}:{sequence}"
        add_notifications(
            tx,
            [Message(key, r, "incident", payload, now, now, thread) for r in self.receivers()],
        )


def _run(seen: Observed, slot_at: datetime, missed: int) -> JobRun:
    ended_at = seen.at + timedelta(milliseconds=seen.took_ms)
    return JobRun(f"check:{seen.name}", slot_at, seen.at, ended_at, "done", missed)
