"""A PG settlement file against two real MariaDB shards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import books
import pg_files
import pytest
from mariadb_books import database, keep, refill
from services import services
from sqlalchemy import make_url

from checks.settlement_file.layout import Layout
from checks.settlement_file.probe import Matched, Request, match_file
from checks.sources.database.source import Database
from checks.sources.facts.psp import Record
from checks.sources.facts.unavailable import Unavailable, Why

DAY = date(2026, 3, 9)
ROWS = [
    pg_files.distinct(books.healthy(400, books.NOW, timedelta(hours=80), parity), f"P{parity}-")
    for parity in (0, 1)
]


@pytest.fixture(scope="module")
def kept() -> Iterator[list[books.Shard]]:
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one, "pg") as shard1, database(admin2, two, "pg") as shard2:
        for shard, rows in zip((shard1, shard2), ROWS, strict=True):
            keep(shard, rows)
        yield [shard1, shard2]


@pytest.fixture
def shards(kept: list[books.Shard]) -> list[books.Shard]:
    for shard in kept:
        refill(shard)
    return kept


def source(shards: list[books.Shard], **changes: str) -> Database:
    urls = {f"shard{n}": shard.url for n, shard in enumerate(shards, 1)}
    return Database(urls | changes)


def matched(database: Database, tmp_path: Path, lines, **request) -> Matched:
    path = pg_files.write(tmp_path / "settlement.csv", lines)
    found = match_file(Request(path, Layout(), day=DAY, **request), database)
    assert isinstance(found, Matched), found
    return found


def test_an_honest_file_agrees_with_both_shards(shards, tmp_path):
    lines = pg_files.lines(ROWS, DAY)
    tally = matched(source(shards), tmp_path, lines).tally
    assert tally.counts == {"matched": len(lines)}
    assert tally.amounts_krw["matched"] == sum(line["amount"] for line in lines)
    assert {line["kind"] for line in lines} == {"capture", "refund"}


def test_each_kind_of_break_is_found_beside_all_that_agrees(shards, tmp_path):
    lines = pg_files.lines(ROWS, DAY)
    refund = next(line for line in reversed(lines) if line["kind"] == "refund")
    gone = lines.pop(len(lines) // 2)
    again = {**refund, "transaction_id": "R-once-more"}
    strange = {**refund, "transaction_id": "R-nobody", "payment_id": 99_999}
    shards[0].run("UPDATE settlement_request SET request_amount = 1 WHERE pg_transaction_id = ?",
                  next(ln["transaction_id"] for ln in lines if ln["transaction_id"][:3] == "P0-"
                       and ln["kind"] == "capture"))  # fmt: skip
    found = matched(source(shards), tmp_path, [*lines, again, strange]).tally
    assert found.counts == {
        "matched": len(lines) - 1,
        "amount": 1,
        "duplicate": 1,
        "missing_in_db": 1,
        "missing_in_file": 1,
    }
    assert found.rows["duplicate"][0]["payment_id"] == refund["payment_id"]
    assert found.rows["missing_in_file"][0]["transaction_id"] == gone["transaction_id"]


def test_ids_that_our_rows_share_are_no_break(shards, tmp_path):
    lines = pg_files.lines(ROWS, DAY)
    first, second = [ln for ln in lines if ln["transaction_id"].startswith("P0-S")][:2]
    shards[0].run(
        "UPDATE settlement_request SET pg_transaction_id = ? WHERE pg_transaction_id = ?",
        first["transaction_id"],
        second["transaction_id"],
    )
    second["transaction_id"] = first["transaction_id"]
    assert matched(source(shards), tmp_path, lines).tally.counts == {"matched": len(lines)}


def test_a_shard_that_is_down_is_not_seen_and_its_lines_are_not_judged(shards, tmp_path):
    away = make_url(shards[1].url).set(port=1).render_as_string(hide_password=False)
    lines = pg_files.lines(ROWS, DAY)
    found = matched(source(shards, shard2=away), tmp_path, lines)
    assert [(unavailable.part, unavailable.why) for unavailable in found.unavailable] == [
        ("database/shard2", Why.REFUSED)
    ]
    ours = sum(1 for line in lines if line["transaction_id"].startswith("P0-"))
    assert found.tally.counts == {"matched": ours, "unjudged": len(lines) - ours}


def test_one_shard_alone_can_be_asked_for(shards, tmp_path):
    lines = pg_files.lines(ROWS, DAY)
    found = matched(source(shards), tmp_path, lines, shards=("shard2",))
    assert set(found.tally.counts) == {"matched", "unjudged"}
    assert found.unavailable == ()


def test_a_shard_of_another_name_is_said(shards, tmp_path):
    path = pg_files.write(tmp_path / "settlement.csv", [])
    found = match_file(Request(path, Layout(), day=DAY, shards=("shard9",)), source(shards))
    assert isinstance(found, Unavailable)
    assert (found.reason, found.params) == ("no_such_shard", {"shards": "shard9"})


def test_rows_come_in_batches_of_the_days_that_were_asked_for(shards):
    start = datetime(2026, 3, 9, tzinfo=pg_files.SEOUL)
    taken: list[Record] = []
    counts = source(shards).pg_records(start, start + timedelta(days=1), taken.extend)
    expected = len(pg_files.lines(ROWS, DAY))
    assert sum(counts.values()) == len(taken) == expected
    assert {r.merchant_id for r in taken} <= {f"MERCHANT-{n}" for n in range(14)}
    assert all(start <= r.at < start + timedelta(days=1) for r in taken)


def test_a_column_that_is_missing_hides_its_shard_alone(shards, tmp_path):
    with shards[0].engine.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE refund_request RENAME COLUMN pg_cancel_transaction_id TO other"
        )
    try:
        found = matched(source(shards), tmp_path, pg_files.lines(ROWS, DAY))
    finally:
        with shards[0].engine.begin() as connection:
            connection.exec_driver_sql(
                "ALTER TABLE refund_request RENAME COLUMN other TO pg_cancel_transaction_id"
            )
    [unavailable] = found.unavailable
    assert (unavailable.part, unavailable.reason) == ("database/shard1", "column_missing")
    assert "refund_request.pg_cancel_transaction_id" in str(unavailable.params["columns"])
