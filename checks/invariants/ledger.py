"""The ledger: every capture and refund is booked once, in full, between the right accounts.

A capture debits merchant_receivable and credits cash; a refund books the reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from checks.invariants.catalogue import Invariant
from checks.sources.database.servers.tables import (
    BEFORE,
    CAPTURED_FAMILY,
    LEDGER,
    OPEN_CAPTURED,
    PAYMENT,
    ROWS,
    Scope,
    words,
)
from monitor.domain.check import Status

_L, _P = LEDGER.c, PAYMENT.c
_RECEIVABLE = literal_column("'merchant_receivable'", String())
_CASH = literal_column("'cash'", String())
_ZERO = literal_column("0", BigInteger())
_ONE = literal_column("1", BigInteger())
_CAPTURE = and_(_L.debit_account == _RECEIVABLE, _L.credit_account == _CASH)
_REVERSAL = and_(_L.debit_account == _CASH, _L.credit_account == _RECEIVABLE)


def _bounded(statement: Select[Any]) -> Select[Any]:
    return statement.order_by("payment_id").limit(ROWS)


def _sum(value: ColumnElement[Any]) -> ColumnElement[int]:
    # MariaDB sums integers to decimals; the cast keeps whole KRW whole.
    return cast(func.coalesce(func.sum(value), _ZERO), BigInteger)


def _sum_of(kind: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(case((kind, _L.amount), else_=_ZERO))


def _unbooked(
    statuses: tuple[str, ...], kind: ColumnElement[bool]
) -> Callable[[Scope], Select[Any]]:
    """Payments with one of the statuses, long enough, and no entry of the kind."""
    # As a case no index is taken for it: one on the status would lead through all of history.
    # A join instead of NOT EXISTS, which MariaDB answers by reading all of the ledger once.
    has_status = case((_P.status.in_(words(statuses)), _ONE), else_=_ZERO)
    beside = PAYMENT.outerjoin(LEDGER, and_(_L.payment_id == _P.payment_id, kind))

    def build(scope: Scope) -> Select[Any]:
        return _bounded(
            select(
                _P.payment_id,
                _P.merchant_id,
                _P.status,
                _P.updated_at,
                _P.amount.label("expected_krw"),
                _ZERO.label("actual_krw"),
            )
            .select_from(beside)
            .where(
                scope.payments(_P.payment_id),
                has_status == _ONE,
                _P.updated_at < BEFORE,
                _L.entry_id.is_(None),
            )
        )

    return build


def _with_payment(entries: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    """Entries grouped by payment, beside their payment."""
    joined = entries.join(PAYMENT, _P.payment_id == entries.c.payment_id)
    return _bounded(
        select(entries.c.payment_id, _P.merchant_id, _P.status, *columns).select_from(joined)
    )


def _booked_twice(kind: ColumnElement[bool]) -> Callable[[Scope], Select[Any]]:
    """Payments with more than one entry of the kind."""

    def build(scope: Scope) -> Select[Any]:
        entries = (
            select(
                _L.payment_id, func.count().label("entries"), _sum(_L.amount).label("actual_krw")
            )
            .where(scope.payments(_L.payment_id), kind)
            .group_by(_L.payment_id)
            .having(func.count() > literal_column("1"))
            .subquery()
        )
        return _with_payment(
            entries, entries.c.entries, _P.amount.label("expected_krw"), entries.c.actual_krw
        )

    return build


def _wrong_amount(scope: Scope) -> Select[Any]:
    return _bounded(
        select(
            _L.payment_id,
            _L.entry_id,
            _P.merchant_id,
            _P.amount.label("expected_krw"),
            _L.amount.label("actual_krw"),
        )
        .select_from(LEDGER.join(PAYMENT, _P.payment_id == _L.payment_id))
        .where(scope.payments(_L.payment_id), _CAPTURE, _L.amount != _P.amount)
    )


def _reversed_more(scope: Scope) -> Select[Any]:
    entries = (
        select(
            _L.payment_id,
            _sum_of(_CAPTURE).label("expected_krw"),
            _sum_of(_REVERSAL).label("actual_krw"),
        )
        .where(scope.payments(_L.payment_id))
        .group_by(_L.payment_id)
        .having(_sum_of(_REVERSAL) > _sum_of(_CAPTURE))
        .subquery()
    )
    return _with_payment(entries, entries.c.expected_krw, entries.c.actual_krw)


def _strange_accounts(scope: Scope) -> Select[Any]:
    return _bounded(
        select(
            _L.payment_id,
            _L.entry_id,
            _L.debit_account,
            _L.credit_account,
            _ZERO.label("expected_krw"),
            _L.amount.label("actual_krw"),
        ).where(scope.payments(_L.payment_id), not_(_CAPTURE), not_(_REVERSAL))
    )


def _unexpected(
    kind: ColumnElement[bool], statuses: tuple[str, ...]
) -> Callable[[Scope], Select[Any]]:
    """Entries of the kind whose payment has, long enough after, none of the statuses, or is not."""
    beside = LEDGER.outerjoin(PAYMENT, _P.payment_id == _L.payment_id)

    def build(scope: Scope) -> Select[Any]:
        return _bounded(
            select(
                _L.payment_id,
                _L.entry_id,
                _P.merchant_id,
                _P.status,
                _ZERO.label("expected_krw"),
                _L.amount.label("actual_krw"),
            )
            .select_from(beside)
            .where(
                scope.payments(_L.payment_id),
                kind,
                or_(_P.status.is_(None), _P.status.not_in(words(statuses))),
                _L.occurred_at < BEFORE,
            )
        )

    return build


def _differing(scope: Scope) -> Select[Any]:
    """Payments at rest whose net receivable is not what their status calls for."""
    net = select(
        _sum(
            case((_L.debit_account == _RECEIVABLE, _L.amount), else_=_ZERO)
            - case((_L.credit_account == _RECEIVABLE, _L.amount), else_=_ZERO)
        )
    ).where(_L.payment_id == _P.payment_id)
    want = case((_P.status.in_(words(OPEN_CAPTURED)), _P.amount), else_=_ZERO)
    payments = (
        select(
            _P.payment_id,
            _P.merchant_id,
            _P.status,
            want.label("expected_krw"),
            net.scalar_subquery().label("actual_krw"),
        )
        .where(scope.payments(_P.payment_id), _P.updated_at < BEFORE)
        .subquery()
    )
    # Workers publish before they commit: an entry can be there before its payment's status.
    fresh = select(func.count()).where(
        _L.payment_id == payments.c.payment_id, _L.occurred_at >= BEFORE
    )
    differs = payments.c.expected_krw != payments.c.actual_krw
    return select(payments).where(differs, fresh.scalar_subquery() == _ZERO)


def _net(scope: Scope) -> Select[Any]:
    return _bounded(_differing(scope))


def _control(_: Scope) -> Select[Any]:
    """Net receivable against open captured amount of all payments at rest in a range.

    Named payments have no total of their own.
    """
    drift = _differing(Scope()).subquery()
    key = literal_column("'total'", String()).label("control")
    total = select(
        key,
        func.min(drift.c.payment_id).label("payment_id"),
        _sum(drift.c.expected_krw).label("expected_krw"),
        _sum(drift.c.actual_krw).label("actual_krw"),
    ).subquery()
    return select(total).where(total.c.expected_krw != total.c.actual_krw).limit(ROWS)


INVARIANTS = (
    Invariant(
        "L1",
        Status.CRIT,
        _unbooked(CAPTURED_FAMILY, _CAPTURE),
        implies=("L8", "L10", "L11"),
        grace_seconds=None,
        passes_required=2,
        implies_anywhere=("X2",),
    ),
    Invariant(
        "L2",
        Status.CRIT,
        _unexpected(_CAPTURE, CAPTURED_FAMILY),
        implies=("L10", "L11"),
        grace_seconds=60.0,
        passes_required=2,
    ),
    Invariant("L3", Status.CRIT, _booked_twice(_CAPTURE), implies=("L10", "L11")),
    Invariant("L4", Status.CRIT, _wrong_amount, implies=("L8", "L10", "L11")),
    Invariant(
        "L5",
        Status.CRIT,
        _unbooked(("REFUNDED",), _REVERSAL),
        implies=("L10", "L11"),
        grace_seconds=None,
        passes_required=2,
        implies_anywhere=("X2",),
    ),
    Invariant(
        "L6",
        Status.CRIT,
        _unexpected(_REVERSAL, ("REFUNDED",)),
        implies=("L8", "L10", "L11"),
        grace_seconds=60.0,
        passes_required=2,
    ),
    Invariant("L7", Status.CRIT, _booked_twice(_REVERSAL), implies=("L8", "L10", "L11")),
    Invariant("L8", Status.CRIT, _reversed_more, implies=("L10", "L11")),
    Invariant("L9", Status.CRIT, _strange_accounts, implies=("L1", "L5", "L8", "L10", "L11")),
    Invariant("L10", Status.CRIT, _net, implies=("L11",), grace_seconds=None, passes_required=2),
    # Seen twice, as what it follows from: a drift must not speak before the entries behind it.
    Invariant("L11", Status.WARN, _control, grace_seconds=None, worsens=True, passes_required=2),
    Invariant("L12", Status.CRIT, None, implies=("L1", "L5", "L10", "L11")),
    Invariant(
        "L13",
        Status.CRIT,
        None,
        implies=("L2", "L3", "L4", "L6", "L7", "L8", "L10", "L11"),
        implies_anywhere=("L1", "L5"),
    ),
)
