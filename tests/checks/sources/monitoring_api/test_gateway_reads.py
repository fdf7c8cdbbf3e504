"""What the gateway source makes of the platform's answers, right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from checks.sources.facts.payments import OutboxState, Written
from checks.sources.facts.platform import (
    Breaker,
    CachedKey,
    Cluster,
    Group,
    KeyLife,
    Partition,
    RateUse,
    TopicEnds,
)
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway

NOW = datetime(2025, 12, 5, 7, 30, tzinfo=UTC)
BREAKER = {
    "state": "CLOSED",
    "numberOfFailedCalls": 2,
    "numberOfBufferedCalls": 2,
    "numberOfNotPermittedCalls": 0,
    "failureRate": "-1.00%",
    "slowCallRate": "12.50%",
}
KAFKA_STATS = {
    "topics": ["payment.captured", "payment.dlq"],
    "consumerGroups": ["payment-consumer"],
    "clusterHealthy": True,
    "brokerCount": 1,
    "clusterId": "abc",
    "dlqCounts": {"payment.dlq": 0},
}
LAG = {
    "groupId": "payment-consumer",
    "totalLag": 3,
    "partitions": [
        {
            "topic": "payment.captured",
            "partition": 0,
            "currentOffset": 7,
            "endOffset": 10,
            "lag": 3,
        }
    ],
}
DATABASE = {
    "paymentsByStatus": [{"status": "CAPTURED", "count": 5}],
    "totalPayments": 5,
    "ledgerEntryCount": 5,
    "outboxEvents": {"total": 10, "published": 9, "unpublished": 1},
    "databaseSharding": {
        "shard1Total": 2,
        "shard1Status": "UP",
        "shard2Total": 3,
        "shard2Status": "UP",
    },
}
EVENT = {
    "event_id": 7,
    "aggregate_id": 3,
    "event_type": "PAYMENT_CAPTURE_REQUESTED",
    "created_at": "2025-12-05T16:00:00.000+09:00",
    "age_minutes": 999,
}
OUTBOX = {"healthy": False, "count": 1, "events": [EVENT]}
WORK = {
    "totalCount": 20,
    "successCount": 19,
    "failedCount": 1,
    "pendingCount": 0,
    "totalAmount": 950000.0,
    "deadLetterCount": 0,
    "delayedSettlements": 0,
}
Answers = Mapping[str, "httpx.Response | Mapping[str, Any]"]


def gateway(answers: Answers) -> Gateway:
    """A gateway whose platform knows these paths (by their end), and 404 for others."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/monitoring/").removeprefix("/stats/")
        found = answers.get(path)
        if found is None:
            return httpx.Response(404, json={"timestamp": "t", "status": 404, "path": path})
        if isinstance(found, httpx.Response):
            return httpx.Response(found.status_code, content=found.content)
        return httpx.Response(200, content=json.dumps(found))

    return Gateway(Wire("http://x", transport=httpx.MockTransport(answer)))


def unavailable(fact: object) -> Unavailable:
    assert isinstance(fact, Unavailable), fact
    return fact


def test_a_breaker_without_data_yet_has_no_rate():
    found = gateway({"circuit-breaker/status": BREAKER}).breakers()
    assert found == {
        "ingest": (Breaker("ingest", "kafka-publisher", "CLOSED", None, 12.5, 2, 2, 0),)
    }


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500, 502, 503])
@pytest.mark.parametrize(
    "body", [{"error": True, "message": "no"}, {"timestamp": "t", "path": "/p"}]
)
def test_no_error_body_is_ever_taken_for_an_answer(status, body):
    response = httpx.Response(status, json=body)
    source = gateway({"kafka/stats": response, "redis/stats": response, "settlement": response})
    facts = [source.cluster(), source.stats(), source.work("settlement", NOW)]
    assert all(isinstance(fact, Unavailable) for fact in facts)


