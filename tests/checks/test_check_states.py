"""Checks that judge the state of the moment: services, breakers, Kafka, Redis, rate limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks import breakers, kafka_cluster, rate_limits, redis_health, services
from checks.sources.facts.platform import (
    Breaker,
    Cluster,
    Health,
    KeyLife,
    Partition,
    RateUse,
    RedisMemory,
    RedisStats,
)
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.check import Check, Memory, ProbeContext, Status, Verdict

NOW = datetime(2025, 12, 5, 7, 0, tzinfo=UTC)
SAID = {"path": "/x", "got": "5 s", "expected": "a JSON object"}
GONE = Unavailable("gateway", Why.WAY, "connection_refused", SAID)
REFUSED = {
    w: Unavailable(w, Why.REFUSED, "part_reports_error", {"got": "no"}) for w in ("kafka", "redis")
}


def judge(
    check: Check, facts: Any, memory: Memory | None = None, minutes: float = 0, **options: Any
) -> tuple[Verdict, Memory]:
    now = NOW + timedelta(minutes=minutes)
    return check.evaluate(facts, ProbeContext(None, check.options(**options), memory or {}, now))


def keys(verdict: Verdict) -> dict[str, str]:
    return {finding.key: finding.status.value for finding in verdict.findings}


def metrics(verdict: Verdict) -> dict[str, float]:
    return {metric.series: metric.value for metric in verdict.metrics}


UP = Health("kafka", True, 12.0)
SERVICES: Mapping[str, tuple[Any, dict[str, str]]] = {
    "up": (UP, {}),
    "down": (Health("kafka", False, 1.0, "no broker"), {"service_down:kafka": "crit"}),
    "slow": (Health("kafka", True, 1500.0), {"service_slow:kafka": "warn"}),
    "refused": (REFUSED["kafka"], {"service_down:kafka": "crit"}),
    "way": (GONE, {"monitoring_gap:gateway": "unknown"}),
    "garbled": (
        Unavailable("kafka", Why.GARBLED, "html", SAID),
        {"monitoring_gap:kafka": "unknown"},
    ),
    "limit": (
        Unavailable("kafka", Why.LIMIT, "timeout", SAID),
        {"monitoring_gap:kafka": "unknown"},
    ),
}


@pytest.mark.parametrize(("fact", "expected"), SERVICES.values(), ids=SERVICES)
def test_only_a_refusal_over_a_way_that_works_is_an_outage(fact, expected):
    verdict, _ = judge(services.CHECK, {"kafka": fact})
    assert keys(verdict) == expected
    assert (verdict.status is Status.OK) == (not expected)


def test_one_blind_gateway_stands_for_all_parts_and_hides_them_all():
    verdict, _ = judge(services.CHECK, {"kafka": GONE, "redis": GONE, "consumer": UP})
    (finding,) = verdict.findings
    assert (finding.key, finding.obscures) == ("monitoring_gap:gateway", "")


def test_a_part_that_was_not_seen_hides_only_itself():
    verdict, _ = judge(services.CHECK, {"kafka": SERVICES["limit"][0], "redis": UP})
    assert [f.obscures for f in verdict.findings] == ["kafka"]


def test_a_part_that_nobody_expects_is_left_out():
    verdict, _ = judge(services.CHECK, {"kafka": GONE}, ignore=("kafka",))
    assert verdict.status is Status.OK


def breaker(state: str, failed: int = 0, percent: float | None = None, name: str = "b") -> Breaker:
    return Breaker("ingest", name, state, percent, None, failed, failed, 0)


def judge_breaker(*states: tuple[float, Breaker]) -> list[dict[str, str]]:
    memory: Memory = {}
    said = []
    for minutes, one in states:
        facts = {"ingest": (one,)}
        verdict, memory = judge(breakers.CHECK, facts, memory, minutes, names=("b",))
        said.append(keys(verdict))
    return said


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (breaker("CLOSED"), {}),
        (breaker("CLOSED", 2), {}),
        (breaker("CLOSED", 3), {"breaker_failing:ingest/b": "warn"}),
        (breaker("CLOSED", 5, 5.0), {}),
        (breaker("CLOSED", 25, 25.0), {"breaker_failing:ingest/b": "warn"}),
        (breaker("OPEN"), {"breaker_open:ingest/b": "crit"}),
        (breaker("FORCED_OPEN"), {"breaker_forced:ingest/b": "crit"}),
        (breaker("DISABLED"), {"breaker_forced:ingest/b": "crit"}),
        (breaker("METRICS_ONLY"), {"breaker_forced:ingest/b": "warn"}),
        (breaker("HALF_OPEN"), {}),
    ],
    ids=lambda value: value.state if isinstance(value, Breaker) else "",
)
def test_each_state_of_a_breaker_has_its_word(one, expected):
    assert judge_breaker((0, one)) == [expected]


def test_a_breaker_that_tries_again_is_open_until_it_closes():
    said = judge_breaker(
        (0, breaker("OPEN")),
        (1, breaker("HALF_OPEN")),
        (2, breaker("OPEN")),
        (3, breaker("CLOSED")),
    )
    opened = {"breaker_open:ingest/b": "crit"}
    assert said == [opened, opened, opened, {}]


def test_an_open_breaker_says_since_when_it_has_not_been_closed():
    memory: Memory = {}
    for minutes, state in enumerate(("OPEN", "HALF_OPEN", "OPEN")):
        facts = {"ingest": (breaker(state),)}
        verdict, memory = judge(breakers.CHECK, facts, memory, minutes, names=())
    assert verdict.findings[0].params["since"] == NOW.isoformat()


def test_half_open_for_too_long_is_said():
    said = judge_breaker((0, breaker("HALF_OPEN")), (6, breaker("HALF_OPEN")))
    assert said == [{}, {"breaker_half_open_long:ingest/b": "warn"}]


def test_failures_of_long_ago_do_not_count_and_new_ones_do():
    said = judge_breaker(
        (0, breaker("CLOSED", 3)), (16, breaker("CLOSED", 3)), (17, breaker("CLOSED", 4))
    )
    failing = {"breaker_failing:ingest/b": "warn"}
    assert said == [failing, {}, failing]


def test_an_instance_that_is_away_is_unknown_and_its_memory_stays():
    _, memory = judge(breakers.CHECK, {"ingest": (breaker("OPEN"),)}, names=("b",))
    away = Unavailable("ingest", Why.GARBLED, "not_prometheus")
    verdict, after = judge(breakers.CHECK, {"ingest": away}, memory, 1, names=("b",))
    assert (verdict.status, after) == (Status.UNKNOWN, memory)
    assert verdict.findings[0].obscures == "ingest"


def test_a_breaker_that_no_source_shows_is_never_ok():
    verdict, _ = judge(breakers.CHECK, {"ingest": (breaker("CLOSED"),)}, names=("b", "c"))
    assert keys(verdict) == {"monitoring_gap:ingest/c": "unknown"}


def test_breakers_are_measured_and_a_rate_without_data_is_not():
    verdict, _ = judge(breakers.CHECK, {"ingest": (breaker("CLOSED", 1),)}, names=())
    assert metrics(verdict) == {
        "breaker_failed_calls{ingest/b}": 1,
        "breaker_not_permitted_calls{ingest/b}": 0,
    }


TOPICS = kafka_cluster.Options().topics
CLUSTER = Cluster(1, "a", TOPICS, ())


def cluster(**partitions: Any) -> kafka_cluster.Facts:
    return kafka_cluster.Facts(CLUSTER, {"payment.captured": tuple(partitions["captured"])})


def partition(leader: int | None, in_sync: tuple[int, ...]) -> Partition:
    return Partition("payment.captured", 0, leader, (1, 2), in_sync)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (cluster(captured=[partition(1, (1, 2))]), {}),
        (cluster(captured=[partition(None, ())]), {"partition_offline:payment.captured": "crit"}),
        (cluster(captured=[partition(1, (1,))]), {"under_replicated:payment.captured": "warn"}),
        (kafka_cluster.Facts(REFUSED["kafka"], {}), {"monitoring_gap:kafka": "unknown"}),
        (kafka_cluster.Facts(CLUSTER, {TOPICS[0]: GONE}), {"monitoring_gap:gateway": "unknown"}),
        (
            kafka_cluster.Facts(Cluster(1, "a", TOPICS[1:], ()), {}),
            {f"topic_missing:{TOPICS[0]}": "warn"},
        ),
    ],
    ids=["well", "offline", "behind", "refused", "a topic unavailable", "a topic missing"],
)
def test_a_cluster_is_judged_by_its_partitions(facts, expected):
    verdict, _ = judge(kafka_cluster.CHECK, facts)
    assert keys(verdict) == expected


def test_partitions_of_topics_that_do_not_exist_are_not_asked_for():
    asked: list[str] = []

    class Kafka:
        kafka = property(lambda self: self)

        def cluster(self) -> Cluster:
            return Cluster(1, "a", ("payment.captured", "other"), ())

        def partitions(self, topic: str) -> tuple[Partition, ...]:
            asked.append(topic)
            return ()

    kafka_cluster.probe(ProbeContext(Kafka(), kafka_cluster.Options(), {}, NOW))
    assert asked == ["payment.captured"]


STATS = RedisStats(1, 1, 0, 2)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (redis_health.Facts((KeyLife("rate", 5, 30.0, 0),), STATS), {}),
        (
            redis_health.Facts((KeyLife("rate", 5, 30.0, 1),), STATS),
            {"key_without_ttl:rate": "warn"},
        ),
        (
            redis_health.Facts(REFUSED["redis"], REFUSED["redis"]),
            {"monitoring_gap:redis": "unknown"},
        ),
        (redis_health.Facts((), REFUSED["redis"]), {"monitoring_gap:redis": "unknown"}),
    ],
    ids=["well", "no end", "refused", "refused halfway"],
)
def test_keys_without_an_end_are_said(facts, expected):
    assert keys(judge(redis_health.CHECK, facts)[0]) == expected


def full(percent: int, evicted: int, unscanned: int = 0, limit: int | None = 100):
    memory = RedisMemory(percent, limit, evicted, 9, 1)
    return redis_health.Facts((), RedisStats(0, 0, 0, 9, unscanned), memory)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([full(79, 0)], {}),
        ([full(80, 0)], {"memory_short:redis": "warn"}),
        ([full(95, 0)], {"memory_short:redis": "crit"}),
        ([full(999, 0, limit=None)], {}),
        ([full(5, 7)], {}),
        ([full(5, 7), full(5, 7)], {}),
        ([full(5, 7), full(5, 9)], {"keys_evicted:redis": "warn"}),
        ([full(5, 7), full(5, 3)], {"keys_evicted:redis": "warn"}),
        ([full(5, 7), full(5, 0)], {}),
        ([full(5, 0, unscanned=3)], {"monitoring_gap:redis/keys": "unknown"}),
    ],
    ids=[
        *("room", "short", "nearly full", "no limit", "the first look only learns"),
        *("as before", "dropped", "began anew and dropped", "began anew", "not all scanned"),
    ],
)
def test_memory_and_what_was_dropped_for_lack_of_it(looks, expected):
    memory: Memory = {}
    for context in looks:
        verdict, memory = judge(redis_health.CHECK, context, memory)
    assert keys(verdict) == expected


def test_hits_are_measured_since_the_last_look_and_the_memory_survives_a_blind_one():
    _, memory = judge(redis_health.CHECK, full(5, 0))
    gone = redis_health.Facts(REFUSED["redis"], REFUSED["redis"])
    _, memory = judge(redis_health.CHECK, gone, memory)
    grown = redis_health.Facts((), RedisStats(0, 0, 0, 9), RedisMemory(50, 100, 0, 12, 2))
    verdict, _ = judge(redis_health.CHECK, grown, memory)
    assert metrics(verdict) == {
        "redis_keys": 9,
        "redis_evicted_keys": 0,
        "redis_memory_percent": 50,
        "redis_hit_percent": 75,
    }


LIMITS = {"authorize_max": 100, "capture_max": 100, "refund_max": 50}


def use(count: int, action: str | None = "authorize", ttl: int | None = 30) -> RateUse:
    return RateUse("M-1", action, count, ttl)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((), {}),
        ((use(79),), {}),
        ((use(80),), {"merchant_near_limit:authorize/M-1": "warn"}),
        ((use(100),), {"merchant_near_limit:authorize/M-1": "warn"}),
        ((use(101),), {"merchant_blocked:authorize/M-1": "crit"}),
        ((use(51, "refund"),), {"merchant_blocked:refund/M-1": "crit"}),
        ((use(39, None),), {}),
        ((use(60, None),), {"monitoring_gap:redis/actions": "unknown"}),
        ((use(101, None),), {"merchant_blocked:any/M-1": "crit"}),
        (REFUSED["redis"], {"monitoring_gap:redis": "unknown"}),
    ],
)
def test_a_merchant_is_blocked_above_its_capacity_and_not_at_it(facts, expected):
    verdict, _ = judge(rate_limits.CHECK, rate_limits.Facts(facts), **LIMITS)
    assert keys(verdict) == expected


def test_the_highest_use_is_measured():
    verdict, _ = judge(rate_limits.CHECK, rate_limits.Facts((use(50), use(150))), **LIMITS)
    assert metrics(verdict) == {"blocked_merchants": 1, "rate_limit_used_percent_max": 150.0}
