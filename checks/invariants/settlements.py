"""Settlements: each payment is settled once, in full, and its status tells how it ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, String, literal_column, not_, select

from checks.invariants.catalogue import Invariant
from checks.invariants.requests import FAILED, MORE_THAN_ONE, SUCCESS, Requests, payment_is_not
from checks.sources.database.servers.tables import (
    BEFORE,
    CAPTURED_FAMILY,
    OUTBOX,
    PAYMENT,
    ROWS,
    SETTLEMENT,
    Scope,
    words,
)
from monitor.domain.check import Status

_P, _S, _O = PAYMENT.c, SETTLEMENT.c, OUTBOX.c
_SETTLEMENTS = Requests(SETTLEMENT, "settlement_id", _S.request_amount)
_CAPTURED_EVENT = _O.event_type == literal_column("'PAYMENT_CAPTURED'", String())
_CODE_IS_GOOD = _S.pg_response_code.is_not_distinct_from(literal_column("'0000'", String()))


def _captured_by_api(scope: Scope) -> Select[Any]:
    chosen = scope.rows_of_payments(_O.event_id), _CAPTURED_EVENT
    return select(_O.aggregate_id.label("payment_id")).where(*chosen).group_by(_O.aggregate_id)


def _unexplained(scope: Scope) -> Select[Any]:
    settled = _SETTLEMENTS.by_payment(scope, _S.status == SUCCESS).subquery()
    by_api = _captured_by_api(scope).subquery()
    joined = PAYMENT.outerjoin(settled, settled.c.payment_id == _P.payment_id).outerjoin(
        by_api, by_api.c.payment_id == _P.payment_id
    )
    return (
        select(_P.payment_id, _P.merchant_id, _P.status, _P.updated_at)
        .select_from(joined)
        .where(
            scope.payments(_P.payment_id),
            _P.status.in_(words(CAPTURED_FAMILY)),
            _P.updated_at < BEFORE,
            settled.c.payment_id.is_(None),
            by_api.c.payment_id.is_(None),
        )
        .order_by(_P.payment_id)
        .limit(ROWS)
    )


def _captured_twice(scope: Scope) -> Select[Any]:
    settled = _SETTLEMENTS.by_payment(scope, _S.status == SUCCESS).subquery()
    by_api = _captured_by_api(scope).subquery()
    return (
        select(settled.c.payment_id, settled.c.actual_krw.label("captured_krw"))
        .select_from(settled.join(by_api, by_api.c.payment_id == settled.c.payment_id))
        .order_by(settled.c.payment_id)
        .limit(ROWS)
    )


INVARIANTS = (
    Invariant("T1", Status.CRIT, _SETTLEMENTS.grouped(None, MORE_THAN_ONE)),
    Invariant(
        "T2",
        Status.CRIT,
        _SETTLEMENTS.beside_payment(_S.status == SUCCESS, payment_is_not(*CAPTURED_FAMILY)),
    ),
    Invariant("T3", Status.WARN, _unexplained, grace_seconds=None),
    Invariant("T4", Status.WARN, _captured_twice),
    Invariant("T5", Status.CRIT, _SETTLEMENTS.beside_payment(_S.request_amount != _P.amount)),
    Invariant(
        "T6",
        Status.WARN,
        _SETTLEMENTS.incomplete(_S.pg_transaction_id.is_(None), not_(_CODE_IS_GOOD)),
    ),
    Invariant(
        "T7",
        Status.CRIT,
        _SETTLEMENTS.beside_payment(_S.status == FAILED, payment_is_not("CAPTURE_FAILED")),
    ),
    Invariant("T8", Status.WARN, _SETTLEMENTS.lacking("CAPTURE_FAILED", FAILED)),
    Invariant("T9", Status.WARN, _SETTLEMENTS.rows(_SETTLEMENTS.never_retried), grace_seconds=120),
    Invariant("T10", Status.CRIT, _SETTLEMENTS.rows(_SETTLEMENTS.exhausted)),
    Invariant(
        "T11",
        Status.CRIT,
        _SETTLEMENTS.rows(_SETTLEMENTS.pending),
        grace_seconds=60.0,
    ),
)
