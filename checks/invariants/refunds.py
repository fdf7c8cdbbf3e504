"""Refunds: each payment is paid back once and in full, and its status tells how it ended."""

from __future__ import annotations

from sqlalchemy import Integer, func, literal_column, or_, select

from checks.invariants.catalogue import Invariant
from checks.invariants.requests import FAILED, MORE_THAN_ONE, SUCCESS, Requests, payment_is_not
from checks.sources.database.servers.tables import REFUND
from monitor.domain.check import Status

_R = REFUND.c
_REFUNDS = Requests(REFUND, "refund_id", _R.refund_amount)
_OTHER = REFUND.alias("other")
_NEVER_REFUNDED = (
    select(func.count())
    .where(_OTHER.c.payment_id == _R.payment_id, _OTHER.c.status == SUCCESS)
    .scalar_subquery()
) == literal_column("0", Integer())

INVARIANTS = (
    Invariant("R1", Status.CRIT, _REFUNDS.grouped(SUCCESS, MORE_THAN_ONE), implies=("R4",)),
    Invariant("R2", Status.CRIT, _REFUNDS.lacking("REFUNDED", SUCCESS)),
    Invariant(
        "R3",
        Status.CRIT,
        _REFUNDS.beside_payment(_R.status == SUCCESS, payment_is_not("REFUNDED")),
    ),
    Invariant("R4", Status.CRIT, _REFUNDS.grouped(SUCCESS)),
    Invariant(
        "R5",
        Status.CRIT,
        _REFUNDS.beside_payment(
            _R.status == FAILED, payment_is_not("REFUND_FAILED"), _NEVER_REFUNDED
        ),
    ),
    Invariant(
        "R6",
        Status.WARN,
        _REFUNDS.rows(or_(_REFUNDS.never_retried, _REFUNDS.exhausted, _REFUNDS.pending)),
        grace_seconds=120,
    ),
    Invariant("R7", Status.WARN, _REFUNDS.incomplete(_R.pg_cancel_transaction_id.is_(None))),
)
