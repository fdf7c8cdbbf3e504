"""A stand-in that skips the ticks in which nothing happens lives the same life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.stand_in import StandIn

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
TABLES = ("payment", "outbox_event", "ledger_entry", "settlement_request", "refund_request")
FAULTS = {
    40: "broker_down",
    90: "ledger_wrong_amount",
    140: "shard_down",
    190: "merchant_over_limit",
    240: "pg_refusing",
    290: "redis_down",
    340: "relay_stalled",
}


def lived(folder: Path, rests: bool, every: timedelta, rate: float) -> list[object]:
    """All rows, records and breakers after six hours with faults."""
    standin = StandIn(folder, seed=4, start=START, payments_per_minute=rate)
    standin._may_rest &= rests
    for number in range(int(timedelta(hours=6) / every)):
        minute = number * every // timedelta(minutes=1)
        for at, name in FAULTS.items():
            standin.set_fault(name, at <= minute < at + 6)
        standin.advance(standin.now + every)
    parts = standin.parts
    found: list[object] = [parts.broker.end_offsets(t) for t in ("payment.captured", "payment.dlq")]
    found += [parts.publisher.state, parts.pg.state, list(parts.cache.scan("", standin.now))]
    for shard in parts.shards.all():
        found += [tuple(row) for t in TABLES for row in shard.rows(f"SELECT * FROM {t} ORDER BY 1")]
    standin.close()
    return found


@pytest.mark.parametrize(("seconds", "rate"), [(30, 0.5), (7, 2.0), (600, 1.0)])
def test_what_is_skipped_changes_nothing(tmp_path, seconds, rate):
    every = timedelta(seconds=seconds)
    whole, skipped = (lived(tmp_path / str(r), r, every, rate) for r in (False, True))
    assert len(whole) > 300
    assert skipped == whole


def test_without_customers_nobody_pays(tmp_path):
    standin = StandIn(tmp_path, seed=1, start=START, payments_per_minute=0.0)
    standin.advance(START + timedelta(hours=2))
    assert [len(s.rows("SELECT 1 FROM payment")) for s in standin.parts.shards.all()] == [0, 0]
    standin.set_traffic(30)
    standin.advance(START + timedelta(hours=2, minutes=2))
    assert sum(len(s.rows("SELECT 1 FROM payment")) for s in standin.parts.shards.all()) > 10
    standin.close()
