"""The predicates of what must hold on a shard of the stand-in, in SQLite's words."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

CAP = "('CAPTURED','REFUND_REQUESTED','REFUND_FAILED','REFUNDED')"
OPEN = "('CAPTURED','REFUND_REQUESTED','REFUND_FAILED')"
C = "l.debit_account='merchant_receivable' AND l.credit_account='cash'"
R = "l.debit_account='cash' AND l.credit_account='merchant_receivable'"
NET = (
    "COALESCE(SUM((l.debit_account='merchant_receivable')*l.amount"
    "-(l.credit_account='merchant_receivable')*l.amount),0)"
)
JOIN = "JOIN payment p USING(payment_id)"

PREDICATES = {
    "P1": "SELECT payment_id FROM payment WHERE status NOT IN ('AUTHORIZED','CAPTURE_REQUESTED',"
    "'CAPTURED','CAPTURE_FAILED','REFUND_REQUESTED','REFUNDED','REFUND_FAILED')",
    "P2": "SELECT payment_id FROM payment WHERE status='CAPTURE_REQUESTED' AND requested_at<:g",
    "P3": "SELECT payment_id FROM payment WHERE status='REFUND_REQUESTED' AND updated_at<:g",
    "P4": "SELECT payment_id FROM payment WHERE updated_at<requested_at OR requested_at>:now",
    "P5": "SELECT payment_id FROM payment WHERE currency<>'KRW'",
    "L1": f"SELECT p.payment_id FROM payment p LEFT JOIN ledger_entry l ON"
    f" l.payment_id=p.payment_id AND {C} WHERE p.status IN {CAP} AND p.updated_at<:g"
    " AND l.entry_id IS NULL",
    "L2": f"SELECT l.entry_id FROM ledger_entry l {JOIN} WHERE {C} AND p.status NOT IN {CAP}",
    "L3": f"SELECT l.payment_id FROM ledger_entry l WHERE {C} GROUP BY 1 HAVING COUNT(*)>1",
    "L4": f"SELECT l.entry_id FROM ledger_entry l {JOIN} WHERE {C} AND l.amount<>p.amount",
    "L5": f"SELECT p.payment_id FROM payment p LEFT JOIN ledger_entry l ON"
    f" l.payment_id=p.payment_id AND {R} WHERE p.status='REFUNDED' AND p.updated_at<:g"
    " AND l.entry_id IS NULL",
    "L6": f"SELECT l.entry_id FROM ledger_entry l {JOIN} WHERE {R} AND p.status<>'REFUNDED'",
    "L7": f"SELECT l.payment_id FROM ledger_entry l WHERE {R} GROUP BY 1 HAVING COUNT(*)>1",
    "L8": f"SELECT l.payment_id FROM ledger_entry l GROUP BY 1 HAVING"
    f" SUM(({R})*l.amount)>SUM(({C})*l.amount)",
    "L9": f"SELECT l.entry_id FROM ledger_entry l WHERE NOT({C}) AND NOT({R})",
    "L10": f"SELECT p.payment_id FROM payment p LEFT JOIN ledger_entry l USING(payment_id)"
    f" WHERE p.updated_at<:g GROUP BY p.payment_id HAVING"
    f" {NET}<>CASE WHEN p.status IN {OPEN} THEN p.amount ELSE 0 END",
    "T1": "SELECT payment_id FROM settlement_request GROUP BY 1 HAVING COUNT(*)>1",
    "T2": f"SELECT s.id FROM settlement_request s {JOIN} WHERE s.status='SUCCESS'"
    f" AND p.status NOT IN {CAP}",
    "T3": f"SELECT p.payment_id FROM payment p WHERE p.status IN {CAP} AND NOT EXISTS(SELECT 1"
    " FROM settlement_request s WHERE s.payment_id=p.payment_id AND s.status='SUCCESS') AND"
    " p.payment_id NOT IN (SELECT aggregate_id FROM outbox_event"
    " WHERE event_type='PAYMENT_CAPTURED')",
    "T4": "SELECT s.payment_id FROM settlement_request s JOIN outbox_event o ON"
    " o.aggregate_id=s.payment_id AND o.event_type='PAYMENT_CAPTURED' WHERE s.status='SUCCESS'",
    "T5": f"SELECT s.id FROM settlement_request s {JOIN} WHERE s.request_amount<>p.amount",
    "T6": "SELECT id FROM settlement_request WHERE (status='SUCCESS' AND (pg_transaction_id IS"
    " NULL OR completed_at IS NULL OR pg_response_code IS NOT '0000')) OR (status<>'SUCCESS' AND"
    " completed_at IS NOT NULL) OR completed_at<requested_at",
    "T7": f"SELECT s.id FROM settlement_request s {JOIN} WHERE s.status='FAILED'"
    " AND p.status<>'CAPTURE_FAILED'",
    "T8": "SELECT p.payment_id FROM payment p LEFT JOIN settlement_request s ON"
    " s.payment_id=p.payment_id AND s.status='FAILED' WHERE p.status='CAPTURE_FAILED'"
    " AND s.id IS NULL",
    "T11": "SELECT id FROM settlement_request WHERE status='PENDING'",
    "R1": "SELECT payment_id FROM refund_request WHERE status='SUCCESS' GROUP BY 1"
    " HAVING COUNT(*)>1",
    "R2": "SELECT p.payment_id FROM payment p LEFT JOIN refund_request r ON"
    " r.payment_id=p.payment_id AND r.status='SUCCESS' WHERE p.status='REFUNDED' AND r.id IS NULL",
    "R3": f"SELECT r.id FROM refund_request r {JOIN} WHERE r.status='SUCCESS'"
    " AND p.status<>'REFUNDED'",
    "R4": f"SELECT r.payment_id FROM refund_request r {JOIN} WHERE r.status='SUCCESS'"
    " GROUP BY r.payment_id HAVING SUM(r.refund_amount)<>MAX(p.amount)",
    "R5": f"SELECT r.id FROM refund_request r {JOIN} WHERE r.status='FAILED'"
    " AND p.status<>'REFUND_FAILED'",
    "R7": "SELECT id FROM refund_request WHERE (status='SUCCESS' AND (pg_cancel_transaction_id IS"
    " NULL OR completed_at IS NULL)) OR (status<>'SUCCESS' AND completed_at IS NOT NULL)"
    " OR completed_at<requested_at",
    "O1": "SELECT event_id FROM outbox_event WHERE published=0 AND created_at<:soon",
    "O2": "SELECT event_id FROM outbox_event WHERE published=0 AND retry_count>=5",
    "O4": "SELECT p.payment_id FROM payment p LEFT JOIN (SELECT aggregate_id,"
    "SUM(event_type='PAYMENT_AUTHORIZED') a,SUM(event_type='PAYMENT_CAPTURE_REQUESTED') c"
    " FROM outbox_event GROUP BY 1) o ON o.aggregate_id=p.payment_id"
    " WHERE o.a IS NOT 1 OR o.c IS NOT 1",
    "O5": "SELECT o.event_id FROM outbox_event o LEFT JOIN payment p ON"
    " p.payment_id=o.aggregate_id WHERE p.payment_id IS NULL",
    "O6": "SELECT o.event_id FROM outbox_event o JOIN payment p ON p.payment_id=o.aggregate_id"
    " WHERE json_extract(o.payload,'$.paymentId') IS NOT o.aggregate_id"
    " OR json_extract(o.payload,'$.amount') IS NOT p.amount",
    "O7": "SELECT event_id FROM outbox_event WHERE (published=1)<>(published_at IS NOT NULL)"
    " OR published_at<created_at",
    "O8": "SELECT event_id FROM outbox_event WHERE event_type NOT IN ('PAYMENT_AUTHORIZED',"
    "'PAYMENT_CAPTURE_REQUESTED','PAYMENT_CAPTURED','PAYMENT_REFUND_REQUESTED')",
    "O9": "SELECT aggregate_id FROM outbox_event GROUP BY aggregate_id,event_type"
    " HAVING COUNT(*)>1",
    "O10": "SELECT payment_id FROM payment WHERE status IN ('REFUND_REQUESTED','REFUNDED',"
    "'REFUND_FAILED') AND payment_id NOT IN (SELECT aggregate_id FROM outbox_event"
    " WHERE event_type='PAYMENT_REFUND_REQUESTED')",
    "D1": "SELECT i.idempotency_key FROM idem_response_cache i LEFT JOIN payment p"
    " USING(merchant_id,idempotency_key) WHERE"
    " json_extract(i.response_body,'$.paymentId') IS NOT p.payment_id",
    "D2": "SELECT p.payment_id FROM payment p LEFT JOIN idem_response_cache i"
    " USING(merchant_id,idempotency_key) WHERE i.http_status IS NULL",
    "TALLY": "SELECT name FROM (SELECT t.name, t.rows n, (SELECT COUNT(*) FROM payment p"
    " WHERE p.status=t.name) m FROM demo_tally t WHERE t.kind='payment') WHERE n<>m",
    "S2": "SELECT payment_id FROM payment WHERE"
    " CAST(replace(merchant_id,'MERCHANT-','') AS INTEGER)%2<>:parity",
}


def violations(folder: Path, now: datetime, grace_seconds: int = 20) -> dict[str, list[int]]:
    """What is violated on the shards that are there, by `shard/invariant`."""
    found: dict[str, list[int]] = {}
    for parity, name in enumerate(("shard1", "shard2")):
        params = {
            "now": _text(now),
            "g": _text(now - timedelta(seconds=grace_seconds)),
            "soon": _text(now - timedelta(seconds=10)),
            "parity": parity,
        }
        connection = sqlite3.connect(f"file:{folder / name}.db?mode=ro", uri=True)
        for invariant, sql in PREDICATES.items():
            if rows := connection.execute(sql, params).fetchall():
                found[f"{name}/{invariant}"] = [row[0] for row in rows]
        if _drift(connection):
            found[f"{name}/L11"] = []
        connection.close()
    return found


def _drift(connection: sqlite3.Connection) -> int:
    """The control total, over payments that are at rest."""
    where = "payment_id IN (SELECT payment_id FROM payment WHERE status NOT LIKE '%REQUESTED')"
    net = connection.execute(f"SELECT {NET} FROM ledger_entry l WHERE {where}").fetchone()[0]
    want = connection.execute(
        "SELECT COALESCE(SUM(amount),0) FROM payment WHERE status IN ('CAPTURED','REFUND_FAILED')"
    ).fetchone()[0]
    return net - want


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(" ", "microseconds")[:26]
