"""Idempotency keys: used twice where they must not be, or answered with another payment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, DateTime, Row, and_, bindparam, or_, select

from checks.sources.database.books.window import low_key
from checks.sources.database.servers.functions import json_number
from checks.sources.database.servers.shard import Shard, Snapshot
from checks.sources.database.servers.tables import IDEMPOTENCY, PAYMENT, ROWS, aware_utc, naive_utc
from checks.sources.facts.payments import KeyFindings, KeyUse, SharedKey, WrongAnswer
from checks.sources.facts.unavailable import Fact, Unavailable, cut

PAYMENTS_MAX = 50_000
_WRONG_MAX = 200
_SHARED_MAX = 500
_TWINS_MAX = 5000
_CHUNK = 500
_P, _I = PAYMENT.c, IDEMPOTENCY.c
_USE = (_P.payment_id, _P.merchant_id, _P.idempotency_key, _P.status, _P.amount, _P.requested_at)
_LOW = _P.payment_id >= bindparam("low", type_=BigInteger())
_USES = (
    select(*_USE)
    .where(_LOW, _P.requested_at >= bindparam("since", type_=DateTime()))
    .order_by(_P.payment_id.desc())
    .limit(ROWS)
)
_NAMED = select(*_USE).where(
    _P.merchant_id == bindparam("merchant"),
    _P.idempotency_key.in_(bindparam("keys", expanding=True)),
)
_MERCHANTS = (
    select(_P.merchant_id)
    .where(_P.merchant_id.in_(bindparam("merchants", expanding=True)))
    .group_by(_P.merchant_id)
)
_ANSWERED = json_number(_I.response_body, "$.paymentId")
_WRONG = (
    select(_P.payment_id, _P.merchant_id, _P.idempotency_key, _ANSWERED.label("answered"))
    .select_from(
        PAYMENT.join(
            IDEMPOTENCY,
            and_(_I.merchant_id == _P.merchant_id, _I.idempotency_key == _P.idempotency_key),
        )
    )
    .where(_LOW, or_(_ANSWERED.is_(None), _P.payment_id != _ANSWERED))
    .order_by(_P.payment_id.desc())
    .limit(ROWS)
)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of the newest payments of a shard; `cut_at`: older ones were not looked at."""

    shard: str
    uses: Mapping[tuple[str, str], KeyUse]  # by key and merchant
    cut_at: datetime | None
    wrong: tuple[WrongAnswer, ...]


def shared_keys(
    shards: Sequence[Shard], twins: Sequence[str], start: datetime
) -> Fact[KeyFindings]:
    """What the keys of the payments since `start` show, on every shard and across them."""
    own = [shard for shard in shards if shard.name not in twins]
    parts = {shard.name: shard.ask(lambda s: _keys(s, start)) for shard in own}
    seen = [part for part in parts.values() if isinstance(part, _Keys)]
    if not seen:
        return next(part for part in parts.values() if isinstance(part, Unavailable))
    unavailable = [part for part in parts.values() if isinstance(part, Unavailable)]
    older = _older_twins(own, seen) if not unavailable else {}
    if isinstance(older, Unavailable):
        unavailable, older = [older], {}
    return KeyFindings(
        {part.shard: len(part.uses) for part in seen},
        {part.shard: part.cut_at for part in seen if part.cut_at},
        tuple(_shared(seen, older))[:_SHARED_MAX],
        tuple(wrong for part in seen for wrong in part.wrong),
        tuple(unavailable),
        has_merged=not unavailable,
    )


