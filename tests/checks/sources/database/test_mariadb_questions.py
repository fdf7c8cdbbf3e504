"""Questions about single rows on two real MariaDB servers: the answers of SQLite, by an index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import books
import pytest
from asked_case import app_over, urls
from mariadb_books import database, keep, refill
from mcp_case import answer
from services import services
from sqlalchemy import event

from checks.sources.database.source import Database
from checks.sources.facts.payments import EntryFilter, PaymentFilter, position
from checks.sources.facts.unavailable import Unavailable

PAYMENTS = 400
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, books.Shard]]:
    """Gives two shards on two servers."""
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one, "asked") as shard1, database(admin2, two, "asked") as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            keep(shard, rows(parity))
        yield {"shard1": shard1, "shard2": shard2}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, books.Shard]:
    """Gives the same shards as SQLite files."""
    folder = tmp_path_factory.mktemp("files")
    made = {n: books.shard(folder, n, 0) for n in ("shard1", "shard2")}
    for parity, shard in enumerate(made.values()):
        shard.fill(rows(parity))
    return made


def rows(parity: int) -> books.Rows:
    """Healthy rows with some failures among them."""
    made = books.healthy(PAYMENTS, books.NOW, timedelta(hours=40), parity)
    for row in made["payment"]:
        if row["payment_id"] % 50 == 7:
            row["status"] = "CAPTURE_FAILED"
        row["amount"] = 1000 + row["payment_id"] * 37 % 500
    return made


FILTERS = {
    "all": PaymentFilter(),
    "one status": PaymentFilter(statuses=("CAPTURE_FAILED",)),
    "several statuses": PaymentFilter(statuses=("CAPTURED", "REFUNDED")),
    "a merchant": PaymentFilter(merchant_id="MERCHANT-4"),
    "a merchant's refunds": PaymentFilter(merchant_id="MERCHANT-5", statuses=("REFUNDED",)),
    "a time": PaymentFilter(start=books.NOW - 9 * HOUR, end=books.NOW - 2 * HOUR),
    "amounts": PaymentFilter(amount_min=1200, amount_max=1300),
    "everything at once": PaymentFilter(
        ("CAPTURED",),
        *("", None, 1100, 1400, books.NOW - 30 * HOUR, books.NOW - HOUR),
    ),
    "one shard": PaymentFilter(shard="shard2"),
    "one payment": PaymentFilter(payment_id=7),
}


def pages(source: Database, wanted: PaymentFilter) -> list[list[tuple[str, int]]]:
    """All pages of each shard by itself."""
    found: list[list[tuple[str, int]]] = []
    after: dict = {}
    while True:
        answers = source.payments(replace(wanted, after=after, limit=23))
        assert not any(isinstance(a, Unavailable) for a in answers), answers
        found.append([(p.shard, p.payment_id) for a in answers for p in a.payments])
        if not any(a.has_more for a in answers):
            return found
        after |= {a.shard: position(a.payments[-1], wanted.order) for a in answers if a.payments}


@pytest.mark.parametrize("order", ["newest", "oldest", "largest", "smallest"])
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_mariadb_finds_the_same_payments_in_the_same_order(servers, files, wanted, order):
    wanted = replace(wanted, order=order)
    real, file = (Database(urls(shards)) for shards in (servers, files))
    assert pages(real, wanted) == pages(file, wanted)
    totals = [{a.totals for a in source.payments(wanted)} for source in (real, file)]
    assert {frozenset(t) for t in totals[0]} == {frozenset(t) for t in totals[1]}


def test_the_other_questions_are_answered_alike(servers, files):
    real, file = (Database(urls(shards)) for shards in (servers, files))
    entries = (
        EntryFilter(),
        EntryFilter(payment_id=9),
        EntryFilter(merchant_id="MERCHANT-5", limit=100),
        EntryFilter(start=books.NOW - 5 * HOUR, lists=False),
    )
    periods = ((books.NOW - 20 * HOUR, books.NOW - 10 * HOUR), (books.NOW - 10 * HOUR, books.NOW))
    questions = (
        *(
            lambda s, e=e: [(a.entries, sorted(a.totals, key=str)) for a in s.entries(e)]
            for e in entries
        ),
        lambda s: [
            (name, sorted(f.by_status, key=str), f.count)
            for name, f in s.statistics_between(books.NOW - 7 * HOUR, books.NOW)
        ],
        lambda s: [
            (a.shard, a.is_home, a.first_at, [sorted(t, key=str) for t in a.periods])
            for a in s.merchant("MERCHANT-4", periods)
        ],
        lambda s: s.shared_keys(books.NOW - 20 * HOUR, books.NOW),
        lambda s: s.outbox_late(books.NOW, books.NOW - HOUR),
    )
    for ask in questions:
        assert ask(real) == ask(file)


def test_what_waits_in_the_outbox_is_judged_alike(servers, files):
    for shards in (servers, files):
        shards["shard1"].run(
            "UPDATE outbox_event SET published = 0, published_at = NULL, retry_count = 5"
            " WHERE event_id BETWEEN 40 AND 60"
        )
        shards["shard2"].run(
            "UPDATE outbox_event SET published = 0, published_at = NULL"
            " WHERE event_id BETWEEN 40 AND 60"
        )
    try:
        found = [Database(urls(shards)).replay(books.NOW) for shards in (servers, files)]
    finally:
        for shard in servers.values():
            refill(shard)
    assert found[0] == found[1]
    assert {g.why for state in found[0] for g in state.groups} == {
        *("exhausted", "unreachable", "waiting"),
    }


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (PaymentFilter(statuses=("CAPTURE_FAILED",)), "ix_status_time"),
        (PaymentFilter(statuses=("CAPTURED", "REFUNDED")), "ix_status_time"),
        (PaymentFilter(merchant_id="MERCHANT-4"), "ix_merchant_time"),
        (PaymentFilter(), "PRIMARY"),
        (PaymentFilter(start=books.NOW - HOUR), "PRIMARY"),
    ],
    ids=["status", "statuses", "merchant", "nothing", "time"],
)
def test_a_page_is_read_in_the_order_of_an_index(servers, wanted, index):
    """No page sorts: MariaDB reads as many rows as the page has, however old the shard."""
    source = Database({"shard1": servers["shard1"].url})
    asked: list[tuple] = []
    engine = source._shards[0]._server.engine
    event.listen(
        engine, "before_cursor_execute", lambda c, cur, sql, params, *_: asked.append((sql, params))
    )
    source.payments(wanted)
    listing = [one for one in asked if "ORDER BY" in one[0] and "LIMIT" in one[0]]
    with servers["shard1"].engine.connect() as connection:
        for sql, params in listing:
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", params).mappings().all()
            assert [row["key"] for row in plan] == [index], sql
            assert "filesort" not in (plan[0]["Extra"] or ""), sql
    assert listing


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_tools_answer_from_mariadb(tmp_path, servers, language):
    app = app_over(tmp_path, urls(servers), language)
    sentence = {"en": "failed payments last 24 hours", "ko": "지난 24시간 동안 실패한 결제"}
    plain = answer(app, "query_payments", filter=sentence[language])
    assert plain["verdict"] == "ok" and plain["evidence"]["found"]["count"] > 4
    refunds = answer(app, "query_ledgers", merchant_id="MERCHANT-4")
    assert refunds["evidence"]["totals"]["refunds"]["amount_krw"] > 0
    for tool in ("payment_statistics", "outbox_replay_plan", "find_duplicate_idempotency"):
        told = answer(app, tool)
        assert told["verdict"] == "ok" and len(json.dumps(told)) / 4 < 2_000
