"""Ledger entries of one shard: those of a payment, of a merchant or of a time, and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Row, String, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import LEDGER, PAYMENT, ROWS, aware_utc, naive_utc
from checks.sources.facts.payments import Count, Entry, EntryFilter, EntryPage, kind_of
from checks.sources.facts.unavailable import Fact, cut

_L, _P = LEDGER.c, PAYMENT.c
_JOINED = LEDGER.join(PAYMENT, _P.payment_id == _L.payment_id)
_ROWS = select(
    *(_L.entry_id, _L.payment_id, _P.merchant_id, _L.debit_account, _L.credit_account),
    *(_L.amount, _L.occurred_at),
).select_from(_JOINED)
_SUMS = (
    func.count().label("count_"),
    func.sum(_L.amount).label("amount_krw"),
)
_PAIR = (_L.debit_account, _L.credit_account)


def entries(snapshot: Snapshot, wanted: EntryFilter) -> Fact[EntryPage]:
    """The newest entries that are wanted, and the sums of all that fit."""
    if missing := snapshot.lacks(_ROWS):
        return snapshot.unavailable_columns(missing)
    conditions, params = _conditions(wanted)
    found = _read(snapshot, wanted, conditions, params) if wanted.lists else []
    return EntryPage(
        snapshot.shard,
        tuple(_entry(snapshot.shard, row) for row in found[: wanted.limit]),
        len(found) > wanted.limit,
        _totals(snapshot, wanted, conditions, params) if wanted.sums else (),
    )


def _conditions(wanted: EntryFilter) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
    since = None if wanted.start is None else naive_utc(wanted.start)
    until = None if wanted.end is None else naive_utc(wanted.end)
    given: dict[str, tuple[Any, Any, Any]] = {
        "payment": (wanted.payment_id, lambda v: _L.payment_id == v, BigInteger()),
        "merchant": (wanted.merchant_id or None, lambda v: _P.merchant_id == v, String()),
        "since": (since, lambda v: _L.occurred_at >= v, DateTime()),
        "until": (until, lambda v: _L.occurred_at < v, DateTime()),
    }
    asked = {name: one for name, one in given.items() if one[0] is not None}
    conditions = [make(bindparam(name, type_=kind)) for name, (_, make, kind) in asked.items()]
    return conditions, {name: value for name, (value, _, _) in asked.items()}


def _read(
    snapshot: Snapshot,
    wanted: EntryFilter,
    conditions: Sequence[ColumnElement[bool]],
    params: dict[str, Any],
) -> list[Row[Any]]:
    """By entry_id downwards, which is how they were written."""
    after = (wanted.after or {}).get(snapshot.shard)
    if after:
        conditions = [*conditions, _L.entry_id < bindparam("after_id", type_=BigInteger())]
        params = {**params, "after_id": after[1]}
    statement = _ROWS.where(*conditions).order_by(_L.entry_id.desc()).limit(ROWS)
    return list(snapshot.rows(statement, {**params, "rows": wanted.limit + 1}))


def _totals(
    snapshot: Snapshot,
    wanted: EntryFilter,
    conditions: Sequence[ColumnElement[bool]],
    params: dict[str, Any],
) -> Fact[tuple[Count, ...]]:
    """The sums by pair of accounts; payments are joined only where a merchant asks for them."""
    source = _JOINED if wanted.merchant_id else LEDGER
    statement = select(*_PAIR, *_SUMS).select_from(source).where(*conditions).group_by(*_PAIR)
    try:
        rows = snapshot.rows(statement, params)
    except SQLAlchemyError as error:
        return snapshot.unavailable_error(error)
    sums: dict[str, Count] = {}
    for row in rows:
        kind = kind_of(row.debit_account, row.credit_account)
        before = sums.get(kind, Count(kind, 0, 0))
        amount = before.amount_krw + int(row.amount_krw)
        sums[kind] = Count(kind, before.count + row.count_, amount)
    return tuple(sums.values())


def _entry(shard: str, row: Row[Any]) -> Entry:
    return Entry(
        shard,
        row.entry_id,
        row.payment_id,
        cut(row.merchant_id, 64),
        kind_of(row.debit_account, row.credit_account),
        cut(row.debit_account, 64),
        cut(row.credit_account, 64),
        int(row.amount),
        aware_utc(row.occurred_at),
    )
