"""Kafka, Redis and the breakers through the gateway and read directly, on real services."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import test_agreement_books as books
from agreement import differences, fields_of, methods
from services import own_set

from checks.sources.database.source import Database
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.kafka.source import Kafka
from checks.sources.monitoring_api.source import Gateway
from checks.sources.prometheus.breakers import PrometheusBreakers
from checks.sources.prometheus.source import Prometheus
from checks.sources.redis.source import Redis
from demo.api.server import serve
from demo.platform.broker import LEDGER_GROUP, REFUND_GROUP, SETTLEMENT_GROUP, TOPICS
from demo.platform.cache import rate_key
from demo.platform.down import PartDownError
from demo.processes import ingest
from demo.processes.ingest import Authorization
from demo.real.connect import on_services, read_env, tell_prometheus
from demo.stand_in import StandIn

MERCHANTS = ("MERCHANT-2", "MERCHANT-3", "MERCHANT 'x\"\\-4")
KEY = "agreement-1"
HERE = "payment.dlq"
LIVED = timedelta(minutes=1)  # of the platform, faster than on the wall


@dataclass(frozen=True, slots=True)
class Both:
    """One platform on real services that stands still, and both ways to see its parts."""

    gateway: Gateway
    kafka: Kafka
    redis: Redis
    breakers: PrometheusBreakers
    database: Database
    standin: StandIn

    def direct(self, part: str) -> Any:
        return getattr(self, part)


@pytest.fixture(scope="module")
def both(tmp_path_factory: Any) -> Iterator[Both]:
    with own_set() as own:
        env = read_env(own.folder / "env")
        standin = StandIn(
            Path(tmp_path_factory.mktemp("parts")),
            random.getrandbits(32),
            start=datetime.now(UTC) - LIVED,
            payments_per_minute=0,
            make_parts=on_services(env),
        )
        server = serve(standin)
        tell_prometheus(env, server.url)
        made = Both(
            Gateway(Wire(server.url)),
            Kafka(env["PAYPULSE_KAFKA_BOOTSTRAP"]),
            Redis(env["PAYPULSE_REDIS_URL"]),
            PrometheusBreakers(Prometheus(env["PAYPULSE_PROMETHEUS_URL"])),
            Database(
                {n: env[f"PAYPULSE_{n.upper()}_URL"] for n in ("shard1", "shard2")},
                zone=ZoneInfo("Asia/Seoul"),
            ),
            standin,
        )
        live(standin)
        await_scrape(made)
        yield made
        server.stop()
        for source in (made.kafka, made.redis, made.breakers._prometheus, made.gateway):
            source.close()
        standin.close()


def live(standin: StandIn) -> None:
    """A few payments and dead letters, a publisher that failed, and then nothing more."""
    now = standin.now
    with standin.lock:
        for n, merchant in enumerate(MERCHANTS * 3):
            key = KEY if not n else f"agreement-{n}-{random.getrandbits(32)}"
            ingest.authorize(standin.parts, Authorization(merchant, 1000 + n, "KRW", key), now)
        standin.parts.finish()
        standin.parts.publisher.record(False, now)
        standin.parts.publisher.record(False, now)
    standin.set_fault("poison_message", True)
    ends_at = time.monotonic() + 120
    while not is_done(standin):
        assert time.monotonic() < ends_at, "the platform did not come to rest"
        standin.advance(standin.now + timedelta(seconds=1))
        time.sleep(0.1)
    standin.set_fault("poison_message", False)
    for merchant in MERCHANTS:  # they would not outlive a slow test
        key = rate_key(ingest.AUTHORIZE, merchant)
        standin.parts.cache.put(key, "3", datetime.now(UTC) + timedelta(hours=1))
    standin.advance(datetime.now(UTC))
    for _ in range(20):
        standin.advance(standin.now + timedelta(milliseconds=1))
        time.sleep(0.1)


def is_done(standin: StandIn) -> bool:
    """Whether all is captured and a message is dead; a broker that has just come may not tell."""
    with standin.lock, suppress(PartDownError):
        captured = sum(
            int(row["n"])
            for shard in standin.parts.shards.all()
            for row in shard.rows("SELECT COUNT(*) AS n FROM ledger_entry")
        )
        return standin.parts.broker.retained(HERE) > 0 and captured == len(MERCHANTS) * 3
    return False


def await_scrape(made: Both) -> None:
    """Until Prometheus has seen the platform as it stands still now, if it ever sees it so."""
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        seen = publishers(made.breakers)
        if seen and not differences(publishers(made.gateway), seen):
            return
        time.sleep(0.3)


GROUPS = (LEDGER_GROUP, SETTLEMENT_GROUP, REFUND_GROUP)
SAME = {
    **{f"kafka partitions {t}": lambda s, t=t: s.partitions(t) for t in TOPICS},
    **{f"kafka topic_ends {t}": lambda s, t=t: s.topic_ends(t) for t in TOPICS},
    **{f"kafka group_lag {g}": lambda s, g=g: s.group_lag(g) for g in GROUPS},
    "kafka cluster": lambda s: s.cluster(),
    "kafka topic_ends": lambda s: s.topic_ends(),
    "kafka groups": lambda s: s.groups(),
    "kafka dead_letters": lambda s: s.dead_letters(HERE, 10),
    "redis stats": lambda s: s.stats(),
    "redis rate_uses": lambda s: s.rate_uses(),
    "redis rate_use": lambda s: s.rate_use(MERCHANTS[2]),
    "redis key_lives": lambda s: s.key_lives(),
    "redis cached_key": lambda s: s.cached_key(KEY),
    "redis idempotent": lambda s: s.idempotent(MERCHANTS[0], KEY),
    "breakers breakers": lambda s: publishers(s),  # noqa: PLW0108 - defined below
}
# What the gateway cannot know where the platform is right: (question, field) -> why.
DECLARED = {
    ("kafka dead_letters", "message"): "values are cut after 200 characters, before or within it",
    ("redis key_lives", "ttl_seconds_spread"): "the lives are told on average",
    **{
        (f"kafka group_lag {group}", "has_commit"): "the stand-in tells a commit of 0 for none"
        for group in (LEDGER_GROUP, REFUND_GROUP)
    },
}


def publishers(source: Any) -> tuple[Any, ...]:
    """The publisher's breaker; the gateway names no instance and shows no other breaker."""
    facts = (fact for fact in source.breakers().values() if not isinstance(fact, Unavailable))
    rows = (b for fact in facts for b in fact)
    return tuple(replace(b, instance="") for b in rows if b.name == "kafka-publisher")