@pytest.mark.parametrize(
    ("status", "body", "part", "why"),
    [
        (200, {"error": True, "message": "no broker"}, "kafka", Why.REFUSED),
        (500, {"error": "Failed", "message": "no broker"}, "kafka", Why.REFUSED),
        (503, {"error": "Failed", "message": "no broker"}, "kafka", Why.REFUSED),
        (500, {"timestamp": "t", "status": 500, "path": "/m"}, "kafka", Why.REFUSED),
        (503, {"timestamp": "t", "status": 503, "path": "/m"}, "monitoring", Why.WAY),
        (504, {"timestamp": "t", "status": 504, "path": "/m"}, "kafka", Why.LIMIT),
        (400, {"timestamp": "t", "status": 400, "path": "/m"}, "kafka", Why.GARBLED),
        (401, {"error": "who are you"}, "gateway", Why.NOT_VISIBLE),
        (403, {"error": "not you"}, "gateway", Why.NOT_VISIBLE),
        (404, {"timestamp": "t", "status": 404, "path": "/m"}, "gateway", Why.GARBLED),
        (418, {}, "kafka", Why.GARBLED),
    ],
)
def test_an_error_is_laid_at_the_door_of_the_part_that_has_it(status, body, part, why):
    found = unavailable(gateway({"kafka/stats": httpx.Response(status, json=body)}).cluster())
    assert (found.part, found.why) == (part, why)
    assert str(status) in str(found.params["got"])


def test_the_cluster_is_what_it_says_and_refused_without_a_broker():
    assert gateway({"kafka/stats": KAFKA_STATS}).cluster() == Cluster(
        1, "abc", ("payment.captured", "payment.dlq"), ("payment-consumer",)
    )
    sick = {**KAFKA_STATS, "clusterHealthy": False}
    assert unavailable(gateway({"kafka/stats": sick}).cluster()).why is Why.REFUSED


def test_a_group_without_offsets_is_not_a_group_without_lag():
    answer = {"groupId": "payment-consumer", "message": "No offsets", "lag": 0}
    found = unavailable(gateway({"kafka/consumer-lag": answer}).group_lag("payment-consumer"))
    assert (found.why, found.reason) == (Why.NOT_VISIBLE, "group_without_offsets")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"totalLag": "3"}, "totalLag"),
        ({"totalLag": 4}, "totalLag"),
        ({"totalLag": True}, "totalLag"),
        ({"groupId": "other"}, "groupId"),
        ({"partitions": {}}, "partitions"),
        ({"partitions": [{"topic": 1}]}, "partitions[0].topic"),
        ({"partitions": [{**LAG["partitions"][0], "endOffset": -1}]}, "partitions[0].endOffset"),
        ({"partitions": [{**LAG["partitions"][0], "lag": 1e300}]}, "partitions[0].lag"),
    ],
)
def test_a_field_that_does_not_fit_is_named(change, expected):
    source = gateway({"kafka/consumer-lag": {**LAG, **change}})
    found = unavailable(source.group_lag("payment-consumer"))
    assert (found.part, found.why, found.reason) == ("kafka", Why.GARBLED, "ill_typed")
    assert f"`{expected}`" in str(found.params["expected"])


def test_a_lag_that_fits_is_read():
    found = gateway({"kafka/consumer-lag": LAG, **topic_stats({0: 10})}).group_lag(GROUP)
    assert not isinstance(found, Unavailable)
    assert (found.lag_messages, found.partitions[0].committed_offset) == (3, 7)


GROUP = "payment-consumer"


def topic_stats(ends: dict[int, int], retained: int | None = None) -> dict[str, Any]:
    row = {
        "topic": "payment.captured",
        "endOffsets": {f"partition-{p}": end for p, end in ends.items()},
        "totalMessages": sum(ends.values()) if retained is None else retained,
    }
    return {"kafka/topic-stats": {"topics": [row]}}


def test_partitions_without_a_commit_are_not_left_out_of_a_lag():
    found = gateway({"kafka/consumer-lag": LAG, **topic_stats({0: 10, 1: 0, 2: 4})})
    lag = found.group_lag(GROUP)
    assert not isinstance(lag, Unavailable)
    assert lag.lag_messages == 7
    told = [(p.partition, p.lag_messages, p.has_commit) for p in lag.partitions]
    assert told == [(0, 3, True), (1, 0, False), (2, 4, False)]


def test_a_lag_is_unavailable_where_nobody_knows_what_is_retained_without_a_commit():
    source = gateway({"kafka/consumer-lag": LAG, **topic_stats({0: 10, 1: 0, 2: 4}, retained=9)})
    found = unavailable(source.group_lag(GROUP))
    assert (found.why, found.reason) == (Why.NOT_VISIBLE, "partition_without_commit")
    assert found.params["got"] == "payment.captured/2"


