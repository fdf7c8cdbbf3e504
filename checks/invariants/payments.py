"""Payments: reachable states, in time, in one currency, with sane times and the right answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, String, literal_column, not_, or_, select

from checks.invariants.catalogue import Invariant
from checks.sources.database.servers.functions import json_number
from checks.sources.database.servers.tables import (
    BEFORE,
    IDEMPOTENCY,
    PAYMENT,
    ROWS,
    SOON,
    Scope,
    words,
)
from monitor.domain.check import Status

_P, _I = PAYMENT.c, IDEMPOTENCY.c
_REACHABLE = (
    *("AUTHORIZED", "CAPTURE_REQUESTED", "CAPTURED", "CAPTURE_FAILED"),
    *("REFUND_REQUESTED", "REFUNDED", "REFUND_FAILED"),
)
_SHOWN = (_P.payment_id, _P.merchant_id, _P.status, _P.requested_at, _P.updated_at)


def _payments(scope: Scope, *conditions: ColumnElement[bool]) -> Select[Any]:
    chosen = (scope.payments(_P.payment_id), *conditions)
    return select(*_SHOWN).where(*chosen).order_by(_P.payment_id).limit(ROWS)


def _unreachable(scope: Scope) -> Select[Any]:
    return _payments(scope, _P.status.not_in(words(_REACHABLE)))


def _stuck(status: str, since: ColumnElement[Any]) -> Select[Any]:
    """Payments that stay too long in a state: an index leads to them, however old they are."""
    is_stuck = _P.status == literal_column(f"'{status}'", String())
    return (
        select(*_SHOWN, _P.amount.label("expected_krw"))
        .where(is_stuck, since < BEFORE)
        .order_by(_P.requested_at)
        .limit(ROWS)
    )


def _capture_stuck(_: Scope) -> Select[Any]:
    return _stuck("CAPTURE_REQUESTED", _P.requested_at)


def _refund_stuck(_: Scope) -> Select[Any]:
    return _stuck("REFUND_REQUESTED", _P.updated_at)


def _strange_times(scope: Scope) -> Select[Any]:
    return _payments(scope, or_(_P.updated_at < _P.requested_at, _P.requested_at > SOON))


def _other_currency(scope: Scope) -> Select[Any]:
    is_won = _P.currency == literal_column("'KRW'", String())
    return _payments(scope, not_(is_won)).add_columns(_P.currency)


_ANSWERED = json_number(_I.response_body, literal_column("'$.paymentId'", String()))
_SAME_REQUEST = (_I.merchant_id == _P.merchant_id) & (_I.idempotency_key == _P.idempotency_key)


def _wrong_answer(scope: Scope) -> Select[Any]:
    return (
        select(_P.payment_id, _P.merchant_id, _P.idempotency_key, _ANSWERED.label("answered"))
        .select_from(PAYMENT.join(IDEMPOTENCY, _SAME_REQUEST))
        .where(scope.payments(_P.payment_id), _ANSWERED.is_distinct_from(_P.payment_id))
        .order_by(_P.payment_id)
        .limit(ROWS)
    )


def _answer_without_payment() -> Select[Any]:
    """No index leads to the answers of a time: only a full sweep goes through them all."""
    joined = IDEMPOTENCY.outerjoin(PAYMENT, _SAME_REQUEST)
    return (
        select(_I.merchant_id, _I.idempotency_key, _ANSWERED.label("answered"))
        .select_from(joined)
        .where(_P.payment_id.is_(None))
        .limit(ROWS)
    )


INVARIANTS = (
    Invariant("P1", Status.CRIT, _unreachable),
    Invariant("P2", Status.WARN, _capture_stuck, grace_seconds=600.0, passes_required=None),
    Invariant("P3", Status.WARN, _refund_stuck, grace_seconds=600.0, passes_required=None),
    Invariant("P4", Status.WARN, _strange_times),
    Invariant("P5", Status.CRIT, _other_currency),
    Invariant("P6", Status.CRIT, None, implies=("L2", "L4", "L10", "L11")),
    Invariant("D1", Status.WARN, _wrong_answer, whole=_answer_without_payment),
)
