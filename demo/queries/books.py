"""What the books say, and whether the payments agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.platform.shards import Shard
from demo.platform.times import row_text

_IN_FLIGHT = timedelta(seconds=60)
_NET = (
    "COALESCE(SUM(CASE WHEN l.debit_account = 'merchant_receivable' THEN l.amount ELSE 0 END"
    " - CASE WHEN l.credit_account = 'merchant_receivable' THEN l.amount ELSE 0 END), 0)"
)


def disagreeing(shard: Shard, now: datetime) -> int:
    """Payments whose net receivable or number of entries is not what their status asks for."""
    row = shard.one(
        "SELECT COUNT(*) AS n FROM (SELECT p.payment_id FROM payment p"
        " LEFT JOIN ledger_entry l USING (payment_id) WHERE p.updated_at < ?"
        " GROUP BY p.payment_id, p.status, p.amount HAVING"
        f" {_NET} <> CASE WHEN p.status IN ('CAPTURED', 'REFUND_REQUESTED', 'REFUND_FAILED')"
        " THEN p.amount ELSE 0 END"
        " OR COUNT(l.entry_id) <> CASE p.status WHEN 'REFUNDED' THEN 2 WHEN 'CAPTURED' THEN 1"
        " WHEN 'REFUND_REQUESTED' THEN 1 WHEN 'REFUND_FAILED' THEN 1 ELSE 0 END) AS disagreeing",
        (row_text(now - _IN_FLIGHT),),
    )
    return int(row["n"]) if row else 0


def sums(shards: Sequence[Shard]) -> dict[str, Any]:
    """Debits and credits by account."""
    debits, credits_ = _by(shards, "debit_account"), _by(shards, "credit_account")
    return {
        "totalDebits": sum(debits.values()),
        "totalCredits": sum(credits_.values()),
        "debitAccounts": [{"debit_account": a, "total": t} for a, t in debits.items()],
        "creditAccounts": [{"credit_account": a, "total": t} for a, t in credits_.items()],
    }


def _by(shards: Sequence[Shard], column: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for shard in shards:
        for row in shard.rows(
            f"SELECT {column} AS account, SUM(amount) AS total FROM ledger_entry GROUP BY {column}"
        ):
            totals[row["account"]] = totals.get(row["account"], 0) + row["total"]
    return totals
