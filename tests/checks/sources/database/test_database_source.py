"""The direct database source: shards by themselves and summed, down, slow, strange."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import books
import pytest
from sqlalchemy import text

from checks.sources.database.books.examine import Window
from checks.sources.database.books.window import low_key
from checks.sources.database.servers.shard import Shard
from checks.sources.database.source import Database, range_start
from checks.sources.facts.unavailable import Unavailable, Why


@pytest.fixture
def shards(tmp_path: Path) -> dict[str, books.Shard]:
    return {name: books.shard(tmp_path, name, 40) for name in ("shard1", "shard2")}


@pytest.fixture
def database(shards) -> Database:
    return Database({name: shard.url for name, shard in shards.items()})


def everything(database: Database) -> list:
    """One answer of each kind that names what it could not see."""
    window = Window(())
    return [
        *database.outbox(books.NOW),
        *database.books(books.NOW, window, {}),
        database.counts(),
        database.statistics("all", books.NOW),
        database.work("settlement", books.NOW),
        database.affected(books.NOW, books.NOW),
    ]


def unavailable(database: Database) -> set[tuple[str, Why, str]]:
    found = [fact for fact in everything(database) if isinstance(fact, Unavailable)]
    return {(fact.part, fact.why, fact.reason) for fact in found}


def test_counts_are_sums_over_the_shards(database):
    counts = database.counts()
    assert (counts.payments, counts.outbox_total, counts.outbox_waiting) == (80, 2 * 92, 0)
    assert counts.shards == {"shard1": "UP", "shard2": "UP"}


def test_payments_that_are_not_where_they_should_be_are_counted_with_their_money(shards, database):
    since = books.NOW - timedelta(hours=20)
    assert database.affected(since, books.NOW) == {"waiting_for_refund": (2, 20_072)}
    one, two = shards.values()
    newest = "SELECT payment_id FROM payment WHERE status = 'CAPTURED' ORDER BY payment_id DESC"
    failed = one.ask(f"{newest} LIMIT 1 OFFSET 3")
    lost, doubled = (two.ask(f"{newest} LIMIT 1 OFFSET {n}") for n in (3, 4))
    one.run("DELETE FROM ledger_entry WHERE payment_id = ?", failed)
    one.run("UPDATE payment SET status = 'CAPTURE_FAILED' WHERE payment_id = ?", failed)
    two.run("DELETE FROM ledger_entry WHERE payment_id = ?", lost)
    two.copy("ledger_entry", f"payment_id = {doubled} AND credit_account = 'cash'")
    found = dict(database.affected(since, books.NOW))
    found.pop("waiting_for_refund")
    assert {kind: count for kind, (count, _) in found.items()} == {
        "capture_failed": 1,
        "not_booked": 1,
        "booked_twice": 1,
    }
    assert found["booked_twice"][1] == 10_000 + doubled
    assert database.affected(books.NOW, books.NOW) == {}


def test_statistics_add_the_shards_amounts_and_rank_their_merchants(database):
    found = database.statistics("all", books.NOW)
    assert (found.count, found.amount_krw) == (80, 2 * sum(10_000 + n for n in range(1, 41)))
    first = found.top_merchants[0]
    assert first["transaction_count"] == 6
    assert len(found.top_merchants) == 5


@pytest.mark.parametrize(("time_range", "count"), [("last_hour", 10), ("last_24h", 50)])
def test_statistics_keep_to_their_time_range(database, time_range, count):
    assert database.statistics(time_range, books.NOW).count == count
    assert database.statistics(time_range, books.NOW).count == count


def test_today_begins_at_midnight_of_the_configured_zone():
    now = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
    assert range_start("today", now, ZoneInfo("Asia/Seoul")) == now - timedelta(hours=1)
    assert range_start("today", now, UTC) == now - timedelta(hours=16)


def test_an_empty_range_counts_nothing(database):
    found = database.statistics("last_hour", books.NOW + timedelta(days=3))
    assert (found.count, found.amount_krw, found.top_merchants) == (0, 0, ())


def test_the_outbox_tells_what_waits_how_long_and_what_gave_up(database, shards):
    shards["shard2"].run("UPDATE outbox_event SET published = 0 WHERE aggregate_id = 30")
    shards["shard2"].run("UPDATE outbox_event SET retry_count = 5 WHERE event_id IN (70, 71)")
    one, two = database.outbox(books.NOW)
    assert (one.shard, one.waiting, one.oldest_age_seconds, one.exhausted) == ("shard1", 0, 0, 0)
    assert (two.shard, two.waiting, two.oldest_age_seconds) == ("shard2", 3, 10 * 3600)
    assert two.exhausted == 1
    assert two.oldest[0]["payment_id"] == 30


def test_work_counts_results_and_payments_that_wait_too_long(database, shards):
    shards["shard1"].run(
        "UPDATE settlement_request SET status = 'FAILED', retry_count = 10 WHERE id = 3"
    )
    found = database.work("settlement", books.NOW)
    assert (found.total, found.succeeded, found.failed, found.dead_letters) == (76, 75, 1, 1)
    assert found.delayed == 0
    assert database.work("settlement", books.NOW + timedelta(hours=3)).delayed == 4
    assert database.work("refund", books.NOW).delayed == 0
    assert database.work("refund", books.NOW + timedelta(hours=1)).delayed == 2
    assert database.work("refund", books.NOW).total == 22


def test_a_shard_that_is_down_hides_itself_alone_and_every_sum(database, shards):
    shards["shard2"].file.rename(shards["shard2"].file.with_suffix(".down"))
    assert unavailable(database) == {("database/shard2", Why.REFUSED, "database_refused")}
    assert [isinstance(fact, Unavailable) for fact in database.outbox(books.NOW)] == [False, True]
    assert isinstance(database.counts(), Unavailable)
    assert not shards["shard2"].file.exists()


def test_what_the_workers_wrote_is_counted_on_each_shard_by_itself(database, shards):
    before = database.written()
    shards["shard2"].copy("ledger_entry", "entry_id = 1")
    shards["shard1"].file.rename(shards["shard1"].file.with_suffix(".down"))
    after = database.written()
    assert isinstance(after["shard1"], Unavailable)
    assert after["shard2"] == replace(before["shard2"], entries=before["shard2"].entries + 1)
    assert min(before["shard2"].settlements, before["shard2"].refunds) > 0


def test_a_shard_that_comes_back_is_read_again(database, shards):
    file, away = shards["shard2"].file, shards["shard2"].file.with_suffix(".down")
    before = database.counts()
    file.rename(away)
    assert isinstance(database.counts(), Unavailable)
    away.rename(file)
    shards["shard2"].copy("outbox_event", "event_id = 1")
    assert database.counts().outbox_total == before.outbox_total + 1


def test_a_shard_that_was_replaced_by_another_file_is_read_anew(database, shards, tmp_path):
    database.statistics("last_hour", books.NOW)
    fresh = books.shard(tmp_path, "fresh", 8, span=timedelta(minutes=30))
    shards["shard1"].file.unlink()
    fresh.file.rename(shards["shard1"].file)
    assert database.statistics("last_hour", books.NOW).count == 8 + 5


def test_one_file_configured_twice_is_counted_once_and_said(shards, tmp_path):
    link = tmp_path / "twin.db"
    os.link(shards["shard1"].file, link)
    database = Database({"shard1": shards["shard1"].url, "shard2": f"sqlite:///{link}"})
    assert unavailable(database) == {("database/shard2", Why.NOT_VISIBLE, "same_shard_twice")}


def test_a_file_that_is_no_database_is_garbled(database, shards):
    for suffix in ("-wal", "-shm"):
        Path(f"{shards['shard1'].file}{suffix}").unlink(missing_ok=True)
    shards["shard1"].file.write_text("<html>" * 1000)
    assert unavailable(database) == {("database/shard1", Why.GARBLED, "database_garbled")}


def test_a_time_that_is_none_is_garbled(database, shards):
    shards["shard1"].run("UPDATE outbox_event SET published = 0, created_at = 'soon'")
    fact = database.outbox(books.NOW)[0]
    assert (fact.why, fact.reason) == (Why.GARBLED, "database_garbled")


def test_a_missing_column_is_named_and_hides_only_what_needs_it(database, shards):
    shards["shard2"].run("UPDATE outbox_event SET published = 0 WHERE event_id = 9")
    for column in ("retry_count", "last_retry_at"):
        with_column = f"ALTER TABLE outbox_event DROP COLUMN {column}"
        _alter(shards["shard2"], with_column)
    two = database.outbox(books.NOW)[1]
    assert (two.waiting, two.exhausted) == (1, None)
    _alter(shards["shard2"], "ALTER TABLE payment RENAME COLUMN merchant_id TO merchant")
    fact = database.statistics("all", books.NOW)
    assert (fact.why, fact.reason) == (Why.NOT_VISIBLE, "column_missing")
    assert fact.params["columns"] == "payment.merchant_id"


def _alter(shard: books.Shard, sql: str) -> None:
    connection = sqlite3.connect(shard.file)
    connection.execute(sql)
    connection.close()


def test_a_statement_beyond_its_time_is_stopped(shards):
    slow = Shard("shard1", shards["shard1"].url, seconds_max=0.05)
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    fact = slow.ask(lambda snapshot: snapshot.rows(endless, {}))
    assert (fact.part, fact.why) == ("database/shard1", Why.LIMIT)
    assert (fact.reason, fact.params["seconds_max"]) == ("database_time_limit", 0.05)


@pytest.mark.parametrize(
    "sql", ["DELETE FROM payment", "CREATE TABLE x (y INTEGER)", "DROP TABLE payment"]
)
def test_nothing_can_be_written(shards, sql):
    shard = Shard("shard1", shards["shard1"].url)

    def write(snapshot):
        snapshot.connection.execute(text("PRAGMA query_only = OFF"))
        snapshot.connection.execute(text(sql))

    assert isinstance(shard.ask(write), Unavailable)
    assert shards["shard1"].ask("SELECT count(*) FROM payment") == 40


def test_one_look_sees_one_moment_while_others_write(shards):
    shard = Shard("shard1", shards["shard1"].url)
    count = text("SELECT count(*) FROM ledger_entry")

    def twice(snapshot):
        before = snapshot.rows(count, {})[0][0]
        shards["shard1"].run("DELETE FROM ledger_entry")
        return before, snapshot.rows(count, {})[0][0]

    assert shard.ask(twice) == (49, 49)


def test_several_threads_may_ask_at_once(database):
    counts: list[int] = []

    def ask():
        counts.extend(database.counts().payments for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [80] * 40


def test_the_window_starts_where_a_full_scan_says_it_does(shards):
    shard = Shard("shard1", shards["shard1"].url)
    times = [books.NOW - timedelta(hours=h, minutes=30) for h in (60, 39, 30, 20, 19, 21, 1, 0, -1)]
    for at in (t.replace(tzinfo=None) for t in times):
        found = shard.ask(lambda snapshot, at=at: low_key(snapshot, "payment", at))
        first = f"SELECT coalesce(min(payment_id), 41) FROM payment WHERE requested_at >= '{at}'"
        assert max(1, found) == shards["shard1"].ask(first), at


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://payuser:s3cret@db:3306/",
        "postgresql://u:s3cret@db/x",
        "s3cret",
        "sqlite://",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_being_told(url):
    with pytest.raises(ValueError, match="shard1") as error:
        Database({"shard1": url})
    assert "s3cret" not in str(error.value)
    assert "s3cret" not in repr(error.value.__cause__)


def test_errors_and_reprs_hold_no_address(tmp_path):
    shard = Shard("shard1", f"sqlite:///{tmp_path}/secret-place.db")
    assert "secret-place" not in repr(shard)
    assert "secret-place" not in repr(shard.ask(lambda snapshot: None))
