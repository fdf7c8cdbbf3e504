"""Any period of all series in figures: whole days and hours from histograms, edges from readings.

What is read depends on the length of the period, never on how much is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from monitor.domain.detection.ddsketch import Summary, quantile
from monitor.store.codec import to_micros
from monitor.store.rollup import DAY, HOUR, bucket, merge_all

if TYPE_CHECKING:
    from sqlalchemy import Connection

_HOUR_US, _DAY_US = HOUR * 1_000_000, DAY * 1_000_000
_HISTOGRAMS = (
    "SELECT h.series_id, h.count, h.total, h.buckets FROM series AS s CROSS JOIN histograms AS h"
    " ON h.series_id = s.id AND h.span = ? AND h.start >= ? AND h.start < ?"
)
_VALUES = (
    "SELECT v.series_id, v.value FROM series AS s CROSS JOIN metric_values AS v"
    " ON v.series_id = s.id AND v.at >= ? AND v.at < ?"
)
_OLDEST = (
    "SELECT min((SELECT v.at FROM metric_values AS v WHERE v.series_id = s.id"
    " ORDER BY v.at LIMIT 1)) FROM series AS s"
)
_NAMES = 'SELECT id, "check", name FROM series'


@dataclass(frozen=True, slots=True)
class _Parts:
    """A period cut along whole hours and whole UTC days; all in microseconds."""

    values: tuple[tuple[int, int], ...]
    hours: tuple[tuple[int, int], ...]
    days: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Heap:
    count: int = 0
    total: float = 0.0
    packed: list[bytes] = field(default_factory=list)
    buckets: dict[int, int] = field(default_factory=dict)


def summaries(tx: Connection, start: datetime, end: datetime) -> dict[tuple[str, str], Summary]:
    """Count, sum, median and p95 of every series from start to before end, by check and series.

    Exact at any boundary; where the readings were pruned, a boundary moves to the nearest hour.
    """
    oldest = tx.exec_driver_sql(_OLDEST).scalar_one()
    parts = _cut(*(_snapped(to_micros(edge), oldest) for edge in (start, end)))
    heaps: dict[int, _Heap] = {}
    for span, periods in ((DAY, parts.days), (HOUR, parts.hours)):
        for low, high in periods:
            bounds = (span, low // 1_000_000, high // 1_000_000)
            _add_histograms(heaps, tx.exec_driver_sql(_HISTOGRAMS, bounds).all())
    for period in parts.values:
        _add_values(heaps, tx.exec_driver_sql(_VALUES, period).all())
    names = series_keys(tx)
    return {names[i]: _summary(heap) for i, heap in heaps.items()}


def series_keys(tx: Connection) -> dict[int, tuple[str, str]]:
    """Check and name of every series, by its number."""
    return {i: (check, name) for i, check, name in tx.exec_driver_sql(_NAMES)}


def summary_of_packed(count: int, total: float, packed: bytes) -> Summary:
    """The figures of one stored histogram."""
    return _summary(_Heap(count, total, [packed]))


def summary_of_values(values: Sequence[float]) -> Summary:
    """The figures of some readings, with quantiles as the histograms have them."""
    return _summary(_Heap(len(values), sum(values), [], Counter(map(bucket, values))))


def _snapped(edge: int, oldest: int | None) -> int:
    """An edge in an hour whose readings are gone moves to the nearest full hour."""
    if oldest is not None and edge >= oldest // _HOUR_US * _HOUR_US:
        return edge
    return (edge + _HOUR_US // 2) // _HOUR_US * _HOUR_US


def _cut(start: int, end: int) -> _Parts:
    values, hours = _within(start, end, _HOUR_US)
    if hours is None:
        return _Parts(values, (), ())
    edges, days = _within(*hours, _DAY_US)
    return _Parts(values, edges, () if days is None else (days,))


def _within(
    start: int, end: int, unit: int
) -> tuple[tuple[tuple[int, int], ...], tuple[int, int] | None]:
    """The edges of a period, and what lies between them in whole units."""
    low, high = -(-start // unit) * unit, end // unit * unit
    if low >= high:
        return ((start, end),) if start < end else (), None
    edges = ((start, low), (high, end))
    return tuple(edge for edge in edges if edge[0] < edge[1]), (low, high)


def _add_histograms(heaps: dict[int, _Heap], rows: Iterable[tuple[int, int, float, bytes]]) -> None:
    for series_id, count, total, packed in rows:
        heap = heaps.get(series_id)
        if heap is None:
            heap = heaps[series_id] = _Heap()
        heap.count += count
        heap.total += total
        heap.packed.append(packed)


def _add_values(heaps: dict[int, _Heap], rows: Iterable[tuple[int, float]]) -> None:
    for series_id, found in groupby(rows, key=itemgetter(0)):  # they come series by series
        values = [value for _, value in found]
        heap = heaps.setdefault(series_id, _Heap())
        heap.count += len(values)
        heap.total += sum(values)
        for key, count in Counter(map(bucket, values)).items():
            heap.buckets[key] = heap.buckets.get(key, 0) + count


def _summary(heap: _Heap) -> Summary:
    merge_all(heap.buckets, heap.packed)
    median, p95 = (quantile(heap.buckets, share) for share in (0.5, 0.95))
    return Summary(heap.count, heap.total, median, p95)
