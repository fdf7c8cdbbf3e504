"""Figures of one shard: the outbox, payments in a time range, row counts, workers' results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Row, Select, and_, bindparam, case, func, literal_column, select

from checks.sources.database.books.window import low_key, low_statement, row_count
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import (
    BEFORE,
    OUTBOX,
    PAYMENT,
    REFUND,
    RETRIES_MAX,
    ROWS,
    SETTLEMENT,
    aware_utc,
    naive_utc,
)
from checks.sources.facts.payments import OutboxState, PaymentStatistics, StatusCount, Written
from checks.sources.facts.platform import BookCounts, WorkStats
from checks.sources.facts.unavailable import Fact
from monitor.domain.check import Params

_O, _P = OUTBOX.c, PAYMENT.c
_WAITS = _O.published == literal_column("0")
_ONE, _ZERO = literal_column("1", Integer()), literal_column("0", Integer())


def _count_if(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, _ONE), else_=_ZERO)), _ZERO)


# --- the outbox ------------------------------------------------------------------------------

_WAITING = select(func.count().label("waiting"), func.min(_O.created_at).label("oldest_at")).where(
    _WAITS
)
_EXHAUSTED = select(func.count()).where(_WAITS, _O.retry_count >= RETRIES_MAX)
_OLDEST = (
    select(_O.event_id, _O.aggregate_id, _O.event_type, _O.created_at)
    .where(_WAITS)
    .order_by(_O.created_at)
    .limit(ROWS)
)
_OLDEST_SHOWN = 5
_PUBLISHED = (
    select(_O.created_at, _O.published_at)
    .where(_O.published == literal_column("1"), _O.created_at >= BEFORE)
    .order_by(_O.created_at.desc())
    .limit(ROWS)
)
_PUBLISHED_WITHIN, _PUBLISHED_READ, _PUBLISHED_MIN = timedelta(minutes=5), 2000, 20


def outbox(snapshot: Snapshot, now: datetime, retries_max: int) -> Fact[OutboxState]:
    """What waits in the outbox; a shard without retry columns cannot tell what gave up."""
    if missing := snapshot.lacks(_WAITING, _OLDEST):
        return snapshot.unavailable_columns(missing)
    row = snapshot.rows(_WAITING, {})[0]
    tells = not snapshot.lacks(_EXHAUSTED)
    lag = _publish_lag(snapshot, now)
    if not row.waiting:
        return OutboxState(snapshot.shard, 0, 0.0, 0 if tells else None, (), lag)
    age = now - aware_utc(row.oldest_at)
    given_up = snapshot.rows(_EXHAUSTED, {"retries_max": retries_max})[0][0] if tells else None
    oldest = tuple(_event(e) for e in snapshot.rows(_OLDEST, {"rows": _OLDEST_SHOWN}))
    age_seconds = max(0.0, age.total_seconds())
    return OutboxState(snapshot.shard, row.waiting, age_seconds, given_up, oldest, lag)


def _publish_lag(snapshot: Snapshot, now: datetime) -> float | None:
    """How long 95 % of the newest published events waited; None: too few, or no such column."""
    if snapshot.lacks(_PUBLISHED):
        return None
    since = {"before": naive_utc(now - _PUBLISHED_WITHIN), "rows": _PUBLISHED_READ}
    rows = snapshot.rows(_PUBLISHED, since)
    waits = sorted(
        (row.published_at - row.created_at).total_seconds()
        for row in rows
        if row.published_at is not None
    )
    return waits[len(waits) * 95 // 100] if len(waits) >= _PUBLISHED_MIN else None


def outbox_late(snapshot: Snapshot, now: datetime, before: datetime) -> Fact[OutboxState]:
    """What waits in the outbox since before a time."""
    late = _O.created_at <= BEFORE
    waiting, oldest = _WAITING.where(late), _OLDEST.where(late)
    if missing := snapshot.lacks(waiting, oldest):
        return snapshot.unavailable_columns(missing)
    params = {"before": naive_utc(before)}
    row = snapshot.rows(waiting, params)[0]
    if not row.waiting:
        return OutboxState(snapshot.shard, 0, 0.0, None)
    age = max(0.0, (now - aware_utc(row.oldest_at)).total_seconds())
    rows = snapshot.rows(oldest, {**params, "rows": _OLDEST_SHOWN})
    return OutboxState(snapshot.shard, row.waiting, age, None, tuple(map(_event, rows)))


def _event(row: Row[Any]) -> Params:
    return {
        "event_id": row.event_id,
        "payment_id": row.aggregate_id,
        "event_type": row.event_type[:200],
        "created_at": aware_utc(row.created_at).isoformat(),
    }


# --- payments in a time range ------------------------------------------------------------------

_IN_RANGE = and_(
    _P.payment_id >= bindparam("low", type_=Integer()),
    _P.requested_at >= BEFORE,
    _P.requested_at <= bindparam("until", type_=_P.requested_at.type),
)
_COUNT, _AMOUNT = func.count().label("count_"), func.sum(_P.amount).label("amount_krw")
_BY_STATUS = select(_P.status, _COUNT, _AMOUNT).where(_IN_RANGE).group_by(_P.status)
_TOP = (
    select(_P.merchant_id, _COUNT, _AMOUNT)
    .where(_IN_RANGE)
    .group_by(_P.merchant_id)
    .order_by(func.sum(_P.amount).desc(), _P.merchant_id)
    .limit(ROWS)
)
_TOP_SHOWN, _TOP_READ = 5, 100
_BEGIN = datetime(1, 1, 1)  # noqa: DTZ001 - naive, as the database writes times


def statistics(
    snapshot: Snapshot, time_range: str, start: datetime | None, now: datetime
) -> Fact[PaymentStatistics]:
    """One shard's payments requested since `start` (None: all)."""
    if missing := snapshot.lacks(_BY_STATUS, _TOP, low_statement("payment")):
        return snapshot.unavailable_columns(missing)
    since = naive_utc(start) if start else _BEGIN
    low = low_key(snapshot, "payment", since, mark=time_range) if start else 0
    params = {"low": low, "before": since, "until": naive_utc(now)}
    statuses = _statuses(snapshot.rows(_BY_STATUS, params))
    merchants: tuple[Params, ...] = tuple(
        {
            "merchant_id": row.merchant_id[:200],
            "transaction_count": row.count_,
            "amount_krw": int(row.amount_krw),
        }
        for row in snapshot.rows(_TOP, {**params, "rows": _TOP_READ})
    )
    count = sum(s.count for s in statuses)
    amount = sum(s.amount_krw or 0 for s in statuses)
    return PaymentStatistics(time_range, count, amount, statuses, merchants)


