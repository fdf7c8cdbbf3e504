"""The settlement and the refund worker: they call the payment gateway and record its answer."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial

from demo.platform import broker as topics
from demo.platform.broker import Record
from demo.platform.parts import Parts, Span
from demo.platform.pg_book import Moved
from demo.platform.shards import Row, Shard
from demo.platform.times import row_text
from demo.processes.batches import retry_held, work_off
from demo.processes.ingest import outcome_event, set_status

_REQUESTS = {"CAPTURED": "settlement_request", "REFUNDED": "refund_request"}
_PREFIXES = {"capture": "STL", "refund": "RFD"}
_PASSED_OVER_SECONDS = 0.02


def run(parts: Parts, span: Span) -> bool:
    """Settle and refund what is due in this tick; whether there was anything."""
    works = False
    for group, work, again, due in _JOBS:
        if parts.broker.up:
            retry_held(parts, group, again, span.until)
        works |= work_off(parts, group, work, partial(_seconds, due), span)
    return works


def _seconds(due: str, parts: Parts, record: Record) -> float:
    """How long a record takes: what is due is asked of the PG, the rest is passed over."""
    _, payment = _look_up(parts, record)
    if payment is None or payment["status"] != due:
        return _PASSED_OVER_SECONDS
    return parts.chance.uniform(1, 3)


def settle(parts: Parts, record: Record, done: datetime) -> None:
    """Capture a payment at the payment gateway, unless the API has captured it already."""
    shard, payment = _look_up(parts, record)
    if payment is None or payment["status"] != "CAPTURE_REQUESTED":
        return
    paid = _pg_agrees(parts)
    shard.execute(
        "INSERT INTO settlement_request (payment_id, request_amount, status, pg_transaction_id,"
        " pg_response_code, pg_response_message, requested_at, completed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            payment["payment_id"],
            payment["amount"],
            *_outcome(parts, "capture", payment, paid, record, done),
        ),
    )
    _finish(parts, shard, payment, done, "CAPTURED" if paid else "CAPTURE_FAILED")


def give_back(parts: Parts, record: Record, done: datetime) -> None:
    """Cancel a captured payment at the payment gateway; one that is refunded is told once more."""
    shard, payment = _look_up(parts, record)
    if payment is None or _told_again(parts, shard, payment, "REFUNDED", done):
        return
    if payment["status"] != "REFUND_REQUESTED":
        return
    paid = _pg_agrees(parts)
    reason = json.loads(record.value).get("reason")
    shard.execute(
        "INSERT INTO refund_request (payment_id, refund_amount, refund_reason, status,"
        " pg_cancel_transaction_id, pg_response_code, pg_response_message, requested_at,"
        " completed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            payment["payment_id"],
            payment["amount"],
            reason,
            *_outcome(parts, "refund", payment, paid, record, done),
        ),
    )
    _finish(parts, shard, payment, done, "REFUNDED" if paid else "REFUND_FAILED")


def _settle_again(parts: Parts, record: Record, done: datetime) -> None:
    """A record that was held may have been settled, and its event lost with the broker."""
    shard, payment = _look_up(parts, record)
    if payment is not None and not _told_again(parts, shard, payment, "CAPTURED", done):
        settle(parts, record, done)


def _look_up(parts: Parts, record: Record) -> tuple[Shard, Row | None]:
    shard = parts.shards.of(record.merchant_id or "")
    payment_id = json.loads(record.value)["paymentId"]
    return shard, shard.one(
        "SELECT payment_id, merchant_id, amount, status FROM payment WHERE payment_id = ?",
        (payment_id,),
    )


def _pg_agrees(parts: Parts) -> bool:
    return parts.chance.random() * 100 >= parts.settings.pg_failure_percent


def _outcome(
    parts: Parts, kind: str, payment: Row, paid: bool, record: Record, done: datetime
) -> tuple[str | None, ...]:
    """Status, transaction, code, message and both times of a request's row.

    What the PG paid is in its own book, whatever becomes of our row.
    """
    requested = row_text(record.at)
    if not paid:
        return ("FAILED", None, "9999", "PG refused", requested, None)
    transaction = f"{_PREFIXES[kind]}_{parts.chance.getrandbits(32):08X}"
    about = (payment["payment_id"], payment["merchant_id"], int(payment["amount"]))
    parts.pg_book.add(Moved(done, kind, transaction, *about))
    return ("SUCCESS", transaction, "0000", "OK", requested, row_text(done))


def _told_again(parts: Parts, shard: Shard, payment: Row, status: str, done: datetime) -> bool:
    """A record that was worked off before: its event may have been lost with the broker."""
    row = shard.one(
        f"SELECT id FROM {_REQUESTS[status]} WHERE payment_id = ? AND status = 'SUCCESS'",
        (payment["payment_id"],),
    )
    if row is not None:
        _tell(parts, payment, status, done)
    return row is not None


def _finish(parts: Parts, shard: Shard, payment: Row, done: datetime, status: str) -> None:
    set_status(shard, payment["payment_id"], status, done)
    if status in _REQUESTS:
        _tell(parts, payment, status, done)


def _tell(parts: Parts, payment: Row, status: str, done: datetime) -> None:
    payment_id, merchant = payment["payment_id"], payment["merchant_id"]
    event = outcome_event(payment_id, status, payment["amount"], done)
    topic = f"payment.{status.lower()}"
    parts.broker.append(topic, str(payment_id), json.dumps(event), done, merchant_id=merchant)


_JOBS = (
    (topics.SETTLEMENT_GROUP, settle, _settle_again, "CAPTURE_REQUESTED"),
    (topics.REFUND_GROUP, give_back, give_back, "REFUND_REQUESTED"),
)
