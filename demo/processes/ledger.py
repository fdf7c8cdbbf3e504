"""The ledger consumer: books captures and refunds; what it cannot read goes to the DLQ.

What it cannot book, because its shard is down or refuses the row, it tries ten times and skips.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from demo.platform.broker import LEDGER_GROUP, Record
from demo.platform.down import PartDownError
from demo.platform.parts import Parts, Span
from demo.platform.times import instant, row_text
from demo.processes.batches import work_off

_RECEIVABLE, _CASH = "merchant_receivable", "cash"
_ACCOUNTS = {
    "payment.captured": (_RECEIVABLE, _CASH),
    "payment.refunded": (_CASH, _RECEIVABLE),
}


@dataclass(frozen=True, slots=True)
class _Posting:
    payment_id: int
    amount: int
    occurred_at: str


def run(parts: Parts, span: Span) -> bool:
    """Book what has arrived in this tick, a commit for each record; whether there was anything."""
    if not parts.broker.up or parts.conditions.consumer_stuck:
        return True
    return work_off(parts, LEDGER_GROUP, _book_or_skip, _seconds, span, polled_max=1)


def book_skipped(parts: Parts, now: datetime) -> None:
    """Book by hand what was skipped, as far as its shard is up."""
    for record in list(parts.skipped):
        if parts.shards.of(record.merchant_id or "").up:
            _book(parts, record, now)
            parts.skipped.remove(record)


def _cannot_book(parts: Parts, record: Record) -> bool:
    shard = parts.shards.of(record.merchant_id or "")
    is_refused = parts.conditions.shard2_unbookable and shard is parts.shards.shard2
    return is_refused or not shard.up


def _seconds(parts: Parts, record: Record) -> float:
    """Ten attempts, the partition waiting, for what cannot be booked."""
    if _cannot_book(parts, record):
        return parts.chance.uniform(3.5, 3.7)
    return parts.chance.uniform(0.01, 0.05)


def _book_or_skip(parts: Parts, record: Record, done: datetime) -> None:
    """What cannot be booked is skipped: no entry, no dead letter, and the offset goes on."""
    try:
        if _cannot_book(parts, record):
            parts.skipped.append(record)
        else:
            _book(parts, record, done)
    except PartDownError:  # it went just now
        parts.skipped.append(record)


def _book(parts: Parts, record: Record, done: datetime) -> None:
    try:
        posting = _read(record)
    except (ValueError, KeyError, TypeError) as error:
        parts.broker.append("payment.dlq", None, _dead_letter(record, error, done), done)
        return
    debit, credit = _ACCOUNTS[record.topic]
    shard = parts.shards.of(record.merchant_id or "")
    if shard.one(
        "SELECT entry_id FROM ledger_entry WHERE payment_id = ? AND debit_account = ?"
        " AND credit_account = ? AND occurred_at = ?",
        (posting.payment_id, debit, credit, posting.occurred_at),
    ):
        return  # a real broker brings a record again when it, or a shard, went in between
    shard.execute(
        "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount, occurred_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (posting.payment_id, debit, credit, posting.amount, posting.occurred_at),
    )


def _read(record: Record) -> _Posting:
    event = json.loads(record.value)
    at = datetime.fromisoformat(event["occurredAt"])
    return _Posting(int(event["paymentId"]), int(event["amount"]), row_text(at))


def _dead_letter(record: Record, error: Exception, at: datetime) -> str:
    return json.dumps(
        {
            "originalTopic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "payload": record.value,
            "errorType": type(error).__name__,
            "errorMessage": str(error),
            "timestamp": instant(at),
        }
    )
