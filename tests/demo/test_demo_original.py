"""As the original, the stand-in answers with the known defects, and only with those."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from demo.api.app import respond
from demo.platform.cache import rate_key
from demo.stand_in import StandIn

START = datetime(2025, 12, 3, 3, tzinfo=UTC)


@pytest.fixture
def original(tmp_path):
    platform = StandIn(tmp_path, 3, start=START, as_original=True, payments_per_minute=12)
    platform.advance(START + timedelta(minutes=20))
    yield platform
    platform.close()


def get(platform, path, **query):
    response = respond(platform, "GET", path, query)
    return response.status, json.loads(response.body)


def body(platform, path, **query):
    return get(platform, f"/monitoring/{path}", **query)[1]


@pytest.mark.parametrize(
    "fault", ["ledger_entry_missing", "ledger_entry_duplicated", "ledger_wrong_amount"]
)
def test_its_books_balance_whatever_is_wrong(original, fault):
    original.set_fault(fault, True)
    original.advance(original.now + timedelta(minutes=10))
    assert body(original, "database/reconciliation")["balanced"] is True
    original.as_original = False
    assert body(original, "database/reconciliation")["balanced"] is False


def test_it_sees_one_shard_and_calls_the_other_up(original):
    own = original.parts.shards.shard1.one("SELECT COUNT(*) AS n FROM payment")["n"]
    stats = body(original, "database/stats")
    assert stats["totalPayments"] == own
    assert stats["databaseSharding"]["shard2Total"] == own
    original.set_fault("shard_down", True)
    status, stats = get(original, "/monitoring/database/stats")
    assert (status, stats["databaseSharding"]["shard2Status"]) == (200, "UP")
    assert get(original, "/monitoring/database/outbox")[0] == 200


def test_its_search_passes_over_words_that_it_does_not_know(original):
    assert body(original, "database/payments", filter="nonsense")["count"] == 10
    assert body(original, "database/payments", filter="failed")["count"] == 0


def test_its_least_amount_of_nothing_is_zero(tmp_path):
    platform = StandIn(tmp_path, start=START, as_original=True)
    assert body(platform, "database/statistics")["overall"]["min_amount"] == 0
    platform.close()


def test_its_day_begins_at_midnight_of_utc(original):
    original.traffic.payments_per_minute = 0.7
    original.advance(datetime(2025, 12, 3, 18, tzinfo=UTC))  # 03:00 of the next day in Seoul
    of_utc = body(original, "database/statistics")["overall"]["total_count"]
    original.as_original = False
    of_seoul = body(original, "database/statistics")["overall"]["total_count"]
    assert of_utc > of_seoul


def test_its_limit_is_typed_in_and_reached_one_call_early(original):
    for count, action in (("100", "authorize"), ("500", "refund")):
        key = rate_key(action, "MERCHANT-99")
        original.parts.cache.put(key, count, original.now + timedelta(seconds=9))
    limit = body(original, "redis/rate-limit", merchantId="MERCHANT-99")
    assert (limit["currentCount"], limit["limit"], limit["status"]) == (100, 100, "RATE_LIMITED")


def test_its_idempotency_keys_are_always_free(original):
    key = next(original.parts.cache.scan("idem:", original.now))[0].split(":")[-1]
    assert body(original, "redis/idempotency", key=key)["exists"] is False
    original.as_original = False
    assert body(original, "redis/idempotency", key=key)["exists"] is True


def test_its_dead_letters_are_counted_by_a_sample(original):
    original.set_fault("poison_message", True)
    for _ in range(30):
        original.advance(original.now + timedelta(minutes=1))
    original.set_fault("poison_message", False)
    assert body(original, "kafka/stats")["dlqCounts"]["payment.dlq"] == 10
    assert body(original, "kafka/dlq-messages", limit="1")["count"] == 3
    original.as_original = False
    assert body(original, "kafka/stats")["dlqCounts"]["payment.dlq"] >= 60


def test_its_dead_letter_counts_are_zero_when_it_cannot_look(original):
    original.set_fault("broker_down", True)
    assert body(original, "kafka/settlement-dlq-count")["count"] == 0
    original.as_original = False
    assert body(original, "kafka/settlement-dlq-count")["error"] is True


def test_it_leaves_groups_behind_makes_mistyped_topics_and_forgets_two(original):
    body(original, "kafka/dlq-messages")
    groups = {g["groupId"]: g["state"] for g in body(original, "kafka/consumer-groups")["groups"]}
    assert [s for g, s in groups.items() if g.startswith("monitoring-temp-")] == ["EMPTY"]
    body(original, "kafka/topic-stats", topic="payment.capturd")
    topics = [row["topic"] for row in body(original, "kafka/topic-stats")["topics"]]
    assert "payment.capturd" in topics
    assert "payment.capture-requested" not in topics


def test_an_unknown_group_has_no_lag_in_both(original):
    answers = []
    for as_original in (True, False):
        original.as_original = as_original
        answers.append(body(original, "kafka/consumer-lag", groupId="payment-consumer-group"))
    assert answers[0] == answers[1]
    assert answers[0]["lag"] == 0


def test_its_workers_are_always_healthy(tmp_path):
    platform = StandIn(
        tmp_path, start=START, as_original=True, payments_per_minute=20, pg_failure_percent=60
    )
    platform.advance(START + timedelta(minutes=10))
    assert get(platform, "/stats/settlement")[1]["healthStatus"] == "HEALTHY"
    platform.as_original = False
    told = get(platform, "/stats/settlement")[1]
    assert told["healthStatus"] == "WARNING"
    assert sum(row["count"] for row in told["failureDetails"]) == told["failedCount"]
    platform.close()


@pytest.mark.parametrize(
    "path", ["kafka/stats", "kafka/topics", "kafka/consumer-groups", "kafka/topic-stats"]
)
def test_it_reports_failures_as_success(original, path):
    original.set_fault("broker_down", True)
    status, said = get(original, f"/monitoring/{path}")
    assert (status, said["error"]) == (200, True)
