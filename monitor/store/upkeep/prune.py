"""Forgetting: what is older than it may be goes away, in steps so small that no check waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.store.codec import to_micros, to_seconds
from monitor.store.database import Store
from monitor.store.rollup import HOUR

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAUSE_SECONDS = 0.002  # between two steps, so that whoever waits gets the turn
_VACUUM_PAGES = 200
_SMALL_FILE_BYTES = 65_536  # a summary of k6 stays as long as its run, single samples do not


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, by table; `finished` False: the budget ran out before the end."""

    rows: Mapping[str, int]
    finished: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """One small transaction: a statement and its rows."""

    table: str
    statement: str
    rows: list[tuple[Any, ...]]


_SERIES = "SELECT id FROM series ORDER BY id"
_VALUES_UPTO = (
    "SELECT min(?, coalesce((SELECT at FROM metric_values WHERE series_id = ? AND at < ?"
    " ORDER BY at LIMIT 1 OFFSET ?), ?)),"
    " EXISTS(SELECT 1 FROM metric_values WHERE series_id = ? AND at < ?)"
)
_DELETE_VALUES = "DELETE FROM metric_values WHERE series_id = ? AND at < ?"
_SNAPSHOTS = (
    'SELECT id, "check", status, at FROM snapshots WHERE (at, id) > (?, ?) AND at < ?'
    " ORDER BY at, id LIMIT ?"
)
_DELETE_SNAPSHOT = "DELETE FROM snapshots WHERE id = ?"
_UNUSED_SERIES = (
    "DELETE FROM series WHERE id = ? AND NOT EXISTS (SELECT 1 FROM histograms"
    " WHERE series_id = series.id) AND NOT EXISTS (SELECT 1 FROM metric_values"
    " WHERE series_id = series.id) AND counter_last IS NULL"
)
_HISTORY = (  # table, which rows are old (? in microseconds)
    ("alerts", "ended_at < ?"),
    ("transitions", "at < ?"),
    ("incidents", "closed = 1 AND ended_at < ?"),
    ("notifications", "state <> 'waiting' AND created_at < ?"),
    ("notes", "at < ?"),
    ("silences", "until < ?"),
    ("load_tests", "started_at < ?"),
    ("breaks", "resolved_at < ?"),
    ("audit", "at < ?"),
    ("snapshots", "at < ?"),
)


def prune(
    store: Store,
    now: datetime,
    raw_days: int = 30,
    history_years: int = 5,
    step_rows: int = 500,
    budget: timedelta = timedelta(minutes=5),
) -> Pruned:
    """Delete what is many after `raw_days`: readings, unchanged snapshots, job runs, large files.

    Kept for years is the rest: histograms, pass counts, each snapshot whose status was another
    than the one before it, incidents, load tests.
    """
    deadline = time.monotonic() + budget.total_seconds()
    raw = _whole_hour(now - timedelta(days=raw_days))
    history = _whole_hour(now - timedelta(days=365 * history_years))
    rows: dict[str, int] = {}
    for step in _steps(store, raw, history, step_rows):
        with store.write() as tx:
            count = tx.exec_driver_sql(step.statement, step.rows).rowcount
        rows[step.table] = rows.get(step.table, 0) + count
        if time.monotonic() > deadline:
            return Pruned(rows, finished=False)
        time.sleep(_PAUSE_SECONDS)
    return Pruned(rows, _give_back(store, deadline))


def _whole_hour(at: datetime) -> datetime:
    """Whole hours only: an hour has either all of its readings or none (see summaries)."""
    return at.replace(minute=0, second=0, microsecond=0)


