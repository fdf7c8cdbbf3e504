"""Healthy shards for tests: payments through their whole life, each with its right rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from checks.sources.database_tables import METADATA

NOW = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
MONEY = 10_000


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard file and the way to put things wrong in it."""

    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def run(self, sql: str, *params: Any) -> None:
        with sqlite3.connect(self.file) as connection:
            changed = connection.execute(sql, params)
            assert changed.rowcount, f"nothing changed by: {sql}"
        connection.close()

    def ask(self, sql: str) -> Any:
        connection = sqlite3.connect(self.file)
        value = connection.execute(sql).fetchone()[0]
        connection.close()
        return value

    def copy(self, table: str, where: str, **changes: str) -> None:
        """Another row like the first one `where`, with a new key and these changes (SQL)."""
        connection = sqlite3.connect(self.file)
        listed = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        connection.close()
        columns = ", ".join(listed[1:])
        values = ", ".join(changes.get(name, name) for name in listed[1:])
        row = f"SELECT {values} FROM {table} WHERE {where} LIMIT 1"
        self.run(f"INSERT INTO {table} ({columns}) {row}")

    def disorder(self, kind: str, **where: Any) -> None:
        """The fault of an invariant, by its id."""
        _FAULTS[kind](self, **where)


def text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def shard(
    folder: Path,
    name: str = "shard1",
    payments: int = 200,
    end: datetime = NOW,
    span: timedelta = timedelta(hours=40),
) -> Shard:
    """A healthy shard with payments spread evenly over the span until the end.

    Every third is refunded, the fourth waits for its refund, the last two for their capture.
    """
    file = folder / f"{name}.db"
    engine = create_engine(f"sqlite:///{file}")
    METADATA.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        for number in range(1, payments + 1):
            _live(connection, number, end - span * (payments - number) / payments, payments)
    connection.close()
    return Shard(file)


def _live(connection: sqlite3.Connection, number: int, at: datetime, payments: int) -> None:
    state = _state(number, payments)
    amount = MONEY + number
    _insert(
        connection,
        "payment",
        payment_id=number,
        merchant_id=f"MERCHANT-{number % 7 * 2}",
        amount=amount,
        currency="KRW",
        status=state,
        idempotency_key=f"k{number}",
        requested_at=text(at),
        updated_at=text(at + timedelta(seconds=5)),
    )
    _event(connection, number, "PAYMENT_AUTHORIZED", at)
    _event(connection, number, "PAYMENT_CAPTURE_REQUESTED", at)
    if state != "CAPTURE_REQUESTED":
        _settle(connection, number, amount, at + timedelta(seconds=2))
    if state.startswith("REFUND"):
        _event(connection, number, "PAYMENT_REFUND_REQUESTED", at + timedelta(seconds=3))
    if state == "REFUNDED":
        _refund(connection, number, amount, at + timedelta(seconds=4))


def _state(number: int, payments: int) -> str:
    if number > payments - 2:
        return "CAPTURE_REQUESTED"
    if number % 3 == 0:
        return "REFUNDED"
    return "REFUND_REQUESTED" if number == 4 else "CAPTURED"


def _settle(connection: sqlite3.Connection, number: int, amount: int, at: datetime) -> None:
    _request(connection, "settlement_request", "request_amount", number, amount, at)
    _entry(connection, number, "merchant_receivable", "cash", amount, at)


def _refund(connection: sqlite3.Connection, number: int, amount: int, at: datetime) -> None:
    _request(connection, "refund_request", "refund_amount", number, amount, at)
    _entry(connection, number, "cash", "merchant_receivable", amount, at)


def _request(
    connection: sqlite3.Connection, table: str, column: str, number: int, amount: int, at: datetime
) -> None:
    row = {"payment_id": number, column: amount, "status": "SUCCESS", "retry_count": 0}
    _insert(connection, table, **row, requested_at=text(at), completed_at=text(at))


def _entry(
    connection: sqlite3.Connection, number: int, debit: str, credit: str, amount: int, at: datetime
) -> None:
    _insert(
        connection,
        "ledger_entry",
        payment_id=number,
        debit_account=debit,
        credit_account=credit,
        amount=amount,
        occurred_at=text(at),
    )


def _event(connection: sqlite3.Connection, number: int, kind: str, at: datetime) -> None:
    _insert(
        connection,
        "outbox_event",
        aggregate_type="payment",
        aggregate_id=number,
        event_type=kind,
        payload="{}",
        published=1,
        published_at=text(at + timedelta(seconds=1)),
        retry_count=0,
        created_at=text(at),
    )


def _insert(connection: sqlite3.Connection, table: str, **row: Any) -> None:
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
    )


_CAPTURE = "debit_account = 'merchant_receivable'"
_REVERSAL = "debit_account = 'cash'"


def _drop_entry(shard: Shard, which: str, payment: int) -> None:
    shard.run(f"DELETE FROM ledger_entry WHERE payment_id = ? AND {which}", payment)


def _set_entry(shard: Shard, change: str, which: str, payment: int) -> None:
    shard.run(f"UPDATE ledger_entry SET {change} WHERE payment_id = ? AND {which}", payment)


def _set_event(shard: Shard, change: str, payment: int) -> None:
    shard.run(
        f"UPDATE outbox_event SET published = 0, published_at = NULL, {change} WHERE event_id ="
        " (SELECT max(event_id) FROM outbox_event WHERE aggregate_id = ?)",
        payment,
    )


# Payment 160 is captured, 159 refunded; both lie in the window of a day.
_FAULTS: Mapping[str, Any] = {
    "L1": lambda s, payment=160: _drop_entry(s, _CAPTURE, payment),
    "L3": lambda s, payment=160: s.copy("ledger_entry", f"payment_id = {payment}"),
    "L4": lambda s, payment=160: _set_entry(s, "amount = amount + 7", _CAPTURE, payment),
    "L5": lambda s, payment=159: _drop_entry(s, _REVERSAL, payment),
    "L7": lambda s, payment=159: s.copy("ledger_entry", f"payment_id = {payment} AND {_REVERSAL}"),
    "L8": lambda s, payment=159: _set_entry(s, "amount = amount + 9", _REVERSAL, payment),
    "L9": lambda s, payment=160: _set_entry(s, "credit_account = 'x'", _CAPTURE, payment),
    "L11": lambda s, payment=160: s.run(
        "UPDATE payment SET status = 'CAPTURE_FAILED' WHERE payment_id = ?", payment
    ),
    "O1": lambda s, payment=160: _set_event(s, "retry_count = 0", payment),
    "O2": lambda s, payment=160: _set_event(s, "retry_count = 5", payment),
    "O9": lambda s, payment=160: s.copy("outbox_event", f"aggregate_id = {payment}"),
    "T1": lambda s, payment=160: s.copy("settlement_request", f"payment_id = {payment}"),
    "R1": lambda s, payment=159: s.copy("refund_request", f"payment_id = {payment}"),
    "R4": lambda s, payment=159: s.run(
        "UPDATE refund_request SET refund_amount = refund_amount - 1 WHERE payment_id = ?", payment
    ),
}
FAULTS = tuple(_FAULTS)