def _statuses(rows: Sequence[Row[Any]]) -> tuple[StatusCount, ...]:
    return tuple(StatusCount(row.status, row.count_, int(row.amount_krw)) for row in rows)


def add_statistics(parts: Sequence[PaymentStatistics]) -> PaymentStatistics:
    """The shards' payments together."""
    merchants: dict[str, tuple[int, int]] = {}
    for row in (row for part in parts for row in part.top_merchants):
        count, amount = merchants.get(str(row["merchant_id"]), (0, 0))
        added = count + int(row["transaction_count"] or 0), amount + int(row["amount_krw"] or 0)
        merchants[str(row["merchant_id"])] = added
    ranked = sorted(merchants.items(), key=lambda item: (-item[1][1], item[0]))
    return PaymentStatistics(
        time_range=parts[0].time_range,
        count=sum(part.count for part in parts),
        amount_krw=sum(part.amount_krw for part in parts),
        by_status=_add_statuses(s for part in parts for s in part.by_status),
        top_merchants=tuple(
            {"merchant_id": merchant, "transaction_count": count, "amount_krw": amount}
            for merchant, (count, amount) in ranked[:_TOP_SHOWN]
        ),
    )


def _add_statuses(statuses: Iterable[StatusCount]) -> tuple[StatusCount, ...]:
    sums: dict[str, StatusCount] = {}
    for one in statuses:
        before = sums.get(one.status, StatusCount(one.status, 0, None))
        known = one.amount_krw is not None or before.amount_krw is not None
        amount = (before.amount_krw or 0) + (one.amount_krw or 0) if known else None
        sums[one.status] = StatusCount(one.status, before.count + one.count, amount)
    return tuple(sums[status] for status in sorted(sums))


