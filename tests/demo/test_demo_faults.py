"""Each fault of the stand-in shows in the API, and what it did is undone after it."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from demo_violations import violations

from demo.api.app import respond
from demo.faults.catalogue import OVER_LIMIT_MERCHANT
from demo.stand_in import StandIn

START = datetime(2025, 12, 3, 3, tzinfo=UTC)  # noon in Seoul
LEDGER = "payment-consumer"


@pytest.fixture
def standin(tmp_path):
    platform = StandIn(tmp_path, 3, start=START, payments_per_minute=12)
    platform.advance(START + timedelta(minutes=8))
    yield platform
    platform.close()


def live(standin, seconds):
    for _ in range(seconds // 10):
        standin.advance(standin.now + timedelta(seconds=10))


def get(standin, path, **query):
    response = respond(standin, "GET", path, query)
    return response.status, json.loads(response.body)


def pay(standin, merchant="MERCHANT-2", key="k1"):
    wish = {"merchantId": merchant, "amount": 5000, "currency": "KRW", "idempotencyKey": key}
    response = respond(standin, "POST", "/payments/authorize", {}, json.dumps(wish).encode())
    return response.status, json.loads(response.body)


def rest(standin):
    """Let what is under way end, and no more customers come."""
    standin.parts.conditions.traffic_gone = True
    live(standin, 30)


def requests(standin, status):
    return sum(m.count for (_, _, s), m in standin.parts.meters.requests.items() if s == status)


def broken(standin):
    return sorted({name.split("/")[1] for name in violations(standin.folder, standin.now)})


# --- one signal per fault --------------------------------------------------------------------


def test_without_the_broker_kafka_answers_errors_the_breaker_opens_and_events_wait(standin):
    standin.set_fault("broker_down", True)
    live(standin, 60)
    for path in ("stats", "topics", "topic-stats", "consumer-groups", "dlq-messages"):
        status, body = get(standin, f"/monitoring/kafka/{path}")
        assert (status, body["error"]) == (200, True)
    assert get(standin, "/monitoring/kafka/health")[1]["healthy"] is False
    assert get(standin, "/monitoring/circuit-breaker/status")[1]["state"] == "OPEN"
    assert get(standin, "/monitoring/database/stats")[1]["outboxEvents"]["unpublished"] > 5
    assert pay(standin)[0] == 200


def test_an_outage_raises_no_retry_count_so_that_nothing_is_exhausted(standin):
    standin.set_fault("broker_down", True)
    live(standin, 300)
    for shard in standin.parts.shards.all():
        assert shard.one("SELECT MAX(retry_count) AS n FROM outbox_event")["n"] == 0


def test_the_breaker_opens_without_any_traffic_too(standin):
    standin.set_fault("traffic_gone", True)
    live(standin, 20)
    standin.set_fault("broker_down", True)
    live(standin, 10)
    assert standin.parts.publisher.state == "OPEN"
    standin.set_fault("broker_down", False)
    live(standin, 60)
    assert standin.parts.publisher.state == "CLOSED"


def test_a_stalled_relay_leaves_events_waiting_while_the_breaker_is_closed(standin):
    standin.set_fault("relay_stalled", True)
    live(standin, 150)
    body = get(standin, "/monitoring/database/outbox", maxAgeMinutes="1")[1]
    assert body["healthy"] is False
    assert body["count"] > 5
    assert (body["events"][0]["age_minutes"], body["events"][-1]["age_minutes"]) == (2, 1)
    assert get(standin, "/monitoring/circuit-breaker/status")[1]["state"] == "CLOSED"


def test_a_slow_ingest_is_late_and_its_metrics_say_so(standin):
    before = {k: (m.count, m.seconds_total) for k, m in standin.parts.meters.requests.items()}
    standin.set_fault("slow_api", True)
    live(standin, 60)
    key = ("POST", "/payments/authorize", 200)
    meter = standin.parts.meters.requests[key]
    count, seconds = meter.count - before[key][0], meter.seconds_total - before[key][1]
    assert seconds / count > 1.5
    slow = ("/actuator/health", "/circuit-breaker/status", "/api/monitoring/circuit-breaker/status")
    for path in slow:
        assert respond(standin, "GET", path, {}).delay_seconds == 1.5
    assert respond(standin, "GET", "/monitoring/redis/stats", {}).delay_seconds == 0


def test_a_refusing_pg_looks_like_a_duplicate_and_opens_its_breaker(standin):
    standin.set_fault("pg_refusing", True)
    status, body = pay(standin)
    assert (status, body["code"], body["paymentId"]) == (409, "DUPLICATE_REQUEST", None)
    live(standin, 40)
    text = respond(standin, "GET", "/actuator/prometheus", {}).body.decode()
    assert (
        'circuitbreaker_state{application="ingest-service",name="pg-auth-api",state="open"} 1.0'
        in text
    )
    assert requests(standin, 409) > 5
    assert get(standin, "/monitoring/circuit-breaker/status")[1]["state"] == "CLOSED"


def payments(standin):
    return sum(s.one("SELECT COUNT(*) AS n FROM payment")["n"] for s in standin.parts.shards.all())


def test_without_redis_its_answers_are_errors_and_payments_hang_until_the_gateway_gives_up(standin):
    rest(standin)
    before = payments(standin)
    standin.set_fault("redis_down", True)
    for path in ("stats", "cache-stats", "rate-limit/all", "rate-limit/blocked", "ttl-analysis"):
        status, body = get(standin, f"/monitoring/redis/{path}")
        assert status == 500
        assert body["message"].startswith("redis")
    assert pay(standin)[0] == 504
    wish = {"merchantId": "M-2", "amount": 5, "currency": "KRW", "idempotencyKey": "k"}
    path = "/api/payments/authorize"
    assert respond(standin, "POST", path, {}, json.dumps(wish).encode()).delay_seconds == 20
    assert payments(standin) == before
    meter = standin.parts.meters.requests["POST", "/payments/authorize", 500]
    assert meter.seconds_total / meter.count >= 60


def test_who_hung_without_redis_comes_again_and_pays(standin):
    standin.set_fault("redis_down", True)
    before = payments(standin)
    live(standin, 60)
    assert payments(standin) == before
    standin.set_fault("redis_down", False)
    live(standin, 60)
    assert payments(standin) > before + 15


def test_a_repeated_payment_is_the_same_payment(standin):
    assert pay(standin) == pay(standin)


def messages(standin, topic):
    return [r for log in standin.parts.broker.topics[topic] for r in log.records]


def test_what_waited_for_the_broker_is_published_again_and_again_and_settled_once(standin):
    rest(standin)
    standin.parts.conditions.traffic_gone = False
    standin.set_fault("broker_down", True)
    live(standin, 200)
    standin.parts.conditions.traffic_gone = True
    back_at = standin.now
    waiting = get(standin, "/monitoring/database/stats")[1]["outboxEvents"]["unpublished"] / 2
    standin.set_fault("broker_down", False)
    live(standin, 60)
    copies = [r for r in messages(standin, "payment.authorized") if r.at > back_at]
    each = Counter((r.merchant_id, r.key) for r in copies).values()
    assert len(each) == waiting
    assert 50 <= median(each) <= 57 == max(each)
    live(standin, 600)
    assert max(count for (count,) in settled(standin)) == 1


def settled(standin):
    sql = "SELECT COUNT(*) AS n FROM settlement_request GROUP BY payment_id"
    return [tuple(row) for shard in standin.parts.shards.all() for row in shard.rows(sql)]


def test_a_refund_that_is_told_again_is_booked_again_until_somebody_takes_it_back(standin):
    rest(standin)
    paid = pay(standin, "MERCHANT-2", "back")[1]["paymentId"]
    live(standin, 30)
    standin.set_fault("broker_down", True)
    body = json.dumps({"merchantId": "MERCHANT-2", "reason": "wrong size"}).encode()
    assert respond(standin, "POST", f"/payments/refund/{paid}", {}, body).status == 200
    live(standin, 60)
    standin.set_fault("broker_down", False)
    live(standin, 120)
    assert "L7" in broken(standin)
    live(standin, 600)
    assert broken(standin) == []


def test_a_worker_commits_a_batch_at_a_time_and_a_late_one_has_left_its_group(standin):
    rest(standin)
    for n in range(200):
        pay(standin, f"MERCHANT-{20 + n % 40}", f"burst {n}")
    live(standin, 30)
    group = "settlement-worker-group"
    offset, rows = standin.parts.broker.committed[group].copy(), len(settled(standin))
    live(standin, 200)
    assert standin.parts.broker.committed[group] == offset
    assert len(settled(standin)) > rows + 60
    assert standin.parts.broker.state(group) == "STABLE"
    live(standin, 100)
    assert standin.parts.broker.state(group) == "EMPTY"
    live(standin, 300)
    assert standin.parts.broker.committed[group] != offset
    assert standin.parts.broker.state(group) == "STABLE"


def test_what_the_consumer_cannot_book_is_skipped_without_a_dead_letter(standin):
    rest(standin)
    standin.set_fault("shard2_unbooked", True)
    assert pay(standin, "MERCHANT-3", "odd")[0] == pay(standin, "MERCHANT-4", "even")[0] == 200
    live(standin, 420)
    assert not standin.parts.broker.unread(LEDGER, standin.now)
    assert broken(standin) == ["L1", "L10", "L11"]
    assert messages(standin, "payment.dlq") == []
    standin.set_fault("shard2_unbooked", False)
    assert broken(standin) == []


def test_what_cannot_be_booked_while_a_shard_is_down_is_skipped_and_booked_by_hand_later(standin):
    rest(standin)
    standin.set_fault("consumer_stuck", True)
    assert pay(standin, "MERCHANT-3", "odd")[0] == 200
    live(standin, 60)
    standin.set_fault("shard_down", True)
    standin.set_fault("consumer_stuck", False)
    live(standin, 10)
    assert not standin.parts.broker.unread(LEDGER, standin.now)
    assert messages(standin, "payment.dlq") == []
    standin.set_fault("shard_down", False)
    live(standin, 280)
    assert broken(standin) == ["L1", "L10", "L11"]
    live(standin, 30)
    assert broken(standin) == []


def test_a_merchant_over_its_limit_is_blocked_and_turned_away(standin):
    standin.set_fault("merchant_over_limit", True)
    live(standin, 90)
    body = get(standin, "/monitoring/redis/rate-limit/blocked")[1]
    assert [row["merchantId"] for row in body["blockedMerchants"]] == [OVER_LIMIT_MERCHANT]
    one = get(standin, "/monitoring/redis/rate-limit", merchantId=OVER_LIMIT_MERCHANT)[1]
    assert one["status"] == "RATE_LIMITED"
    assert pay(standin, OVER_LIMIT_MERCHANT)[1]["code"] == "RATE_LIMIT_EXCEEDED"
    assert requests(standin, 429) > 5
    standin.set_fault("merchant_over_limit", False)
    assert pay(standin, OVER_LIMIT_MERCHANT)[0] == 200


def test_poison_arrives_in_the_dlq_twice_a_minute_and_costs_no_entry(standin):
    standin.set_fault("poison_message", True)
    live(standin, 120)
    body = get(standin, "/monitoring/kafka/dlq-messages")[1]
    assert 4 <= body["count"] <= 5
    letter = json.loads(standin.parts.broker.topics["payment.dlq"][1].records[0].value)
    fields = "originalTopic partition offset payload errorType errorMessage timestamp"
    assert list(letter) == fields.split()
    assert letter["originalTopic"] == "payment.captured"
    rest(standin)
    assert broken(standin) == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("ledger_entry_missing", ["L1", "L10", "L11"]),
        ("ledger_entry_duplicated", ["L10", "L11", "L3"]),
        ("ledger_wrong_amount", ["L10", "L11", "L4"]),
    ],
)
def test_a_fault_in_the_books_breaks_what_it_names_and_the_books_say_so(standin, fault, expected):
    rest(standin)
    standin.set_fault(fault, True)
    assert broken(standin) == expected
    assert get(standin, "/monitoring/database/reconciliation")[1]["balanced"] is False
    standin.set_fault(fault, False)
    assert broken(standin) == []
    assert get(standin, "/monitoring/database/reconciliation")[1]["balanced"] is True


def test_faults_in_the_books_choose_different_payments(standin):
    names = ("ledger_entry_missing", "ledger_entry_duplicated", "ledger_wrong_amount")
    for name in names:
        standin.set_fault(name, True)
    assert len(standin.parts.marked) == 3


def test_a_fault_in_the_books_waits_for_the_first_payment_of_a_young_platform(tmp_path):
    platform = StandIn(tmp_path, start=START, payments_per_minute=12)
    platform.set_fault("ledger_wrong_amount", True)
    assert not platform.parts.marked
    live(platform, 60)
    assert len(platform.parts.marked) == 1
    platform.close()


def test_a_stuck_consumer_commits_nothing_and_falls_behind(standin):
    before = get(standin, "/monitoring/kafka/consumer-lag", groupId=LEDGER)[1]
    standin.set_fault("consumer_stuck", True)
    live(standin, 60)
    after = get(standin, "/monitoring/kafka/consumer-lag", groupId=LEDGER)[1]
    assert after["totalLag"] > before["totalLag"] + 5
    assert committed(after) == committed(before)


def committed(body):
    return [row["currentOffset"] for row in body["partitions"]]


def test_a_shard_that_is_down_cannot_be_opened_and_its_payments_leave_no_row(standin):
    total = get(standin, "/monitoring/database/stats")[1]["totalPayments"]
    standin.set_fault("shard_down", True)
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file:{standin.folder}/shard2.db?mode=ro", uri=True)
    sharding = get(standin, "/monitoring/database/stats")[1]["databaseSharding"]
    assert (sharding["shard1Status"], sharding["shard2Status"]) == ("UP", "DOWN")
    assert get(standin, "/monitoring/database/outbox")[0] == 500
    status, body = pay(standin, "MERCHANT-3")
    assert (status, body["error"]) == (500, "Internal Server Error")
    assert pay(standin, "MERCHANT-4")[0] == 200
    standin.set_fault("shard_down", False)
    assert get(standin, "/monitoring/database/stats")[1]["totalPayments"] == total + 1


def test_a_shard_goes_down_under_a_reader_and_comes_back_whole(standin):
    reader = sqlite3.connect(f"file:{standin.folder}/shard2.db?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM payment").fetchone()
    live(standin, 60)  # written behind the reader's snapshot: stays in the log
    count = standin.parts.shards.shard2.one("SELECT COUNT(*) AS n FROM payment")["n"]
    standin.set_fault("shard_down", True)
    standin.parts.conditions.traffic_gone = True
    assert not (standin.folder / "shard2.db").exists()
    reader.close()
    standin.set_fault("shard_down", False)
    again = sqlite3.connect(f"file:{standin.folder}/shard2.db?mode=ro", uri=True)
    assert again.execute("SELECT COUNT(*) FROM payment").fetchone() == (count,)
    again.close()
    rest(standin)
    assert broken(standin) == []


def test_without_customers_nothing_is_paid(standin):
    live(standin, 10)
    standin.set_fault("traffic_gone", True)
    before = get(standin, "/monitoring/database/stats")[1]["totalPayments"]
    live(standin, 120)
    assert get(standin, "/monitoring/database/stats")[1]["totalPayments"] == before


# --- recovery --------------------------------------------------------------------------------


def all_names(standin):
    return [fault.name for fault, _ in standin.faults.states()]


def recover(standin, names):
    for name in names:
        standin.set_fault(name, False)
    live(standin, 900)  # a backlog is settled one by one, and copies are taken back
    assert standin.parts.publisher.state == "CLOSED"
    assert standin.parts.pg.state == "CLOSED"
    assert get(standin, "/monitoring/redis/rate-limit/blocked")[1]["count"] == 0
    assert not standin.parts.marked
    assert not standin.parts.held
    rest(standin)
    assert violations(standin.folder, standin.now) == {}
    for group in standin.parts.broker.committed:
        assert not standin.parts.broker.unread(group, standin.now)
    assert get(standin, "/monitoring/database/reconciliation")[1]["balanced"] is True
    assert pay(standin, "MERCHANT-3", "after")[0] == 200


NAMES = (
    "broker_down",
    "relay_stalled",
    "slow_api",
    "pg_refusing",
    "redis_down",
    "merchant_over_limit",
    "poison_message",
    "ledger_entry_missing",
    "ledger_entry_duplicated",
    "ledger_wrong_amount",
    "shard2_unbooked",
    "consumer_stuck",
    "shard_down",
    "traffic_gone",
)


def test_the_faults_are_those_of_these_tests(standin):
    assert tuple(all_names(standin)) == NAMES


def combinations():
    every = [(a, b) for a in NAMES for b in NAMES if a < b]
    return [(name,) for name in NAMES] + random.Random(5).sample(every, 12) + [NAMES]


@pytest.mark.parametrize("names", combinations(), ids="+".join)
def test_the_platform_recovers_by_itself_and_its_books_are_whole(standin, names):
    for name in names:
        standin.set_fault(name, True)
        live(standin, 20)
    live(standin, 90)
    recover(standin, names)


def test_it_recovers_from_hours_of_everything_in_coarse_steps(standin):
    names = all_names(standin)
    for name in names:
        if name != "traffic_gone":
            standin.set_fault(name, True)
    for _ in range(8):
        standin.advance(standin.now + timedelta(minutes=15))
    recover(standin, names)


def test_faults_that_come_and_go_at_random_leave_no_trace(standin):
    chance = random.Random(11)
    names = all_names(standin)
    for _ in range(60):
        standin.set_fault(chance.choice(names), chance.random() < 0.5)
        standin.advance(standin.now + timedelta(seconds=chance.uniform(1, 40)))
    recover(standin, names)


def test_a_backlog_of_hundreds_drains_within_a_minute(standin):
    standin.traffic.payments_per_minute = 200
    standin.set_fault("broker_down", True)
    live(standin, 120)
    standin.traffic.payments_per_minute = 10
    waiting = get(standin, "/monitoring/database/stats")[1]["outboxEvents"]["unpublished"]
    assert waiting > 400
    standin.set_fault("broker_down", False)
    live(standin, 90)
    assert get(standin, "/monitoring/database/outbox", maxAgeMinutes="1")[1]["healthy"]


def test_a_payment_that_was_half_way_when_its_shard_went_ends_after_it_is_back(standin):
    rest(standin)
    payment_id = pay(standin, "MERCHANT-3", "half-way")[1]["paymentId"]
    while not standin.parts.broker.unread("settlement-worker-group", standin.now):
        standin.advance(standin.now + timedelta(milliseconds=50))
    standin.set_fault("shard_down", True)
    live(standin, 60)
    assert len(standin.parts.held) == 1
    standin.set_fault("shard_down", False)
    live(standin, 10)
    row = standin.parts.shards.shard2.one(
        "SELECT status FROM payment WHERE payment_id = ?", (payment_id,)
    )
    assert row["status"] == "CAPTURED"
    assert broken(standin) == []


def test_switching_twice_is_switching_once(standin):
    for _ in range(2):
        standin.set_fault("ledger_entry_duplicated", True)
    assert len(standin.parts.marked) == 1
    for _ in range(2):
        standin.set_fault("ledger_entry_duplicated", False)
    rest(standin)
    assert broken(standin) == []


def test_an_unknown_fault_is_refused(standin):
    with pytest.raises(KeyError):
        standin.set_fault("volcano", True)
