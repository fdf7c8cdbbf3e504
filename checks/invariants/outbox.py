"""The outbox: each payment has its events, and each event is published, promptly and once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    case,
    distinct,
    func,
    literal_column,
    or_,
    select,
)

from checks.invariants.catalogue import Invariant
from checks.sources.database.servers.functions import json_number
from checks.sources.database.servers.tables import (
    BEFORE,
    OUTBOX,
    PARITY,
    PAYMENT,
    RETRIES_MAX,
    ROWS,
    Scope,
    words,
)
from monitor.domain.check import Status

_O, _P = OUTBOX.c, PAYMENT.c
_ZERO, _ONE = literal_column("0", Integer()), literal_column("1", Integer())
_AUTHORIZED, _CAPTURE, _CAPTURED, _REFUND = _TYPES = (
    *("PAYMENT_AUTHORIZED", "PAYMENT_CAPTURE_REQUESTED", "PAYMENT_CAPTURED"),
    "PAYMENT_REFUND_REQUESTED",
)
_REFUND_FAMILY = ("REFUND_REQUESTED", "REFUNDED", "REFUND_FAILED")


def _is(event_type: str) -> ColumnElement[bool]:
    return _O.event_type == literal_column(f"'{event_type}'", String())


def _count(event_type: str) -> ColumnElement[Any]:
    return func.sum(case((_is(event_type), _ONE), else_=_ZERO))


def _waiting(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Events that wait, oldest first: an index leads to them, however old they are."""
    return (
        select(_O.aggregate_id.label("payment_id"), _O.event_id, _O.event_type, _O.created_at)
        .where(_O.published == _ZERO, *conditions)
        .order_by(_O.created_at)
        .limit(ROWS)
    )


def _late(_: Scope) -> Select[Any]:
    return _waiting(_O.created_at < BEFORE)


def _given_up(_: Scope) -> Select[Any]:
    return _waiting(_O.retry_count >= RETRIES_MAX).add_columns(_O.retry_count)


def _passed_over(_: Scope) -> Select[Any]:
    """Of the other shard's parity, never tried, while later events went out."""
    other = OUTBOX.alias("later")
    later = select(func.max(other.c.created_at)).where(other.c.published == _ONE)
    return _waiting(
        _O.retry_count == _ZERO,
        _O.aggregate_id % literal_column("2", Integer()) != PARITY,
        _O.created_at < BEFORE,
        _O.created_at < later.scalar_subquery(),
    )


def _events(scope: Scope, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Single events, found by their own key, beside their payment if they have one."""
    return (
        select(_O.aggregate_id.label("payment_id"), _O.event_id, _O.event_type, _O.created_at)
        .select_from(OUTBOX.outerjoin(PAYMENT, _P.payment_id == _O.aggregate_id))
        .where(scope.rows(_O.event_id), *conditions)
        .order_by(_O.event_id)
        .limit(ROWS)
    )


def _orphans(scope: Scope) -> Select[Any]:
    return _events(scope, _P.payment_id.is_(None))


def _payload(name: str) -> ColumnElement[Any]:
    return json_number(_O.payload, literal_column(f"'$.{name}'", String()))


def _disagreeing(scope: Scope) -> Select[Any]:
    differs = or_(
        _payload("paymentId").is_distinct_from(_O.aggregate_id),
        _payload("amount").is_distinct_from(_P.amount),
    )
    amounts = _P.amount.label("expected_krw"), _payload("amount").label("actual_krw")
    return _events(scope, _P.payment_id.is_not(None), differs).add_columns(*amounts)


def _half_published(scope: Scope) -> Select[Any]:
    sent, at = _O.published == _ONE, _O.published_at
    return _events(
        scope, or_(sent & at.is_(None), ~sent & at.is_not(None), at < _O.created_at)
    ).add_columns(_O.published_at)


def _unknown_type(scope: Scope) -> Select[Any]:
    return _events(scope, _O.event_type.not_in(words(_TYPES)))


def _by_payment(scope: Scope, *columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(_O.aggregate_id.label("payment_id"), *columns)
        .where(scope.rows_of_payments(_O.event_id))
        .group_by(_O.aggregate_id)
    )


def _not_announced(scope: Scope) -> Select[Any]:
    counts = (_count(_AUTHORIZED).label("authorized"), _count(_CAPTURE).label("captures"))
    events = _by_payment(scope, *counts).subquery()
    return (
        select(_P.payment_id, _P.merchant_id, events.c.authorized, events.c.captures)
        .select_from(PAYMENT.outerjoin(events, events.c.payment_id == _P.payment_id))
        .where(
            scope.payments(_P.payment_id),
            or_(events.c.payment_id.is_(None), events.c.authorized != 1, events.c.captures != 1),
        )
        .order_by(_P.payment_id)
        .limit(ROWS)
    )


def _twice(scope: Scope) -> Select[Any]:
    events, kinds = func.count(), func.count(distinct(_O.event_type))
    counts = (events.label("events"), kinds.label("event_types"))
    return _by_payment(scope, *counts).having(events > kinds).order_by("payment_id").limit(ROWS)


def _refund_not_announced(scope: Scope) -> Select[Any]:
    events = _by_payment(scope, _count(_REFUND).label("refunds")).subquery()
    return (
        select(_P.payment_id, _P.merchant_id, _P.status, _P.updated_at)
        .select_from(PAYMENT.outerjoin(events, events.c.payment_id == _P.payment_id))
        .where(
            scope.payments(_P.payment_id),
            _P.status.in_(words(_REFUND_FAMILY)),
            func.coalesce(events.c.refunds, _ZERO) == _ZERO,
        )
        .order_by(_P.payment_id)
        .limit(ROWS)
    )


INVARIANTS = (
    Invariant("O1", Status.WARN, _late, grace_seconds=60.0, passes_required=None),
    Invariant("O2", Status.CRIT, _given_up, implies=("O1",)),
    Invariant(
        "O3", Status.CRIT, _passed_over, implies=("O1",), grace_seconds=60.0, passes_required=2
    ),
    Invariant("O4", Status.CRIT, _not_announced),
    Invariant("O5", Status.WARN, _orphans),
    Invariant("O6", Status.CRIT, _disagreeing),
    Invariant("O7", Status.WARN, _half_published),
    Invariant("O8", Status.CRIT, _unknown_type),
    Invariant("O9", Status.WARN, _twice),
    Invariant("O10", Status.WARN, _refund_not_announced),
)
