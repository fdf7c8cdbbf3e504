"""Requests to the payment gateway: what settlements and refunds have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    func,
    literal_column,
    or_,
    select,
)

from checks.sources.database.servers.tables import (
    BEFORE,
    PAYMENT,
    ROWS,
    WORK_RETRIES_MAX,
    Scope,
    words,
)

_P = PAYMENT.c
SUCCESS, FAILED, PENDING = (
    literal_column(f"'{status}'", String()) for status in ("SUCCESS", "FAILED", "PENDING")
)
MORE_THAN_ONE = func.count() > literal_column("1")

Build = Callable[[Scope], Select[Any]]


@dataclass(frozen=True, slots=True)
class Requests:
    """One kind of requests: their table, the name of their rows and the amount in them."""

    table: Table
    row: str  # settlement_id, refund_id
    amount: ColumnElement[Any]

    def rows(self, *conditions: ColumnElement[bool]) -> Build:
        """Single requests, found by their own key."""
        r = self.table.c

        def build(scope: Scope) -> Select[Any]:
            return (
                select(r.payment_id, r.id.label(self.row), r.status, r.requested_at, r.retry_count)
                .where(scope.rows(r.id), *conditions)
                .order_by(r.id)
                .limit(ROWS)
            )

        return build

    def beside_payment(self, *conditions: ColumnElement[bool]) -> Build:
        """Single requests that their payment contradicts."""
        r = self.table.c

        def build(scope: Scope) -> Select[Any]:
            return (
                select(
                    r.payment_id,
                    r.id.label(self.row),
                    _P.merchant_id,
                    _P.status.label("payment_status"),
                    _P.amount.label("expected_krw"),
                    self.amount.label("actual_krw"),
                )
                .select_from(self.table.join(PAYMENT, _P.payment_id == r.payment_id))
                .where(scope.rows(r.id), *conditions)
                .order_by(r.id)
                .limit(ROWS)
            )

        return build

    def by_payment(self, scope: Scope, *conditions: ColumnElement[bool]) -> Select[Any]:
        """Requests grouped by their payment."""
        r = self.table.c
        amount = func.sum(self.amount).label("actual_krw")
        return (
            select(r.payment_id, func.count().label("requests"), amount)
            .where(scope.rows_of_payments(r.id), *conditions)
            .group_by(r.payment_id)
        )

    def grouped(
        self, status: ColumnElement[Any] | None, having: ColumnElement[bool] | None = None
    ) -> Build:
        """Payments by what all their requests together come to; without `having`, another sum."""

        def build(scope: Scope) -> Select[Any]:
            conditions = () if status is None else (self.table.c.status == status,)
            grouped = self.by_payment(scope, *conditions)
            sums = (grouped if having is None else grouped.having(having)).subquery()
            found = (
                select(
                    sums.c.payment_id,
                    _P.merchant_id,
                    sums.c.requests,
                    _P.amount.label("expected_krw"),
                    sums.c.actual_krw,
                )
                .select_from(sums.join(PAYMENT, _P.payment_id == sums.c.payment_id))
                .order_by(sums.c.payment_id)
                .limit(ROWS)
            )
            return found if having is not None else found.where(sums.c.actual_krw != _P.amount)

        return build

    def lacking(self, payment_status: str, status: ColumnElement[Any]) -> Build:
        """Payments with a status and no request that explains it."""

        def build(scope: Scope) -> Select[Any]:
            found = self.by_payment(scope, self.table.c.status == status).subquery()
            return (
                select(_P.payment_id, _P.merchant_id, _P.status, _P.updated_at)
                .select_from(PAYMENT.outerjoin(found, found.c.payment_id == _P.payment_id))
                .where(
                    scope.payments(_P.payment_id),
                    _P.status == literal_column(f"'{payment_status}'", String()),
                    found.c.payment_id.is_(None),
                )
                .order_by(_P.payment_id)
                .limit(ROWS)
            )

        return build

    def incomplete(self, *parts: ColumnElement[bool]) -> Build:
        """Successes that lack a part, and others that claim to be completed."""
        r = self.table.c
        return self.rows(
            or_(
                and_(r.status == SUCCESS, or_(r.completed_at.is_(None), *parts)),
                and_(r.status != SUCCESS, r.completed_at.is_not(None)),
                r.completed_at < r.requested_at,
            )
        )

    @property
    def never_retried(self) -> ColumnElement[bool]:
        """Failed, and nothing tried it again."""
        r = self.table.c
        return and_(r.status == FAILED, r.last_retry_at.is_(None), r.requested_at < BEFORE)

    @property
    def exhausted(self) -> ColumnElement[bool]:
        """Failed, and nothing will try it again."""
        return and_(self.table.c.status == FAILED, self.table.c.retry_count >= WORK_RETRIES_MAX)

    @property
    def pending(self) -> ColumnElement[bool]:
        """In a state that no other transaction should ever see."""
        return and_(self.table.c.status == PENDING, self.table.c.requested_at < BEFORE)


def payment_is_not(*statuses: str) -> ColumnElement[bool]:
    """The payment has none of the statuses."""
    return _P.status.not_in(words(statuses))