def test_topics_that_the_list_leaves_out_are_asked_for_by_name():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/stats"):
            return httpx.Response(200, json=KAFKA_STATS)
        asked = request.url.params.get("topic", "payment.captured")
        row = {"topic": asked, "endOffsets": {"partition-0": 4}, "totalMessages": 4}
        return httpx.Response(200, json={"topics": [row]})

    found = Gateway(Wire("http://x", transport=httpx.MockTransport(answer))).topic_ends()
    assert not isinstance(found, Unavailable)
    assert [ends.topic for ends in found] == ["payment.captured", "payment.dlq"]


def test_group_states_have_one_spelling():
    answer = {
        "groups": [
            {"groupId": "a", "state": "STABLE"},
            {"groupId": "b", "state": "PreparingRebalance"},
        ]
    }
    found = gateway({"kafka/consumer-groups": answer}).groups()
    assert found == (Group("a", "STABLE"), Group("b", "PREPARING_REBALANCE"))


def test_an_error_row_among_topics_is_not_left_out():
    rows = [{"topic": "payment.dlq", "error": "timed out"}]
    found = unavailable(gateway({"kafka/topic-stats": {"topics": rows}}).topic_ends("payment.dlq"))
    assert (found.part, found.reason) == ("kafka/payment.dlq", "topic_error")


def test_dead_letters_are_counted_by_end_offsets():
    rows = [
        {
            "topic": "payment.dlq",
            "endOffsets": {"partition-0": 4, "partition-1": 1},
            "totalMessages": 2,
        }
    ]
    source = gateway({"kafka/stats": KAFKA_STATS, "kafka/topic-stats": {"topics": rows}})
    assert source.topic_ends("payment.dlq") == (TopicEnds("payment.dlq", {0: 4, 1: 1}, 2),)
    assert source.dead_letter_total("payment.dlq") == 5
    assert source.dead_letter_total("settlement.dlq") == 0


def test_the_answer_about_another_topic_is_not_taken():
    rows = [{"topic": "other", "endOffsets": {}, "totalMessages": 0}]
    assert unavailable(gateway({"kafka/topic-stats": {"topics": rows}}).topic_ends("payment.dlq"))


def test_a_partition_without_a_leader_is_offline():
    rows = [
        {"partition": 0, "leader": -1, "replicas": [1], "isr": []},
        {"partition": 1, "leader": None, "replicas": [1], "isr": [1]},
    ]
    answer = {"topic": "t", "partitions": rows}
    assert gateway({"kafka/topic-details": answer}).partitions("t") == (
        Partition("t", 0, None, (1,), ()),
        Partition("t", 1, None, (1,), (1,)),
    )


def dlq_ends(end: int) -> dict[str, Any]:
    row = {"topic": "payment.dlq", "endOffsets": {"partition-0": end}, "totalMessages": end}
    return {"kafka/topic-stats": {"topics": [row]}}


