"""The platform's tables, once, as SQLAlchemy Core. Times inside the database are naive UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    and_,
    bindparam,
    literal_column,
)

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite clusters only INTEGER keys
_MONEY = Numeric(15, 2, asdecimal=False)


def _text(name: str, size: int) -> Column[str]:
    return Column(name, String(size))


PAYMENT = Table(
    "payment",
    METADATA,
    Column("payment_id", _ID, primary_key=True),
    _text("merchant_id", 32),
    Column("amount", BigInteger),
    _text("currency", 3),
    _text("status", 50),
    _text("idempotency_key", 64),
    Column("requested_at", DateTime),
    Column("updated_at", DateTime),
    Index("ix_status_time", "status", "requested_at"),
    Index("ix_merchant_time", "merchant_id", "requested_at"),
)
LEDGER = Table(
    "ledger_entry",
    METADATA,
    Column("entry_id", _ID, primary_key=True),
    Column("payment_id", BigInteger),
    _text("debit_account", 64),
    _text("credit_account", 64),
    Column("amount", BigInteger),
    Column("occurred_at", DateTime),
    Index("ix_ledger_payment", "payment_id", "occurred_at"),
)
OUTBOX = Table(
    "outbox_event",
    METADATA,
    Column("event_id", _ID, primary_key=True),
    _text("aggregate_type", 32),
    Column("aggregate_id", BigInteger),
    _text("event_type", 32),
    Column("payload", String(4000)),
    Column("published", SmallInteger),
    Column("published_at", DateTime),
    Column("retry_count", Integer),
    Column("last_retry_at", DateTime),
    Column("created_at", DateTime),
    Index("ix_outbox_waiting", "published", "created_at"),
)


def _work_table(kind: str, amount: str, *own: Column[str]) -> Table:
    return Table(
        f"{kind}_request",
        METADATA,
        Column("id", _ID, primary_key=True),
        Column("payment_id", BigInteger),
        Column(amount, _MONEY),
        _text("status", 32),
        *own,
        Column("retry_count", Integer),
        Column("last_retry_at", DateTime),
        Column("requested_at", DateTime),
        Column("completed_at", DateTime),
    )


SETTLEMENT = _work_table(
    "settlement",
    "request_amount",
    _text("pg_transaction_id", 64),
    _text("pg_response_code", 10),
    _text("pg_response_message", 255),
)
REFUND = _work_table(
    "refund",
    "refund_amount",
    _text("refund_reason", 255),
    _text("pg_cancel_transaction_id", 64),
    _text("pg_response_code", 10),
    _text("pg_response_message", 255),
)
IDEMPOTENCY = Table(
    "idem_response_cache",
    METADATA,
    Column("merchant_id", String(32), primary_key=True),
    Column("idempotency_key", String(64), primary_key=True),
    Column("http_status", Integer),
    Column("response_body", String(4000)),
    Column("created_at", DateTime),
)

# In these tables the primary key grows with the time beside it: a window starts at a key.
CLOCKS: dict[str, tuple[ColumnElement[int], ColumnElement[datetime]]] = {
    "payment": (PAYMENT.c.payment_id, PAYMENT.c.requested_at),
    "outbox_event": (OUTBOX.c.event_id, OUTBOX.c.created_at),
    "settlement_request": (SETTLEMENT.c.id, SETTLEMENT.c.requested_at),
    "refund_request": (REFUND.c.id, REFUND.c.requested_at),
}

# The rows that belong to a payment, by its id; no index is sure to lead to them.
OF_PAYMENTS: dict[str, ColumnElement[Any]] = {
    "outbox_event": OUTBOX.c.aggregate_id,
    "settlement_request": SETTLEMENT.c.payment_id,
    "refund_request": REFUND.c.payment_id,
}

CAPTURED_FAMILY = ("CAPTURED", "REFUND_REQUESTED", "REFUND_FAILED", "REFUNDED")
OPEN_CAPTURED = ("CAPTURED", "REFUND_REQUESTED", "REFUND_FAILED")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows a statement looks at: those in a range of keys, or those of named payments.

    Two forms instead of one OR, so that a range always walks an index.
    """

    by_ids: bool = False

    def payments(self, payment_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """The payments of the range; for tables with an index on the payment's id."""
        if self.by_ids:
            return payment_id.in_(bindparam("ids", expanding=True))
        return _between(payment_id, "payment")

    def rows(self, key: ColumnElement[Any]) -> ColumnElement[bool]:
        """The rows of the range by their own key, whatever payment they belong to."""
        table = _table_of(key)
        if self.by_ids:
            return self.payments(OF_PAYMENTS[table])
        return _between(key, table)

    def rows_of_payments(self, key: ColumnElement[Any]) -> ColumnElement[bool]:
        """The rows of the payments of the range, from the first that can be theirs."""
        table = _table_of(key)
        chosen = self.payments(OF_PAYMENTS[table])
        return chosen if self.by_ids else and_(key >= _key(f"first_{table}"), chosen)


def _between(key: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return and_(key >= _key(f"low_{name}"), key < _key(f"high_{name}"))


def _key(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger())


def _table_of(key: ColumnElement[Any]) -> str:
    return next(iter(key.base_columns)).table.name  # type: ignore[no-any-return]


BEFORE = bindparam("before", type_=DateTime())  # now less the grace
ROWS = bindparam("rows", type_=Integer())  # the most rows that a statement may answer
SOON = bindparam("soon", type_=DateTime())  # later than this, nothing can have happened yet
RETRIES_MAX = bindparam("retries_max", type_=Integer())
WORK_RETRIES_MAX = bindparam("work_retries_max", type_=Integer())
PARITY = bindparam("parity", type_=Integer())  # of the digits that lead to this shard


def words(values: tuple[str, ...]) -> list[ColumnElement[str]]:
    """Constant words for `in_`, rendered once with the statement (no expanding parameter)."""
    return [literal_column(f"'{value}'", String()) for value in values]


def naive_utc(at: datetime) -> datetime:
    """An aware time as the database writes it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def aware_utc(at: datetime) -> datetime:
    """A time of the database as an aware one."""
    return at.replace(tzinfo=UTC)
