"""What became of one shard's payments of a time: what waits, failed, and is not or twice booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, exists, func, literal_column, select

from checks.sources.database.books.window import low_key, low_statement
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import (
    BEFORE,
    CAPTURED_FAMILY,
    LEDGER,
    PAYMENT,
    naive_utc,
    words,
)
from checks.sources.facts.payments import Affected
from checks.sources.facts.unavailable import Fact

_L, _P = LEDGER.c, PAYMENT.c
_SETTLES_WITHIN = timedelta(minutes=2)  # younger payments are on their way as always
_REACH_MAX = timedelta(days=1)
_KINDS = {
    "CAPTURE_REQUESTED": "waiting_for_capture",
    "CAPTURE_FAILED": "capture_failed",
    "REFUND_REQUESTED": "waiting_for_refund",
    "REFUND_FAILED": "refund_failed",
}
_IN_TIME = and_(
    _P.payment_id >= bindparam("low", type_=Integer()),
    _P.requested_at >= BEFORE,
    _P.requested_at <= bindparam("until", type_=_P.requested_at.type),
)
_COUNT, _AMOUNT = func.count().label("count_"), func.sum(_P.amount).label("krw")
_BY_STATUS = (
    select(_P.status, _COUNT, _AMOUNT)
    .where(_IN_TIME, _P.status.in_(words(tuple(_KINDS))))
    .group_by(_P.status)
)
_CAPTURE = and_(
    _L.debit_account == literal_column("'merchant_receivable'"),
    _L.credit_account == literal_column("'cash'"),
)
_UNBOOKED = select(_COUNT, _AMOUNT).where(
    _IN_TIME,
    _P.status.in_(words(CAPTURED_FAMILY)),
    ~exists(select(_L.entry_id).where(_L.payment_id == _P.payment_id, _CAPTURE)),
)


def _twice() -> Select[int, Any]:
    """Payments with several capture entries, and the amounts that are too much."""
    entries = (
        select(func.count())
        .where(_L.payment_id == _P.payment_id, _CAPTURE)
        .correlate(PAYMENT)
        .scalar_subquery()
    )
    one = literal_column("1", Integer())
    extra = select(_P.amount, (entries - one).label("extra")).where(_IN_TIME).subquery()
    too_much = func.sum(extra.c.amount * extra.c.extra).label("krw")
    return select(_COUNT, too_much).select_from(extra).where(extra.c.extra >= one)


_TWICE = _twice()


def affected(snapshot: Snapshot, start: datetime, now: datetime) -> Fact[Affected]:
    """One shard's payments requested since `start` that are not where they should be."""
    if missing := snapshot.lacks(_BY_STATUS, _UNBOOKED, _TWICE, low_statement("payment")):
        return snapshot.unavailable_columns(missing)
    since = naive_utc(max(start, now - _REACH_MAX))
    params = {
        "low": low_key(snapshot, "payment", since, mark="affected"),
        "before": since,
        "until": naive_utc(now - _SETTLES_WITHIN),
    }
    found = {_KINDS[row.status]: row for row in snapshot.rows(_BY_STATUS, params)}
    found["not_booked"] = snapshot.rows(_UNBOOKED, params)[0]
    found["booked_twice"] = snapshot.rows(_TWICE, params)[0]
    return {kind: (int(r.count_), int(r.krw or 0)) for kind, r in found.items() if r.count_}


def add_affected(parts: Sequence[Affected]) -> Affected:
    """The shards' payments together."""
    sums: dict[str, tuple[int, int]] = {}
    for part in parts:
        for kind, (count, krw) in part.items():
            known = sums.get(kind, (0, 0))
            sums[kind] = known[0] + count, known[1] + krw
    return sums