def test_every_question_is_compared_or_declared():
    asked = {tuple(name.split(" ")[:2]) for name in SAME} | {("redis", "memory")}
    assert asked == {(p, m) for p in ("kafka", "redis", "breakers") for m in methods(p)}


@pytest.mark.parametrize("question", SAME)
def test_both_ways_say_the_same_but_for_what_is_declared(both, question):
    part, ask = question.split(" ")[0], SAME[question]
    through, direct = ask(both.gateway), ask(both.direct(part))
    assert not isinstance(direct, Unavailable), direct
    found = differences(through, direct)
    undeclared = {
        path: pair
        for path, pair in found.items()
        if not any((question, field) in DECLARED for field in fields_of({path: pair}))
    }
    assert undeclared == {}


def test_nothing_is_declared_that_does_not_differ(both):
    found = set()
    for question in {name for name, _ in DECLARED}:
        ask, part = SAME[question], question.split(" ")[0]
        differ = differences(ask(both.gateway), ask(both.direct(part)))
        found |= {(question, field) for field in fields_of(differ)}
    assert found == DECLARED.keys()


def test_there_is_something_to_compare(both):
    assert both.kafka.group_lag(LEDGER_GROUP).partitions
    assert both.kafka.dead_letters(HERE, 10)
    assert {use.merchant_id for use in both.redis.rate_uses()} == set(MERCHANTS)
    assert both.redis.cached_key(KEY).exists
    assert len(publishers(both.breakers)) == 1


def test_the_breaker_that_the_gateway_does_not_show_is_seen_by_prometheus_alone(both):
    names = {b.name for fact in both.breakers.breakers().values() for b in fact}
    assert names == {"kafka-publisher", "pg-auth-api"}
    assert [b.name for b in both.gateway.breakers()["ingest"]] == ["kafka-publisher"]


def test_what_redis_holds_is_not_shown_by_the_gateway(both):
    assert both.gateway.memory() is None
    assert both.redis.memory().used_bytes > 0


def test_a_free_key_is_known_to_redis_alone(both):
    assert both.redis.cached_key("nobody-used-it").exists is False
    found = both.gateway.cached_key("nobody-used-it")
    assert (found.why, found.reason) == (Why.NOT_VISIBLE, "idempotency_without_merchant")


def test_a_group_and_a_topic_that_do_not_exist_are_unavailable_both_ways(both):
    for source in (both.gateway, both.kafka):
        lag, topic = source.group_lag("payment-consumer-group"), source.topic_ends("nonsense")
        assert (lag.why, lag.reason) == (Why.NOT_VISIBLE, "group_without_offsets")
        assert isinstance(topic, Unavailable)


@pytest.mark.parametrize("question", sorted(books.SAME.keys() - {"merchant"}))
def test_the_shards_on_real_servers_say_what_the_gateway_says_of_them(both, question):
    ask, now = books.SAME[question], both.standin.now
    found = differences(ask(both.gateway, now), ask(both.database, now))
    assert {f for f in fields_of(found) if (question, f) not in books.DECLARED} == set()