def test_dead_letters_are_asked_for_only_when_new_ones_have_arrived():
    """Each such question leaves a consumer group behind on the platform."""
    ends, asked = [0], []
    row = {"partition": 0, "offset": 4, "timestamp": 1764918055123, "key": "null", "value": "v"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("topic-stats"):
            return httpx.Response(200, json=dlq_ends(ends[0])["kafka/topic-stats"])
        asked.append(ends[0])
        return httpx.Response(200, json={"topic": "payment.dlq", "messages": [row]})

    source = Gateway(Wire("http://x", transport=httpx.MockTransport(answer)))
    for end in (0, 0, 5, 5, 5, 6, 6):
        ends[0] = end
        found = source.dead_letters("payment.dlq", 3)
        assert not isinstance(found, Unavailable)
        assert len(found) == (1 if end else 0)
    assert asked == [5, 6]


def test_dead_letter_messages_keep_their_time_and_place():
    row = {"partition": 0, "offset": 4, "timestamp": 1764918055123, "key": "null", "value": "v"}
    letters = {"topic": "payment.dlq", "messages": [row]}
    source = gateway({"kafka/dlq-messages": letters, **dlq_ends(5)})
    found = source.dead_letters("payment.dlq", 3)
    assert not isinstance(found, Unavailable)
    assert (found[0].at.year, found[0].offset, found[0].value) == (2025, 4, "v")


RATES = {
    "rateLimits": [
        {"merchantId": "M-1", "currentCount": 90, "ttlSeconds": 5},
        {"merchantId": "M-2", "currentCount": 5, "ttlSeconds": -1},
        {"merchantId": "M-3", "currentCount": 7, "ttlSeconds": 9},
        {"merchantId": "M-3", "currentCount": 8, "ttlSeconds": 9},
    ]
}


def samples(*rows: tuple[str, str]) -> dict[str, Any]:
    return {"rateLimitSamples": [{"key": k, "count": c, "ttlSeconds": 5} for k, c in rows]}


def test_a_counter_gets_its_action_back_from_the_samples():
    some = samples(("rate:capture:M-1", "91"), ("rate:refund:M-3", "8"), ("idem:x", "junk"))
    source = gateway({"redis/rate-limit/all": RATES, "redis/stats": some})
    assert source.rate_uses() == (
        RateUse("M-1", "capture", 91, 5),
        RateUse("M-2", None, 5, None),
        RateUse("M-3", None, 7, 9),
        RateUse("M-3", "refund", 8, 5),
    )
    assert source.rate_use("M-2") == (RateUse("M-2", None, 5, None),)
    assert source.rate_use("M-9") == ()


def test_a_sample_whose_count_is_no_number_is_no_answer():
    source = gateway(
        {"redis/rate-limit/all": RATES, "redis/stats": samples(("rate:capture:M-1", "many"))}
    )
    assert unavailable(source.rate_uses()).reason == "ill_typed"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"exists": True, "paymentId": 5, "ttlSeconds": 9}, CachedKey("k", True, 5, 9)),
        ({"exists": True, "paymentId": '{"paymentId": 5}'}, CachedKey("k", True, 5, None)),
        ({"exists": True, "paymentId": "5"}, CachedKey("k", True, 5, None)),
        ({"exists": True}, CachedKey("k", True, None, None)),
    ],
)
def test_a_cached_key_is_read_in_either_form(answer, expected):
    assert gateway({"redis/idempotency": answer}).cached_key("k") == expected


def test_a_key_that_the_platform_calls_free_may_be_taken():
    found = unavailable(gateway({"redis/idempotency": {"exists": False}}).cached_key("k"))
    assert (found.why, found.reason) == (Why.NOT_VISIBLE, "idempotency_without_merchant")


def test_the_lives_of_keys_are_read_by_prefix():
    answer = {"analysis": {"rate": {"count": 3, "avgTTLSeconds": 30.5, "neverExpire": 1}}}
    assert gateway({"redis/ttl-analysis": answer}).key_lives() == (KeyLife("rate", 3, 30.5, 1),)


def test_the_age_of_the_outbox_comes_from_times_not_from_the_platforms_figure():
    source = gateway({"database/outbox": OUTBOX, "database/stats": DATABASE})
    (state,) = source.outbox(NOW)
    assert isinstance(state, OutboxState)
    assert (state.waiting, state.oldest_age_seconds, state.exhausted) == (1, 1800.0, None)
    assert state.oldest[0]["payment_id"] == 3


def test_a_list_of_events_that_was_cut_keeps_its_count():
    source = gateway({"database/outbox": {**OUTBOX, "count": 5000}, "database/stats": DATABASE})
    (state,) = source.outbox(NOW)
    assert isinstance(state, OutboxState)
    assert state.waiting == 5000


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"events": []},
        {"events": [{**EVENT, "created_at": "2025-12-05T07:00:00"}]},
        {"events": [{**EVENT, "created_at": 5}]},
        {"healthy": "no"},
    ],
)
def test_an_outbox_that_contradicts_itself_is_unavailable(change):
    source = gateway({"database/outbox": {**OUTBOX, **change}, "database/stats": DATABASE})
    assert unavailable(source.outbox(NOW)[0]).why is Why.GARBLED


