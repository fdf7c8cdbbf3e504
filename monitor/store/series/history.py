"""One series over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from monitor.domain.detection.ddsketch import quantile
from monitor.store.codec import from_micros, from_seconds, to_micros, to_seconds
from monitor.store.rollup import DAY, HOUR, merge_all

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Point:
    """A reading, or the readings of an hour or a day by their median, p95, mean and count."""

    at: datetime
    value: float
    p95: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class History:
    """A series over time. `step_seconds` is 0 where the points are the readings themselves."""

    step_seconds: int
    points: tuple[Point, ...]


_SERIES_ID = 'SELECT id FROM series WHERE "check" = ? AND name = ?'
_ALL_SERIES = 'SELECT "check", name FROM series ORDER BY "check", name'
_VALUES = "SELECT at, value FROM metric_values WHERE series_id = ? AND at >= ? AND at < ? LIMIT ?"
_ROWS = (
    "SELECT start, count, total, buckets FROM histograms"
    " WHERE series_id = ? AND span = ? AND start >= ? AND start < ? ORDER BY start"
)
_COUNT = (
    "SELECT coalesce(sum(count), 0) FROM histograms"
    " WHERE series_id = ? AND span = ? AND start >= ? AND start < ?"
)


def series_names(tx: Connection) -> list[tuple[str, str]]:
    """Every series there is: check and name."""
    return [(check, name) for check, name in tx.exec_driver_sql(_ALL_SERIES)]


def metric_history(
    tx: Connection, check: str, name: str, start: datetime, end: datetime, points_max: int = 500
) -> History:
    """A series in at most so many points: readings if they are still kept, hours, days, or more.

    Where there are too many hours or days, each point is several of them.
    """
    series_id = tx.exec_driver_sql(_SERIES_ID, (check, name)).scalar()
    if series_id is None:
        return History(0, ())
    raw = _raw(tx, series_id, start, end, points_max)
    if raw is not None:
        return History(0, raw)
    step = HOUR if (end - start).total_seconds() / HOUR <= points_max else DAY
    low = to_seconds(start) // step * step
    rows = tx.exec_driver_sql(_ROWS, (series_id, step, low, to_seconds(end))).all()
    each = ceil(len(rows) / points_max) or 1
    points = (_point(rows[i : i + each]) for i in range(0, len(rows), each))
    return History(each * step, tuple(points))


def _raw(
    tx: Connection, series_id: int, start: datetime, end: datetime, points_max: int
) -> tuple[Point, ...] | None:
    """The readings of a span, unless there are too many or the first of them were pruned."""
    span = (series_id, to_micros(start), to_micros(end))
    rows = tx.exec_driver_sql(_VALUES, (*span, points_max + 1)).all()
    if len(rows) > points_max:
        return None
    if _counted(tx, series_id, start, end) > len(rows):
        return None
    return tuple(Point(from_micros(at), value, value, value, 1) for at, value in rows)


def _counted(tx: Connection, series_id: int, start: datetime, end: datetime) -> int:
    """How many readings the whole hours of a span held."""
    low = -(-to_seconds(start) // HOUR) * HOUR
    row = (series_id, HOUR, low, to_seconds(end) // HOUR * HOUR)
    return int(tx.exec_driver_sql(_COUNT, row).scalar_one())


def _point(rows: Sequence[Any]) -> Point:
    buckets: dict[int, int] = {}
    merge_all(buckets, (packed for *_, packed in rows))
    count = sum(count for _, count, *_ in rows)
    total = sum(total for *_, total, _ in rows)
    median, p95 = (quantile(buckets, share) or 0.0 for share in (0.5, 0.95))
    return Point(from_seconds(rows[0][0]), median, p95, total / count, count)
