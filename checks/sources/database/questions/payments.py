"""Payments of one shard by status, merchant, amount and time, a page at a time.

Each form of the question walks one index in its own order: by status and time, by merchant and
time, or by the primary key, which grows with the time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Row,
    String,
    and_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.books.window import low_key
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import PAYMENT, ROWS, aware_utc, naive_utc
from checks.sources.facts.payments import Count, Payment, PaymentFilter, PaymentPage
from checks.sources.facts.unavailable import Fact, cut

_P = PAYMENT.c
_COLUMNS = (
    *(_P.payment_id, _P.merchant_id, _P.amount, _P.currency, _P.status),
    *(_P.requested_at, _P.updated_at),
)
_ROWS = select(*_COLUMNS)
_TOTALS = select(
    _P.status, func.count().label("count_"), func.sum(_P.amount).label("amount_krw")
).group_by(_P.status)
_IS_DOWN = {"newest": True, "oldest": False, "largest": True, "smallest": False}


def payments(snapshot: Snapshot, wanted: PaymentFilter) -> Fact[PaymentPage]:
    """One page of the payments that are wanted, and how many fit in all."""
    if missing := snapshot.lacks(_ROWS):
        return snapshot.unavailable_columns(missing)
    conditions, params = _conditions(snapshot, wanted)
    found = _read(snapshot, wanted, conditions, params)
    shown = found[: wanted.limit]
    return PaymentPage(
        snapshot.shard,
        tuple(_payment(snapshot.shard, row) for row in shown),
        len(found) > wanted.limit,
        _totals(snapshot, wanted, conditions, params),
    )


def _conditions(
    snapshot: Snapshot, wanted: PaymentFilter
) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
    """What every payment has to meet, but for its status, and what goes along."""
    given: dict[str, tuple[Any, Any, Any]] = {
        "merchant": (wanted.merchant_id or None, lambda v: _P.merchant_id == v, String()),
        "payment": (wanted.payment_id, lambda v: _P.payment_id == v, BigInteger()),
        "least": (wanted.amount_min, lambda v: _P.amount >= v, BigInteger()),
        "most": (wanted.amount_max, lambda v: _P.amount <= v, BigInteger()),
        "since": (_naive(wanted.start), lambda v: _P.requested_at >= v, DateTime()),
        "until": (_naive(wanted.end), lambda v: _P.requested_at < v, DateTime()),
    }
    asked = {name: one for name, one in given.items() if one[0] is not None}
    conditions = [make(bindparam(name, type_=kind)) for name, (_, make, kind) in asked.items()]
    params = {name: value for name, (value, _, _) in asked.items()}
    if _walks_keys(wanted) and wanted.start is not None:
        conditions.append(_P.payment_id >= bindparam("low", type_=Integer()))
        params["low"] = low_key(snapshot, "payment", naive_utc(wanted.start), mark="asked")
    return conditions, params


def _naive(at: datetime | None) -> datetime | None:
    return None if at is None else naive_utc(at)


def _walks_keys(wanted: PaymentFilter) -> bool:
    """Whether neither a status nor a merchant leads to the rows: then the primary key does."""
    return not wanted.statuses and not wanted.merchant_id


def _read(
    snapshot: Snapshot,
    wanted: PaymentFilter,
    conditions: Sequence[ColumnElement[bool]],
    params: dict[str, Any],
) -> list[Row[Any]]:
    """The rows of the page and one more; each status is walked by itself, then merged."""
    after = (wanted.after or {}).get(snapshot.shard)
    sorts = _sorts(wanted)
    if after:
        conditions = [*conditions, _behind(wanted, sorts)]
        value = after[0]
        at = naive_utc(datetime.fromisoformat(value)) if isinstance(value, str) else value
        params = {**params, "after": at, "after_id": after[1]}
    order = [s.desc() if _IS_DOWN[wanted.order] else s.asc() for s in sorts]
    base = _ROWS.where(*conditions).order_by(*order).limit(ROWS)
    params = {**params, "rows": wanted.limit + 1}
    if not wanted.statuses:
        return list(snapshot.rows(base, params))
    statement = base.where(_P.status == bindparam("status", type_=String()))
    legs = [snapshot.rows(statement, {**params, "status": one}) for one in wanted.statuses]
    merged: Iterator[Row[Any]] = heapq.merge(
        *legs, key=_sorted_by(wanted), reverse=_IS_DOWN[wanted.order]
    )
    return list(merged)[: wanted.limit + 1]


def _sorts(wanted: PaymentFilter) -> tuple[Any, ...]:
    if wanted.order in ("largest", "smallest"):
        return (_P.amount, _P.payment_id)
    return (_P.payment_id,) if _walks_keys(wanted) else (_P.requested_at, _P.payment_id)


def _sorted_by(wanted: PaymentFilter) -> Any:
    if wanted.order in ("largest", "smallest"):
        return lambda row: (row.amount, row.payment_id)
    return lambda row: (row.requested_at, row.payment_id)


def _behind(wanted: PaymentFilter, sorts: tuple[Any, ...]) -> ColumnElement[bool]:
    """What comes after the last row that was read."""
    last_id = bindparam("after_id", type_=BigInteger())
    down = _IS_DOWN[wanted.order]
    behind_id = _P.payment_id < last_id if down else _P.payment_id > last_id
    if len(sorts) == 1:
        return behind_id
    first = sorts[0]
    last = bindparam("after", type_=first.type)
    behind = first < last if down else first > last
    reached = first <= last if down else first >= last
    return and_(reached, or_(behind, behind_id))


def _totals(
    snapshot: Snapshot,
    wanted: PaymentFilter,
    conditions: Sequence[ColumnElement[bool]],
    params: dict[str, Any],
) -> Fact[tuple[Count, ...]]:
    """How many payments fit, by status; unavailable if counting them takes too long."""
    statement = _TOTALS.where(*conditions)
    if wanted.statuses:
        statement = statement.where(_P.status.in_(bindparam("statuses", expanding=True)))
        params = {**params, "statuses": list(wanted.statuses)}
    try:
        rows = snapshot.rows(statement, params)
    except SQLAlchemyError as error:
        return snapshot.unavailable_error(error)
    return tuple(Count(cut(row.status, 50), row.count_, int(row.amount_krw)) for row in rows)


def _payment(shard: str, row: Row[Any]) -> Payment:
    return Payment(
        shard,
        row.payment_id,
        cut(row.merchant_id, 64),
        int(row.amount),
        cut(row.currency, 10),
        cut(row.status, 50),
        aware_utc(row.requested_at),
        aware_utc(row.updated_at),
    )