@pytest.mark.parametrize(
    ("change", "why", "reason"),
    [
        ({"shard2Status": "UNCONFIGURED"}, Why.NOT_VISIBLE, "shard_unconfigured"),
        ({"shard2Status": "DOWN"}, Why.REFUSED, "shard_down"),
        ({"shard1Total": 5, "shard2Total": 5}, Why.NOT_VISIBLE, "shard_not_counted"),
    ],
)
def test_a_shard_that_was_not_looked_at_is_said(change, why, reason):
    stats = {**DATABASE, "databaseSharding": {**DATABASE["databaseSharding"], **change}}
    source = gateway({"database/outbox": {"healthy": True}, "database/stats": stats})
    state, second = source.outbox(NOW)
    assert isinstance(state, OutboxState)
    found = unavailable(second)
    assert (found.part, found.why, found.reason) == ("database/shard2", why, reason)


def test_payments_that_arrive_between_the_queries_do_not_make_a_shard_doubtful():
    sharding = {"shard1Total": 100, "shard1Status": "UP", "shard2Total": 90, "shard2Status": "UP"}
    by_status = [{"status": "CAPTURED", "count": 189}]
    totals = {"totalPayments": 188, "paymentsByStatus": by_status}
    stats = {**DATABASE, **totals, "databaseSharding": sharding}
    found = gateway({"database/stats": stats}).counts()
    assert not isinstance(found, Unavailable)
    assert found.shards == {"shard1": "UP", "shard2": "UP"}


def test_what_the_workers_wrote_is_counted_as_far_as_the_figures_reach():
    rows = [{"status": "SUCCESS", "count": 8}, {"status": "FAILED", "count": 1}]
    stats = {**DATABASE, "settlementsByStatus": rows, "refundsByStatus": []}
    assert gateway({"database/stats": stats}).written() == {"": Written(9, 0, 5)}
    assert unavailable(gateway({"database/stats": DATABASE}).written()[""]).why is Why.GARBLED


def test_counts_without_a_shard_that_is_down_are_no_counts():
    sharding = {**DATABASE["databaseSharding"], "shard2Status": "DOWN"}
    found = gateway({"database/stats": {**DATABASE, "databaseSharding": sharding}}).counts()
    assert unavailable(found).why is Why.REFUSED


def test_the_books_are_never_seen_through_the_gateway():
    (found,) = gateway({"database/reconciliation": {"balanced": True}}).books(NOW, None, {})
    assert (unavailable(found).why, unavailable(found).reason) == (
        Why.NOT_VISIBLE,
        "gateway_tautology",
    )


def test_no_payments_in_a_range_have_no_amount():
    answer = {
        "timeRange": "today",
        "overall": {"total_count": 0, "total_amount": None},
        "byStatus": [],
        "topMerchants": [],
    }
    found = gateway({"database/statistics": answer}).statistics("today", NOW)
    assert not isinstance(found, Unavailable)
    assert (found.count, found.amount_krw) == (0, 0)


def test_what_a_worker_did_is_read():
    found = gateway({"settlement": WORK}).work("settlement", NOW)
    assert not isinstance(found, Unavailable)
    assert (found.succeeded, found.failed) == (19, 1)


@pytest.mark.parametrize(("told", "delayed"), [(0, None), (3, 3)])
def test_that_nothing_is_late_is_not_believed_of_rows_that_nobody_sees(told, delayed):
    found = gateway({"settlement": {**WORK, "delayedSettlements": told}}).work("settlement", NOW)
    assert not isinstance(found, Unavailable)
    assert found.delayed == delayed


def test_payments_and_entries_and_the_platforms_own_words_are_read():
    at = "2025-12-05T07:00:55.123+00:00"
    payment = {
        "payment_id": 3,
        "merchant_id": "M-2",
        "amount": 50000,
        "currency": "KRW",
        "status": "REFUNDED",
        "idempotency_key": "k3",
        "requested_at": at,
        "updated_at": at,
    }
    entry = {
        "entry_id": 1,
        "payment_id": 3,
        "debit_account": "cash",
        "credit_account": "merchant_receivable",
        "amount": 50000,
        "occurred_at": at,
    }
    books = {
        "balanced": True,
        "totalDebits": 5,
        "totalCredits": 5,
        "debitAccounts": [{"debit_account": "cash", "total": 5}],
        "creditAccounts": [{"credit_account": "cash", "total": 5}],
    }
    source = gateway(
        {
            "database/payments": {"payments": [payment]},
            "database/ledger": {"entries": [entry]},
            "database/reconciliation": books,
        }
    )
    (row,) = source.listed_payments("refund")
    assert (row.state, row.requested_at.tzinfo) == ("REFUNDED", UTC)
    (line,) = source.ledger(payment_id=3)
    assert line.amount_krw == 50000
    own = source.reconciliation()
    assert not isinstance(own, Unavailable)
    assert own.debit_accounts == {"cash": 5}


