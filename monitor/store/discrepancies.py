"""Breaks in the books, as passes leave them and as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.books.discrepancies import AgeBucket, OpenBreak, ageing
from monitor.store.codec import from_micros, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OPEN = (
    "SELECT id, shard, invariant, key, amount_krw, last_seen_at FROM breaks"
    ' WHERE "check" = ? AND resolved_at IS NULL'
)
_INSERT = (
    'INSERT INTO breaks ("check", shard, invariant, key, payment_id, amount_krw, first_seen_at,'
    " last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SEEN = "UPDATE breaks SET last_seen_at = ?, amount_krw = ? WHERE id = ?"
_RESOLVED = "UPDATE breaks SET resolved_at = ? WHERE id = ?"
_READ = (
    "SELECT shard, invariant, key, payment_id, amount_krw, first_seen_at, last_seen_at,"
    " resolved_at FROM breaks"
)


def save_breaks(tx: Connection, check: str, breaks: Iterable[OpenBreak], now: datetime) -> None:
    """Make the open breaks of a check these: new ones begin, those not among them end now."""
    known = {
        (shard, invariant, key): (row_id, amount, last)
        for row_id, shard, invariant, key, amount, last in tx.exec_driver_sql(_OPEN, (check,))
    }
    wanted = {(b.shard, b.invariant, b.key): b for b in breaks}
    seen = [
        (to_micros(one.last_seen_at), one.amount_krw, known[key][0])
        for key, one in wanted.items()
        if key in known and known[key][1:] != (one.amount_krw, to_micros(one.last_seen_at))
    ]
    _many(tx, _INSERT, [_row(check, wanted[key]) for key in wanted.keys() - known.keys()])
    _many(tx, _SEEN, seen)
    gone = known.keys() - wanted.keys()
    _many(tx, _RESOLVED, [(to_micros(now), known[key][0]) for key in gone])


def _many(tx: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        tx.exec_driver_sql(statement, rows)


def _row(check: str, one: OpenBreak) -> tuple[Any, ...]:
    times = to_micros(one.first_seen_at), to_micros(one.last_seen_at)
    what = (one.shard, one.invariant, one.key, one.payment_id, one.amount_krw)
    return (check, *what, *times)


def open_breaks(
    tx: Connection, shard: str = "", invariant: str = "", limit: int = 1000
) -> list[OpenBreak]:
    """The open breaks, oldest first; of one shard or invariant if named."""
    where = " WHERE resolved_at IS NULL AND (? IN ('', shard)) AND (? IN ('', invariant))"
    order = " ORDER BY first_seen_at, id LIMIT ?"
    rows = tx.exec_driver_sql(_READ + where + order, (shard, invariant, limit))
    return [_break(row) for row in rows]


def breaks_of_payment(
    tx: Connection, shard: str, payment_id: int
) -> list[tuple[OpenBreak, datetime | None]]:
    """Every break of a payment, open or resolved (with when), oldest first."""
    where = " WHERE shard = ? AND payment_id = ? ORDER BY first_seen_at, id"
    rows = tx.exec_driver_sql(_READ + where, (shard, payment_id))
    return [(_break(row), from_micros(row[7])) for row in rows]


def break_ages(tx: Connection, now: datetime, shard: str = "") -> tuple[AgeBucket, ...]:
    """How many breaks are open and how much money is in them, by age."""
    return ageing(open_breaks(tx, shard, limit=1_000_000), now)


def _break(row: Any) -> OpenBreak:
    shard, invariant, key, payment_id, amount_krw, first, last, *_ = row
    return OpenBreak(
        shard, invariant, key, payment_id, amount_krw, from_micros(first), from_micros(last)
    )
