"""One pass of one check, stored: snapshot, findings, readings, histograms, memory.

This runs at every pass, so its statements are constant SQL text, and histograms are merged
inside SQLite (merge_buckets of rollup.py) without being read first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.check import Verdict
from monitor.domain.check_pass import Observed
from monitor.domain.metrics import Kind, increase, spec_of
from monitor.store.codec import to_json, to_micros
from monitor.store.passes.memory import remember
from monitor.store.rollup import DAY, HOUR, one

if TYPE_CHECKING:
    from sqlalchemy import Connection

_HOUR_MICROS = HOUR * 1_000_000


@dataclass(frozen=True, slots=True)
class _Reading:
    series_id: int
    value: float


_SEEN = 'SELECT 1 FROM snapshots WHERE "check" = ? AND at = ?'
_SNAPSHOT = 'INSERT INTO snapshots ("check", at, slot_at, took_ms, status) VALUES (?, ?, ?, ?, ?)'
_FINDING = (
    "INSERT INTO findings (snapshot_id, code, subject, status, params, evidence)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_COUNT = {
    status: 'INSERT INTO pass_counts ("check", start, ok, warn, crit, unknown, missed)'
    f" VALUES (?, ?, {', '.join(str(int(status == each)) for each in order)}, ?)"
    f" ON CONFLICT DO UPDATE SET {status} = {status} + 1, missed = missed + excluded.missed"
    for order in [("ok", "warn", "crit", "unknown")]
    for status in order
}
_MISSED = (
    'INSERT INTO pass_counts ("check", start, ok, warn, crit, unknown, missed)'
    " VALUES (?, ?, 0, 0, 0, 0, ?) ON CONFLICT DO UPDATE SET missed = missed + excluded.missed"
)
_SLOT_BEFORE = (
    'SELECT slot_at FROM snapshots WHERE "check" = ? AND at < ? AND slot_at < ?'
    " ORDER BY at DESC, id DESC LIMIT 1"
)
_SERIES = (
    "SELECT s.name, s.id, s.counter_last FROM json_each(?) AS wanted"
    ' CROSS JOIN series AS s ON s."check" = ? AND s.name = wanted.value'
)
_NEW_SERIES = 'INSERT INTO series ("check", name) VALUES (?, ?)'
_COUNTER = "UPDATE series SET counter_last = ? WHERE id = ?"
_VALUE = "INSERT INTO metric_values (series_id, at, value) VALUES (?, ?, ?)"
_HISTOGRAM = (
    "INSERT INTO histograms (series_id, span, start, count, total, buckets)"
    " VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET count = count + 1,"
    " total = total + excluded.total, buckets = merge_buckets(buckets, excluded.buckets)"
)


def record_pass(tx: Connection, seen: Observed, slot_at: datetime, missed: int = 0) -> int:
    """Store one pass and give back the id of its snapshot; `missed`: slots unused before it.

    Readings of a moment that this check has recorded before are left out, so that no histogram
    counts them twice.
    """
    at, slot = to_micros(seen.at), to_micros(slot_at)
    if missed:
        _missed(tx, seen.name, at, slot, missed)
    is_repeated = tx.exec_driver_sql(_SEEN, (seen.name, at)).first() is not None
    row = (seen.name, at, slot, seen.took_ms, seen.verdict.status.value)
    snapshot_id = int(tx.exec_driver_sql(_SNAPSHOT, row).lastrowid)
    _findings(tx, seen.verdict, snapshot_id)
    if seen.verdict.metrics and not is_repeated:
        _readings(tx, seen, at)
    tx.exec_driver_sql(_COUNT[seen.verdict.status.value], (seen.name, _hour(slot), 0))
    remember(tx, seen.name, seen.memory)
    return snapshot_id


def _findings(tx: Connection, verdict: Verdict, snapshot_id: int) -> None:
    rows = [
        (
            *(snapshot_id, finding.code, finding.subject, finding.status.value),
            to_json(dict(finding.params)),
            to_json([dict(row) for row in finding.evidence]),
        )
        for finding in {finding.key: finding for finding in verdict.findings}.values()
    ]
    if rows:
        tx.exec_driver_sql(_FINDING, rows)


def _missed(tx: Connection, check: str, at: int, slot: int, missed: int) -> None:
    """Count each slot that passed unused in its own hour; without an earlier pass, in this one."""
    before = tx.exec_driver_sql(_SLOT_BEFORE, (check, at, slot)).scalar()
    hours = {_hour(slot): missed} if before is None else spread(before, slot, missed)
    tx.exec_driver_sql(_MISSED, [(check, hour, n) for hour, n in hours.items()])


def spread(before: int, slot: int, missed: int) -> dict[int, int]:
    """By hour, how many of the evenly spaced slots between two slots (microseconds) lie in it."""
    found: dict[int, int] = {}
    counted = 0
    for hour in range(before // _HOUR_MICROS, slot // _HOUR_MICROS + 1):
        ahead = min((hour + 1) * _HOUR_MICROS, slot) - before
        passed = min(-(-ahead * (missed + 1) // (slot - before)) - 1, missed)
        if passed > counted:
            found[hour * HOUR] = passed - counted
            counted = passed
    return found


def _hour(micros: int) -> int:
    return micros // _HOUR_MICROS * HOUR


def _readings(tx: Connection, seen: Observed, at: int) -> None:
    found = {m.series: float(m.value) for m in seen.verdict.metrics if math.isfinite(m.value)}
    if not found:
        return
    readings = _to_store(tx, seen.name, found)
    if not readings:
        return
    tx.exec_driver_sql(_VALUE, [(r.series_id, at, r.value) for r in readings])
    hour, day = at // (HOUR * 1_000_000) * HOUR, at // (DAY * 1_000_000) * DAY
    rows = [(r.series_id, r.value, one(r.value)) for r in readings]
    tx.exec_driver_sql(
        _HISTOGRAM,
        [(i, HOUR, hour, value, packed) for i, value, packed in rows]
        + [(i, DAY, day, value, packed) for i, value, packed in rows],
    )


def _to_store(tx: Connection, check: str, found: dict[str, float]) -> list[_Reading]:
    """The readings with their series; of counters the increase, and nothing at first sight."""
    known = _series(tx, check, found)
    counters = [name for name in found if spec_of(name).kind is Kind.COUNTER]
    if counters:
        tx.exec_driver_sql(_COUNTER, [(found[name], known[name][0]) for name in counters])
    grown = {name: increase(known[name][1], found[name]) for name in counters}
    values = {**found, **grown}
    return [_Reading(known[n][0], value) for n, value in values.items() if value is not None]


def _series(
    tx: Connection, check: str, found: dict[str, float]
) -> dict[str, tuple[int, float | None]]:
    rows = tx.exec_driver_sql(_SERIES, (to_json(list(found)), check))
    known = {name: (series_id, last) for name, series_id, last in rows}
    for name in found.keys() - known.keys():
        known[name] = (int(tx.exec_driver_sql(_NEW_SERIES, (check, name)).lastrowid), None)
    return known
