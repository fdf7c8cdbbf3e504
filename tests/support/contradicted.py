"""Answers that contradict themselves in one place, made from well ones: none may come out ok."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from checks import (
    breakers,
    consumer_lag,
    dead_letters,
    kafka_cluster,
    outbox_age,
    rate_limits,
    redis_health,
    settlements,
)
from checks.sources.facts.unavailable import Unavailable
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway
from checks.sources.services import Services
from monitor.domain.check import Check, ProbeContext, Status

CAPACITIES = ("authorize_max", "capture_max", "refund_max")
NOW = datetime(2026, 11, 30, 11, 30, tzinfo=UTC)
GROUP, TOPIC, DLQ = "payment-consumer", "payment.captured", "payment.dlq"
TOPICS = [TOPIC, DLQ]
AT = "2026-11-30T11:29:58.123+00:00"


def _statistics() -> dict[str, Any]:
    return {
        "timeRange": "all",
        "overall": {
            "total_count": 100,
            "total_amount": 2_000_000,
            "avg_amount": 20_000,
            "min_amount": 1000,
            "max_amount": 50_000,
        },
        "byStatus": [
            {"status": "CAPTURED", "count": 90, "total_amount": 1_900_000},
            {"status": "REFUNDED", "count": 10, "total_amount": 100_000},
        ],
        "topMerchants": [{"merchant_id": "M-1", "transaction_count": 60, "total_amount": 900_000}],
    }


def _partitions() -> list[dict[str, Any]]:
    return [{"partition": n, "leader": 1, "replicas": [1, 2], "isr": [1, 2]} for n in range(6)]


def _lags() -> list[dict[str, Any]]:
    return [
        {"topic": TOPIC, "partition": n, "currentOffset": 20, "endOffset": 20, "lag": 0}
        for n in range(6)
    ]


def _ends(topic: str, count: int, each: int) -> dict[str, Any]:
    ends = {f"partition-{n}": each for n in range(count)}
    total = count * each
    return {"topic": topic, "partitions": count, "totalMessages": total, "endOffsets": ends}


def well() -> dict[str, Any]:
    """What a platform that is well answers, path by path (topics and kinds beside it)."""
    work = {"totalCount": 50, "successCount": 40, "failedCount": 10, "pendingCount": 0}
    rest = {"totalAmount": 9000.0, "deadLetterCount": 0, "delayedSettlements": 0}
    calls = {"numberOfSuccessfulCalls": 3, "numberOfFailedCalls": 1, "numberOfBufferedCalls": 4}
    return {
        "kafka/stats": {
            "topicCount": 2,
            "topics": TOPICS,
            "consumerGroupCount": 1,
            "consumerGroups": [GROUP],
            "clusterHealthy": True,
            "brokerCount": 2,
            "clusterId": "c",
        },
        "kafka/topic-details": {
            "topic": TOPIC,
            "partitionCount": 6,
            "partitions": _partitions(),
        },
        "kafka/topic-stats?captured": {"count": 1, "topics": [_ends(TOPIC, 6, 20)]},
        "kafka/topic-stats": {"count": 1, "topics": [_ends(DLQ, 3, 2)]},
        "kafka/consumer-groups": {
            "count": 1,
            "groups": [{"groupId": GROUP, "state": "STABLE"}],
        },
        "kafka/consumer-lag": {"groupId": GROUP, "totalLag": 0, "partitions": _lags()},
        "redis/stats": {
            "rateLimitKeys": 6,
            "idempotencyKeys": 10,
            "cacheKeys": 0,
            "totalKeys": 16,
            "blockedMerchants": 0,
            "rateLimitSamples": [{"key": "rate:capture:M-1", "count": "3", "ttlSeconds": 9}],
        },
        "redis/ttl-analysis": {
            "totalKeys": 16,
            "analysis": {
                "rate": {"count": 6, "expiringSoon": 6, "neverExpire": 0, "avgTTLSeconds": 30},
                "idem": {"count": 10, "expiringSoon": 1, "neverExpire": 0, "avgTTLSeconds": 400},
            },
        },
        "redis/rate-limit/all": {
            "count": 6,
            "rateLimits": [
                {"merchantId": f"M-{n}", "currentCount": 3, "ttlSeconds": 9} for n in range(6)
            ],
        },
        "database/stats": {
            "paymentsByStatus": [{"status": "CAPTURED", "count": 52}],
            "totalPayments": 52,
            "ledgerEntryCount": 52,
            "outboxEvents": {"total": 124, "published": 100, "unpublished": 24},
            "databaseSharding": {
                "shard1Total": 30,
                "shard1Status": "UP",
                "shard2Total": 22,
                "shard2Status": "UP",
            },
        },
        "database/outbox": {"healthy": True, "events": []},
        "database/statistics": _statistics(),
        "settlement": work | rest | {"failureDetails": [{"retry_count": 0, "count": 10}]},
        "circuit-breaker/status": calls
        | {"state": "CLOSED", "failureRate": "25.00%", "slowCallRate": "-1.00%"}
        | {"numberOfNotPermittedCalls": 0, "numberOfSlowCalls": 0},
    }


def gateway(answers: Mapping[str, Any]) -> Gateway:
    """A gateway whose platform answers so."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/monitoring/").removeprefix("/stats/")
        asked = request.url.params.get("topic", "")
        if path == "kafka/topic-stats" and asked == TOPIC:
            path = "kafka/topic-stats?captured"
        return httpx.Response(200, content=json.dumps(answers[path]))

    return Gateway(Wire("http://x", transport=httpx.MockTransport(answer)))


