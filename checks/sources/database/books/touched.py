"""What has happened to payments that are older than the window of a look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    select,
    union,
)

from checks.sources.database.servers.tables import (
    CLOCKS,
    LEDGER,
    OF_PAYMENTS,
    OUTBOX,
    PAYMENT,
    ROWS,
)

LATE = timedelta(minutes=5)  # keys commit out of order, clocks of the services differ

_ZERO = literal_column("0", Integer())
_LOW = bindparam("low_payment", type_=BigInteger())

SIZE: Select[Any] = select(
    select(func.count()).where(PAYMENT.c.payment_id >= _LOW).scalar_subquery().label("payments"),
    select(func.max(LEDGER.c.entry_id)).scalar_subquery().label("entry_last"),
)


def _touched() -> Select[Any]:
    """Payments before the window that something has happened to since."""
    # The additions of 0 keep to the primary key: an index on payment_id would walk all old rows.
    entries = select(LEDGER.c.payment_id).where(
        LEDGER.c.entry_id > bindparam("after", type_=BigInteger()),
        LEDGER.c.payment_id + _ZERO < _LOW,
    )
    others = (
        select(payment_id).where(
            CLOCKS[table][0] >= bindparam(f"low_{table}", type_=BigInteger()),
            CLOCKS[table][1] >= bindparam("since", type_=DateTime()),
            payment_id + _ZERO < _LOW,
        )
        for table, payment_id in OF_PAYMENTS.items()
    )
    rows = union(entries, *others).subquery()
    return select(rows.c.payment_id).limit(ROWS)


TOUCHED = _touched()

_UNFINISHED = [
    literal_column(f"'{s}'", String()) for s in ("CAPTURE_REQUESTED", "REFUND_REQUESTED")
]
UNFINISHED: Select[Any] = (
    select(PAYMENT.c.payment_id)
    .where(PAYMENT.c.status.in_(_UNFINISHED), PAYMENT.c.payment_id + _ZERO < _LOW)
    .limit(ROWS)
)

PUBLISHED: Select[Any] = (
    select(OUTBOX.c.event_type, func.count().label("count_"))
    .where(
        OUTBOX.c.event_id >= bindparam("low_outbox_event", type_=BigInteger()),
        OUTBOX.c.published_at >= bindparam("from", type_=DateTime()),
        OUTBOX.c.published_at < bindparam("until", type_=DateTime()),
    )
    .group_by(OUTBOX.c.event_type)
)
