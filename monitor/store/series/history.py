"""Reads of what was measured: one series over time, and samples to compare it with its past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.ddsketch import quantile
from monitor.store.codec import from_micros, from_seconds, to_json, to_micros, to_seconds
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
_RECENT = (
    "SELECT s.name, v.value FROM json_each(?) AS wanted"
    ' CROSS JOIN series AS s ON s."check" = ? AND s.name = wanted.value'
    " CROSS JOIN metric_values AS v ON v.series_id = s.id AND v.at >= ? ORDER BY s.id, v.at"
)
_HOURS = (
    "SELECT s.name, h.start, h.buckets FROM json_each(?) AS wanted"
    ' CROSS JOIN series AS s ON s."check" = ? AND s.name = wanted.value'
    " CROSS JOIN json_each(?) AS hour CROSS JOIN histograms AS h"
    f" ON h.series_id = s.id AND h.span = {HOUR} AND h.start = hour.value"
)
_CACHED_MAX = 50_000


def series_names(tx: Connection) -> list[tuple[str, str]]:
    """Every series there is: check and name."""
    return [(check, name) for check, name in tx.exec_driver_sql(_ALL_SERIES)]


def metric_history(
    tx: Connection, check: str, name: str, start: datetime, end: datetime, points_max: int = 500
) -> History:
    """A series over a span: its readings if they are few and still kept, else hours, else days."""
    row = tx.exec_driver_sql(_SERIES_ID, (check, name)).first()
    if row is None:
        return History(0, ())
    raw = _raw(tx, row[0], start, end, points_max)
    if raw is not None:
        return History(0, raw)
    hours = (end - start).total_seconds() / HOUR
    step = HOUR if hours <= points_max else DAY
    return History(step, _points(tx, row[0], step, start, end))


def recent_values(
    tx: Connection, check: str, names: Iterable[str], since: datetime
) -> dict[str, list[float]]:
    """The readings of some series of a check since then, oldest first, by series."""
    found: dict[str, list[float]] = {}
    row = (to_json(list(names)), check, to_micros(since))
    for name, value in tx.exec_driver_sql(_RECENT, row):
        found.setdefault(name, []).append(value)
    return found


def hour_medians(
    tx: Connection, check: str, names: Iterable[str], hours: Iterable[datetime]
) -> dict[str, list[float]]:
    """The medians of some series of a check in these hours, as far as there are readings.

    The hours are given by their beginnings and must be over: a median once read is kept.
    """
    wanted = [to_seconds(hour) for hour in hours]
    cached: dict[tuple[str, str, int], float | None] = tx.info.setdefault("hour_medians", {})
    series = list(names)
    lacking = [n for n in series if any((check, n, hour) not in cached for hour in wanted)]
    if lacking:
        _fill(tx, cached, check, lacking, wanted)
    return {name: _known(cached, check, name, wanted) for name in series}


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


def _points(
    tx: Connection, series_id: int, step: int, start: datetime, end: datetime
) -> tuple[Point, ...]:
    low = to_seconds(start) // step * step
    rows = tx.exec_driver_sql(_ROWS, (series_id, step, low, to_seconds(end)))
    return tuple(_point(*row) for row in rows)


def _point(start: int, count: int, total: float, packed: bytes) -> Point:
    buckets: dict[int, int] = {}
    merge_all(buckets, (packed,))
    median, p95 = (quantile(buckets, share) or 0.0 for share in (0.5, 0.95))
    return Point(from_seconds(start), median, p95, total / count, count)


def _fill(
    tx: Connection,
    cached: dict[tuple[str, str, int], float | None],
    check: str,
    names: list[str],
    hours: list[int],
) -> None:
    if len(cached) > _CACHED_MAX:
        cached.clear()
    cached.update({(check, name, hour): None for name in names for hour in hours})
    for name, start, packed in tx.exec_driver_sql(_HOURS, (to_json(names), check, to_json(hours))):
        buckets: dict[int, int] = {}
        merge_all(buckets, (packed,))
        cached[check, name, start] = quantile(buckets, 0.5)


def _known(
    cached: Mapping[tuple[str, str, int], float | None], check: str, name: str, hours: list[int]
) -> list[float]:
    medians = (cached.get((check, name, hour)) for hour in hours)
    return [median for median in medians if median is not None]
