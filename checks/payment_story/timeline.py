"""What happened to a payment on one shard, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from checks.payment_story.case import around, booked_as, matches
from checks.payment_story.probe import Facts, spans
from checks.sources.facts.story import OutboxEvent, PaymentRecords, PaymentRow, PgRequest
from checks.sources.facts.unavailable import Unavailable
from monitor.domain.books.payment_story import Happening, History
from monitor.domain.check import Status

ALERTS_MAX = 12
_RELEVANT = (
    *("service_down:kafka", "breaker_*:*/kafka-publisher", "partition_offline:*"),
    *("relay_stalled:*", "dead_letters_arrived:*"),
    *("lag_*:settlement-worker-group", "lag_*:refund-worker-group", "lag_*:payment-consumer"),
    "events_skipped:*",
    *("group_*:settlement-worker-group", "group_*:refund-worker-group", "group_*:payment-consumer"),
    *("service_down:settlement*", "service_down:refund*", "service_down:consumer*"),
)


def happenings(
    records: PaymentRecords, facts: Facts, history: History, now: datetime
) -> tuple[Happening, ...]:
    """Rows, dead letters, breaks and alerts of its time, oldest first."""
    found = [
        *_rows(records, history, now),
        *_dead_letters(records, facts),
        *_breaks(records, history),
    ]
    own = Facts(facts.payment_id, {records.shard: records})
    for start, end in spans(own, now):
        found += _alerts(records, history, start, end)
    return tuple(sorted(found, key=lambda one: one.at))


def _rows(records: PaymentRecords, history: History, now: datetime) -> Iterator[Happening]:
    payment = records.payment
    if isinstance(payment, PaymentRow):
        yield from _payment(payment, history)
    answer = records.answer
    if answer is not None and not isinstance(answer, Unavailable):
        params: dict[str, Any] = {"http_status": answer.http_status, "named": answer.payment_id}
        yield Happening(answer.created_at, "answered", params)
    for event in () if isinstance(records.events, Unavailable) else records.events:
        yield from _event(event, history, now)
    for requests in (records.settlements, records.refunds):
        for request in () if isinstance(requests, Unavailable) else requests:
            yield from _request(request)
    yield from _entries(records)


def _payment(payment: PaymentRow, history: History) -> Iterator[Happening]:
    params: dict[str, Any] = {"merchant_id": payment.merchant_id, "amount_krw": payment.amount_krw}
    then = around(history, payment.requested_at)
    yield Happening(payment.requested_at, "authorized", params, around=then)
    if payment.updated_at > payment.requested_at:
        is_bad = payment.state.endswith("_FAILED")
        status = Status.WARN if is_bad else Status.OK
        yield Happening(payment.updated_at, "state_since", {"state": payment.state}, status)


def _event(event: OutboxEvent, history: History, now: datetime) -> Iterator[Happening]:
    params: dict[str, Any] = {
        "event_id": event.event_id,
        "event_type": event.kind,
        "retries": event.retries,
    }
    yield Happening(
        event.created_at, "event_written", params, around=around(history, event.created_at)
    )
    if event.published and event.published_at is not None:
        waited = (event.published_at - event.created_at).total_seconds()
        told = params | {"waited_seconds": max(0.0, waited)}
        late = Status.WARN if waited > 60 else Status.OK
        yield Happening(event.published_at, "event_published", told, late)
    elif event.published:
        yield Happening(event.created_at, "event_published_sometime", params)
    else:
        tried = event.last_retry_at.isoformat() if event.last_retry_at else None
        told = params | {"age_seconds": (now - event.created_at).total_seconds(), "tried_at": tried}
        yield Happening(now, "event_waits", told, Status.WARN)


def _request(request: PgRequest) -> Iterator[Happening]:
    params: dict[str, Any] = {
        "kind": request.kind,
        "request_id": request.request_id,
        "amount_krw": request.amount_krw,
        "request_state": request.state,
        "transaction_id": request.transaction_id,
        "pg_code": request.code,
        "pg_message": request.message,
        "reason": request.reason,
        "retries": request.retries,
    }
    if request.state == "FAILED":
        yield Happening(request.requested_at, "pg_refused", params, Status.WARN)
    else:
        yield Happening(request.requested_at, "pg_asked", params)
    if request.last_retry_at is not None:
        yield Happening(request.last_retry_at, "pg_retried", params, Status.WARN)
    if request.completed_at is not None:
        yield Happening(request.completed_at, "pg_done", params)


def _entries(records: PaymentRecords) -> Iterator[Happening]:
    for entry in () if isinstance(records.entries, Unavailable) else records.entries:
        params: dict[str, Any] = {
            "entry_id": entry.entry_id,
            "debit": entry.debit_account,
            "credit": entry.credit_account,
            "amount_krw": entry.amount_krw,
            "side": booked_as(entry),
        }
        yield Happening(entry.occurred_at, "entry_booked", params)


def _dead_letters(records: PaymentRecords, facts: Facts) -> Iterator[Happening]:
    """Dead letters carry no shard: one of another amount is told as perhaps another shard's."""
    payment = records.payment
    for topic, dead_letters in facts.dead_letters.items():
        for dead_letter in () if isinstance(dead_letters, Unavailable) else dead_letters:
            mine = not isinstance(payment, PaymentRow) or dead_letter.amount_krw in (
                None,
                payment.amount_krw,
            )
            params: dict[str, Any] = {
                "topic": topic,
                "original_topic": dead_letter.original_topic,
                "error": dead_letter.error,
                "partition": dead_letter.partition,
                "offset": dead_letter.offset,
                "is_other": not mine,
            }
            status = Status.CRIT if mine else Status.OK
            yield Happening(dead_letter.at, "dead_letter", params, status)


def _breaks(records: PaymentRecords, history: History) -> Iterator[Happening]:
    for one, resolved_at in history.breaks:
        if one.shard != records.shard:
            continue
        params: dict[str, Any] = {
            "invariant": one.invariant,
            "amount_krw": one.amount_krw,
            "row": one.key,
        }
        yield Happening(one.first_seen_at, "break_seen", params, Status.CRIT)
        if resolved_at is not None:
            yield Happening(resolved_at, "break_resolved", params)


def _alerts(
    records: PaymentRecords, history: History, start: datetime, end: datetime
) -> Iterator[Happening]:
    relevant = (*_RELEVANT, f"outbox_*:{records.shard}", f"service_down:database/{records.shard}")
    mine = [
        alert
        for alert in history.alerts
        if matches(alert, *relevant)
        and alert.since <= end
        and (alert.ended_at is None or alert.ended_at >= start)
    ]
    for alert in sorted(mine, key=lambda alert: alert.since)[-ALERTS_MAX:]:
        yield Happening(alert.since, "alert_began", {}, alert.status, alert=alert)
        if alert.ended_at is not None:
            yield Happening(alert.ended_at, "alert_ended", {}, Status.OK, alert=alert)