def test_load_tests_of_the_platform_are_read():
    analysis = {
        "responseTime": {"p95": "391.90 ms"},
        "successRate": "99.99%",
        "failureRate": "0.01%",
        "throughput": "984.44 req/s",
        "performanceGrade": "FAIR",
        "recommendations": [],
    }
    source = gateway(
        {
            "loadtest/latest-result": {"found": False},
            "loadtest/analyze": {"found": True, "analysis": analysis},
            "loadtest/history": {"history": [{"file": "f", "timestamp": 5, "summary": {}}]},
            "loadtest/scenarios": {"scenarios": [{"name": "a", "description": "b"}]},
        }
    )
    assert source.latest_load_test() is None
    read = source.load_test_analysis()
    assert read is not None
    assert not isinstance(read, Unavailable)
    assert read.failed_percent == 0.01
    assert len(source.load_test_history()) == 1
    assert source.load_test_scenarios()[0].name == "a"


def test_breaker_words_of_the_platform_are_read():
    diagnosis = {**BREAKER, "issues": ["x"], "recommendations": []}
    source = gateway(
        {
            "circuit-breaker/health": {"healthy": False, "message": "ingest is away"},
            "circuit-breaker/diagnose": diagnosis,
        }
    )
    health, told = source.breaker_health(), source.breaker_diagnosis()
    assert not isinstance(health, Unavailable)
    assert (health.healthy, health.state) == (False, "")
    assert not isinstance(told, Unavailable)
    assert told.reported_problems == ("x",)


def test_limits_of_the_platform_are_read_as_its_own():
    source = gateway(
        {
            "redis/rate-limit": {
                "merchantId": "M",
                "currentCount": 50,
                "limit": 100,
                "remaining": 50,
            },
            "redis/rate-limit/blocked": {
                "blockedMerchants": [{"merchantId": "M", "count": 101, "ttl": 4}]
            },
        }
    )
    limit, blocked = source.rate_limit("M"), source.blocked_merchants()
    assert not isinstance(limit, Unavailable)
    assert (limit.limit, limit.ttl_seconds) == (100, None)
    assert not isinstance(blocked, Unavailable)
    assert blocked[0].count == 101


def test_hostile_text_is_cut_and_cleaned():
    row = {"partition": 0, "offset": 4, "timestamp": 1764918055123, "key": "x\n\x00" * 500}
    answer = {"topic": "payment.dlq", "messages": [row]}
    source = gateway({"kafka/dlq-messages": answer, **dlq_ends(5)})
    found = source.dead_letters("payment.dlq", 1)
    assert not isinstance(found, Unavailable)
    assert len(found[0].key) <= 200
    assert found[0].key.isprintable()


@pytest.mark.parametrize(("base", "asked"), [("http://x", "/api/"), ("http://x/api", "/api/")])
def test_the_api_is_found_below_api_or_not(base, asked):
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if not request.url.path.startswith(asked):
            return httpx.Response(404, json={"timestamp": "t", "status": 404, "path": "p"})
        return httpx.Response(200, json={"topics": []})

    source = Gateway(Wire(base, transport=httpx.MockTransport(answer)))
    assert source.topics() == ()
    before = len(paths)
    assert source.topics() == ()
    assert paths[before:] == ["/api/monitoring/kafka/topics"]


def test_no_answer_in_time_is_about_the_part_and_no_connection_about_the_way():
    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow")

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    found = [
        unavailable(Gateway(Wire("http://x", transport=httpx.MockTransport(t))).cluster())
        for t in (slow, away)
    ]
    assert [(f.part, f.why) for f in found] == [("kafka", Why.LIMIT), ("gateway", Why.WAY)]
