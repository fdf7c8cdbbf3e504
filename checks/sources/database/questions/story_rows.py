"""A payment's rows in the tables to which no index is sure to lead from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Table, bindparam, func, select
from sqlalchemy import literal_column as literal
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.books.window import low_key
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import (
    CLOCKS,
    OF_PAYMENTS,
    OUTBOX,
    ROWS,
    aware_utc,
    naive_utc,
)
from checks.sources.facts.unavailable import Fact, Unavailable, Why

T = TypeVar("T")
ROWS_MAX = 200  # of one payment in one table
KEYS_AHEAD, KEYS_AROUND = 200_000, 50_000
ID = bindparam("payment_id", type_=BigInteger())
_EARLY = timedelta(seconds=60)  # clocks of the services differ
_OPTIONAL = ("published_at", "retry_count", "last_retry_at")  # some schemas lack them


class Reader:
    """Reads the tables to which no index is sure to lead from a payment.

    Without one, the rows behind the payment's own time are read, and those around every later
    moment of it that is known; `read_until` says where that ended.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        payment_id: int,
        requested_at: datetime,
        moments: Iterable[datetime],
    ) -> None:
        """`moments`: when something happened to the payment, as far as it is known."""
        self._snapshot, self._payment_id = snapshot, payment_id
        self._since, self._moments = requested_at - _EARLY, list(moments)
        self.read_until: dict[str, datetime] = {}

    def read(self, table: Table, made: Callable[[Row[Any]], T]) -> Fact[tuple[T, ...]]:
        """The payment's rows of a table, in the order of their keys."""
        return part(self._snapshot, lambda: self._read(table, made))

    def _read(self, table: Table, made: Callable[[Row[Any]], T]) -> Fact[tuple[T, ...]]:
        columns = self._columns(table)
        if isinstance(columns, Unavailable):
            return columns
        key, at = CLOCKS[table.name]
        asked = select(*columns).where(OF_PAYMENTS[table.name] == ID).order_by(key).limit(ROWS)
        params = {"payment_id": self._payment_id, "rows": ROWS_MAX}
        if (table.name, OF_PAYMENTS[table.name].name) in self._snapshot.schema.indexed:
            rows = list(self._snapshot.rows(asked, params))
        else:
            rows = self._in_ranges(table, asked, params)
        self._moments += [aware_utc(getattr(row, at.name)) for row in rows]
        return tuple(made(row) for row in rows)

    def _columns(self, table: Table) -> Fact[list[ColumnElement[Any]]]:
        known = self._snapshot.schema.columns.get(table.name, frozenset())
        missing = [c.name for c in table.c if c.name not in known]
        if hard := [name for name in missing if name not in _OPTIONAL]:
            named = tuple(f"{table.name}.{name}" for name in hard)
            return self._snapshot.unavailable_columns(named)
        return [c for c in table.c if c.name not in missing]

    def _in_ranges(
        self, table: Table, asked: Select[Any], params: Mapping[str, Any]
    ) -> list[Row[Any]]:
        key, _ = CLOCKS[table.name]
        low, high = bindparam("low", type_=BigInteger()), bindparam("high", type_=BigInteger())
        within = asked.where(key >= low, key < high)
        found: dict[int, Row[Any]] = {}
        for start, end in self._ranges(table):
            for row in self._snapshot.rows(within, {**params, "low": start, "high": end}):
                found[getattr(row, key.name)] = row
        if table is OUTBOX and table.name in self.read_until:
            for row in self._waiting(asked, params):
                found[row.event_id] = row
        return [found[number] for number in sorted(found)]

    def _waiting(self, asked: Select[Any], params: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Events that wait, wherever they are: an index leads to these."""
        since = naive_utc(self._since)
        waiting = asked.where(OUTBOX.c.published == literal("0"), OUTBOX.c.created_at >= since)
        return self._snapshot.rows(waiting, params)

    def _ranges(self, table: Table) -> list[tuple[int, int]]:
        """Ranges of keys that do not overlap, from the first in which the payment can have rows."""
        key, _ = CLOCKS[table.name]
        last = self._snapshot.rows(select(func.max(key).label("last")), {})[0].last or 0
        start = self._key(table, self._since)
        ranges = [(start, start + KEYS_AHEAD)]
        if ranges[0][1] > last:
            return ranges
        self._note_end(table, ranges[0][1])
        for moment in sorted(set(self._moments)):
            middle = self._key(table, moment)
            low = max(middle - KEYS_AROUND, ranges[-1][1])
            if middle + KEYS_AROUND > low:
                ranges.append((low, middle + KEYS_AROUND))
        return ranges

    def _key(self, table: Table, at: datetime) -> int:
        return low_key(self._snapshot, table.name, naive_utc(at), mark=f"{table.name} payment")

    def _note_end(self, table: Table, end: int) -> None:
        key, at = CLOCKS[table.name]
        first = select(at.label("at")).where(key >= bindparam("end", type_=BigInteger()))
        rows = self._snapshot.rows(first.order_by(key).limit(ROWS), {"end": end, "rows": 1})
        if rows:
            self.read_until[table.name] = aware_utc(rows[0].at)


def part(snapshot: Snapshot, read: Callable[[], Fact[T]]) -> Fact[T]:
    """One table that takes too long or says nonsense hides only itself."""
    try:
        return read()
    except SQLAlchemyError as error:
        unavailable = snapshot.unavailable_error(error)
        if unavailable.why is not Why.LIMIT:
            raise
        return unavailable
