"""The settlement and refund requests of one shard about some days, a batch at a time.

No index leads to the time of completion: keys are walked from those of requests made a little
before the days. A request that was completed longer than `_SLACK` after it was made is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, DateTime, Select, bindparam, func, select

from checks.sources.database.books.window import low_key, low_statement
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import (
    PAYMENT,
    REFUND,
    ROWS,
    SETTLEMENT,
    aware_utc,
    naive_utc,
)
from checks.sources.facts.psp import Kind, Record
from checks.sources.facts.unavailable import Fact
from monitor.domain.interval import Interval

_SLACK = timedelta(days=2)
_BATCH = 10_000
Took: TypeAlias = Callable[[Sequence[Record]], None]


def _statement(table: Any, amount: Any, transaction: Any) -> Select[Any]:
    r = table.c
    at = func.coalesce(r.completed_at, r.requested_at, type_=DateTime())
    return (
        select(
            r.id,
            r.payment_id,
            amount.label("amount_krw"),
            r.status,
            transaction.label("transaction_id"),
            at.label("at"),
            PAYMENT.c.merchant_id,
        )
        .select_from(table.outerjoin(PAYMENT, PAYMENT.c.payment_id == r.payment_id))
        .where(
            r.id >= bindparam("key", type_=BigInteger()),
            r.id < bindparam("high", type_=BigInteger()),
            at >= bindparam("start", type_=DateTime()),
            at < bindparam("end", type_=DateTime()),
        )
        .order_by(r.id)
        .limit(ROWS)
    )


_STATEMENTS = {
    Kind.CAPTURE: (
        "settlement_request",
        _statement(SETTLEMENT, SETTLEMENT.c.request_amount, SETTLEMENT.c.pg_transaction_id),
    ),
    Kind.REFUND: (
        "refund_request",
        _statement(REFUND, REFUND.c.refund_amount, REFUND.c.pg_cancel_transaction_id),
    ),
}


def pg_records(snapshot: Snapshot, interval: Interval, take: Took) -> Fact[int]:
    """Hand over the shard's requests in batches; how many there were."""
    statements = [statement for _, statement in _STATEMENTS.values()]
    clocks = [low_statement(table) for table, _ in _STATEMENTS.values()]
    if missing := snapshot.lacks(*statements, *clocks):
        return snapshot.unavailable_columns(missing)
    return sum(_walk(snapshot, kind, interval, take) for kind in Kind)


def _walk(snapshot: Snapshot, kind: Kind, interval: Interval, take: Took) -> int:
    table, statement = _STATEMENTS[kind]
    start, end = naive_utc(interval.start), naive_utc(interval.end)
    key = low_key(snapshot, table, start - _SLACK, mark=f"{table} pg")
    high = low_key(snapshot, table, end + _OUT_OF_ORDER, mark=f"{table} pg end")
    params = {"high": high, "start": start, "end": end, "rows": _BATCH}
    count = 0
    while rows := snapshot.rows(statement, {**params, "key": key}):
        take([_record(snapshot.shard, kind, row) for row in rows])
        count += len(rows)
        key = rows[-1].id + 1
    return count


_OUT_OF_ORDER = timedelta(minutes=10)  # keys commit out of order, clocks of the services differ


def _record(shard: str, kind: Kind, row: Any) -> Record:
    return Record(
        shard,
        row.id,
        kind,
        row.transaction_id or "",
        row.payment_id,
        float(row.amount_krw or 0),
        aware_utc(row.at),
        row.status or "",
        row.merchant_id or "",
    )
