"""Payments requested since a time: how many, how much, by status and by merchant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from demo.platform.shards import Shard

_TOP = 5


def start_of_day(now: datetime, day_offset: timedelta) -> datetime:
    """Midnight of a place so far east of UTC."""
    local = now + day_offset
    return local.replace(hour=0, minute=0, second=0, microsecond=0) - day_offset


def statistics_body(
    shards: Sequence[Shard], time_range: str, since: str, empty_min: int | None = None
) -> dict[str, Any]:
    """The statistics over some shards; without payments there is no least amount."""
    statuses = _sums(shards, "status", since)
    merchants = sorted(_sums(shards, "merchant_id", since).items(), key=lambda m: -m[1][1])
    count = sum(n for n, _ in statuses.values())
    total = sum(amount for _, amount in statuses.values())
    lows, highs = _bounds(shards, since)
    return {
        "timeRange": time_range,
        "overall": {
            "total_count": count,
            "total_amount": total,
            "avg_amount": round(total / count, 2) if count else 0,
            "min_amount": min(lows, default=empty_min),
            "max_amount": max(highs, default=empty_min),
        },
        "byStatus": [
            {"status": status, "count": n, "total_amount": amount}
            for status, (n, amount) in statuses.items()
        ],
        "topMerchants": [
            {"merchant_id": merchant, "transaction_count": n, "total_amount": amount}
            for merchant, (n, amount) in merchants[:_TOP]
        ],
    }


def _sums(shards: Sequence[Shard], column: str, since: str) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for shard in shards:
        for row in shard.rows(
            f"SELECT {column} AS name, COUNT(*) AS n, SUM(amount) AS total FROM payment"
            f" WHERE requested_at >= ? GROUP BY {column}",
            (since,),
        ):
            n, total = sums.get(row["name"], (0, 0))
            sums[row["name"]] = (n + row["n"], total + row["total"])
    return sums


def _bounds(shards: Sequence[Shard], since: str) -> tuple[list[int], list[int]]:
    rows = [
        shard.rows(
            "SELECT MIN(amount) AS low, MAX(amount) AS high FROM payment WHERE requested_at >= ?",
            (since,),
        )[0]
        for shard in shards
    ]
    found = [row for row in rows if row["low"] is not None]
    return [row["low"] for row in found], [row["high"] for row in found]
