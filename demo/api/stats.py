"""/stats: what the settlement and the refund worker did, since ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from demo.api.wire import Handler, Request, Response, answer
from demo.platform.shards import Shard
from demo.platform.times import row_text
from demo.queries.tally import read
from demo.stand_in import StandIn

_RETRIES_MAX = 10
_FAILED_PERCENT_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Work:
    """What tells the two kinds of work apart."""

    table: str
    delayed_field: str
    waiting_status: str
    delayed_after: timedelta


SETTLEMENT = Work(
    "settlement_request", "delayedSettlements", "CAPTURE_REQUESTED", timedelta(hours=1)
)
REFUND = Work("refund_request", "delayedRefunds", "REFUND_REQUESTED", timedelta(minutes=30))


def settlement(standin: StandIn, request: Request) -> Response:
    """GET /stats/settlement."""
    return answer(work_body(standin.parts.shards.all(), SETTLEMENT, standin.now))


def refund(standin: StandIn, request: Request) -> Response:
    """GET /stats/refund."""
    return answer(work_body(standin.parts.shards.all(), REFUND, standin.now))


def overview(standin: StandIn, request: Request) -> Response:
    """GET /stats/overview."""
    return answer(overview_body(standin.parts.shards.all(), standin.now))


def overview_body(shards: Sequence[Shard], now: datetime) -> dict[str, Any]:
    """Both kinds of work and where the payments are."""
    payments = read(shards, "payment")
    return {
        "authorizedCount": 0,  # no payment ever keeps that status
        "capturedCount": payments.rows("CAPTURED"),
        "refundedCount": payments.rows("REFUNDED"),
        "settlement": work_body(shards, SETTLEMENT, now),
        "refund": work_body(shards, REFUND, now),
    }


def work_body(shards: Sequence[Shard], work: Work, now: datetime) -> dict[str, Any]:
    """The statistics of one kind of work over some shards."""
    tally = read(shards, work.table)
    total, failed = tally.rows(), tally.rows("FAILED")
    succeeded = tally.rows("SUCCESS")
    dead, details = _failures(shards, work) if failed else (0, [])
    delayed = _delayed(shards, work, now)
    failed_percent = _percent(failed, total)
    ill = dead or delayed or failed_percent > _FAILED_PERCENT_MAX
    return {
        "totalCount": total,
        "successCount": succeeded,
        "failedCount": failed,
        "pendingCount": tally.rows("PENDING"),
        "totalAmount": float(tally.amount()),
        "deadLetterCount": dead,
        work.delayed_field: delayed,
        "failureDetails": details,
        "successRate": _percent(succeeded, total),
        "failureRate": failed_percent,
        "healthStatus": "WARNING" if ill else "HEALTHY",
    }


def _failures(shards: Sequence[Shard], work: Work) -> tuple[int, list[dict[str, int]]]:
    counts: dict[int, int] = {}
    for shard in shards:
        for row in shard.rows(
            f"SELECT retry_count, COUNT(*) AS n FROM {work.table}"
            " WHERE status = 'FAILED' GROUP BY retry_count"
        ):
            counts[row["retry_count"]] = counts.get(row["retry_count"], 0) + row["n"]
    dead = sum(count for retries, count in counts.items() if retries >= _RETRIES_MAX)
    return dead, [{"retry_count": r, "count": counts[r]} for r in sorted(counts)]


def _delayed(shards: Sequence[Shard], work: Work, now: datetime) -> int:
    found = 0
    for shard in shards:
        row = shard.one(
            "SELECT COUNT(*) AS n FROM payment WHERE status = ? AND updated_at < ?",
            (work.waiting_status, row_text(now - work.delayed_after)),
        )
        found += row["n"] if row else 0
    return found


def _percent(part: int, whole: int) -> float:
    return round(100.0 * part / whole, 2) if whole else 0.0


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/stats/settlement"): settlement,
    ("GET", "/stats/refund"): refund,
    ("GET", "/stats/overview"): overview,
}
