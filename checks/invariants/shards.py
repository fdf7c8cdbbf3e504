"""The shards: each merchant lives on its own, and no two shards are the same."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from checks.invariants.catalogue import Invariant
from checks.sources.database.servers.functions import merchant_parity
from checks.sources.database.servers.tables import PARITY, PAYMENT, ROWS, Scope
from monitor.domain.check import Status

_P = PAYMENT.c


def _elsewhere(scope: Scope) -> Select[Any]:
    return (
        select(_P.payment_id, _P.merchant_id)
        .where(scope.payments(_P.payment_id), merchant_parity(_P.merchant_id) != PARITY)
        .order_by(_P.payment_id)
        .limit(ROWS)
    )


# Each shard counts its payments from 1: that S4 does not hold is the platform's design.
INVARIANTS = (
    Invariant("S1", Status.CRIT, None),
    Invariant("S2", Status.CRIT, _elsewhere, implies=("D1",), implies_anywhere=("S3",)),
    Invariant("S3", Status.CRIT, None),
    Invariant("S4", Status.WARN, None),
)
