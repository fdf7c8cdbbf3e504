"""One merchant on one shard: its payments by period of time and status."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DateTime, Row, String, bindparam, func, select

from checks.sources.database.servers.functions import parity_of
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import PAYMENT, aware_utc, naive_utc
from checks.sources.facts.payments import Count, MerchantShard, Periods
from checks.sources.facts.unavailable import Fact, cut

_P = PAYMENT.c
_MINE = _P.merchant_id == bindparam("merchant", type_=String())
_COUNTS = (
    select(_P.status, func.count().label("count_"), func.sum(_P.amount).label("amount_krw"))
    .where(
        _MINE,
        _P.requested_at >= bindparam("since", type_=DateTime()),
        _P.requested_at < bindparam("until", type_=DateTime()),
    )
    .group_by(_P.status)
)
_ENDS = select(func.min(_P.requested_at).label("a"), func.max(_P.requested_at).label("b")).where(
    _MINE
)


def merchant(
    snapshot: Snapshot, merchant_id: str, periods: Periods, parity: int | None
) -> Fact[MerchantShard]:
    """What a merchant did in each period of time; an index of merchant and time leads to it."""
    if missing := snapshot.lacks(_COUNTS, _ENDS):
        return snapshot.unavailable_columns(missing)
    ends = snapshot.rows(_ENDS, {"merchant": merchant_id})[0]
    found = []
    for start, end in periods if ends.a is not None else ():
        span = {"since": naive_utc(start), "until": naive_utc(end)}
        rows = snapshot.rows(_COUNTS, {"merchant": merchant_id, **span})
        found.append(tuple(_count(row) for row in rows))
    return MerchantShard(
        snapshot.shard,
        None if parity is None else parity_of(merchant_id) == parity,
        None if ends.a is None else aware_utc(ends.a),
        None if ends.b is None else aware_utc(ends.b),
        tuple(found) or ((),) * len(periods),
    )


def _count(row: Row[Any]) -> Count:
    return Count(cut(row.status, 50), row.count_, int(row.amount_krw))