def _keys(snapshot: Snapshot, start: datetime) -> Fact[_Keys]:
    if missing := snapshot.lacks(_USES, _WRONG):
        return snapshot.unavailable_columns(missing)
    low = low_key(snapshot, "payment", naive_utc(start), mark="keys")
    params = {"low": low, "since": naive_utc(start), "rows": PAYMENTS_MAX + 1}
    rows = snapshot.rows(_USES, params)
    low = rows[min(len(rows), PAYMENTS_MAX) - 1].payment_id if rows else low
    wrong = snapshot.rows(_WRONG, {"low": low, "rows": _WRONG_MAX})
    uses = [_use(snapshot.shard, row) for row in rows[:PAYMENTS_MAX]]
    return _Keys(
        snapshot.shard,
        {(row.idempotency_key, row.merchant_id): use for row, use in zip(rows, uses, strict=False)},
        uses[-1].requested_at if len(rows) > PAYMENTS_MAX else None,
        tuple(_wrong(snapshot.shard, row) for row in wrong),
    )


def _use(shard: str, row: Row[Any]) -> KeyUse:
    at = aware_utc(row.requested_at)
    merchant, status = cut(row.merchant_id, 64), cut(row.status, 50)
    return KeyUse(shard, row.payment_id, merchant, status, int(row.amount), at)


def _wrong(shard: str, row: Row[Any]) -> WrongAnswer:
    answered = None if row.answered is None else int(row.answered)
    key, merchant = cut(row.idempotency_key, 64), cut(row.merchant_id, 64)
    return WrongAnswer(shard, key, merchant, row.payment_id, answered)


def _shared(
    seen: Sequence[_Keys], older: Mapping[tuple[str, str], Sequence[KeyUse]]
) -> Iterator[SharedKey]:
    """Keys with several payments: the same merchant's first, for that is money taken twice."""
    by_pair: dict[tuple[str, str], list[KeyUse]] = {pair: [*uses] for pair, uses in older.items()}
    for part in seen:
        for pair, use in part.uses.items():
            known = by_pair.setdefault(pair, [])
            if all((u.shard, u.payment_id) != (use.shard, use.payment_id) for u in known):
                known.append(use)
    by_key: dict[str, list[KeyUse]] = {}
    for (key, _), uses in by_pair.items():
        by_key.setdefault(key, []).extend(uses)
    for (key, _), uses in by_pair.items():
        if len(uses) > 1:
            yield SharedKey("both_shards", cut(key, 64), tuple(uses))
    for key, uses in by_key.items():
        if len({use.merchant_id for use in uses}) > 1:
            yield SharedKey("across_merchants", cut(key, 64), tuple(uses))


def _older_twins(
    shards: Sequence[Shard], seen: Sequence[_Keys]
) -> Fact[dict[tuple[str, str], list[KeyUse]]]:
    """Payments of any age on other shards under the same merchant and key, found by their index."""
    found: dict[tuple[str, str], list[KeyUse]] = {}
    for part in seen:
        merchants = sorted({merchant for _, merchant in part.uses})[:_TWINS_MAX]
        for other in (shard for shard in shards if shard.name != part.shard):
            rows = other.ask(partial(_twins, part=part, merchants=merchants))
            if isinstance(rows, Unavailable):
                return rows
            for row in rows:
                pair = (row.idempotency_key, row.merchant_id)
                found.setdefault(pair, []).append(_use(other.name, row))
    return found


def _twins(snapshot: Snapshot, part: _Keys, merchants: Sequence[str]) -> Fact[list[Row[Any]]]:
    there = [
        row.merchant_id
        for at in range(0, len(merchants), _CHUNK)
        for row in snapshot.rows(_MERCHANTS, {"merchants": merchants[at : at + _CHUNK]})
    ]
    found: list[Row[Any]] = []
    owned: dict[str, list[str]] = {merchant: [] for merchant in there}
    for key, owner in part.uses:
        if owner in owned and len(owned[owner]) < _TWINS_MAX:
            owned[owner].append(key)
    for merchant, keys in owned.items():
        for at in range(0, len(keys), _CHUNK):
            params = {"merchant": merchant, "keys": keys[at : at + _CHUNK]}
            found += snapshot.rows(_NAMED, params)
    return found
