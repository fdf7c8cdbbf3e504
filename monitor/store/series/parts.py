"""All series in the parts of a period: its whole days, its whole hours, or five minutes each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from monitor.domain.detection.ddsketch import Summary
from monitor.store.codec import to_micros, to_seconds
from monitor.store.rollup import DAY, HOUR
from monitor.store.series.summaries import series_keys, summary_of_packed, summary_of_values

if TYPE_CHECKING:
    from sqlalchemy import Connection

Key = tuple[str, str]  # check, series
Parts = dict[Key, dict[int, Summary]]  # by the number of the part

_BY_DAY_MIN, _BY_HOUR_MIN = timedelta(days=5), timedelta(hours=5)
_MINUTES = 300
_HISTOGRAMS = (
    "SELECT h.series_id, h.start, h.count, h.total, h.buckets FROM series AS s CROSS JOIN"
    " histograms AS h ON h.series_id = s.id AND h.span = ? AND h.start >= ? AND h.start <= ?"
)
_VALUES = (
    "SELECT v.series_id, (v.at - ?) / ? AS part, v.value FROM series AS s CROSS JOIN metric_values"
    " AS v ON v.series_id = s.id AND v.at >= ? AND v.at < ?"
)


def parts(tx: Connection, start: datetime, end: datetime) -> Parts:
    """Every series from start to before end, cut by how long that is.

    Parts of two periods of the same length have the same number at the same distance from the
    start, also where summer time begins between them. What is cut off at an edge is left out.
    """
    length = end - start
    if length < _BY_HOUR_MIN:
        return _of_values(tx, to_micros(start), to_micros(end))
    return _of_histograms(tx, start, end, DAY if length >= _BY_DAY_MIN else HOUR)


def _of_histograms(tx: Connection, start: datetime, end: datetime, span: int) -> Parts:
    first = to_seconds(start)
    bounds = (span, first, to_seconds(end) - span)
    names, found = series_keys(tx), Parts()
    for series_id, at, *packed in tx.exec_driver_sql(_HISTOGRAMS, bounds):
        number = (at - first) // span
        found.setdefault(names[series_id], {})[number] = summary_of_packed(*packed)
    return found


def _of_values(tx: Connection, start: int, end: int) -> Parts:
    rows = tx.exec_driver_sql(_VALUES, (start, _MINUTES * 1_000_000, start, end)).all()
    names, found = series_keys(tx), Parts()
    for (series_id, number), values in groupby(rows, key=lambda row: (row[0], row[1])):
        summary = summary_of_values(_third(values))
        found.setdefault(names[series_id], {})[number] = summary
    return found


def _third(rows: Iterable[tuple[int, int, float]]) -> list[float]:
    return [value for _, _, value in rows]
