"""The ingest service: authorize, capture and refund, with their limits and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from demo.platform.cache import IDEMPOTENCY_LIFE, idempotency_key, rate_key
from demo.platform.down import PartDownError
from demo.platform.parts import HUNG_SECONDS, SLOW_SECONDS, Parts
from demo.platform.shards import Row, Shard
from demo.platform.times import instant, row_text, row_time

AUTHORIZE, CAPTURE, REFUND = "authorize", "capture", "refund"
URIS = {
    AUTHORIZE: "/payments/authorize",
    CAPTURE: "/payments/capture/{paymentId}",
    REFUND: "/payments/refund/{paymentId}",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What ingest answers: a status and a JSON body; no body where Boot words the error."""

    status: int
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """A wish to pay."""

    merchant_id: str
    amount: int
    currency: str
    idempotency_key: str


def authorize(parts: Parts, wish: Authorization, now: datetime) -> Answer:
    """Authorize a payment and request its capture."""
    return _metered(parts, AUTHORIZE, lambda: _authorize(parts, wish, now))


def capture(parts: Parts, payment_id: int, merchant_id: str, now: datetime) -> Answer:
    """Capture a payment without waiting for the settlement worker."""
    return _metered(parts, CAPTURE, lambda: _capture(parts, payment_id, merchant_id, now))


def refund(parts: Parts, payment_id: int, merchant_id: str, reason: str, now: datetime) -> Answer:
    """Request the refund of a captured payment."""
    return _metered(parts, REFUND, lambda: _refund(parts, payment_id, merchant_id, reason, now))


def add_event(
    shard: Shard, payment_id: int, kind: str, payload: Mapping[str, Any], now: datetime
) -> None:
    """Put an event into the outbox, in the transaction of the change it tells of."""
    shard.execute(
        "INSERT INTO outbox_event (aggregate_type, aggregate_id, event_type, payload, created_at)"
        " VALUES ('payment', ?, ?, ?, ?)",
        (payment_id, kind, json.dumps(payload), row_text(now)),
    )


def set_status(shard: Shard, payment_id: int, status: str, now: datetime) -> None:
    """Move a payment to another status."""
    shard.execute(
        "UPDATE payment SET status = ?, updated_at = ? WHERE payment_id = ?",
        (status, row_text(now), payment_id),
    )


def _authorize(parts: Parts, wish: Authorization, now: datetime) -> Answer:
    if limited := _limit(parts, AUTHORIZE, wish.merchant_id, now):
        return limited
    shard = parts.shards.of(wish.merchant_id)
    try:
        known = _cached(parts, wish, now) or _known(shard, wish)
    except PartDownError:
        return Answer(500)
    if known:
        return Answer(200, known)
    if not _approved(parts, now):
        return _error(409, "DUPLICATE_REQUEST", "The request was already processed or refused")
    body = _write(parts, shard, wish, now)
    _remember(parts, wish, body, now)
    return Answer(200, body)


def _capture(parts: Parts, payment_id: int, merchant_id: str, now: datetime) -> Answer:
    if limited := _limit(parts, CAPTURE, merchant_id, now):
        return limited
    shard = parts.shards.of(merchant_id)
    try:
        payment = _payment(shard, payment_id, merchant_id)
    except PartDownError:
        return Answer(500)
    if payment is None:
        return _error(404, "NOT_FOUND", "Payment not found")
    if payment["status"] not in ("CAPTURE_REQUESTED", "AUTHORIZED"):
        message = f"Payment cannot be captured in status {payment['status']}"
        return _error(409, "CAPTURE_CONFLICT", message, payment_id)
    set_status(shard, payment_id, "CAPTURED", now)
    event = outcome_event(payment_id, "CAPTURED", payment["amount"], now)
    add_event(shard, payment_id, "PAYMENT_CAPTURED", event, now)
    return Answer(200, _payment_body(payment, "CAPTURED", "Payment captured"))


def _refund(parts: Parts, payment_id: int, merchant_id: str, reason: str, now: datetime) -> Answer:
    if limited := _limit(parts, REFUND, merchant_id, now):
        return limited
    shard = parts.shards.of(merchant_id)
    try:
        payment = _payment(shard, payment_id, merchant_id)
    except PartDownError:
        return Answer(500)
    if payment is None:
        return _error(404, "NOT_FOUND", "Payment not found")
    if payment["status"] != "CAPTURED":
        message = f"Payment cannot be refunded in status {payment['status']}"
        return _error(409, "REFUND_CONFLICT", message, payment_id)
    set_status(shard, payment_id, "REFUND_REQUESTED", now)
    event = outcome_event(payment_id, "REFUND_REQUESTED", payment["amount"], now)
    event |= {"merchantId": merchant_id, "reason": reason}
    add_event(shard, payment_id, "PAYMENT_REFUND_REQUESTED", event, now)
    return Answer(200, _payment_body(payment, "REFUND_REQUESTED", "Refund requested"))


