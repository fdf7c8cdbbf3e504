"""What a pass leaves behind: snapshot, alerts, incidents and notifications in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain import alert as alerts
from monitor.domain.alert import Phase, Transition
from monitor.domain.check import Memory
from monitor.recording.announce import Announcer
from monitor.store.alerting.alerts import all_live_alerts, live_alerts, save_alerts
from monitor.store.alerting.transitions import save_transitions
from monitor.store.database import Store
from monitor.store.job_runs import JobRun, record_run
from monitor.store.passes.memory import memory_of
from monitor.store.passes.record import record_pass

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed, Planned
    from monitor.store.database import Connection


@dataclass(slots=True)
class Recorder:
    """Writes passes. Only the scheduler's process records, so check memories are kept at hand."""

    store: Store
    announcer: Announcer
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
            if not planned.check.explains and self._alert(tx, planned, seen, snapshot_id):
                self.announcer.advance(tx, seen.at)
        self._memories[seen.name] = seen.memory

    def resolve_orphans(self, watched: Collection[str], now: datetime) -> None:
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
            journal = [Transition(alert, "resolved", now, reason) for alert in ended]
            save_transitions(tx, journal, None)

    def _alert(self, tx: Connection, planned: Planned, seen: Observed, snapshot_id: int) -> bool:
        """What the pass does to the check's alerts; whether it has any (for what time alone brings
        about, and for others' alerts, the announcer has its own steps)."""
        live = live_alerts(tx, seen.name)
        if not live and not seen.verdict.findings:
            return False
        changed, transitions = alerts.advance_all(
            seen.name,
            live,
            seen.verdict,
            planned.rule,
            seen.at,
            seen.unjudged,
            self.announcer.rules.sizes,
        )
        save_alerts(tx, changed)
        save_transitions(tx, transitions, snapshot_id)
        return True


def _run(seen: Observed, slot_at: datetime, missed: int) -> JobRun:
    ended_at = seen.at + timedelta(milliseconds=seen.took_ms)
    return JobRun(f"check:{seen.name}", slot_at, seen.at, ended_at, "done", missed)
