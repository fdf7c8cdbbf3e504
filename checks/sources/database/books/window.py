"""The first key of a window of time, found along the primary key (no index is on the time)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, Row, Select, bindparam, func, select

from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import CLOCKS, LEDGER, ROWS

# Entries grow with the time of their event nearly, not exactly: good enough to begin before it.
_KEYS = {**CLOCKS, "ledger_entry": (LEDGER.c.entry_id, LEDGER.c.occurred_at)}
_UNSETTLED = 1000  # keys before the end whose rows may still be committed
_STEP = 32  # rows read from where the window began at the last look


@lru_cache(maxsize=16)
def low_statement(table: str) -> Select[int, datetime]:
    """The key and time of the rows of a table from a key on."""
    key, at = _KEYS[table]
    start = bindparam("key", type_=Integer())
    return select(key.label("key"), at.label("at")).where(key >= start).order_by(key).limit(ROWS)


@lru_cache(maxsize=16)
def _last_statement(table: str) -> Select[Any]:
    return select(func.max(_KEYS[table][0]))


def low_key(snapshot: Snapshot, table: str, start: datetime, mark: str = "") -> int:
    """The first key whose row is not before `start` (naive UTC); past the last if none is.

    A window mostly begins a few rows after where it began at the last look: it is marked there
    (under `mark`, if a table has several windows).
    """
    before = snapshot.marks.get(mark or table, 0)
    rows = _rows(snapshot, table, before, _STEP) if before else []
    if not rows or rows[0].at >= start:
        low = _bisect(snapshot, table, start, 0)
    else:
        low = next((row.key for row in rows if row.at >= start), 0)
        low = low or _bisect(snapshot, table, start, rows[-1].key + 1)
    snapshot.marks[mark or table] = max(1, low - 1)
    return low


def row_count(snapshot: Snapshot, table: str) -> int:
    """How many rows an append-only table has: those up to a mark are counted once only.

    The mark stays behind the end, for keys are not committed in their order.
    """
    until, counted = snapshot.marks.get(f"{table} mark", 0), snapshot.marks.get(f"{table} rows", 0)
    last = snapshot.rows(_last_statement(table), {})[0][0] or 0
    if last < until:
        until = counted = 0
    new_until = max(until, last - _UNSETTLED)
    if new_until - until >= _UNSETTLED:
        counted += _counted(snapshot, table, until, new_until)
        until = new_until
        snapshot.marks[f"{table} mark"], snapshot.marks[f"{table} rows"] = until, counted
    return counted + _counted(snapshot, table, until, last)


@lru_cache(maxsize=16)
def _count_statement(table: str) -> Select[Any]:
    key, _ = _KEYS[table]
    after, until = bindparam("after", type_=Integer()), bindparam("until", type_=Integer())
    return select(func.count(key)).where(key > after, key <= until)


def _counted(snapshot: Snapshot, table: str, after: int, until: int) -> int:
    params = {"after": after, "until": until}
    return int(snapshot.rows(_count_statement(table), params)[0][0])


def _bisect(snapshot: Snapshot, table: str, start: datetime, low: int) -> int:
    last = snapshot.rows(_last_statement(table), {})[0][0] or 0
    high = last + 1
    while low < high:
        middle = (low + high) // 2
        row = _rows(snapshot, table, middle, 1)
        if row and row[0].at < start:
            low = row[0].key + 1
        else:
            high = middle
    return low


def _rows(snapshot: Snapshot, table: str, key: int, most: int) -> Sequence[Row[Any]]:
    return snapshot.rows(low_statement(table), {"key": key, "rows": most})
