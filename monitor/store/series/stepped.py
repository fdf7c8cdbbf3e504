"""Reads for answers about history: how long checks are known, and a series in few steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from monitor.domain.ddsketch import quantile
from monitor.store.codec import from_seconds, to_json, to_seconds
from monitor.store.rollup import DAY, HOUR, merge_all
from monitor.store.series.history import History, Point, metric_history

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Known:
    """The stretch over which passes of a check are on record, in whole hours."""

    start: datetime
    end: datetime


_KNOWN = (
    'SELECT value, (SELECT min(start) FROM pass_counts WHERE "check" = value),'
    ' (SELECT max(start) FROM pass_counts WHERE "check" = value) FROM json_each(?)'
)
_DAYS = (
    "SELECT h.start, h.count, h.total, h.buckets FROM series AS s CROSS JOIN histograms AS h"
    f" ON h.series_id = s.id AND h.span = {DAY} AND h.start >= ? AND h.start < ?"
    ' WHERE s."check" = ? AND s.name = ? ORDER BY h.start'
)


def known_stretches(tx: Connection, checks: Iterable[str]) -> dict[str, Known]:
    """From when to when passes of these checks are on record; none: left out."""
    rows = tx.exec_driver_sql(_KNOWN, (to_json(list(checks)),))
    hour = timedelta(seconds=HOUR)
    return {
        check: Known(from_seconds(first), from_seconds(last) + hour)
        for check, first, last in rows
        if first is not None
    }


def stepped_history(
    tx: Connection, check: str, name: str, start: datetime, end: datetime, points_max: int
) -> History:
    """A series in at most so many points: readings, hours, days, or several days each."""
    history = metric_history(tx, check, name, start, end, points_max)
    if len(history.points) <= points_max:
        return history
    each = ceil(len(history.points) / points_max)
    low = to_seconds(start) // DAY * DAY
    rows = tx.exec_driver_sql(_DAYS, (low, to_seconds(end), check, name)).all()
    groups = [rows[i : i + each] for i in range(0, len(rows), each)]
    return History(each * DAY, tuple(_merged(group) for group in groups))


def _merged(rows: Sequence[Any]) -> Point:
    buckets: dict[int, int] = {}
    merge_all(buckets, (row[3] for row in rows))
    count = sum(row[1] for row in rows)
    total = sum(row[2] for row in rows)
    median, p95 = (quantile(buckets, share) or 0.0 for share in (0.5, 0.95))
    return Point(from_seconds(rows[0][0]), median, p95, total / count, count)