# --- row counts --------------------------------------------------------------------------------

_WAITING_COUNT = select(func.count(_O.event_id)).where(_WAITS)


def counts(snapshot: Snapshot) -> Fact[BookCounts]:
    """One shard's row counts."""
    clocks = [low_statement(table) for table in ("payment", "outbox_event")]
    if missing := snapshot.lacks(_WAITING_COUNT, *clocks):
        return snapshot.unavailable_columns(missing)
    waiting = snapshot.rows(_WAITING_COUNT, {})[0][0]
    payments, events = (row_count(snapshot, table) for table in ("payment", "outbox_event"))
    return BookCounts(payments, events, waiting, {snapshot.shard: "UP"})


def add_counts(parts: Sequence[BookCounts]) -> BookCounts:
    """The shards' counts together."""
    return BookCounts(
        payments=sum(part.payments for part in parts),
        outbox_total=sum(part.outbox_total for part in parts),
        outbox_waiting=sum(part.outbox_waiting for part in parts),
        shards={shard: state for part in parts for shard, state in part.shards.items()},
    )


_WRITES = ("settlement_request", "refund_request", "ledger_entry")


def written(snapshot: Snapshot) -> Fact[Written]:
    """How many rows the workers have written on one shard."""
    if missing := snapshot.lacks(*(low_statement(table) for table in _WRITES)):
        return snapshot.unavailable_columns(missing)
    return Written(*(row_count(snapshot, table) for table in _WRITES))


# --- what the workers did ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """What to ask about one kind of work. `delayed` counts payments that wait for it too long.

    Requests themselves are never seen PENDING (one transaction), so payments must tell.
    """

    done: Select[Any]
    delayed: Select[Any]
    patience: timedelta


def _done(table: Any, amount: Any) -> Select[Any]:
    gave_up = and_(table.c.status == literal_column("'FAILED'"), table.c.retry_count >= RETRIES_MAX)
    return select(
        table.c.status,
        _COUNT,
        func.sum(amount).label("amount_krw"),
        _count_if(gave_up).label("dead_letters"),
    ).group_by(table.c.status)


def _stuck(status: str, since: Any) -> Select[Any]:
    return select(func.count()).where(_P.status == literal_column(f"'{status}'"), since < BEFORE)


_WORK = {
    "settlement": _Work(
        _done(SETTLEMENT, SETTLEMENT.c.request_amount),
        _stuck("CAPTURE_REQUESTED", _P.requested_at),
        timedelta(hours=1),
    ),
    "refund": _Work(
        _done(REFUND, REFUND.c.refund_amount),
        _stuck("REFUND_REQUESTED", _P.updated_at),
        timedelta(minutes=30),
    ),
}


def work(snapshot: Snapshot, kind: str, now: datetime, retries_max: int) -> Fact[WorkStats]:
    """One shard's settlements or refunds since ever."""
    asked = _WORK[kind]
    if missing := snapshot.lacks(asked.done, asked.delayed):
        return snapshot.unavailable_columns(missing)
    rows = snapshot.rows(asked.done, {"retries_max": retries_max})
    before = {"before": naive_utc(now - asked.patience)}
    by_status = {row.status: row.count_ for row in rows}
    return WorkStats(
        work=kind,
        total=sum(by_status.values()),
        succeeded=by_status.get("SUCCESS", 0),
        failed=by_status.get("FAILED", 0),
        pending=by_status.get("PENDING", 0),
        dead_letters=int(sum(row.dead_letters for row in rows)),  # MariaDB sums to decimals
        delayed=snapshot.rows(asked.delayed, before)[0][0],
        amount_krw=float(sum(row.amount_krw or 0 for row in rows)),
    )


def add_work(parts: Sequence[WorkStats]) -> WorkStats:
    """The shards' work together."""
    return WorkStats(
        work=parts[0].work,
        total=sum(part.total for part in parts),
        succeeded=sum(part.succeeded for part in parts),
        failed=sum(part.failed for part in parts),
        pending=sum(part.pending for part in parts),
        dead_letters=sum(part.dead_letters for part in parts),
        delayed=sum(part.delayed or 0 for part in parts),
        amount_krw=sum(part.amount_krw for part in parts),
    )
