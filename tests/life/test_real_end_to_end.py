"""The product against a platform on real services: it is well, parts of it die, all is told.

Everything is looked at directly (the breakers through a Prometheus that scrapes the stand-in), by
the jobs of the real calendar. Only the clock is the test's own: platform and monitor step through
hours in minutes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import Producer
from mcp_case import answer
from services import OwnSet, own_set
from simulated import World
from test_life_faults import FAULTS, incidents_of, is_one_of
from test_real_platform import CAPTURE, entries, status

from checks.sources.database.source import Database
from checks.sources.facts.platform import GroupLag
from checks.sources.kafka.source import Kafka
from checks.sources.prometheus.breakers import PrometheusBreakers
from checks.sources.redis.source import Redis
from demo.api.server import serve
from demo.platform.broker import LEDGER_GROUP, REFUND_GROUP, SETTLEMENT_GROUP
from demo.processes import ingest
from demo.processes.ingest import Authorization
from demo.real.connect import on_services, read_env, tell_prometheus
from demo.stand_in import StandIn
from monitor import app as application
from monitor.app import App
from monitor.cli.demo.life import Kept, Life, SimulatedClock
from monitor.config.models import parse
from monitor.domain.incident.message import IncidentMessage
from monitor.text.catalog import Catalog

pytestmark = pytest.mark.slow

STEP = timedelta(seconds=5)
PAYMENTS_PER_MINUTE = 3
GROUPS = (SETTLEMENT_GROUP, REFUND_GROUP, LEDGER_GROUP)
MERCHANTS = {"shard1": "MERCHANT-900", "shard2": "MERCHANT-901"}
WORDS = {"en": Catalog("en", UTC, strict=True), "ko": Catalog("ko", ZoneInfo("Asia/Seoul"))}
CHECKS = (
    *("services", "breakers", "kafka_cluster", "redis_health", "rate_limits", "outbox_age"),
    *("consumer_lag", "dead_letters", "settlements", "reconciliation", "traffic", "connections"),
    *("instances", "diagnose_issues"),
)
CONFIG = """
database = "{folder}/paypulse.db"
[platform]
base_url = "{url}"
actuators = {{ ingest = "{url}" }}
timeout_seconds = 3
[platform.database]
via = "direct"
urls.shard1 = "${{PAYPULSE_SHARD1_URL}}"
urls.shard2 = "${{PAYPULSE_SHARD2_URL}}"
[platform.redis]
via = "direct"
url = "${{PAYPULSE_REDIS_URL}}"
[platform.kafka]
via = "direct"
bootstrap = "${{PAYPULSE_KAFKA_BOOTSTRAP}}"
[platform.prometheus]
url = "${{PAYPULSE_PROMETHEUS_URL}}"
[platform.breakers]
via = "prometheus"
[report]
daily = ""
[checks.services]
slow_ms = 20_000
[checks.instances]
jobs = {{ ingest-service = 1 }}
[checks.dead_letters]
hold_minutes = 3
[checks.rate_limits]
authorize_max = 100
capture_max = 100
refund_max = 100
[checks.reconciliation]
every_seconds = 60
sweep_hour_utc = {sweep_hour}
"""


class Breathing(StandIn):
    """A stand-in that others can look at while it lives: Prometheus gives up after 2 s."""

    def advance(self, to: datetime) -> None:
        while self.now < to:
            super().advance(min(self.now + STEP, to))
            time.sleep(0.005)


@dataclass(slots=True)
class Real:
    """The services, and the world on them."""

    own: OwnSet
    world: World
    env: Mapping[str, str]
    url: str

    @property
    def now(self) -> datetime:
        return self.world.life.clock()

    def watch(self, **more: Any) -> None:
        """Go on with a monitor that is configured otherwise, on the same history."""
        world = self.world
        shut(world.app)
        folder, clock = world.standin.folder, world.life.clock
        world.app = built(folder, self.env, self.url, clock, world.kept, **more)
        world.life = Life(world.standin, world.app, clock)

    def settle(self, met: Callable[[], bool], minutes_max: int = 10) -> None:
        """Let the platform live on by itself, slowly enough for its real parts to keep up."""
        for _ in range(minutes_max * 60):
            if met():
                return
            self.world.standin.advance(self.now + timedelta(seconds=1))
            self.world.life.clock.set(self.now + timedelta(seconds=1))
            time.sleep(0.05)
        raise AssertionError("it did not come about")

    def is_whole(self) -> bool:
        """Whether the stand-in reaches all of its parts, and nothing waits for a consumer."""
        parts = self.world.standin.parts
        if not (parts.broker.up and parts.cache.up and all(s.up for s in parts.shards.all())):
            return False
        lags = self.world.app.runner.platform.kafka.group_lags(GROUPS)
        return isinstance(lags, Mapping) and all(
            isinstance(lag, GroupLag) and lag.lag_messages == 0 for lag in lags.values()
        )

    def told_since(self, before: int, minutes_max: int) -> int:
        """Pass by pass until an incident is told; how many passes it took."""
        for passes in range(1, minutes_max + 1):
            self.world.live(1)
            if len(self.world.told) > before:
                return passes
        raise AssertionError(f"nothing was told in {minutes_max} passes")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Gives a healthy platform with a little traffic, and the monitor beside it."""
    folder = tmp_path_factory.mktemp("real")
    # Kafka takes no message from the future: the hours that are lived here have passed.
    start = (datetime.now(UTC) - timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    with own_set() as own, pytest.MonkeyPatch.context() as patch:
        patch.setattr("demo.stand_in._FINE", STEP)  # each step asks three real consumers
        env = read_env(own.folder / "env")
        standin = Breathing(
            folder,
            int(start.timestamp()),
            start=start,
            payments_per_minute=PAYMENTS_PER_MINUTE,
            rate_capacity=10_000,
            make_parts=on_services(env),
        )
        server = serve(standin)
        tell_prometheus(env, server.url)
        clock, kept = SimulatedClock(start), Kept()
        app = built(folder, env, server.url, clock, kept, sweep_hour=(start.hour + 12) % 24)
        world = World(standin, app, Life(standin, app, clock), kept, None)  # type: ignore[arg-type]
        made = Real(own, world, env, server.url)
        try:
            await_scrapes(app)
            made.settle(made.is_whole)
            yield made
        finally:
            shut(world.app)
            standin.close()
            server.stop()


def built(
    folder: Path, env: Mapping[str, str], url: str, clock: SimulatedClock, kept: Kept, **more: Any
) -> App:
    text = CONFIG.format(folder=folder, url=url, **more)
    return application.build(
        parse(text, dict(env)),
        clock=clock,
        senders={"kept": kept},
        is_durable=False,
        deliver_every=timedelta(seconds=60),
    )


def shut(app: App) -> None:
    """Nothing stays open for the garbage collector to find in another test."""
    platform = app.runner.platform
    ways = (platform.services._gateway, platform.services._actuator, platform.prometheus)
    for source in (*ways, platform.redis, platform.kafka):
        source.close()
    app.close()


def await_scrapes(app: App) -> None:
    ends_at = time.monotonic() + 30
    while not any(isinstance(f, tuple) for f in app.runner.platform.breakers.breakers().values()):
        assert time.monotonic() < ends_at, "Prometheus does not scrape the stand-in"
        time.sleep(0.2)


def authorize(real: Real, merchant: str) -> int:
    standin = real.world.standin
    with standin.lock:
        wish = Authorization(merchant, 5000, "KRW", f"real-{real.now.isoformat()}")
        answer = ingest.authorize(standin.parts, wish, real.now)
        standin.parts.finish()
    assert answer.status == 200
    assert answer.body is not None
    return int(answer.body["paymentId"])


def refund(real: Real, merchant: str, payment_id: int) -> None:
    standin = real.world.standin
    with standin.lock:
        answer = ingest.refund(standin.parts, payment_id, merchant, "why not", real.now)
        standin.parts.finish()
    assert answer.status == 200


def test_payments_go_through_their_life_and_every_check_is_direct_and_ok(real):
    standin = real.world.standin
    paid = {m: authorize(real, m) for m in MERCHANTS.values()}
    for merchant, payment_id in paid.items():
        real.settle(
            lambda m=merchant, p=payment_id: entries(standin, m, p) == [(*CAPTURE, 5000)], 3
        )
        assert status(standin, merchant, payment_id) == "CAPTURED"
        refund(real, merchant, payment_id)
    for merchant, payment_id in paid.items():
        both = [(*CAPTURE, 5000), (*reversed(CAPTURE), 5000)]
        real.settle(lambda m=merchant, p=payment_id, b=both: entries(standin, m, p) == b, 3)
        assert status(standin, merchant, payment_id) == "REFUNDED"
    real.world.live(4)
    platform = real.world.app.runner.platform
    kinds = (Database, Redis, Kafka, PrometheusBreakers)
    sources = (platform.database, platform.redis, platform.kafka, platform.breakers)
    assert [type(source) for source in sources] == [*kinds]
    assert real.world.words(2) == {name: ["ok", "ok"] for name in CHECKS}
    assert real.world.said == []


PROMISED: Mapping[str, Mapping[str, Any]] = {  # what each is asked, and how it is read
    "get_circuit_breaker_status": {},
    "diagnose_circuit_breaker": {},
    "check_kafka_health": {},
    "query_payments": {"filter": "refunded payments today", "limit": 5},
    "query_ledgers": {"query_type": "by_merchant", "merchant_id": MERCHANTS["shard1"]},
    "check_outbox_status": {},
    "find_duplicate_idempotency": {},
    "payment_statistics": {"time_range": "today"},
    "reconciliation_check": {},
    "check_rate_limit": {"merchant_id": MERCHANTS["shard2"], "action": "authorize"},
    "idempotency_lookup": {"merchant_id": MERCHANTS["shard1"], "idempotency_key": "none"},
    "cache_stats": {},
    "list_rate_limit_keys": {},
    "find_merchants_hitting_limits": {"threshold_percentage": 80},
    "ttl_analysis": {},
    "list_topics": {},
    "get_topic_stats": {"topic": "payment.captured"},
    "get_topic_details": {"topic": "payment.captured"},
    "check_consumer_lag": {"group_id": LEDGER_GROUP},
    "list_consumer_groups": {},
    "get_dlq_messages": {"topic": "payment.dlq"},
    "list_scenarios": {},
    "check_all_services": {},
    "get_system_overview": {},
    "diagnose_issues": {},
}
HISTORICAL = ("get_latest_result", "analyze_performance", "get_test_history")


@pytest.mark.parametrize("tool", PROMISED)
def test_each_promised_tool_answers_from_the_real_services(real, tool):
    told = answer(real.world.app, tool, **PROMISED[tool])
    assert told["verdict"] in ("ok", "warn"), told
    assert told["evidence"]


@pytest.mark.parametrize("tool", HISTORICAL)
def test_of_load_tests_nothing_is_made_up_where_there_was_none(real, tool):
    assert answer(real.world.app, tool)["verdict"] == "unknown"


def test_the_pattern_of_failures_is_asked_of_prometheus_and_of_the_history(real):
    told = answer(real.world.app, "analyze_failure_pattern", time_range="1h")
    assert told["verdict"] != "crit", told
    assert told["evidence"]


def fault(name: str) -> Any:
    """A fault of the stand-in: what switches it on, and off again."""
    return (
        lambda real: real.world.switch([name], True),
        lambda real: real.world.switch([name], False),
    )


def outage(name: str) -> Any:
    """A service killed for real, and brought back with its data."""
    return lambda real: real.own.kill(name), lambda real: real.own.up(name)


def dead_letter(real: Real) -> None:
    producer = Producer({"bootstrap.servers": real.env["PAYPULSE_KAFKA_BOOTSTRAP"]})
    letter = {
        "originalTopic": "payment.captured",
        "partition": 0,
        "offset": 10,
        "payload": '{"paymentId": 1, "status": "CAPTURED", "amount": 5000}',
        "errorType": "DataIntegrityViolationException",
        "errorMessage": "no such payment",
        "timestamp": real.now.isoformat(),
    }
    producer.produce("payment.dlq", json.dumps(letter))
    assert producer.flush(10) == 0


@dataclass(frozen=True, slots=True)
class Case:
    """What is broken and put right, as what it is told, in how many passes and in which words."""

    turn: tuple[Callable[[Real], Any], Callable[[Real], Any]]
    root: str
    passes_max: int  # two after its grace, and one that waits for a cause
    lasts_minutes: int
    follows: tuple[str, ...]
    en: str
    ko: str


def case(turn: Any, like: str, passes_max: int, en: str, ko: str, lasts: int = 0) -> Case:
    root, _, follows = FAULTS[like]
    return Case(turn, root, passes_max, lasts, follows, en, ko)


OF_INGEST = ("breaker_*:ingest@*", "monitoring_gap:ingest@*")
CASES = {
    "the broker is killed": case(
        outage("kafka"), "broker_down", 3, "Kafka is down", "Kafka 중단", 4
    ),
    "Redis is killed": case(outage("redis"), "redis_down", 3, "Redis is down", "Redis 중단", 2),
    "a shard is killed": case(
        outage("shard2"),
        "shard_down",
        3,
        "database/shard2 is down",
        "database/shard2 중단",
        2,
    ),
    "a group stands still": case(
        fault("consumer_stuck"),
        "consumer_stuck",
        8,
        r"payment-consumer stands still, \d+ messages? behind",
        r"payment-consumer 멈춤, \d+건 지연",
        1,
    ),
    "a dead letter arrives": case(
        (dead_letter, lambda real: None),
        "poison_message",
        4,
        r"1 message in payment\.dlq",
        r"payment\.dlq에 메시지 1건",
    ),
    "an entry is missing": case(
        fault("ledger_entry_missing"),
        "ledger_entry_missing",
        4,
        r"Capture entry missing in 1 place, ₩[\d,]+ \(L1, shard\d\)",
        r"매입 분개 누락 1건, [\d,]+원 \(L1, shard\d\)",
    ),
    "an entry is booked twice": case(
        fault("ledger_entry_duplicated"),
        "ledger_entry_duplicated",
        2,
        r"Capture booked twice in 1 place.* \(L3, shard\d\)",
        r"매입 중복 기장 1건.* \(L3, shard\d\)",
    ),
    "an entry has a wrong amount": case(
        fault("ledger_wrong_amount"),
        "ledger_wrong_amount",
        2,
        r"Captured amount differs in 1 place, ₩[\d,]+ \(L4, shard\d\)",
        r"매입 금액 불일치 1건, [\d,]+원 \(L4, shard\d\)",
    ),
}


def titles(message: IncidentMessage) -> dict[str, str]:
    return {lang: w.finding(message.root, message.made_at).title for lang, w in WORDS.items()}


@pytest.mark.parametrize("name", CASES)
def test_what_breaks_is_told_by_its_cause_in_both_languages_and_is_over_once(real, name):
    broken, world = CASES[name], real.world
    if not world.is_quiet:
        world.live_until_quiet(20)
    before = len(world.told)
    broken.turn[0](real)
    passes = real.told_since(before, broken.passes_max)
    said = titles(world.told[before])
    assert re.fullmatch(broken.en, said["en"]), (passes, said)
    assert re.fullmatch(broken.ko, said["ko"]), said
    world.live(broken.lasts_minutes)
    broken.turn[1](real)
    real.settle(real.is_whole)
    world.live_until_quiet(20)
    (messages,) = incidents_of(world.told[before:])
    kinds = [message.kind for message in messages]
    assert (kinds[0], kinds[-1], kinds.count("resolved")) == ("firing", "resolved", 1)
    assert all(fnmatchcase(m.root.key, broken.root) for m in messages)
    told = {item.key for message in messages for item in message.consequences}
    assert {key for key in told if not is_one_of(key, (*broken.follows, *OF_INGEST))} == set()
    assert world.is_quiet
    assert world.words(1) == {name: ["ok"] for name in CHECKS}


def test_what_changes_behind_the_watermark_is_told_before_the_next_full_sweep(real):
    world, shard = real.world, real.world.standin.parts.shards.of(MERCHANTS["shard1"])
    payment_id = authorize(real, MERCHANTS["shard1"])
    real.settle(lambda: status(world.standin, MERCHANTS["shard1"], payment_id) == "CAPTURED", 3)
    sweeps_at = (real.now + timedelta(minutes=85)).replace(minute=0, second=0, microsecond=0)
    world.standin.set_traffic(0)
    StandIn.advance(world.standin, sweeps_at - timedelta(minutes=20))
    world.standin.set_traffic(PAYMENTS_PER_MINUTE)
    world.life.clock.set(world.standin.now)
    real.watch(sweep_hour=sweeps_at.hour)
    world.live(18)  # until the watermark has passed by it
    assert world.is_quiet
    before = len(world.told)
    change(shard, payment_id, "amount + 7")
    world.live(1)
    assert real.now < sweeps_at
    assert len(world.told) > before or real.told_since(before, 4) <= 4
    assert titles(world.told[before]) == {
        "en": "Captured amount differs in 1 place, ₩7 (L4, shard1)",
        "ko": "매입 금액 불일치 1건, 7원 (L4, shard1)",
    }
    change(shard, payment_id, "amount - 7")
    world.live_until_quiet(10)
    (messages,) = incidents_of(world.told[before:])
    assert [m.kind for m in messages if m.kind != "update"] == ["firing", "resolved"]


def change(shard: Any, payment_id: int, amount: str) -> None:
    sql = f"UPDATE ledger_entry SET amount = {amount} WHERE payment_id = ?"
    assert shard.execute(sql, (payment_id,)).rowcount == 1
    shard.commit()
