"""Settlements and refunds: each payment is settled once, and paid back once and in full."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, String, func, literal_column, select

from checks.invariants.catalogue import Invariant
from checks.sources.database_tables import PAYMENT, REFUND, ROWS, SETTLEMENT, Scope
from monitor.domain.check import Status

_P = PAYMENT.c
_SUCCESS = literal_column("'SUCCESS'", String())
_MORE_THAN_ONE = func.count() > literal_column("1")


def _settled_twice(scope: Scope) -> Select[Any]:
    s = SETTLEMENT.c
    grouped = _by_payment(s.payment_id, s.request_amount, scope(s.payment_id, s.id))
    return _with_payment(grouped.having(_MORE_THAN_ONE).subquery())


def _refunded_twice(scope: Scope) -> Select[Any]:
    return _with_payment(_successes(scope).having(_MORE_THAN_ONE).subquery())


def _refunded_wrong(scope: Scope) -> Select[Any]:
    refunds = _successes(scope).subquery()
    return _with_payment(refunds).where(refunds.c.actual_krw != _P.amount)


def _successes(scope: Scope) -> Select[Any]:
    r = REFUND.c
    chosen = scope(r.payment_id, r.id)
    return _by_payment(r.payment_id, r.refund_amount, chosen, r.status == _SUCCESS)


def _by_payment(
    payment_id: ColumnElement[Any], amount: ColumnElement[Any], *chosen: ColumnElement[bool]
) -> Select[Any]:
    columns = (payment_id, func.count().label("requests"), func.sum(amount).label("actual_krw"))
    return select(*columns).where(*chosen).group_by(payment_id)


def _with_payment(requests: FromClause) -> Select[Any]:
    r = requests.c
    columns = (r.payment_id, _P.merchant_id, r.requests, _P.amount.label("expected_krw"))
    return (
        select(*columns, r.actual_krw)
        .select_from(requests.join(PAYMENT, _P.payment_id == r.payment_id))
        .order_by(r.payment_id)
        .limit(ROWS)
    )


INVARIANTS = (
    Invariant("T1", Status.CRIT, _settled_twice),
    Invariant("R1", Status.CRIT, _refunded_twice, implies=("R4",)),
    Invariant("R4", Status.CRIT, _refunded_wrong),
)
