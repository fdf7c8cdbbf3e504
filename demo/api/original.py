"""The monitoring-service with the defects of the original: the answers that a monitor must not
believe. Only what differs from the truthful API stands here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from demo.api import database as api_database
from demo.api import kafka as api_kafka
from demo.api import redis as api_redis
from demo.api import stats as api_stats
from demo.api.time_range import since_of
from demo.api.wire import Handler, Request, Response, answer
from demo.platform.broker import DLQS, Broker
from demo.platform.shards import Shard
from demo.processes import ingest
from demo.queries import books
from demo.queries.payment_filter import parse_as_original
from demo.queries.statistics import statistics_body
from demo.queries.tally import read
from demo.stand_in import StandIn

_RATE_LIMIT = 100
_DLQ_COUNT_MAX = 10
_NO_SEARCH_LIMIT = 100_000
_TOPICS_FORGOTTEN = ("payment.capture-requested", "payment.refund-requested")


def payments(standin: StandIn, request: Request) -> Response:
    """One shard; unknown words return everything."""
    words = request.text("filter")
    condition = parse_as_original(words, standin.now)
    limit = max(request.number("limit", 10), 0)
    return answer(api_database.payments_body(_seen(standin), words, condition, limit))


def statistics(standin: StandIn, request: Request) -> Response:
    """All shards; the day of UTC; nothing has the least amount 0."""
    time_range = request.text("timeRange", "today")
    since = since_of(time_range, standin.now, timedelta(0))
    return answer(statistics_body(standin.parts.shards.all(), time_range, since, empty_min=0))


def outbox(standin: StandIn, request: Request) -> Response:
    """One shard; however many events."""
    minutes = request.number("maxAgeMinutes", 5)
    body = api_database.outbox_body(_seen(standin), minutes, standin.now, _NO_SEARCH_LIMIT)
    return answer(body)


def stats(standin: StandIn, request: Request) -> Response:
    """One shard; the count of the second one is the first one's, and it is always up."""
    shard1 = _seen(standin)
    total = read(shard1, "payment").rows()
    sharding = api_database.sharding_body(total, total, shard2_up=True)
    return answer(api_database.stats_body(shard1, sharding))


def reconciliation(standin: StandIn, request: Request) -> Response:
    """Compares a sum with itself."""
    sums = books.sums(_seen(standin))
    balanced = sums["totalDebits"] == sums["totalCredits"]
    return answer(sums | {"balanced": balanced, "message": "Books are balanced"})


def ledger(standin: StandIn, request: Request) -> Response:
    """One shard."""
    return api_database.ledger_answer(_seen(standin), request)


def rate_limit(standin: StandIn, request: Request) -> Response:
    """Only authorize, a limit that was typed in, and blocked one call too early."""
    merchant = request.text("merchantId")
    actions = (ingest.AUTHORIZE,)
    body = api_redis.rate_body(standin, merchant, actions, _RATE_LIMIT, blocked_from=_RATE_LIMIT)
    return answer(body)


def all_limits(standin: StandIn, request: Request) -> Response:
    """The typed-in limit."""
    return answer(api_redis.all_body(standin, _RATE_LIMIT))


def blocked(standin: StandIn, request: Request) -> Response:
    """The typed-in limit."""
    return answer(api_redis.blocked_body(standin, _RATE_LIMIT))


def idempotency(standin: StandIn, request: Request) -> Response:
    """Looks under a key without the merchant, where nothing ever is."""
    key = request.text("key")
    standin.parts.cache.get(f"idem:authorize:{key}", standin.now)
    return answer({"exists": False, "idempotencyKey": key, "message": "The key is available"})


def kafka_stats(standin: StandIn, request: Request) -> Response:
    """Counts only the dead letters of one poll."""
    broker = api_kafka.reach(standin)
    counts = {topic: min(broker.retained(topic), _DLQ_COUNT_MAX) for topic in DLQS}
    return answer(api_kafka.stats_body(broker, counts))


