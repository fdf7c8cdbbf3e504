"""One payment and a sweep by hand on real MariaDB, with the platform's own indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import books
import pytest
from mariadb_books import database, keep, refill
from reconciled import FULL, SINCE, found, looked
from services import services
from test_payment_story import codes, told

from checks.sources.database.questions import story_rows as bounds
from checks.sources.facts.story import PaymentRecords
from checks.sources.facts.unavailable import Unavailable

SPAN = timedelta(hours=40)
CAPTURED, REFUNDED = books.CAPTURED, books.REFUNDED


@pytest.fixture(scope="module")
def servers() -> Iterator[list[books.Shard]]:
    """Gives two shards on two servers."""
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one, "story") as shard1, database(admin2, two, "story") as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            keep(shard, books.healthy(200, books.NOW, SPAN, parity))
        yield [shard1, shard2]


@pytest.fixture
def pair(servers) -> list[books.Shard]:
    for shard in servers:
        refill(shard)
    return servers


def test_a_payment_that_is_well_is_told_so(pair):
    story = told(pair, REFUNDED)
    assert (codes(story, 0), codes(story, 1)) == (["refund_done", "capture_done"],) * 2
    course = [one.code for one in story.chapters[0].happenings]
    assert course.count("event_published") == 3
    assert course.count("entry_booked") == 2


def test_the_half_that_no_relay_takes_is_told(pair):
    pair[0].run("UPDATE payment SET status = 'CAPTURE_REQUESTED' WHERE payment_id = 61")
    pair[0].run("DELETE FROM settlement_request WHERE payment_id = 61")
    pair[0].run("DELETE FROM ledger_entry WHERE payment_id = 61")
    pair[0].run("UPDATE outbox_event SET published = 0 WHERE MOD(aggregate_id, 2) = 1")
    assert codes(told(pair, 61)) == ["relay_unreached"]


def test_what_the_pg_said_is_told(pair):
    pair[1].run(
        "UPDATE settlement_request SET status = 'FAILED', completed_at = NULL,"
        " pg_response_code = '51', pg_response_message = '한도 초과' WHERE payment_id = 160"
    )
    pair[1].run("UPDATE payment SET status = 'CAPTURE_FAILED' WHERE payment_id = 160")
    pair[1].run("DELETE FROM ledger_entry WHERE payment_id = 160")
    story = told(pair, CAPTURED)
    assert (codes(story, 0), codes(story, 1)) == (["capture_done"], ["pg_refused_untried"])
    assert story.chapters[1].reasons[0].params["pg_message"] == "한도 초과"


def test_without_an_index_events_are_read_within_bounds(pair, monkeypatch):
    monkeypatch.setattr(bounds, "KEYS_AHEAD", 20)
    monkeypatch.setattr(bounds, "KEYS_AROUND", 5)
    records = told_records(pair, 10)
    assert isinstance(records, PaymentRecords)
    assert [event.kind for event in records.events][:2] == [
        "PAYMENT_AUTHORIZED",
        "PAYMENT_CAPTURE_REQUESTED",
    ]
    assert set(records.read_until) == {"outbox_event"}  # the others have their index


def told_records(pair: list[books.Shard], payment: int) -> object:
    from checks.sources.database.source import Database  # noqa: PLC0415

    return Database({"shard1": pair[0].url}).payment(payment)["shard1"]


def test_a_wrong_password_hides_one_shard_and_tells_no_secret(pair):
    wrong = books.Shard(pair[1].url.replace("://", "://nobody-", 1), pair[1].engine)
    story = told([pair[0], wrong], CAPTURED)
    assert (codes(story, 0), codes(story, 1)) == (["capture_done"], ["shard_unavailable"])
    assert not isinstance(story.chapters[1], Unavailable)
    assert wrong.url not in str(story)


def test_all_rows_are_swept_with_their_number(pair):
    pair[0].run("UPDATE payment SET currency = 'USD' WHERE payment_id IN (5, 198)")
    steps: list[tuple[int, int]] = []
    result = looked(pair, progress=lambda *rows: steps.append(rows), **FULL)
    assert {("shard1", "P5", 5), ("shard1", "P5", 198)} <= found(result)
    assert steps[-1][0] == steps[-1][1] == sum(context.rows or 0 for context in result.looks)
    assert found(looked(pair, **SINCE)) == {("shard1", "P5", 198)}
