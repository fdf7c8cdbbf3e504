"""Healthy shards for tests: payments through their whole life, each with its right rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert
from sqlalchemy.pool import NullPool

from checks.sources.database.servers.tables import (
    IDEMPOTENCY,
    LEDGER,
    METADATA,
    OUTBOX,
    PAYMENT,
    REFUND,
    SETTLEMENT,
)

NOW = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
MONEY = 10_000
TABLES = {t.name: t for t in (PAYMENT, LEDGER, OUTBOX, SETTLEMENT, REFUND, IDEMPOTENCY)}
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard and the way to put things wrong in it; `url` is how the monitor reads it."""

    url: str
    engine: Engine
    file: Path = Path()

    def run(self, sql: str, *params: Any) -> None:
        with self.engine.begin() as connection:
            changed = connection.exec_driver_sql(self._marked(sql), params)
            assert changed.rowcount, f"nothing changed by: {sql}"

    def ask(self, sql: str) -> Any:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(self._marked(sql)).fetchone()[0]

    def _marked(self, sql: str) -> str:
        return sql if self.engine.name == "sqlite" else sql.replace("?", "%s")

    def copy(self, table: str, where: str, **changes: str) -> None:
        """Another row like the first one `where`, with a new key and these changes (SQL)."""
        listed = [column.name for column in TABLES[table].c][1:]
        values = ", ".join(changes.get(name, name) for name in listed)
        row = f"SELECT {values} FROM {table} WHERE {where} LIMIT 1"
        self.run(f"INSERT INTO {table} ({', '.join(listed)}) {row}")

    def fill(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Add rows, by table."""
        with self.engine.begin() as connection:
            for table, listed in rows.items():
                for start in range(0, len(listed), 5000):
                    connection.execute(insert(TABLES[table]), listed[start : start + 5000])

    def index(self, table: str, column: str) -> None:
        """Give the shard an index that the platform's schema does not have."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE INDEX ix_own_{column} ON {table} ({column})")

    def disorder(self, kind: str, **where: Any) -> None:
        """The fault of an invariant, by its id."""
        _FAULTS[kind](self, **where)


def text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def shard(
    folder: Path,
    name: str = "shard1",
    payments: int = 200,
    end: datetime = NOW,
    span: timedelta = timedelta(hours=40),
    parity: int | None = None,
    first: int = 1,
) -> Shard:
    """A healthy shard with payments spread evenly over the span until the end.

    Every third is refunded, the fourth waits for its refund, the last two for their capture.
    Merchants are those of the shard: even ones, but for a shard2.
    """
    file = folder / f"{name}.db"
    engine = _engine(file)
    METADATA.create_all(engine)
    made = Shard(f"sqlite:///{file}", engine, file)
    odd = int(name == "shard2") if parity is None else parity
    made.fill(healthy(payments, end, span, odd, first))
    return made


def copied(shard: Shard, folder: Path) -> Shard:
    """A shard like another one, in a folder of its own."""
    file = folder / shard.file.name
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(shard.file.read_bytes())
    return Shard(f"sqlite:///{file}", _engine(file), file)


def _engine(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode = WAL"))
    return engine


def healthy(payments: int, end: datetime, span: timedelta, parity: int = 0, first: int = 1) -> Rows:
    """The rows of healthy payments, by table."""
    rows: Rows = {name: [] for name in TABLES}
    for number in range(first, first + payments):
        position = number - first + 1
        step = span / payments
        if position > payments - 5:  # those that are still under way
            step = min(step, timedelta(minutes=1))
        at = naive(end - step * (payments - position))
        _live(rows, number, at, _state(position, payments), parity)
    return rows


def _next(rows: Rows, table: str) -> int:
    return len(rows[table]) + 1


def _state(position: int, payments: int) -> str:
    if position > payments - 2:
        return "CAPTURE_REQUESTED"
    if position == payments - 4:
        return "REFUND_REQUESTED"
    return "REFUNDED" if position % 3 == 0 else "CAPTURED"


def _live(rows: Rows, number: int, at: datetime, state: str, parity: int) -> None:
    amount, merchant = MONEY + number, f"MERCHANT-{number % 7 * 2 + parity}"
    rows["payment"].append(
        {
            "payment_id": number,
            "merchant_id": merchant,
            "amount": amount,
            "currency": "KRW",
            "status": state,
            "idempotency_key": f"k{number}",
            "requested_at": at,
            "updated_at": at + timedelta(seconds=5),
        }
    )
    answer = {
        "merchant_id": merchant,
        "idempotency_key": f"k{number}",
        "http_status": 200,
        "response_body": json.dumps({"paymentId": number}),
        "created_at": at,
    }
    rows["idem_response_cache"].append(answer)
    _event(rows, number, amount, "PAYMENT_AUTHORIZED", at)
    _event(rows, number, amount, "PAYMENT_CAPTURE_REQUESTED", at)
    if state != "CAPTURE_REQUESTED":
        _settle(rows, number, amount, at + timedelta(seconds=2))
    if state.startswith("REFUND"):
        _event(rows, number, amount, "PAYMENT_REFUND_REQUESTED", at + timedelta(seconds=3))
    if state == "REFUNDED":
        _refund(rows, number, amount, at + timedelta(seconds=4))


def _settle(rows: Rows, number: int, amount: int, at: datetime) -> None:
    paid = {"request_amount": amount, "pg_transaction_id": f"S{number}", "pg_response_code": "0000"}
    rows["settlement_request"].append(
        _request(_next(rows, "settlement_request"), number, at) | paid
    )
    _entry(rows, number, "merchant_receivable", "cash", amount, at)


def _refund(rows: Rows, number: int, amount: int, at: datetime) -> None:
    paid = {"refund_amount": amount, "pg_cancel_transaction_id": f"R{number}"}
    rows["refund_request"].append(_request(_next(rows, "refund_request"), number, at) | paid)
    _entry(rows, number, "cash", "merchant_receivable", amount, at)


def _request(key: int, number: int, at: datetime) -> dict[str, Any]:
    row = {"id": key, "payment_id": number, "status": "SUCCESS", "retry_count": 0}
    return row | {"requested_at": at, "completed_at": at}


def _entry(rows: Rows, number: int, debit: str, credit: str, amount: int, at: datetime) -> None:
    accounts = {"debit_account": debit, "credit_account": credit}
    key = {"entry_id": _next(rows, "ledger_entry")}
    rows["ledger_entry"].append(
        {**key, "payment_id": number, **accounts, "amount": amount, "occurred_at": at}
    )


def _event(rows: Rows, number: int, amount: int, kind: str, at: datetime) -> None:
    rows["outbox_event"].append(
        {
            "event_id": _next(rows, "outbox_event"),
            "aggregate_type": "payment",
            "aggregate_id": number,
            "event_type": kind,
            "payload": json.dumps({"paymentId": number, "amount": amount}),
            "published": 1,
            "published_at": at + timedelta(seconds=1),
            "retry_count": 0,
            "created_at": at,
        }
    )


# --- faults ------------------------------------------------------------------------------------

_CAPTURE = "debit_account = 'merchant_receivable'"
_REVERSAL = "debit_account = 'cash'"
# Of 200 payments: 160 is captured, 159 refunded, 196 waits for its refund, 199 for its capture.
CAPTURED, REFUNDED, REFUNDING, CAPTURING = 160, 159, 196, 199


def _entries(shard: Shard, change: str, which: str, payment: int) -> None:
    shard.run(f"UPDATE ledger_entry SET {change} WHERE payment_id = ? AND {which}", payment)


def _drop_entry(shard: Shard, which: str, payment: int) -> None:
    shard.run(f"DELETE FROM ledger_entry WHERE payment_id = ? AND {which}", payment)


def _payment(change: str, chosen: int = CAPTURED) -> Any:
    """A fault that changes a payment's row (and keeps its updated_at, as SQL servers may not)."""

    def spoil(shard: Shard, payment: int = chosen) -> None:
        changes = change if "updated_at" in change else f"{change}, updated_at = updated_at"
        shard.run(f"UPDATE payment SET {changes} WHERE payment_id = ?", payment)

    return spoil


def _event_of(shard: Shard, change: str, payment: int) -> None:
    last = shard.ask(f"SELECT max(event_id) FROM outbox_event WHERE aggregate_id = {payment}")
    shard.run(f"UPDATE outbox_event SET {change} WHERE event_id = ?", last)


def _events(change: str, chosen: int = CAPTURED) -> Any:
    return lambda shard, payment=chosen: _event_of(shard, change, payment)


def _requests(table: str, change: str, chosen: int) -> Any:
    def spoil(shard: Shard, payment: int = chosen) -> None:
        shard.run(f"UPDATE {table}_request SET {change} WHERE payment_id = ?", payment)

    return spoil


def _settlement(change: str, chosen: int = CAPTURED) -> Any:
    return _requests("settlement", change, chosen)


def _refund_fault(change: str, chosen: int = REFUNDED) -> Any:
    return _requests("refund", change, chosen)


def _steps(*faults: Any) -> Any:
    def spoil(shard: Shard, **where: Any) -> None:
        for fault in faults:
            fault(shard, **where)

    return spoil


def _delete(table: str, column: str, chosen: int, also: str = "1 = 1") -> Any:
    def spoil(shard: Shard, payment: int = chosen) -> None:
        shard.run(f"DELETE FROM {table} WHERE {column} = ? AND {also}", payment)

    return spoil


_UNSENT = "published = 0, published_at = NULL"
_FAILED = "status = 'FAILED', completed_at = NULL"
_FAULTS: Mapping[str, Any] = {
    "S2": _payment("merchant_id = 'MERCHANT-77'"),
    "P1": _payment("status = 'READY'", CAPTURING),
    "P2": lambda s, payment=CAPTURING: s.run(
        "UPDATE payment SET requested_at = ?, updated_at = ? WHERE payment_id = ?",
        *[text(NOW - timedelta(minutes=11))] * 2,
        payment,
    ),
    "P3": lambda s, payment=REFUNDING: s.run(
        "UPDATE payment SET requested_at = ?, updated_at = ? WHERE payment_id = ?",
        *[text(NOW - timedelta(minutes=11))] * 2,
        payment,
    ),
    "P4": _payment("updated_at = '2026-03-01 00:00:00'"),
    "P5": _payment("currency = 'USD'"),
    "L1": lambda s, payment=CAPTURED: _drop_entry(s, _CAPTURE, payment),
    "L2": lambda s, payment=CAPTURING: s.copy(
        "ledger_entry", f"payment_id = 1 AND {_CAPTURE}", payment_id=f"{payment}", amount="10199"
    ),
    "L3": lambda s, payment=CAPTURED: s.copy("ledger_entry", f"payment_id = {payment}"),
    "L4": lambda s, payment=CAPTURED: _entries(s, "amount = amount + 7", _CAPTURE, payment),
    "L5": lambda s, payment=REFUNDED: _drop_entry(s, _REVERSAL, payment),
    "L6": lambda s, payment=CAPTURED: s.copy(
        "ledger_entry",
        f"payment_id = {payment}",
        debit_account="'cash'",
        credit_account="'merchant_receivable'",
    ),
    "L7": lambda s, payment=REFUNDED: s.copy(
        "ledger_entry", f"payment_id = {payment} AND {_REVERSAL}"
    ),
    "L8": lambda s, payment=REFUNDED: _entries(s, "amount = amount + 9", _REVERSAL, payment),
    "L9": lambda s, payment=CAPTURED: _entries(s, "credit_account = 'x'", _CAPTURE, payment),
    "L10": lambda s, payment=REFUNDED: _entries(s, "amount = amount - 3", _REVERSAL, payment),
    "T1": lambda s, payment=CAPTURED: s.copy("settlement_request", f"payment_id = {payment}"),
    "T2": lambda s, payment=CAPTURED: s.copy(
        "settlement_request",
        f"payment_id = {payment}",
        payment_id=f"{CAPTURING}",
        request_amount=f"{MONEY + CAPTURING}",
    ),
    "T3": _delete("settlement_request", "payment_id", CAPTURED),
    "T4": lambda s, payment=CAPTURED: s.copy(
        "outbox_event", f"aggregate_id = {payment}", event_type="'PAYMENT_CAPTURED'"
    ),
    "T5": _settlement("request_amount = request_amount + 1"),
    "T6": _settlement("pg_transaction_id = NULL"),
    "T7": lambda s, payment=CAPTURED: s.copy(
        "settlement_request",
        f"payment_id = {payment}",
        payment_id=f"{CAPTURING}",
        request_amount=f"{MONEY + CAPTURING}",
        status="'FAILED'",
        completed_at="NULL",
        last_retry_at="requested_at",
    ),
    "T8": _payment("status = 'CAPTURE_FAILED'", CAPTURING),
    "T9": _steps(
        _payment("status = 'CAPTURE_FAILED'", CAPTURED),
        _settlement(_FAILED),
        _delete("ledger_entry", "payment_id", CAPTURED),
    ),
    "T10": _steps(
        _payment("status = 'CAPTURE_FAILED'", CAPTURED),
        _settlement(f"{_FAILED}, retry_count = 10, last_retry_at = requested_at"),
        _delete("ledger_entry", "payment_id", CAPTURED),
    ),
    "T11": _steps(
        _payment(
            "status = 'CAPTURE_REQUESTED', requested_at = '2026-03-10 02:55:00',"
            " updated_at = '2026-03-10 02:55:01'",
            CAPTURED,
        ),
        _settlement("status = 'PENDING', completed_at = NULL"),
        _delete("ledger_entry", "payment_id", CAPTURED),
    ),
    "R1": lambda s, payment=REFUNDED: s.copy("refund_request", f"payment_id = {payment}"),
    "R2": _delete("refund_request", "payment_id", REFUNDED),
    "R3": lambda s, payment=REFUNDED: s.copy(
        "refund_request",
        f"payment_id = {payment}",
        payment_id=f"{CAPTURED}",
        refund_amount=f"{MONEY + CAPTURED}",
    ),
    "R4": _refund_fault("refund_amount = refund_amount - 1"),
    "R5": lambda s, payment=REFUNDED: s.copy(
        "refund_request",
        f"payment_id = {payment}",
        payment_id=f"{REFUNDING}",
        status="'FAILED'",
        completed_at="NULL",
        last_retry_at="requested_at",
    ),
    "R6": _steps(
        _payment("status = 'REFUND_FAILED'", REFUNDED),
        _refund_fault(_FAILED),
        _delete("ledger_entry", "payment_id", REFUNDED, _REVERSAL),
    ),
    "R7": _refund_fault("pg_cancel_transaction_id = NULL"),
    "O1": _events(_UNSENT),
    "O2": _events(f"{_UNSENT}, retry_count = 5"),
    "O3": _events(_UNSENT, REFUNDED),
    "O4": _delete("outbox_event", "aggregate_id", CAPTURED, "event_type = 'PAYMENT_AUTHORIZED'"),
    "O5": lambda s, payment=CAPTURED: s.copy(
        "outbox_event",
        f"aggregate_id = {payment}",
        aggregate_id="999999",
        payload='\'{"paymentId": 999999, "amount": 5}\'',
    ),
    "O6": _events('payload = \'{"paymentId": 160, "amount": 1}\''),
    "O7": _events("published_at = NULL"),
    "O8": lambda s, payment=CAPTURED: s.copy(
        "outbox_event", f"aggregate_id = {payment}", event_type="'PAYMENT_MOVED'"
    ),
    "O9": lambda s, payment=REFUNDED: s.copy(
        "outbox_event",
        f"aggregate_id = {payment} AND event_type = 'PAYMENT_REFUND_REQUESTED'",
    ),
    "O10": _delete(
        "outbox_event", "aggregate_id", REFUNDED, "event_type = 'PAYMENT_REFUND_REQUESTED'"
    ),
    "D1": lambda s, payment=CAPTURED: s.run(
        "UPDATE idem_response_cache SET response_body = '{\"paymentId\": 7}'"
        " WHERE idempotency_key = ?",
        f"k{payment}",
    ),
}
FAULTS = tuple(_FAULTS)
