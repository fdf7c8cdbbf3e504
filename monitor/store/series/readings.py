"""What a pass measured: readings of each series, and the histograms that they go into.

This runs at every pass, so its statements are constant SQL text, and histograms are merged
inside SQLite (merge_buckets of rollup.py) without being read first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.check import Metric
from monitor.domain.metrics import Kind, increase, spec_of
from monitor.store.codec import to_json, to_micros
from monitor.store.rollup import DAY, HOUR, one

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class _Reading:
    series_id: int
    value: float


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


def save_readings(tx: Connection, check: str, metrics: Iterable[Metric], at: datetime) -> None:
    """Store what a check measured at a moment, which it must not have stored before."""
    found = {m.series: float(m.value) for m in metrics if math.isfinite(m.value)}
    readings = _to_store(tx, check, found) if found else []
    if readings:
        _insert(tx, readings, to_micros(at))


def _insert(tx: Connection, readings: Sequence[_Reading], at: int) -> None:
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