@dataclass(frozen=True)
class _Parts:
    """The gateway as the platform that a check looks at."""

    kafka: Any
    redis: Any
    database: Any
    breakers: Any
    services: Any


def _checked(check: Check, **options: Any) -> Callable[[Gateway], Status]:
    def status(source: Gateway) -> Status:
        parts = _Parts(source, source, source, source, Services(source))
        context = ProbeContext(parts, check.options(**options), {}, NOW)
        return check.evaluate(check.probe(context), context)[0].status

    return status


def _seen(fact: Any) -> Status:
    return Status.UNKNOWN if isinstance(fact, Unavailable) else Status.OK


def _settled(source: Gateway) -> Status:
    context = ProbeContext(None, settlements.Options(late=False), {}, NOW)
    work = source.work("settlement", NOW)
    return settlements.CHECK.evaluate({"settlement": work}, context)[0].status


LOOKS: Mapping[str, Callable[[Gateway], Status]] = {
    "kafka/stats": _checked(kafka_cluster.CHECK, topics=(TOPIC,), created_on_demand=()),
    "kafka/topic-details": _checked(kafka_cluster.CHECK, topics=(TOPIC,), created_on_demand=()),
    "kafka/topic-stats": _checked(dead_letters.CHECK, topics=(DLQ,)),
    "kafka/topic-stats?captured": _checked(consumer_lag.CHECK, groups=(GROUP,)),
    "kafka/consumer-groups": _checked(consumer_lag.CHECK, groups=(GROUP,)),
    "kafka/consumer-lag": _checked(consumer_lag.CHECK, groups=(GROUP,)),
    "redis/stats": _checked(redis_health.CHECK),
    "redis/ttl-analysis": _checked(redis_health.CHECK),
    "redis/rate-limit/all": _checked(rate_limits.CHECK, **dict.fromkeys(CAPACITIES, 100)),
    "database/stats": _checked(outbox_age.CHECK),
    "database/outbox": _checked(outbox_age.CHECK),
    "database/statistics": lambda source: _seen(source.statistics("all", NOW)),
    "settlement": _settled,
    "circuit-breaker/status": _checked(breakers.CHECK, names=("kafka-publisher",)),
}

Change = Callable[[Any, random.Random], Any]


def _more(value: Any, rng: random.Random) -> Any:
    return value + rng.randint(10, 10**6)


def _one_of(*values: Any) -> Change:
    return lambda value, rng: copy.deepcopy(rng.choice([v for v in values if v != value]))


