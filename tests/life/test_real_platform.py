"""The stand-in on real services: its whole life in both shards, and the parts killed for real."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from services import OwnSet, own_set

from demo.api.app import respond
from demo.api.server import Ticker
from demo.platform.breaker import Breaker
from demo.platform.broker import LEDGER_GROUP, REFUND_GROUP, SETTLEMENT_GROUP
from demo.platform.down import PartDownError
from demo.processes import ingest
from demo.processes.ingest import Authorization
from demo.queries import books
from demo.real.connect import on_services, read_env
from demo.stand_in import StandIn

NAMES = ("shard1", "shard2", "redis", "kafka")
MERCHANTS = {"shard1": "MERCHANT-900", "shard2": "MERCHANT-901"}
CAPTURE = ("merchant_receivable", "cash")


@pytest.fixture(scope="module")
def own() -> Iterator[OwnSet]:
    with own_set(*NAMES) as own:
        yield own


@pytest.fixture
def standin(own: OwnSet, tmp_path: Path) -> Iterator[StandIn]:
    """A stand-in in real time; its breaker tries again sooner than the platform's."""
    own.up(*NAMES)
    standin = StandIn(
        tmp_path,
        random.getrandbits(32),
        start=datetime.now(UTC),
        payments_per_minute=0,
        make_parts=on_services(read_env(own.folder / "env")),
    )
    standin.parts.publisher = Breaker("kafka-publisher", timedelta(seconds=1), 5, 1)
    ticker = Ticker(standin, period_seconds=0.1)
    ticker.start()
    try:
        yield standin
    finally:
        ticker.stop()
        standin.close()


def authorize(standin: StandIn, merchant: str) -> int:
    with standin.lock:
        wish = Authorization(merchant, 5000, "KRW", f"real-{random.getrandbits(64):x}")
        answer = ingest.authorize(standin.parts, wish, datetime.now(UTC))
        standin.parts.finish()
    assert answer.status == 200
    assert answer.body is not None
    return int(answer.body["paymentId"])


def refund(standin: StandIn, merchant: str, payment_id: int) -> None:
    with standin.lock:
        answer = ingest.refund(standin.parts, payment_id, merchant, "why not", datetime.now(UTC))
        standin.parts.finish()
    assert answer.status == 200


def status(standin: StandIn, merchant: str, payment_id: int) -> str:
    with standin.lock:
        row = standin.parts.shards.of(merchant).one(
            "SELECT status FROM payment WHERE payment_id = ?", (payment_id,)
        )
    assert row is not None
    return str(row["status"])


def entries(standin: StandIn, merchant: str, payment_id: int) -> list[tuple[str, str, int]]:
    with standin.lock:
        rows = standin.parts.shards.of(merchant).rows(
            "SELECT * FROM ledger_entry WHERE payment_id = ? ORDER BY entry_id", (payment_id,)
        )
    return [(row["debit_account"], row["credit_account"], row["amount"]) for row in rows]


def lags(standin: StandIn) -> dict[str, int]:
    with standin.lock:
        broker = standin.parts.broker
        ends = {topic: broker.end_offsets(topic) for topic in broker.topics}
        return {
            group: sum(ends[topic][p] - offset for (topic, p), offset in offsets.items())
            for group, offsets in broker.committed.items()
        }


def soon(met: Callable[[], bool], within_seconds: float = 15) -> None:
    until = time.monotonic() + within_seconds
    while not has_come(met):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.1)


def has_come(met: Callable[[], bool]) -> bool:
    """What has just been started may refuse its first connection still."""
    try:
        return met()
    except PartDownError:
        return False


def healthy(standin: StandIn, path: str) -> bool:
    return b'"error"' not in respond(standin, "GET", path, {}).body


def test_a_payment_is_captured_and_refunded_with_its_entries_on_its_own_shard(standin):
    paid = {merchant: authorize(standin, merchant) for merchant in MERCHANTS.values()}
    for merchant, payment_id in paid.items():
        soon(lambda m=merchant, p=payment_id: entries(standin, m, p) == [(*CAPTURE, 5000)])
        assert status(standin, merchant, payment_id) == "CAPTURED"
        refund(standin, merchant, payment_id)
    for merchant, payment_id in paid.items():
        both = [(*CAPTURE, 5000), (*reversed(CAPTURE), 5000)]
        soon(lambda m=merchant, p=payment_id, b=both: entries(standin, m, p) == b)
        assert status(standin, merchant, payment_id) == "REFUNDED"
    soon(lambda: lags(standin) == {SETTLEMENT_GROUP: 0, REFUND_GROUP: 0, LEDGER_GROUP: 0})
    with standin.lock:
        assert not standin.parts.broker.temporary_groups


@pytest.mark.slow
def test_what_is_killed_is_seen_and_what_was_under_way_arrives_after_it(own, standin):
    parts = standin.parts
    paid = [(m, authorize(standin, m)) for m in MERCHANTS.values() for _ in range(5)]
    soon(lambda: any(entries(standin, m, p) for m, p in paid))
    standin.set_fault("broker_down", True)
    own.kill("redis", "shard2")
    soon(lambda: parts.publisher.state == "OPEN")
    assert not any((parts.broker.up, parts.cache.up, parts.shards.shard2.up))
    assert parts.shards.shard1.up
    for path in ("/monitoring/kafka/stats", "/monitoring/redis/stats"):
        assert not healthy(standin, path)
    standin.set_fault("broker_down", False)
    own.up(*NAMES)
    soon(lambda: all(entries(standin, m, p) == [(*CAPTURE, 5000)] for m, p in paid), 30)
    soon(lambda: set(lags(standin).values()) == {0})
    later = datetime.now(UTC) + timedelta(hours=1)
    with standin.lock:
        assert [books.disagreeing(shard, later) for shard in parts.shards.all()] == [0, 0]
    assert healthy(standin, "/monitoring/redis/stats")


@pytest.mark.parametrize("fault", ["redis_down", "shard_down"])
def test_the_faults_of_the_stand_in_kill_and_bring_back_the_services(standin, fault):
    shard = standin.parts.shards.shard2
    part = standin.parts.cache if fault == "redis_down" else shard
    soon(lambda: part.up)
    standin.set_fault(fault, True)
    soon(lambda: not part.up)
    standin.set_fault(fault, False)
    soon(lambda: part.up)


def test_a_record_that_nobody_can_read_ends_in_the_dead_letters(standin):
    standin.set_fault("poison_message", True)
    soon(
        lambda: b"unreadable" in respond(standin, "GET", "/monitoring/kafka/dlq-messages", {}).body
    )
    standin.set_fault("poison_message", False)


def test_an_env_file_that_lacks_something_is_told(tmp_path):
    (tmp_path / "env").write_text("PAYPULSE_REDIS_URL=redis://x\n")
    with pytest.raises(ValueError, match="PAYPULSE_KAFKA_BOOTSTRAP"):
        read_env(tmp_path / "env")
