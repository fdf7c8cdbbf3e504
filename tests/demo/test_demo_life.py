"""The stand-in in good health: a fortnight without a violation, the same from the same seed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from demo_violations import PREDICATES, violations

from demo.embedded.broker import MemoryBroker
from demo.processes.traffic import share_of_mean
from demo.stand_in import StandIn

START = datetime(2025, 12, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory):
    standin = StandIn(tmp_path_factory.mktemp("fortnight"), 1, start=START)
    for step in range(1, 1345):
        standin.advance(START + step * QUARTER)
    # let the last second's payments come to rest
    standin.parts.conditions.traffic_gone = True
    standin.advance(standin.now + timedelta(seconds=10))
    yield standin
    standin.close()


def rows_of(standin, sql):
    return [tuple(row) for shard in standin.parts.shards.all() for row in shard.rows(sql)]


def test_a_healthy_fortnight_violates_no_invariant(fortnight):
    assert violations(fortnight.folder, fortnight.now, grace_seconds=5) == {}


def test_a_fortnight_has_ten_to_twenty_thousand_payments_on_both_shards(fortnight):
    counts = [c for (c,) in rows_of(fortnight, "SELECT COUNT(*) FROM payment")]
    assert 10_000 <= sum(counts) <= 20_000
    assert min(counts) > 4_000


def test_ids_begin_at_one_on_each_shard_and_follow_the_time(fortnight):
    for shard in fortnight.parts.shards.all():
        rows = shard.rows("SELECT payment_id, requested_at FROM payment ORDER BY payment_id")
        assert rows[0]["payment_id"] == 1
        times = [row["requested_at"] for row in rows]
        assert times == sorted(times)


def test_every_payment_settles_within_seconds_also_in_coarse_steps(fortnight):
    worst = rows_of(
        fortnight,
        "SELECT MAX((julianday(s.completed_at) - julianday(p.requested_at)) * 86400)"
        " FROM payment p JOIN settlement_request s USING (payment_id)",
    )
    assert all(seconds < 8 for (seconds,) in worst)


def test_events_are_published_within_seconds_also_in_coarse_steps(fortnight):
    worst = rows_of(
        fortnight,
        "SELECT MAX((julianday(published_at) - julianday(created_at)) * 86400) FROM outbox_event",
    )
    assert all(seconds < 5 for (seconds,) in worst)


def test_the_net_receivable_is_what_was_captured_and_not_refunded(fortnight):
    net = rows_of(
        fortnight,
        "SELECT SUM(CASE debit_account WHEN 'merchant_receivable' THEN amount ELSE -amount END)"
        " FROM ledger_entry",
    )
    captured = rows_of(fortnight, "SELECT SUM(amount) FROM payment WHERE status = 'CAPTURED'")
    refunded = rows_of(fortnight, "SELECT COUNT(*) FROM payment WHERE status = 'REFUNDED'")
    assert net == captured
    assert all(count > 50 for (count,) in refunded)


def test_all_consumers_have_read_everything(fortnight):
    broker = fortnight.parts.broker
    for group in broker.committed:
        assert broker.unread(group, fortnight.now) == []


def test_no_partition_keeps_more_than_its_retention(fortnight):
    logs = [log for logs in fortnight.parts.broker.topics.values() for log in logs]
    assert max(len(log.records) for log in logs) <= 1100


def test_nights_are_quieter_than_days(fortnight):
    by_hour = dict(
        rows_of(
            fortnight,
            "SELECT CAST(strftime('%H', requested_at, '+9 hours') AS INTEGER), COUNT(*)"
            " FROM payment GROUP BY 1",
        )
    )
    assert by_hour[3] * 2 < by_hour[12]


def test_the_daily_curve_has_a_mean_of_about_one():
    week = [share_of_mean(START + timedelta(minutes=m)) for m in range(0, 7 * 1440, 5)]
    assert sum(week) / len(week) == pytest.approx(1, abs=0.05)


def contents(folder):
    found = []
    for name in ("shard1", "shard2"):
        connection = sqlite3.connect(folder / f"{name}.db")
        found += list(connection.iterdump())
        connection.close()
    return found


def live_a_day(folder, seed):
    standin = StandIn(folder, seed, start=START)
    for step in range(1, 97):
        standin.advance(START + step * QUARTER)
    standin.close()
    return contents(folder)


def test_the_same_seed_lives_the_same_life_and_another_does_not(tmp_path):
    first = live_a_day(tmp_path / "a", 7)
    assert live_a_day(tmp_path / "b", 7) == first
    assert live_a_day(tmp_path / "c", 8) != first


def test_a_new_platform_in_an_old_folder_begins_anew(tmp_path):
    live_a_day(tmp_path, 1)
    standin = StandIn(tmp_path, 1, start=START)
    assert rows_of(standin, "SELECT COUNT(*) FROM payment") == [(0,), (0,)]
    standin.close()


def test_a_partition_stays_in_the_order_of_time_so_that_a_commit_skips_nothing():
    broker = MemoryBroker()
    for seconds in (9, 3, 5):
        at = START + timedelta(seconds=seconds)
        broker.append("payment.capture-requested", "1", "{}", at)
    records = broker.unread("settlement-worker-group", START + timedelta(seconds=9))
    assert [record.offset for record in records] == [0, 1, 2]
    assert broker.unread("settlement-worker-group", START + timedelta(seconds=8)) == []


def test_a_time_that_has_passed_changes_nothing(tmp_path):
    standin = StandIn(tmp_path, start=START)
    standin.advance(START + QUARTER)
    standin.advance(START)
    assert standin.now == START + QUARTER
    standin.close()


def test_refused_settlements_appear_when_they_are_asked_for(tmp_path):
    standin = StandIn(tmp_path, start=START, pg_failure_percent=50, payments_per_minute=20)
    for _ in range(4):
        standin.advance(standin.now + QUARTER)
    failed = rows_of(standin, "SELECT COUNT(*) FROM payment WHERE status = 'CAPTURE_FAILED'")
    assert all(count > 20 for (count,) in failed)
    standin.parts.conditions.traffic_gone = True
    standin.advance(standin.now + timedelta(seconds=10))
    assert violations(tmp_path, standin.now) == {}
    standin.close()


SPOILT = {
    "L1": "DELETE FROM ledger_entry WHERE entry_id = 5",
    "L4": "UPDATE ledger_entry SET amount = amount + 1 WHERE entry_id = 5",
    "T1": "INSERT INTO settlement_request (payment_id, request_amount, status, requested_at)"
    " SELECT payment_id, request_amount, 'PENDING', requested_at FROM settlement_request LIMIT 1",
    "O7": "UPDATE outbox_event SET published_at = NULL WHERE event_id = 3",
    "D1": "UPDATE idem_response_cache SET response_body = '{}'",
    "P1": "UPDATE payment SET status = 'COMPLETED' WHERE payment_id = 1",
}


@pytest.mark.parametrize("invariant", SPOILT)
def test_the_predicates_of_these_tests_find_what_is_spoilt(tmp_path, invariant):
    assert invariant in PREDICATES
    standin = StandIn(tmp_path, start=START)
    standin.advance(START + 8 * QUARTER)
    standin.parts.shards.shard1.execute(SPOILT[invariant])
    standin.parts.shards.commit()
    assert f"shard1/{invariant}" in violations(tmp_path, standin.now)
    standin.close()
