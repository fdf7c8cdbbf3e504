"""One step of a sweep: everything is examined in one range of keys, however old it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.books.examine import CONTROL, KEY_MAX, Aim, Window, examine_rows
from checks.sources.database.books.size import LASTS, rows_between
from checks.sources.database.books.window import low_key, low_statement
from checks.sources.database.servers.rows import break_of
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import CLOCKS, PAYMENT
from checks.sources.facts.books import Books, Swept
from checks.sources.facts.unavailable import Fact

_CONTROL_TOTAL = "L11"
_EARLY = timedelta(hours=1)  # rows of a payment are no older than this before it

FIRST_AT: Select[Any] = (
    select(PAYMENT.c.requested_at)
    .where(
        PAYMENT.c.payment_id >= bindparam("low_payment", type_=BigInteger()),
        PAYMENT.c.payment_id < bindparam("high_payment", type_=BigInteger()),
    )
    .order_by(PAYMENT.c.payment_id)
    .limit(literal_column("1"))
)


def sweep(
    snapshot: Snapshot, now: datetime, window: Window, step: int, constants: Mapping[str, Any]
) -> Fact[Swept]:
    """The rows of one step of a sweep; the last step takes in whatever is behind it."""
    fixed = (LASTS, FIRST_AT, *(low_statement(table) for table in CLOCKS))
    if missing := snapshot.lacks(*fixed):
        return snapshot.unavailable_columns(missing)
    low, high = step * window.sweep_rows, (step + 1) * window.sweep_rows
    is_last = high > max(last or 0 for last in snapshot.rows(LASTS, {})[0])
    aim = Aim({**_range(snapshot, low if step else -KEY_MAX, KEY_MAX if is_last else high)})
    books = examine_rows(snapshot, now, window, replace(aim, params={**aim.params, **constants}))
    books = _of_step(books)
    if is_last:
        books = _whole(snapshot, window, books)
    ends = low if step else -KEY_MAX, KEY_MAX if is_last else high
    return Swept(
        books,
        step,
        is_last,
        _rows(snapshot, window, *ends),
    )


def _rows(snapshot: Snapshot, window: Window, low: int, high: int) -> int | None:
    return rows_between(snapshot, low, high) if window.counts_rows else None


def _of_step(books: Books) -> Books:
    """A step has no control total of its own, and nothing was gone through whole."""
    breaks = tuple(one for one in books.breaks if one.key != CONTROL)
    examined = tuple(name for name in books.examined if name != _CONTROL_TOTAL)
    reach = replace(books.reach, complete=frozenset(), wholes=frozenset())
    return replace(books, examined=examined, breaks=breaks, reach=reach)


def _range(snapshot: Snapshot, low: int, high: int) -> dict[str, Any]:
    params = {
        f"{end}_{table}": key for table in CLOCKS for end, key in (("low", low), ("high", high))
    }
    first = snapshot.rows(FIRST_AT, params)
    if not first:  # none of these payments exist: nothing can be theirs
        return params | {f"first_{table}": KEY_MAX for table in CLOCKS}
    at = first[0].requested_at - _EARLY
    marks = {t: low_key(snapshot, t, at, mark=f"{t} sweep") for t in CLOCKS} if low > 0 else {}
    return params | {f"first_{table}": marks.get(table, 0) for table in CLOCKS}


def _whole(snapshot: Snapshot, window: Window, books: Books) -> Books:
    """What needs the whole of a table is examined once, at the end."""
    found, unavailable = list(books.breaks), dict(books.unavailable)
    for one in window.examinations:
        if one.whole is None or snapshot.lacks(one.whole):
            continue
        try:
            rows = snapshot.rows(one.whole, {"rows": window.breaks_max + 1})
        except SQLAlchemyError as error:
            unavailable[one.id] = snapshot.unavailable_error(error)
            continue
        found += [break_of(one.id, snapshot.shard, row) for row in rows[: window.breaks_max]]
    wholes = books.reach.wholes | ({"answer"} if not unavailable else set())
    reach = replace(books.reach, wholes=wholes)
    return replace(books, breaks=tuple(found), unavailable=unavailable, reach=reach)
