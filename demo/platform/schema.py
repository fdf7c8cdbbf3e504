"""The tables of one shard, and a tally beside them that keeps totals cheap however old the shard.

The platform's six tables have its columns and indexes, with a few indexes more where our own
questions need them. `demo_tally` is no part of the platform: triggers keep it true whoever
writes the rows.
"""

from __future__ import annotations

_TABLES = """
CREATE TABLE IF NOT EXISTS payment (
  payment_id INTEGER PRIMARY KEY, merchant_id VARCHAR(32) NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0), currency CHAR(3) NOT NULL,
  status VARCHAR(50) NOT NULL, idempotency_key VARCHAR(64) NOT NULL,
  requested_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
  UNIQUE (merchant_id, idempotency_key));
CREATE INDEX IF NOT EXISTS ix_status_time ON payment (status, requested_at);
CREATE INDEX IF NOT EXISTS ix_merchant_time ON payment (merchant_id, requested_at);
CREATE INDEX IF NOT EXISTS ix_requested ON payment (requested_at);
CREATE TABLE IF NOT EXISTS ledger_entry (
  entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id INTEGER NOT NULL REFERENCES payment (payment_id) ON DELETE CASCADE,
  debit_account VARCHAR(64) NOT NULL, credit_account VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL, occurred_at DATETIME NOT NULL);
CREATE INDEX IF NOT EXISTS ix_ledger_payment ON ledger_entry (payment_id, occurred_at);
CREATE TABLE IF NOT EXISTS outbox_event (
  event_id INTEGER PRIMARY KEY, aggregate_type VARCHAR(32) NOT NULL,
  aggregate_id INTEGER NOT NULL, event_type VARCHAR(32) NOT NULL, payload JSON NOT NULL,
  published BOOLEAN NOT NULL DEFAULT 0, published_at DATETIME,
  retry_count INTEGER NOT NULL DEFAULT 0, last_retry_at DATETIME, created_at DATETIME NOT NULL);
CREATE INDEX IF NOT EXISTS ix_pub_created ON outbox_event (published, created_at);
CREATE INDEX IF NOT EXISTS ix_outbox_aggregate ON outbox_event (aggregate_id);
CREATE TABLE IF NOT EXISTS settlement_request (
  id INTEGER PRIMARY KEY, payment_id INTEGER NOT NULL, request_amount DECIMAL(15,2) NOT NULL,
  status VARCHAR(32) NOT NULL, pg_transaction_id VARCHAR(64), pg_response_code VARCHAR(10),
  pg_response_message VARCHAR(255), retry_count INTEGER NOT NULL DEFAULT 0,
  last_retry_at DATETIME, requested_at DATETIME NOT NULL, completed_at DATETIME);
CREATE INDEX IF NOT EXISTS ix_settlement_payment ON settlement_request (payment_id);
CREATE INDEX IF NOT EXISTS ix_settlement_status ON settlement_request (status, requested_at);
CREATE TABLE IF NOT EXISTS refund_request (
  id INTEGER PRIMARY KEY, payment_id INTEGER NOT NULL, refund_amount DECIMAL(15,2) NOT NULL,
  refund_reason VARCHAR(255), status VARCHAR(32) NOT NULL, pg_cancel_transaction_id VARCHAR(64),
  pg_response_code VARCHAR(10), pg_response_message VARCHAR(255),
  retry_count INTEGER NOT NULL DEFAULT 0, last_retry_at DATETIME,
  requested_at DATETIME NOT NULL, completed_at DATETIME);
CREATE INDEX IF NOT EXISTS ix_refund_payment ON refund_request (payment_id);
CREATE INDEX IF NOT EXISTS ix_refund_status ON refund_request (status, requested_at);
CREATE TABLE IF NOT EXISTS idem_response_cache (
  merchant_id VARCHAR(32) NOT NULL, idempotency_key VARCHAR(64) NOT NULL,
  http_status INTEGER NOT NULL, response_body TEXT NOT NULL, created_at DATETIME NOT NULL,
  PRIMARY KEY (merchant_id, idempotency_key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS demo_tally (
  kind TEXT NOT NULL, name TEXT NOT NULL, rows INTEGER NOT NULL, amount INTEGER NOT NULL,
  PRIMARY KEY (kind, name)) WITHOUT ROWID;
"""

# what a tally is kept of: table, the column that names the tally's row, the column that is summed
TALLIED = (
    ("payment", "status", "amount"),
    ("ledger_entry", "debit_account", "amount"),
    ("outbox_event", "published", "0"),
    ("settlement_request", "status", "request_amount"),
    ("refund_request", "status", "refund_amount"),
)


def script() -> str:
    """The statements that make an empty or an existing file a shard."""
    return _TABLES + "".join(_triggers(*tallied) for tallied in TALLIED)


def _triggers(table: str, name: str, amount: str) -> str:
    new = _count(table, f"NEW.{name}", _of("NEW", amount), "+")
    old = _count(table, f"OLD.{name}", _of("OLD", amount), "-")
    changed = name if amount == "0" else f"{name}, {amount}"
    return (
        f"CREATE TRIGGER IF NOT EXISTS t_{table}_i AFTER INSERT ON {table} BEGIN {new} END;\n"
        f"CREATE TRIGGER IF NOT EXISTS t_{table}_d AFTER DELETE ON {table} BEGIN {old} END;\n"
        f"CREATE TRIGGER IF NOT EXISTS t_{table}_u AFTER UPDATE OF {changed} ON {table} "
        f"BEGIN {old} {new} END;\n"
    )


def _of(row: str, amount: str) -> str:
    return amount if amount == "0" else f"{row}.{amount}"


def _count(table: str, name: str, amount: str, sign: str) -> str:
    return (
        f"INSERT INTO demo_tally VALUES ('{table}', {name}, {sign}1, {sign}{amount}) "
        f"ON CONFLICT (kind, name) DO UPDATE SET rows = rows {sign} 1, "
        f"amount = amount {sign} {amount};"
    )