def outcome_event(payment_id: int, status: str, amount: int, now: datetime) -> dict[str, Any]:
    """The four fields that every event about a payment has."""
    return {
        "paymentId": payment_id,
        "status": status,
        "amount": amount,
        "occurredAt": instant(now),
    }


def _metered(parts: Parts, action: str, ask: Callable[[], Answer]) -> Answer:
    """Without Redis a request hangs until the gateway gives up; nothing is written by it."""
    if not parts.cache.up:
        parts.meters.record("POST", URIS[action], 500, HUNG_SECONDS)
        return Answer(504)
    answer = ask()
    seconds = parts.chance.uniform(0.015, 0.08)
    if parts.conditions.slow_api:
        seconds += SLOW_SECONDS
    parts.meters.record("POST", URIS[action], answer.status, seconds)
    return answer


def _limit(parts: Parts, action: str, merchant_id: str, now: datetime) -> Answer | None:
    try:
        held = parts.cache.increment(rate_key(action, merchant_id), now)
    except PartDownError:
        return None  # the limiter fails open
    if int(held.value) <= parts.settings.rate_capacity:
        return None
    wait = ceil((held.until - now).total_seconds()) if held.until else 0
    message = f"Rate limit exceeded for {action} requests. Try again in {wait} seconds."
    return _error(429, "RATE_LIMIT_EXCEEDED", message)


def _cached(parts: Parts, wish: Authorization, now: datetime) -> Mapping[str, Any] | None:
    with suppress(PartDownError):
        held = parts.cache.get(idempotency_key(wish.merchant_id, wish.idempotency_key), now)
        if held is not None:
            found: Mapping[str, Any] = json.loads(held.value)
            return found
    return None


def _known(shard: Shard, wish: Authorization) -> Mapping[str, Any] | None:
    row = shard.one(
        "SELECT response_body FROM idem_response_cache"
        " WHERE merchant_id = ? AND idempotency_key = ?",
        (wish.merchant_id, wish.idempotency_key),
    )
    return None if row is None else json.loads(row["response_body"])


def _approved(parts: Parts, now: datetime) -> bool:
    if not parts.pg.permits(now):
        parts.pg.refuse()
        return False
    approved = not parts.conditions.pg_refusing
    parts.pg.record(approved, now)
    return approved


def _write(parts: Parts, shard: Shard, wish: Authorization, now: datetime) -> dict[str, Any]:
    at = row_text(now)
    payment_id = shard.execute(
        "INSERT INTO payment (merchant_id, amount, currency, status, idempotency_key,"
        " requested_at, updated_at) VALUES (?, ?, ?, 'CAPTURE_REQUESTED', ?, ?, ?)",
        (wish.merchant_id, wish.amount, wish.currency, wish.idempotency_key, at, at),
    ).lastrowid
    assert payment_id is not None  # noqa: S101 - an INSERT has one
    approval = f"APP{parts.chance.getrandbits(32):08X}"
    event = outcome_event(payment_id, "AUTHORIZED", wish.amount, now)
    transaction = f"TXN{parts.chance.getrandbits(48):012X}"
    extra = {"currency": wish.currency, "approvalNumber": approval, "transactionId": transaction}
    add_event(shard, payment_id, "PAYMENT_AUTHORIZED", event | extra, now)
    requested = event | {"status": "CAPTURE_REQUESTED", "merchantId": wish.merchant_id}
    add_event(shard, payment_id, "PAYMENT_CAPTURE_REQUESTED", requested, now)
    return {
        "paymentId": payment_id,
        "status": "CAPTURE_REQUESTED",
        "amount": wish.amount,
        "currency": wish.currency,
        "createdAt": instant(now),
        "ledgerEntries": [],
        "message": f"Payment authorized and capture requested - Approval: {approval}",
    }


def _remember(parts: Parts, wish: Authorization, body: Mapping[str, Any], now: datetime) -> None:
    text = json.dumps(body)
    parts.shards.of(wish.merchant_id).execute(
        "INSERT INTO idem_response_cache VALUES (?, ?, 200, ?, ?)",
        (wish.merchant_id, wish.idempotency_key, text, row_text(now)),
    )
    with suppress(PartDownError):
        key = idempotency_key(wish.merchant_id, wish.idempotency_key)
        parts.cache.put(key, text, now + IDEMPOTENCY_LIFE)


def _payment(shard: Shard, payment_id: int, merchant_id: str) -> Row | None:
    return shard.one(
        "SELECT * FROM payment WHERE payment_id = ? AND merchant_id = ?", (payment_id, merchant_id)
    )


def _payment_body(payment: Row, status: str, message: str) -> dict[str, Any]:
    return {
        "paymentId": payment["payment_id"],
        "status": status,
        "amount": payment["amount"],
        "currency": payment["currency"],
        "createdAt": instant(row_time(payment["requested_at"])),
        "ledgerEntries": [],
        "message": message,
    }


def _error(status: int, code: str, message: str, payment_id: int | None = None) -> Answer:
    return Answer(status, {"code": code, "message": message, "paymentId": payment_id})