def topic_stats(standin: StandIn, request: Request) -> Response:
    """Forgets two topics, and makes the one that was mistyped."""
    broker = api_kafka.reach(standin)
    if asked := request.query.get("topic"):
        broker.create_topic(asked)
        return answer(api_kafka.topics_body(broker, [asked]))
    names = [name for name in broker.topics if name not in _TOPICS_FORGOTTEN]
    return answer(api_kafka.topics_body(broker, names))


def topic_details(standin: StandIn, request: Request) -> Response:
    """Makes the topic that was mistyped."""
    broker = api_kafka.reach(standin)
    topic = request.text("topic")
    broker.create_topic(topic)
    return answer(api_kafka.details_body(broker, topic))


def dead_letters(standin: StandIn, request: Request) -> Response:
    """Counts the sample, and leaves a consumer group behind."""
    broker = api_kafka.reach(standin)
    topic = request.text("topic", "payment.dlq")
    broker.create_topic(topic)
    broker.leave_temporary_group(f"monitoring-temp-{standin.parts.chance.getrandbits(32):08x}")
    messages = api_kafka.sample(broker, topic, max(request.number("limit", 10), 0))
    return answer(api_kafka.letters_body(topic, len(messages), messages))


def settlement_dlq(standin: StandIn, request: Request) -> Response:
    """An error is no dead letter."""
    return answer(_dlq_count(standin.parts.broker, "settlement.dlq"))


def refund_dlq(standin: StandIn, request: Request) -> Response:
    """An error is no dead letter."""
    return answer(_dlq_count(standin.parts.broker, "refund.dlq"))


def settlement(standin: StandIn, request: Request) -> Response:
    """One shard, always healthy."""
    return answer(_work(standin, api_stats.SETTLEMENT))


def refund(standin: StandIn, request: Request) -> Response:
    """One shard, always healthy."""
    return answer(_work(standin, api_stats.REFUND))


def overview(standin: StandIn, request: Request) -> Response:
    """One shard, always healthy."""
    body = api_stats.overview_body(_seen(standin), standin.now)
    works = {
        "settlement": _work(standin, api_stats.SETTLEMENT),
        "refund": _work(standin, api_stats.REFUND),
    }
    return answer(body | works)


def _seen(standin: StandIn) -> Sequence[Shard]:
    return (standin.parts.shards.shard1,)


def _dlq_count(broker: Broker, topic: str) -> dict[str, Any]:
    if broker.up:
        return api_kafka.dlq_body(broker, topic)
    return {"topic": topic, "count": 0, "message": "DLQ count retrieved"}


def _work(standin: StandIn, work: api_stats.Work) -> dict[str, Any]:
    body = api_stats.work_body(_seen(standin), work, standin.now)
    return body | {work.delayed_field: 0, "deadLetterCount": 0, "healthStatus": "HEALTHY"}


_DATABASE, _REDIS, _KAFKA = "/monitoring/database", "/monitoring/redis", "/monitoring/kafka"
ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", f"{_DATABASE}/payments"): payments,
    ("GET", f"{_DATABASE}/statistics"): statistics,
    ("GET", f"{_DATABASE}/outbox"): outbox,
    ("GET", f"{_DATABASE}/stats"): stats,
    ("GET", f"{_DATABASE}/reconciliation"): reconciliation,
    ("GET", f"{_DATABASE}/ledger"): ledger,
    ("GET", f"{_REDIS}/rate-limit"): rate_limit,
    ("GET", f"{_REDIS}/rate-limit/all"): all_limits,
    ("GET", f"{_REDIS}/rate-limit/blocked"): blocked,
    ("GET", f"{_REDIS}/idempotency"): idempotency,
    ("GET", f"{_KAFKA}/stats"): kafka_stats,
    ("GET", f"{_KAFKA}/topic-stats"): topic_stats,
    ("GET", f"{_KAFKA}/topic-details"): topic_details,
    ("GET", f"{_KAFKA}/dlq-messages"): dead_letters,
    ("GET", f"{_KAFKA}/settlement-dlq-count"): settlement_dlq,
    ("GET", f"{_KAFKA}/refund-dlq-count"): refund_dlq,
    ("GET", "/stats/settlement"): settlement,
    ("GET", "/stats/refund"): refund,
    ("GET", "/stats/overview"): overview,
}
