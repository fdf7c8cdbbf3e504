"""/monitoring/database: payments, outbox, totals and books, truthfully over both shards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.api.time_range import since_of
from demo.api.wire import Handler, Request, Response, answer
from demo.platform.shards import Row, Shard, Shards
from demo.platform.times import offset_text, row_text, row_time
from demo.queries import books
from demo.queries.payment_filter import parse
from demo.queries.statistics import statistics_body
from demo.queries.tally import read
from demo.stand_in import StandIn

_EVENTS_MAX = 100
_ENTRIES_MAX = 20
_PAYMENT = "SELECT payment_id, merchant_id, amount, currency, status, idempotency_key,"


def payments(standin: StandIn, request: Request) -> Response:
    """GET database/payments: words that it does not know match nothing."""
    words = request.text("filter")
    condition = parse(words, standin.now)
    limit = max(request.number("limit", 10), 0)
    return answer(payments_body(standin.parts.shards.all(), words, condition, limit))


def payments_body(
    shards: Sequence[Shard], words: str, condition: tuple[str, list[Any]], limit: int
) -> dict[str, Any]:
    """The latest payments that meet a condition."""
    where, params = condition
    found = [
        row
        for shard in shards
        for row in shard.rows(
            f"{_PAYMENT} requested_at, updated_at FROM payment WHERE {where}"
            " ORDER BY requested_at DESC LIMIT ?",
            (*params, limit),
        )
    ]
    found.sort(key=lambda row: str(row["requested_at"]), reverse=True)
    rows = [_with_times(row, "requested_at", "updated_at") for row in found[:limit]]
    return {"count": len(rows), "filter": words, "payments": rows}


def statistics(standin: StandIn, request: Request) -> Response:
    """GET database/statistics; the day begins at midnight in Seoul."""
    time_range = request.text("timeRange", "today")
    since = since_of(time_range, standin.now, timedelta(hours=9))
    return answer(statistics_body(standin.parts.shards.all(), time_range, since))


def outbox(standin: StandIn, request: Request) -> Response:
    """GET database/outbox."""
    minutes = request.number("maxAgeMinutes", 5)
    return answer(outbox_body(standin.parts.shards.all(), minutes, standin.now, _EVENTS_MAX))


def outbox_body(
    shards: Sequence[Shard], minutes: int, now: datetime, events_max: int
) -> dict[str, Any]:
    """The events that wait for longer than so many minutes; `count` counts all of them."""
    before = row_text(now - timedelta(minutes=minutes))
    where = "FROM outbox_event WHERE published = 0 AND created_at < ?"
    count = sum(shard.rows(f"SELECT COUNT(*) AS n {where}", (before,))[0]["n"] for shard in shards)
    if not count:
        message = "All events are published in time"
        return {"healthy": True, "message": message, "events": []}
    rows = [
        row
        for shard in shards
        for row in shard.rows(
            f"SELECT * {where} ORDER BY created_at LIMIT ?",
            (before, events_max),
        )
    ]
    rows.sort(key=lambda row: str(row["created_at"]))
    message = f"{count} unpublished events older than {minutes} minutes"
    events = [_event(row, now) for row in rows[:events_max]]
    return {"healthy": False, "message": message, "count": count, "events": events}


def stats(standin: StandIn, request: Request) -> Response:
    """GET database/stats: what is reachable, and which shard is not."""
    shards = standin.parts.shards
    return answer(stats_body(shards.reachable(), _sharding(shards)))


def stats_body(shards: Sequence[Shard], sharding: dict[str, Any]) -> dict[str, Any]:
    """The totals over some shards."""
    payment, event = read(shards, "payment"), read(shards, "outbox_event")
    return {
        "paymentsByStatus": payment.by_status(),
        "totalPayments": payment.rows(),
        "ledgerEntryCount": read(shards, "ledger_entry").rows(),
        "outboxEvents": {
            "total": event.rows(),
            "published": event.rows("1"),
            "unpublished": event.rows("0"),
        },
        "settlementsByStatus": read(shards, "settlement_request").by_status(),
        "refundsByStatus": read(shards, "refund_request").by_status(),
        "databaseSharding": sharding,
        "message": "Database statistics retrieved successfully",
    }


def sharding_body(shard1_total: int, shard2_total: int, shard2_up: bool) -> dict[str, Any]:
    """What is said about the shards."""
    return {
        "shard1Total": shard1_total,
        "shard1Status": "UP",
        "shard2Total": shard2_total,
        "shard2Status": "UP" if shard2_up else "DOWN",
        "shard2Host": "shard2",
        "shard2Port": 13307,
    }


def reconciliation(standin: StandIn, request: Request) -> Response:
    """GET database/reconciliation: balanced if every payment is booked as it should be."""
    shards = standin.parts.shards.all()
    breaks = sum(books.disagreeing(shard, standin.now) for shard in shards)
    message = f"{breaks} payments disagree with the ledger" if breaks else "Books are balanced"
    return answer(books.sums(shards) | {"balanced": not breaks, "message": message})


def ledger(standin: StandIn, request: Request) -> Response:
    """GET database/ledger: the latest entries of a payment or of a merchant."""
    return ledger_answer(standin.parts.shards.all(), request)


def ledger_answer(shards: Sequence[Shard], request: Request) -> Response:
    """The latest entries over some shards."""
    value: int | str
    if "paymentId" in request.query:
        where, value = "l.payment_id = ?", request.number("paymentId", 0)
    elif "merchantId" in request.query:
        where, value = "p.merchant_id = ?", request.text("merchantId")
    else:
        return answer({"error": "paymentId or merchantId is required"}, 400)
    found = [
        row
        for shard in shards
        for row in shard.rows(
            "SELECT l.* FROM ledger_entry l JOIN payment p USING (payment_id)"
            f" WHERE {where} ORDER BY l.entry_id DESC LIMIT ?",
            (value, _ENTRIES_MAX),
        )
    ]
    found.sort(key=lambda row: str(row["occurred_at"]), reverse=True)
    rows = [_with_times(row, "occurred_at") for row in found[:_ENTRIES_MAX]]
    return answer({"count": len(rows), "entries": rows})


def _sharding(shards: Shards) -> dict[str, Any]:
    second = shards.shard2
    shard2_total = read([second], "payment").rows() if second.up else 0
    return sharding_body(read([shards.shard1], "payment").rows(), shard2_total, second.up)


def _event(row: Row, now: datetime) -> dict[str, Any]:
    age = now - row_time(row["created_at"])
    return {
        "event_id": row["event_id"],
        "aggregate_type": row["aggregate_type"],
        "aggregate_id": row["aggregate_id"],
        "event_type": row["event_type"],
        "published": bool(row["published"]),
        "created_at": offset_text(row["created_at"]),
        "age_minutes": int(age.total_seconds() // 60),
    }


def _with_times(row: Row, *columns: str) -> dict[str, Any]:
    return dict(row) | {column: offset_text(row[column]) for column in columns}


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/monitoring/database/payments"): payments,
    ("GET", "/monitoring/database/statistics"): statistics,
    ("GET", "/monitoring/database/outbox"): outbox,
    ("GET", "/monitoring/database/stats"): stats,
    ("GET", "/monitoring/database/reconciliation"): reconciliation,
    ("GET", "/monitoring/database/ledger"): ledger,
}