def _steps(store: Store, raw: datetime, history: datetime, step_rows: int) -> Iterator[_Step]:
    yield from _values(store, to_micros(raw), step_rows)
    yield from _unchanged_snapshots(store, to_micros(raw), step_rows)
    yield from _until_none(
        store,
        "job_runs",
        "SELECT job, slot_at FROM job_runs AS r WHERE slot_at < ? AND state <> 'running' AND"
        " slot_at < (SELECT max(slot_at) FROM job_runs AS l WHERE l.job = r.job) LIMIT ?",
        "DELETE FROM job_runs WHERE job = ? AND slot_at = ?",
        (to_micros(raw), step_rows),
    )
    yield from _until_none(
        store,
        "load_test_files",
        "SELECT f.load_test_id FROM load_test_files AS f JOIN load_tests AS t"
        " ON t.id = f.load_test_id WHERE t.started_at < ? AND length(f.content) > ? LIMIT ?",
        "DELETE FROM load_test_files WHERE load_test_id = ?",
        (to_micros(raw), _SMALL_FILE_BYTES, step_rows),
    )
    yield from _until_none(
        store,
        "audit",
        "SELECT id FROM audit WHERE at < ? AND outcome = 'refused' LIMIT ?",
        "DELETE FROM audit WHERE id = ?",
        (to_micros(raw), step_rows),
    )
    old = to_seconds(history) // HOUR * HOUR
    yield from _histograms(store, old, step_rows)
    yield from _until_none(
        store,
        "pass_counts",
        'SELECT "check", start FROM pass_counts WHERE start < ? LIMIT ?',
        'DELETE FROM pass_counts WHERE "check" = ? AND start = ?',
        (old, step_rows),
    )
    for table, is_old in _HISTORY:
        select = f"SELECT id FROM {table} WHERE {is_old} LIMIT ?"
        delete = f"DELETE FROM {table} WHERE id = ?"
        yield from _until_none(store, table, select, delete, (to_micros(history), step_rows))
    yield from _series(store, step_rows)


def _values(store: Store, limit: int, step_rows: int) -> Iterator[_Step]:
    for series_id in _ids(store, _SERIES):
        while True:
            row = (limit, series_id, limit, step_rows, limit, series_id, limit)
            with store.read() as tx:
                upto, is_left = tx.exec_driver_sql(_VALUES_UPTO, row).one()
            if not is_left:
                break
            yield _Step("metric_values", _DELETE_VALUES, [(series_id, upto)])


def _unchanged_snapshots(store: Store, limit: int, step_rows: int) -> Iterator[_Step]:
    last: dict[str, str] = {}
    place = (-1, -1)
    while True:
        with store.read() as tx:
            page = tx.exec_driver_sql(_SNAPSHOTS, (*place, limit, step_rows)).all()
        if not page:
            return
        unchanged: list[tuple[Any, ...]] = []
        for snapshot_id, check, status, at in page:
            place = (at, snapshot_id)
            if last.get(check) == status:
                unchanged.append((snapshot_id,))
            last[check] = status
        if unchanged:
            yield _Step("snapshots", _DELETE_SNAPSHOT, unchanged)


def _histograms(store: Store, old: int, step_rows: int) -> Iterator[_Step]:
    select = (
        "SELECT h.series_id, h.span, h.start FROM series AS s CROSS JOIN histograms AS h"
        " ON h.series_id = s.id AND h.span IN (3600, 86400) AND h.start < ? LIMIT ?"
    )
    delete = "DELETE FROM histograms WHERE series_id = ? AND span = ? AND start = ?"
    yield from _until_none(store, "histograms", select, delete, (old, step_rows))


def _series(store: Store, step_rows: int) -> Iterator[_Step]:
    select = (
        "SELECT id FROM series AS s WHERE counter_last IS NULL AND NOT EXISTS (SELECT 1"
        " FROM histograms WHERE series_id = s.id) AND NOT EXISTS (SELECT 1 FROM metric_values"
        " WHERE series_id = s.id) LIMIT ?"
    )
    yield from _until_none(store, "series", select, _UNUSED_SERIES, (step_rows,))


def _until_none(
    store: Store, table: str, select: str, delete: str, row: tuple[int, ...]
) -> Iterator[_Step]:
    """Steps that look for old rows by their keys and delete them, until none is left."""
    while True:
        with store.read() as tx:
            found = [tuple(key) for key in tx.exec_driver_sql(select, row)]
        if not found:
            return
        yield _Step(table, delete, found)


def _ids(store: Store, select: str) -> list[int]:
    with store.read() as tx:
        return [row[0] for row in tx.exec_driver_sql(select)]


def _give_back(store: Store, deadline: float) -> bool:
    """Return free pages to the file system, a few at a time."""
    while _free_pages(store):
        with store.write() as tx:
            _vacuum(tx)
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _vacuum(tx: Connection) -> None:
    # Each page is a step without columns, which only the driver's own cursor goes through.
    cursor = tx.connection.cursor()
    cursor.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
    cursor.fetchall()
    cursor.close()


def _free_pages(store: Store) -> int:
    with store.read() as tx:
        return int(tx.exec_driver_sql("PRAGMA freelist_count").scalar_one())
