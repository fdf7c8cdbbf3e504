"""All rows of one payment on one shard: by index where there is one, else bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    DateTime,
    Row,
    Select,
    String,
    bindparam,
    literal_column,
    select,
)

from checks.sources.database.questions.story_rows import ID, ROWS_MAX, Reader, part
from checks.sources.database.servers.rows import whole
from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import (
    IDEMPOTENCY,
    LEDGER,
    OUTBOX,
    PAYMENT,
    REFUND,
    ROWS,
    SETTLEMENT,
    aware_utc,
    naive_utc,
)
from checks.sources.facts.story import (
    LedgerEntry,
    OutboxEvent,
    PaymentRecords,
    PaymentRow,
    PgRequest,
    StoredAnswer,
)
from checks.sources.facts.unavailable import Fact, Unavailable, cut

T = TypeVar("T")
PASSED_MAX = 200

_P, _L, _I, _O = PAYMENT.c, LEDGER.c, IDEMPOTENCY.c, OUTBOX.c
PAYMENT_BY_ID: Select[Any] = select(PAYMENT).where(_P.payment_id == ID)
ENTRIES: Select[Any] = (
    select(LEDGER).where(_L.payment_id == ID).order_by(_L.occurred_at, _L.entry_id).limit(ROWS)
)
ANSWER: Select[Any] = select(_I.http_status, _I.response_body, _I.created_at).where(
    _I.merchant_id == bindparam("merchant_id", type_=String()),
    _I.idempotency_key == bindparam("idempotency_key", type_=String()),
)
PASSED: Select[Any] = (
    select(_O.aggregate_id)
    .where(
        _O.published == literal_column("1"),
        _O.created_at > bindparam("created_at", type_=DateTime()),
    )
    .order_by(_O.created_at)
    .limit(ROWS)
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the platform allows, and which payment ids this shard's relay takes."""

    parity: int | None
    outbox_retries_max: int
    work_retries_max: int


def payment_records(snapshot: Snapshot, payment_id: int, limits: Limits) -> Fact[PaymentRecords]:
    """Everything about one payment on a shard."""
    if missing := snapshot.lacks(PAYMENT_BY_ID):
        return snapshot.unavailable_columns(missing)
    found = snapshot.rows(PAYMENT_BY_ID, {"payment_id": payment_id})
    if not found:
        return _nothing(snapshot.shard, limits)
    payment = _payment(found[0])
    entries = part(snapshot, lambda: _entries(snapshot, payment_id))
    booked = () if isinstance(entries, Unavailable) else entries
    moments = (payment.updated_at, *(entry.occurred_at for entry in booked))
    reader = Reader(snapshot, payment_id, payment.requested_at, moments)
    settlements = reader.read(SETTLEMENT, lambda row: _request("settlement", row))
    refunds = reader.read(REFUND, lambda row: _request("refund", row))
    events = reader.read(OUTBOX, _event)
    return replace(
        _nothing(snapshot.shard, limits),
        payment=payment,
        entries=entries,
        events=events
        if isinstance(events, Unavailable)
        else _with_passed(snapshot, payment, events),
        settlements=settlements,
        refunds=refunds,
        answer=part(snapshot, lambda: _answer(snapshot, found[0])),
        read_until=reader.read_until,
    )


def _nothing(shard: str, limits: Limits) -> PaymentRecords:
    return PaymentRecords(
        *(shard, None, (), (), (), (), None),
        parity=limits.parity,
        outbox_retries_max=limits.outbox_retries_max,
        work_retries_max=limits.work_retries_max,
    )


def _entries(snapshot: Snapshot, payment_id: int) -> Fact[tuple[LedgerEntry, ...]]:
    if missing := snapshot.lacks(ENTRIES):
        return snapshot.unavailable_columns(missing)
    rows = snapshot.rows(ENTRIES, {"payment_id": payment_id, "rows": ROWS_MAX})
    return tuple(_entry(row) for row in rows)


def _answer(snapshot: Snapshot, payment: Row[Any]) -> Fact[StoredAnswer | None]:
    if missing := snapshot.lacks(ANSWER):
        return snapshot.unavailable_columns(missing)
    key = {"merchant_id": payment.merchant_id, "idempotency_key": payment.idempotency_key}
    rows = snapshot.rows(ANSWER, key)
    if not rows:
        return None
    named = _json(rows[0].response_body).get("paymentId")
    is_id = isinstance(named, int) and not isinstance(named, bool)
    return StoredAnswer(
        rows[0].http_status, named if is_id else None, aware_utc(rows[0].created_at)
    )


def _with_passed(
    snapshot: Snapshot, payment: PaymentRow, events: Sequence[OutboxEvent]
) -> tuple[OutboxEvent, ...]:
    """The events, and of those that wait how many later ones were published before them."""
    if ("outbox_event", "published") not in snapshot.schema.indexed:
        return tuple(events)
    return tuple(
        event if event.published else _counted(snapshot, payment, event) for event in events
    )


def _counted(snapshot: Snapshot, payment: PaymentRow, event: OutboxEvent) -> OutboxEvent:
    params = {"created_at": naive_utc(event.created_at), "rows": PASSED_MAX}
    rows = part(snapshot, lambda: snapshot.rows(PASSED, params))
    if isinstance(rows, Unavailable):
        return event
    alike = [row for row in rows if row.aggregate_id % 2 == payment.payment_id % 2]
    return replace(event, passed=len(rows), passed_alike=len(alike))


def _payment(row: Row[Any]) -> PaymentRow:
    return PaymentRow(
        row.payment_id,
        cut(row.merchant_id, 40),
        int(row.amount),
        cut(row.currency, 10),
        cut(row.status, 50),
        cut(row.idempotency_key, 80),
        aware_utc(row.requested_at),
        aware_utc(row.updated_at),
    )


def _entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        row.entry_id,
        row.payment_id,
        cut(row.debit_account, 64),
        cut(row.credit_account, 64),
        int(row.amount),
        aware_utc(row.occurred_at),
    )


def _event(row: Row[Any]) -> OutboxEvent:
    return OutboxEvent(
        row.event_id,
        cut(row.event_type, 40),
        aware_utc(row.created_at),
        bool(row.published),
        _time(row, "published_at"),
        getattr(row, "retry_count", None),
        _time(row, "last_retry_at"),
    )


def _request(kind: str, row: Row[Any]) -> PgRequest:
    amount = row.request_amount if kind == "settlement" else row.refund_amount
    name = "pg_transaction_id" if kind == "settlement" else "pg_cancel_transaction_id"
    return PgRequest(
        kind,
        row.id,
        whole(amount) or 0,
        cut(row.status, 20),
        aware_utc(row.requested_at),
        _time(row, "completed_at"),
        cut(getattr(row, name) or "", 64),
        cut(row.pg_response_code or "", 10),
        cut(row.pg_response_message or ""),
        cut(getattr(row, "refund_reason", "") or "", 128),
        getattr(row, "retry_count", None) or 0,
        _time(row, "last_retry_at"),
    )


def _time(row: Row[Any], name: str) -> datetime | None:
    at = getattr(row, name, None)
    return None if at is None else aware_utc(at)


def _json(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