def _dropped(value: Any, rng: random.Random) -> Any:
    """One row fewer."""
    if isinstance(value, dict):
        gone = rng.choice(list(value))
        return {key: row for key, row in value.items() if key != gone}
    gone = rng.randrange(len(value))
    return [row for n, row in enumerate(value) if n != gone]


def _repeated(value: Any, rng: random.Random) -> Any:
    return [*value, copy.deepcopy(rng.choice(value))]


_NO_NUMBER = _one_of("many", -1, -(10**6), True, [], {}, 1.5, None, 1e300)
_COUNT = (_more, _NO_NUMBER)
_BOUND = (*_COUNT, _one_of(0))
_ROWS = (_one_of([], {}, "rows", None, 7), _dropped, _repeated)
_EMPTIED = (_one_of([], {}, "rows", None, 7),)
_STATES = _one_of("", "UNKNOWN", "banana", "stable?", None, 5, [])
_NO_STATE = (_STATES,)

# Where each answer is broken: the place ("*": any row), and how. What stands in no place (texts,
# ids, times to live) agrees with nothing.
BREAKS: Mapping[str, tuple[tuple[str, tuple[Change, ...]], ...]] = {
    "kafka/stats": (
        *(("topicCount", _BOUND), ("consumerGroupCount", _BOUND), ("topics", _ROWS)),
        *(("consumerGroups", _ROWS), ("brokerCount", (_one_of(0, -1, "2", None, True),))),
        ("clusterHealthy", (_one_of(False, "yes", None, 1),)),
    ),
    "kafka/topic-details": (
        *(("partitionCount", _BOUND), ("partitions", _ROWS)),
        ("partitions.*.partition", (_more, _NO_NUMBER)),
        ("partitions.*.replicas", (_one_of([], [-1, 1], [1, 1], "1", None, [7, 8]),)),
        ("partitions.*.isr", (_one_of([], [9], [1, 1], [1, 2, 3], None, "1"),)),
        ("partitions.*.leader", (_one_of(-1, 9, None, "1", 2.5),)),
        ("topic", (_one_of("other", "", None, 5),)),
    ),
    "kafka/topic-stats": (
        *(("count", _BOUND), ("topics", _ROWS)),
        ("topics.*.partitions", _BOUND),
        ("topics.*.endOffsets", (*_EMPTIED, _dropped)),
        ("topics.*.endOffsets.*", (_NO_NUMBER, _one_of(0))),
        ("topics.*.totalMessages", _COUNT),
        ("topics.*.topic", (_one_of("other", "", None),)),
    ),
    "kafka/topic-stats?captured": (
        *(("count", _BOUND), ("topics", _ROWS), ("topics.*.partitions", _BOUND)),
        *(("topics.*.endOffsets", (*_EMPTIED, _dropped)), ("topics.*.totalMessages", _COUNT)),
    ),
    "kafka/consumer-groups": (
        *(("count", _BOUND), ("groups", _ROWS), ("groups.*.state", _NO_STATE)),
        ("groups.*.groupId", (_one_of("", None, 5, "other"),)),
    ),
    "kafka/consumer-lag": (
        *(("groupId", (_one_of("other", "", None, 5),)), ("totalLag", _COUNT)),
        ("partitions", (*_EMPTIED, _repeated)),
        ("partitions.*.lag", (_more, _NO_NUMBER)),
        ("partitions.*.currentOffset", (_more, _NO_NUMBER, _one_of(100))),
        ("partitions.*.endOffset", (_more, _NO_NUMBER, _one_of(0))),
        ("partitions.*.partition", (_one_of(None, "0", -1, 1.5),)),
    ),
    "redis/stats": (
        *(("rateLimitKeys", (_more, _NO_NUMBER, _one_of(0))), ("idempotencyKeys", _COUNT)),
        *(("cacheKeys", _COUNT), ("totalKeys", (_NO_NUMBER, _one_of(0, 1, 2)))),
        ("blockedMerchants", (_more,)),
    ),
    "redis/ttl-analysis": (
        *(("totalKeys", _BOUND), ("analysis", (*_EMPTIED, _dropped))),
        ("analysis.*.count", _BOUND),
        *(("analysis.*.expiringSoon", (_more,)), ("analysis.*.neverExpire", _COUNT)),
    ),
    "redis/rate-limit/all": (
        *(("count", _BOUND), ("rateLimits", _ROWS)),
        ("rateLimits.*.currentCount", (_NO_NUMBER, _one_of(10**9))),
    ),
    "database/stats": (
        *(("totalPayments", _BOUND), ("paymentsByStatus", _EMPTIED)),
        ("paymentsByStatus.*.count", _BOUND),
        *(("outboxEvents.total", _BOUND), ("outboxEvents.published", (_more, _one_of(0, -1, "1")))),
        *(("outboxEvents.unpublished", _BOUND), ("outboxEvents", _EMPTIED)),
        ("databaseSharding.shard2Status", (_one_of("DOWN", "UNCONFIGURED", "banana", "", None),)),
        ("databaseSharding.shard1Status", (_one_of("DOWN", "banana", "", None),)),
        ("databaseSharding.shard2Total", (_one_of(52, None, -1, "22"),)),
    ),
    "database/outbox": (
        ("count", (lambda value, rng: rng.randint(1, 10**6),)),
        ("healthy", (_one_of(False, "yes", None, 1),)),
        ("events", (lambda value, rng: [{"event_id": 1, "created_at": AT}],)),
    ),
    "database/statistics": (
        *(("overall.total_count", _BOUND), ("byStatus", _ROWS), ("topMerchants", _EMPTIED)),
        *(("overall.total_amount", (_more, _one_of("9", True, -5, 0))), ("overall", _EMPTIED)),
        ("overall.avg_amount", (_one_of(1, 10**9),)),
        *(("byStatus.*.count", _BOUND), ("byStatus.*.total_amount", (_more, _one_of("9", 1)))),
        ("topMerchants.*.transaction_count", _BOUND),
    ),
    "settlement": (
        *(("totalCount", _BOUND), ("successCount", _BOUND), ("failedCount", _BOUND)),
        *(("pendingCount", _COUNT), ("deadLetterCount", _COUNT)),
        ("failureDetails", (_one_of([], "rows", 7),)),
        ("failureDetails.*.count", _BOUND),
    ),
    "circuit-breaker/status": (
        ("state", _NO_STATE),
        *(("numberOfFailedCalls", _BOUND), ("numberOfBufferedCalls", _BOUND)),
        ("failureRate", (_one_of("90.00%", "250.00%", "0.00%", "high", None, 25, "NaN%"),)),
        ("slowCallRate", (_one_of("250.00%", "high", None, 5),)),
    ),
}


@dataclass(frozen=True)
class Broken:
    """One answer broken in one place, and what the looks at it came to."""

    path: str
    place: str
    value: Any
    status: Status


def mutations(count: int, seed: int) -> Iterator[Broken]:
    """So many answers broken in one place each, every place among them where `count` allows it."""
    rng = random.Random(seed)
    places = [(path, place) for path, places in BREAKS.items() for place, _ in places]
    for number in range(count):
        path, place = places[number % len(places)]
        changes = dict(BREAKS[path])[place]
        answers = well()
        value = _break(answers[path], place.split("."), rng.choice(changes), rng)
        yield Broken(path, place, value, LOOKS[path](gateway(answers)))


def _break(answer: Any, place: list[str], change: Change, rng: random.Random) -> Any:
    """Change what stands at a place; the new value."""
    *way, last = place
    for name in way:
        answer = answer[_key(answer, name, rng)]
    key = _key(answer, last, rng)
    old = answer.get(key) if isinstance(answer, dict) else answer[key]
    answer[key] = change(old, rng)
    return answer[key]


def _key(answer: Any, name: str, rng: random.Random) -> Any:
    if name != "*":
        return name
    return rng.choice(list(answer)) if isinstance(answer, dict) else rng.randrange(len(answer))
