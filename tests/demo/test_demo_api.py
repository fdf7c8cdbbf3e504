"""The stand-in's API has the documented wire form, field by field, and tells the truth."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from demo.api.app import ROUTES, respond
from demo.platform.cache import rate_key
from demo.stand_in import StandIn

START = datetime(2025, 12, 3, 3, tzinfo=UTC)
BOOT_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

BREAKER = (
    "state numberOfSuccessfulCalls numberOfFailedCalls numberOfSlowCalls"
    " numberOfSlowSuccessfulCalls numberOfSlowFailedCalls numberOfBufferedCalls"
    " numberOfNotPermittedCalls failureRate slowCallRate"
)
WORK = (
    "totalCount successCount failedCount pendingCount totalAmount deadLetterCount {}"
    " failureDetails successRate failureRate healthStatus"
)
REDIS = "rateLimitKeys idempotencyKeys cacheKeys totalKeys rateLimitSamples message"

# path, query, fields
FORMS = [
    ("circuit-breaker/status", {}, f"{BREAKER} analysis healthStatus"),
    ("circuit-breaker/health", {}, "healthy state failureRate message"),
    (
        "circuit-breaker/diagnose",
        {},
        "state failureRate slowCallRate issues recommendations metrics",
    ),
    ("database/payments", {"filter": "today"}, "count filter payments"),
    ("database/statistics", {}, "timeRange overall byStatus topMerchants"),
    ("database/outbox", {}, "healthy message events"),
    (
        "database/stats",
        {},
        "paymentsByStatus totalPayments ledgerEntryCount outboxEvents settlementsByStatus"
        " refundsByStatus databaseSharding message",
    ),
    (
        "database/reconciliation",
        {},
        "balanced totalDebits totalCredits debitAccounts creditAccounts message",
    ),
    ("database/ledger", {"merchantId": "MERCHANT-2"}, "count entries"),
    (
        "redis/rate-limit",
        {"merchantId": "MERCHANT-2"},
        "merchantId currentCount limit remaining status message ttlSeconds",
    ),
    (
        "redis/rate-limit",
        {"merchantId": "NOBODY"},
        "merchantId currentCount limit remaining status message",
    ),
    (
        "redis/idempotency",
        {"key": "k1"},
        "exists idempotencyKey message paymentId ttlSeconds",
    ),
    ("redis/idempotency", {"key": "none"}, "exists idempotencyKey message"),
    ("redis/stats", {}, f"{REDIS} blockedMerchants"),
    ("redis/cache-stats", {}, REDIS),
    ("redis/rate-limit/all", {}, "count rateLimits"),
    ("redis/rate-limit/blocked", {}, "count blockedMerchants message"),
    ("redis/ttl-analysis", {}, "totalKeys analysis message"),
    (
        "kafka/stats",
        {},
        "topicCount topics consumerGroupCount consumerGroups dlqCounts clusterHealthy"
        " brokerCount clusterId message",
    ),
    ("kafka/topics", {}, "count topics message"),
    ("kafka/topic-stats", {}, "count topics message"),
    ("kafka/consumer-groups", {}, "count groups message"),
    (
        "kafka/consumer-lag",
        {"groupId": "payment-consumer"},
        "groupId totalLag status partitions message",
    ),
    ("kafka/consumer-lag", {"groupId": "payment-consumer-group"}, "groupId message lag"),
    ("kafka/dlq-messages", {}, "topic count messages message"),
    ("kafka/settlement-dlq-count", {}, "topic count message"),
    ("kafka/refund-dlq-count", {}, "topic count message"),
    ("kafka/health", {}, "healthy clusterId brokerCount message"),
    (
        "kafka/topic-details",
        {"topic": "payment.captured"},
        "topic partitionCount partitions message",
    ),
    ("loadtest/latest-result", {}, "found summary filePath message"),
    ("loadtest/analyze", {}, "found analysis message"),
    ("loadtest/history", {}, "count history message"),
    ("loadtest/scenarios", {}, "scenarios message"),
    ("/stats/settlement", {}, WORK.format("delayedSettlements")),
    ("/stats/refund", {}, WORK.format("delayedRefunds")),
    ("/stats/overview", {}, "authorizedCount capturedCount refundedCount settlement refund"),
    ("/circuit-breaker/status", {}, "kafka-publisher"),
    ("/circuit-breaker/kafka-publisher", {}, BREAKER),
    ("/actuator/health", {}, "status"),
    ("/demo/faults", {}, "faults"),
    ("/demo/now", {}, "now"),
]

# path, query, where the rows are, the fields of a row
ROWS = [
    (
        "database/payments",
        {"filter": "today"},
        "payments",
        "payment_id merchant_id amount currency status idempotency_key requested_at updated_at",
    ),
    ("database/statistics", {}, "byStatus", "status count total_amount"),
    ("database/statistics", {}, "topMerchants", "merchant_id transaction_count total_amount"),
    (
        "database/statistics",
        {},
        "overall",
        "total_count total_amount avg_amount min_amount max_amount",
    ),
    ("database/stats", {}, "paymentsByStatus", "status count"),
    ("database/stats", {}, "settlementsByStatus", "status count"),
    ("database/stats", {}, "refundsByStatus", "status count"),
    ("database/stats", {}, "outboxEvents", "total published unpublished"),
    (
        "database/stats",
        {},
        "databaseSharding",
        "shard1Total shard1Status shard2Total shard2Status shard2Host shard2Port",
    ),
    ("database/reconciliation", {}, "debitAccounts", "debit_account total"),
    ("database/reconciliation", {}, "creditAccounts", "credit_account total"),
    (
        "database/ledger",
        {"paymentId": "1"},
        "entries",
        "entry_id payment_id debit_account credit_account amount occurred_at",
    ),
    ("redis/stats", {}, "rateLimitSamples", "key count ttlSeconds"),
    ("redis/rate-limit/all", {}, "rateLimits", "merchantId currentCount ttlSeconds status"),
    ("redis/rate-limit/blocked", {}, "blockedMerchants", "merchantId count ttl isBlocked"),
    ("kafka/topic-stats", {}, "topics", "topic partitions totalMessages endOffsets"),
    ("kafka/topic-stats", {"topic": "nonsense"}, "topics", "topic error"),
    ("kafka/consumer-groups", {}, "groups", "groupId isSimpleConsumerGroup state"),
    (
        "kafka/consumer-lag",
        {"groupId": "settlement-worker-group"},
        "partitions",
        "topic partition currentOffset endOffset lag",
    ),
    ("kafka/dlq-messages", {}, "messages", "partition offset timestamp key value"),
    (
        "kafka/topic-details",
        {"topic": "payment.refunded"},
        "partitions",
        "partition leader replicas isr",
    ),
    (
        "loadtest/analyze",
        {},
        "analysis",
        "responseTime successRate failureRate throughput performanceGrade recommendations",
    ),
    ("loadtest/history", {}, "history", "file timestamp summary"),
    ("loadtest/scenarios", {}, "scenarios", "name description"),
    ("/demo/faults", {}, "faults", "name on description"),
]

SUMMARY = {
    "metrics": {
        "http_req_duration": {"avg": 129.15, "p(95)": 391.9, "p(99)": 3199.76, "max": 5883.2},
        "http_req_failed": {"passes": 44, "fails": 354371, "value": 0.000124},
        "iterations": {"count": 354415, "rate": 984.44},
    },
    "root_group": {},
}


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    platform = StandIn(tmp_path_factory.mktemp("api"), 4, start=START, payments_per_minute=5)
    platform.advance(START + timedelta(hours=9))
    platform.set_fault("poison_message", True)
    platform.set_fault("merchant_over_limit", True)
    platform.advance(platform.now + timedelta(seconds=100))
    platform.set_fault("poison_message", False)
    for path, body in CALLS:
        post(platform, path, body)
    results = platform.folder / "k6"
    results.mkdir()
    for name in ("summary.json", "summary-1.json"):
        (results / name).write_text(json.dumps(SUMMARY))
    yield platform
    platform.close()


WISH = {"merchantId": "MERCHANT-2", "amount": 50000, "currency": "KRW", "idempotencyKey": "k1"}
CALLS = [("/payments/authorize", WISH)]


@pytest.fixture
def fresh(tmp_path):
    platform = StandIn(tmp_path, start=START, payments_per_minute=0)
    yield platform
    platform.close()


def post(platform, path, body, query=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = respond(platform, "POST", path, query or {}, data)
    return response.status, json.loads(response.body)


def full(path):
    return path if path.startswith("/") else f"/monitoring/{path}"


def get(platform, path, query=None):
    response = respond(platform, "GET", full(path), query or {})
    assert response.headers["content-type"] == "application/json"
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(("path", "query", "fields"), FORMS, ids=lambda v: str(v)[:30])
def test_an_answer_has_exactly_the_documented_fields(standin, path, query, fields):
    status, body = get(standin, path, query)
    assert status == 200
    assert sorted(body) == sorted(fields.split())


@pytest.mark.parametrize(("path", "query", "where", "fields"), ROWS, ids=lambda v: str(v)[:30])
def test_a_row_has_exactly_the_documented_fields(standin, path, query, where, fields):
    rows = get(standin, path, query)[1][where]
    rows = rows if isinstance(rows, list) else [rows]
    assert rows
    assert all(sorted(row) == sorted(fields.split()) for row in rows)


def test_every_get_of_the_api_is_in_the_table_of_forms():
    asked = {full(path) for path, _, _ in FORMS}
    offered = {path for method, path in ROUTES if method == "GET"}
    assert offered - asked == {"/actuator/prometheus", "/demo/pg-file"}  # no JSON


@pytest.mark.parametrize(("path", "query", "fields"), FORMS, ids=lambda v: str(v)[:30])
def test_the_gateways_prefix_makes_no_difference(standin, path, query, fields):
    assert get(standin, "/api" + full(path), query) == get(standin, path, query)


def test_times_have_the_form_of_their_service(standin):
    payment = get(standin, "database/payments", {"filter": "today"})[1]["payments"][0]
    assert BOOT_TIME.match(payment["requested_at"])
    assert BOOT_TIME.match(payment["updated_at"])
    entry = get(standin, "database/ledger", {"paymentId": "1"})[1]["entries"][0]
    assert BOOT_TIME.match(entry["occurred_at"])
    assert INSTANT.match(get(standin, "/demo/now")[1]["now"])


def test_a_breaker_without_failures_has_no_rate_yet(standin):
    body = get(standin, "/circuit-breaker/kafka-publisher")[1]
    assert (body["state"], body["failureRate"], body["slowCallRate"]) == (
        "CLOSED",
        "-1.00%",
        "-1.00%",
    )


def test_counts_over_everything_agree_with_the_rows(standin):
    body = get(standin, "database/stats")[1]
    shards = standin.parts.shards.all()

    def count(what):
        return sum(shard.one(f"SELECT COUNT(*) AS n FROM {what}")["n"] for shard in shards)

    assert body["totalPayments"] == count("payment")
    assert body["ledgerEntryCount"] == count("ledger_entry")
    assert body["outboxEvents"]["total"] == count("outbox_event")
    assert body["outboxEvents"]["unpublished"] == count("outbox_event WHERE published = 0")
    by_status = {row["status"]: row["count"] for row in body["paymentsByStatus"]}
    assert by_status["CAPTURED"] == count("payment WHERE status = 'CAPTURED'")
    work = get(standin, "/stats/settlement")[1]
    assert work["totalCount"] == count("settlement_request")
    statistics = get(standin, "database/statistics", {"timeRange": "all"})[1]["overall"]
    assert statistics["total_count"] == count("payment")


def test_ledger_totals_are_the_sums_of_the_entries(standin):
    body = get(standin, "database/reconciliation")[1]
    total = sum(
        shard.one("SELECT SUM(amount) AS n FROM ledger_entry")["n"]
        for shard in standin.parts.shards.all()
    )
    assert body["totalDebits"] == body["totalCredits"] == total
    assert sum(row["total"] for row in body["debitAccounts"]) == total


def test_dead_letters_are_counted_by_end_offsets_and_cut_to_length(standin):
    letters = get(standin, "kafka/dlq-messages", {"limit": "1"})[1]
    assert letters["count"] == get(standin, "kafka/stats")[1]["dlqCounts"]["payment.dlq"] == 4
    assert len(letters["messages"]) == 3  # one of each partition
    message = letters["messages"][0]
    assert message["key"] == "null"
    assert len(message["value"]) <= 200
    assert message["value"].startswith('{"originalTopic": "payment.captured"')


def test_a_rate_counter_is_read_whatever_the_action(fresh):
    fresh.parts.cache.put(rate_key("refund", "MERCHANT-9"), "101", START + timedelta(seconds=30))
    body = get(fresh, "redis/rate-limit", {"merchantId": "MERCHANT-9"})[1]
    assert (body["currentCount"], body["status"], body["remaining"]) == (101, "RATE_LIMITED", 0)
    assert body["ttlSeconds"] == 30
    assert get(fresh, "redis/stats")[1]["blockedMerchants"] == 1


@pytest.mark.parametrize(("count", "blocked"), [(100, 0), (101, 1)])
def test_a_merchant_is_blocked_only_above_the_limit(fresh, count, blocked):
    key = rate_key("authorize", "MERCHANT-9")
    fresh.parts.cache.put(key, str(count), START + timedelta(seconds=30))
    assert get(fresh, "redis/rate-limit/blocked")[1]["count"] == blocked


def test_a_counter_without_an_end_is_told(fresh):
    fresh.parts.cache.put(rate_key("authorize", "MERCHANT-9"), "7", None)
    assert get(fresh, "redis/rate-limit/all")[1]["rateLimits"][0]["ttlSeconds"] == -1
    assert get(fresh, "redis/ttl-analysis")[1]["analysis"]["rate"]["neverExpire"] == 1


def test_a_counter_can_be_deleted(fresh):
    fresh.parts.cache.put(rate_key("authorize", "MERCHANT-9"), "7", None)
    query = {"merchantId": "MERCHANT-9"}
    response = respond(fresh, "DELETE", "/monitoring/redis/rate-limit", query)
    body = json.loads(response.body)
    assert sorted(body) == ["merchantId", "message", "success"]
    assert get(fresh, "redis/rate-limit/all")[1]["count"] == 0


def test_the_limit_counts_the_calls_of_a_window(fresh):
    for number in range(100):
        assert post(fresh, "/payments/authorize", WISH | {"idempotencyKey": f"n{number}"})[0] == 200
    status, body = post(fresh, "/payments/authorize", WISH | {"idempotencyKey": "one too many"})
    assert (status, body["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert "Try again in 60 seconds" in body["message"]
    fresh.advance(START + timedelta(seconds=61))
    assert post(fresh, "/payments/authorize", WISH | {"idempotencyKey": "later"})[0] == 200


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("refund today", "status = 'REFUNDED'"),
        ("completed", "status = 'CAPTURED'"),
        ("failed", "status IN ('CAPTURE_FAILED', 'REFUND_FAILED')"),
        ("merchant: MERCHANT-2", "merchant_id = 'MERCHANT-2'"),
        ("over 100000", "amount > 100000"),
        ("nonsense", "1 = 0"),
        ("completed over 50000", "status = 'CAPTURED' AND amount > 50000"),
    ],
)
def test_the_search_finds_what_its_words_say(standin, words, where):
    found = get(standin, "database/payments", {"filter": words, "limit": "10000"})[1]
    expected = sum(
        shard.one(f"SELECT COUNT(*) AS n FROM payment WHERE {where}")["n"]
        for shard in standin.parts.shards.all()
    )
    assert found["count"] == expected


# --- ingest ----------------------------------------------------------------------------------


def test_an_authorization_answers_as_documented(fresh):
    status, body = post(fresh, "/payments/authorize", WISH)
    fields = "paymentId status amount currency createdAt ledgerEntries message"
    assert (status, sorted(body)) == (200, sorted(fields.split()))
    assert (body["paymentId"], body["status"], body["ledgerEntries"]) == (
        1,
        "CAPTURE_REQUESTED",
        [],
    )
    assert INSTANT.match(body["createdAt"])
    assert re.search(r"Approval: APP[0-9A-F]{8}$", body["message"])


def test_the_same_key_gives_the_same_payment(fresh):
    first = post(fresh, "/payments/authorize", WISH)
    fresh.advance(START + timedelta(minutes=20))  # beyond the cache's life
    assert post(fresh, "/payments/authorize", WISH) == first


def test_a_capture_by_the_api_books_once_and_leaves_the_settlement_out(fresh):
    payment = post(fresh, "/payments/authorize", WISH)[1]["paymentId"]
    status, body = post(fresh, f"/payments/capture/{payment}", {"merchantId": "MERCHANT-2"})
    assert (status, body["status"]) == (200, "CAPTURED")
    fresh.advance(START + timedelta(seconds=20))
    assert get(fresh, "database/ledger", {"paymentId": str(payment)})[1]["count"] == 1
    assert get(fresh, "/stats/settlement")[1]["totalCount"] == 0
    again = post(fresh, f"/payments/capture/{payment}", {"merchantId": "MERCHANT-2"})
    assert (again[0], again[1]["code"], again[1]["paymentId"]) == (409, "CAPTURE_CONFLICT", 1)


def test_a_refund_reverses_the_entry(fresh):
    payment = post(fresh, "/payments/authorize", WISH)[1]["paymentId"]
    wish = {"merchantId": "MERCHANT-2", "reason": "late"}
    assert post(fresh, f"/payments/refund/{payment}", wish)[1]["code"] == "REFUND_CONFLICT"
    fresh.advance(START + timedelta(seconds=20))
    status, body = post(fresh, f"/payments/refund/{payment}", wish)
    assert (status, body["status"]) == (200, "REFUND_REQUESTED")
    fresh.advance(START + timedelta(seconds=40))
    entries = get(fresh, "database/ledger", {"paymentId": str(payment)})[1]["entries"]
    pairs = [(e["debit_account"], e["credit_account"]) for e in entries]
    assert pairs == [("cash", "merchant_receivable"), ("merchant_receivable", "cash")]
    assert get(fresh, "/stats/overview")[1]["refundedCount"] == 1


@pytest.mark.parametrize("action", ["capture", "refund"])
def test_an_unknown_payment_is_not_found(fresh, action):
    wish = {"merchantId": "MERCHANT-2", "reason": "late"}
    status, body = post(fresh, f"/payments/{action}/77", wish)
    assert status == 404
    assert body == {"code": "NOT_FOUND", "message": body["message"], "paymentId": None}


BAD = {
    "no JSON": b"{",
    "no object": b"[]",
    "no merchant": {**WISH, "merchantId": ""},
    "long merchant": {**WISH, "merchantId": "m" * 33},
    "amount 0": {**WISH, "amount": 0},
    "amount text": {**WISH, "amount": "5"},
    "amount true": {**WISH, "amount": True},
    "long currency": {**WISH, "currency": "WONS"},
    "long key": {**WISH, "idempotencyKey": "k" * 65},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_an_invalid_authorization_is_refused_in_boots_words(fresh, body):
    status, said = post(fresh, "/payments/authorize", body)
    assert (status, sorted(said)) == (400, ["error", "path", "status", "timestamp"])
    assert (said["error"], said["path"]) == ("Bad Request", "/payments/authorize")
    assert BOOT_TIME.match(said["timestamp"])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("database/payments", {}),
        ("database/payments", {"filter": "today", "limit": "many"}),
        ("database/statistics", {"timeRange": "yesterday"}),
        ("database/outbox", {"maxAgeMinutes": "x"}),
        ("redis/rate-limit", {}),
        ("redis/idempotency", {}),
        ("kafka/consumer-lag", {}),
        ("kafka/topic-details", {}),
    ],
)
def test_a_missing_or_ill_typed_parameter_is_a_bad_request(fresh, path, query):
    status, body = get(fresh, path, query)
    assert (status, body["status"], body["error"]) == (400, 400, "Bad Request")


def test_the_ledger_wants_to_know_whose(fresh):
    assert get(fresh, "database/ledger") == (400, {"error": "paymentId or merchantId is required"})


def test_a_load_test_cannot_be_started(fresh):
    status, body = post(fresh, "/monitoring/loadtest/run", {})
    assert (status, sorted(body)) == (200, ["documentation", "error", "message"])


def test_without_a_result_no_load_test_is_found(fresh):
    assert get(fresh, "loadtest/latest-result")[1]["found"] is False


def test_an_unknown_path_or_method_is_not_found(fresh):
    assert get(fresh, "/nowhere")[0] == 404
    assert respond(fresh, "DELETE", "/actuator/health", {}).status == 404


def test_an_empty_platform_answers_too(fresh):
    for path, query, _ in FORMS:
        assert get(fresh, path, query)[0] == 200
    overall = get(fresh, "database/statistics")[1]["overall"]
    assert (overall["total_count"], overall["min_amount"]) == (0, None)


def test_the_metrics_are_prometheus_text(standin):
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    text = respond(standin, "GET", "/actuator/prometheus", {}).body.decode()
    families = {f.name: f for f in text_string_to_metric_families(text)}
    samples = families["http_server_requests_seconds"].samples
    counts = {
        (s.labels["uri"], s.labels["status"]): s.value for s in samples if s.name.endswith("_count")
    }
    assert counts["/payments/authorize", "200"] > 1000
    assert counts["/payments/authorize", "429"] > 5
    states = families["resilience4j_circuitbreaker_state"].samples
    assert {s.labels["name"] for s in states} == {"kafka-publisher", "pg-auth-api"}
    assert len(states) == 12
    assert sum(s.value for s in states) == 2
    assert families["resilience4j_circuitbreaker_failure_rate"].samples[0].value == -1
    assert {
        s.labels["kind"] for s in families["resilience4j_circuitbreaker_buffered_calls"].samples
    }
    assert "resilience4j_circuitbreaker_not_permitted_calls" in families


def test_faults_are_switched_over_the_api(fresh):
    status, body = post(fresh, "/demo/faults/broker_down", {}, {"on": "true"})
    assert (status, body) == (200, {"name": "broker_down", "on": True})
    assert fresh.parts.broker.up is False
    on = [row["name"] for row in get(fresh, "/demo/faults")[1]["faults"] if row["on"]]
    assert on == ["broker_down"]
    post(fresh, "/demo/faults/broker_down", {}, {"on": "false"})
    assert fresh.parts.broker.up is True
    assert post(fresh, "/demo/faults/volcano", {}, {"on": "true"})[0] == 404
    assert post(fresh, "/demo/faults/broker_down", {}, {"on": "perhaps"})[0] == 400
