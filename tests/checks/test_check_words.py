"""What the checks find can be said, strictly and in both languages, as it comes out of them."""

from __future__ import annotations

import tomllib
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from test_check_flows import (
    DAY,
    GROUP,
    Passes,
    asked,
    ends,
    flow,
    lag,
    learned,
    outbox,
    work,
)
from test_check_lag import facts
from test_check_rate_limits import limited
from test_check_room import AWAY, BOTH, JOBS, pool, shard, target
from test_check_skipped import passes as booked
from test_check_skipped import skipping
from test_check_states import SERVICES, TOPICS, breaker, cluster, full, partition, use

from checks import (
    breakers,
    connections,
    consumer_lag,
    dead_letters,
    instances,
    kafka_cluster,
    outbox_age,
    rate_limits,
    redis_health,
    services,
    settlements,
    traffic,
)
from checks.sources.facts.payments import OutboxState
from checks.sources.facts.platform import Cluster, Group, Health, KeyLife, RedisStats
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gap
from monitor.domain.check import Check, Finding
from monitor.text.catalog import Catalog

LIMITS = {"authorize_max": 100, "capture_max": 100, "refund_max": 50}


def after(check: Check, *looks: tuple[float, Any], **options: Any) -> list[Finding]:
    passes = Passes(check, options)
    return [finding for minutes, facts in looks for finding in passes(minutes, facts).findings]


def found() -> dict[str, Finding]:
    """One finding of every code and status that the checks come to."""
    states = [breaker(s, 3, p) for s in ("OPEN", "DISABLED", "METRICS_ONLY") for p in (None, 5.0)]
    findings = [
        *(f for fact, _ in SERVICES.values() for f in after(services.CHECK, (0, {"kafka": fact}))),
        *(f for one in states for f in after(breakers.CHECK, (0, {"ingest": (one,)}))),
        *after(
            breakers.CHECK, *((m, {"i": (breaker("HALF_OPEN"),)}) for m in (0, 9)), names=("b",)
        ),
        *after(breakers.CHECK, (0, {"i": (breaker("CLOSED", 4),)}), names=("b",)),
        *after(kafka_cluster.CHECK, (0, cluster(captured=[partition(None, ())]))),
        *after(kafka_cluster.CHECK, (0, cluster(captured=[partition(1, (1,))]))),
        *after(kafka_cluster.CHECK, (0, kafka_cluster.Facts(Cluster(1, "a", TOPICS[1:], ()), {}))),
        *after(
            redis_health.CHECK,
            (0, redis_health.Facts((KeyLife("rate", 5, 3.0, 1),), RedisStats(1, 0, 0, 1))),
        ),
        *after(redis_health.CHECK, (0, full(85, 0)), (1, full(99, 7))),
        *after(redis_health.CHECK, (0, full(5, 0, 9))),
        *after(consumer_lag.CHECK, *((m, lag(m, 9000)) for m in range(6))),
        *after(consumer_lag.CHECK, (0, lag(100, 20))),
        *(finding for each in booked(skipping()) for finding in each.values()),
        *after(
            rate_limits.CHECK,
            (0, rate_limits.Facts((use(90), use(60, None), use(500, "refund", None)))),
            **LIMITS,
        ),
        *after(outbox_age.CHECK, (0, outbox(60, exhausted=2)), (3, outbox(400, 3, 12))),
        *after(consumer_lag.CHECK, *((m, lag(5, 6)) for m in range(3))),
        *after(consumer_lag.CHECK, *((m, lag(m, 5 * m + 9)) for m in range(6))),
        *after(consumer_lag.CHECK, *((m, facts(5, 500, 30 * m)) for m in range(6))),
        *after(consumer_lag.CHECK, (0, consumer_lag.Facts((Group(GROUP, "EMPTY"),), {}))),
        *after(dead_letters.CHECK, (0, ends(1)), (1, ends(2))),
        *after(settlements.CHECK, (0, work(0, 0)), (15, work(9, 99, delayed=1, dead=1))),
        *after(settlements.CHECK, (0, work(0, 0, delayed=None))),
        *(
            f
            for skew in (-2.0, 600.0)
            for f in after(services.CHECK, (0, {"db": Health("db", True, 1, skew_seconds=skew)}))
        ),
        *after(
            outbox_age.CHECK, (0, outbox_age.Facts((OutboxState("s", 0, 0, 0, (), 9.0),), AWAY))
        ),
        *after(rate_limits.CHECK, (0, rate_limits.Facts((use(3, ttl=None),)))),
        *after(rate_limits.CHECK, (0, limited(10)), (1, limited(35))),
        *after(connections.CHECK, (0, pool(8)), (1, pool(9, 1)), (2, pool(9, 1)), (2, shard(99))),
        *after(
            instances.CHECK,
            (0, instances.Facts(BOTH)),
            (1, instances.Facts(BOTH[:1])),
            jobs={"ingest": 0},
        ),
        *after(instances.CHECK, (0, instances.Facts((target("worker", "w", False),))), jobs=JOBS),
        *learned()(2 * DAY + 60, flow(2 * DAY * 2)).findings,
        *after(traffic.CHECK, (0, flow(1, asked(0, 0))), (5, flow(1, asked(9, 9)))),
        *after(traffic.CHECK, (0, flow(1, {}))),
    ]
    return {f"{f.key} {f.status} {f.params.get('reason', '')}": f for f in findings}


FOUND = found()


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("finding", FOUND.values(), ids=FOUND)
def test_a_finding_is_said_in_full(language, finding):
    zone = UTC if language == "en" else ZoneInfo("Asia/Seoul")
    said = Catalog(language, zone, strict=True).finding(finding)
    assert 0 < len(said.title) <= 100
    assert said.text.endswith(".")
    assert said.action.endswith(".")
    assert "None" not in said.title + said.text + said.action


def table(name: str, kind: str) -> set[str]:
    """The codes that a file of words has."""
    path = Path(__file__).parents[2] / "templates" / "en" / f"{name}.toml"
    return set(tomllib.loads(path.read_text("utf-8"))[kind])


def test_every_code_of_these_checks_was_said():
    names = (
        "connections",
        "instances",
        "services",
        "breakers",
        "kafka_cluster",
        "redis_health",
        "rate_limits",
        "outbox_age",
    )
    more = ("consumer_lag", "dead_letters", "settlements", "traffic")
    codes = {code for name in (*names, *more) for code in table(name, "finding")}
    assert codes - {finding.code for finding in FOUND.values()} <= {"requests_slow"}


DIRECT = ("gateway", "redis", "kafka", "prometheus", "connections", "instances")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("why", list(Why))
def test_every_reason_can_be_said_with_what_a_source_gives(language, why):
    words = Catalog(language, UTC, strict=True)
    params = {"path": "/x", "got": "500 no", "expected": "a breaker b"}
    more = {"check": "traffic", "age_seconds": 90, "error": "KeyError", "timeout_seconds": 20}
    params |= {"seen_keys": 5}
    for reason in [r for name in DIRECT for r in table(name, "reason")]:
        said = words.finding(monitoring_gap(Unavailable("kafka", why, reason, {**params, **more})))
        assert said.text.count(".") >= 2
