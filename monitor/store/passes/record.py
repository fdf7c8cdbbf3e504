"""One pass of one check, stored: snapshot, findings, readings, counts, memory, records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.books.discrepancies import OpenBreaks
from monitor.domain.check_pass import Observed
from monitor.domain.load_test.run import LoadTestRun
from monitor.store.discrepancies import save_breaks
from monitor.store.load_tests import save_run
from monitor.store.passes.counts import count_missed, count_pass
from monitor.store.passes.memory import remember
from monitor.store.passes.snapshots import has_snapshot, save_snapshot
from monitor.store.series.readings import save_readings

if TYPE_CHECKING:
    from sqlalchemy import Connection


def record_pass(tx: Connection, seen: Observed, slot_at: datetime, missed: int = 0) -> int:
    """Store one pass and give back the id of its snapshot; `missed`: slots unused before it.

    Readings of a moment that this check has recorded before are left out, so that no histogram
    counts them twice. TypeError: it hands over a record of a type that nobody saves.
    """
    if missed:
        count_missed(tx, seen.name, seen.at, slot_at, missed)
    is_repeated = has_snapshot(tx, seen.name, seen.at)
    snapshot_id = save_snapshot(tx, seen, slot_at)
    if not is_repeated:
        save_readings(tx, seen.name, seen.verdict.metrics, seen.at)
    count_pass(tx, seen.name, seen.verdict.status, slot_at)
    remember(tx, seen.name, seen.memory)
    _save_records(tx, seen)
    return snapshot_id


def _save_records(tx: Connection, seen: Observed) -> None:
    for record in seen.verdict.records:
        save = _SAVERS.get(type(record))
        if save is None:
            what = type(record).__name__
            raise TypeError(f"check {seen.name} hands over a {what}: nothing saves it")
        save(tx, seen.name, record, seen.at)


def _breaks(tx: Connection, check: str, record: OpenBreaks, now: datetime) -> None:
    save_breaks(tx, check, record.breaks, now)


def _run(tx: Connection, _check: str, record: LoadTestRun, _now: datetime) -> None:
    save_run(tx, record)


_SAVERS: Mapping[type, Callable[[Connection, str, Any, datetime], None]] = {
    OpenBreaks: _breaks,
    LoadTestRun: _run,
}
