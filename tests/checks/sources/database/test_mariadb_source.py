"""The database source on real MariaDB: what it reads, and what it says when it cannot."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import books
import pytest
from books_looks import EXAMINATIONS
from freezegun import freeze_time
from mariadb_books import database, keep
from services import services
from sqlalchemy import create_engine, make_url, text

from checks.sources.database.books.examine import Window
from checks.sources.database.servers.shard import Shard
from checks.sources.database.source import Database
from checks.sources.facts.books import Books
from checks.sources.facts.unavailable import Unavailable, Why


@dataclass(frozen=True, slots=True)
class Servers:
    """Two shards as they are filled and read, and the first as its administrator sees it."""

    shards: list[books.Shard]
    admin_url: str

    @property
    def urls(self) -> dict[str, str]:
        return {f"shard{n}": shard.url for n, shard in enumerate(self.shards, 1)}

    def url(self, **changes) -> str:
        """The first shard's address, changed."""
        url = make_url(self.shards[0].url).set(**changes)
        return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Gives two shards on two servers, with a few payments each."""
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one, "source") as shard1, database(admin2, two, "source") as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            keep(shard, books.healthy(40, books.NOW, timedelta(hours=40), parity))
        yield Servers([shard1, shard2], admin1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_figures_are_those_of_both_servers(servers):
    source = Database(servers.urls)
    assert source.counts().payments == 80
    assert source.statistics("last_24h", books.NOW).count == 50
    assert (
        source.work("settlement", books.NOW).amount_krw
        == source.work("settlement", books.NOW).amount_krw
    )
    assert [(o.shard, o.waiting) for o in source.outbox(books.NOW)] == [
        ("shard1", 0),
        ("shard2", 0),
    ]
    assert {h.up for h in source.healths().values()} == {True}


UNAVAILABLE = {
    "a wrong password": ({"password": "s3cret-wrong"}, Why.NOT_VISIBLE, "database_denied"),
    "an unknown account": ({"username": "nobody-here"}, Why.NOT_VISIBLE, "database_denied"),
    "a server that is down": ({"port": 1}, Why.REFUSED, "database_refused"),
    "a name that is none": ({"host": "nowhere.invalid"}, Why.REFUSED, "database_refused"),
    "another schema": ({"database": "information_schema"}, Why.NOT_VISIBLE, None),
}


@pytest.mark.parametrize(("changes", "why", "reason"), UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_what_cannot_be_read_is_unavailable_and_says_why_without_the_credentials(
    servers, changes, why, reason
):
    source = Database({"shard1": servers.url(**changes), "shard2": servers.urls["shard2"]})
    one, two = source.outbox(books.NOW)
    assert (one.part, one.why) == ("database/shard1", why)
    assert reason is None or one.reason == reason
    assert two.waiting == 0
    for secret in ("s3cret-wrong", make_url(servers.urls["shard1"]).password or "?"):
        assert secret not in repr(one) + repr(source)


def test_an_unknown_database_is_named_as_that(servers):
    url = make_url(servers.admin_url).set(database="paydb_not_there")
    (one,) = Database({"shard1": url.render_as_string(hide_password=False)}).outbox(books.NOW)
    assert (one.why, one.reason) == (Why.NOT_VISIBLE, "database_unknown")


def test_a_server_that_says_nothing_is_given_up_in_time(servers):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        shard = Shard("shard1", servers.url(host="127.0.0.1", port=silent.getsockname()[1]), 1.0)
        fact = shard.ask(lambda snapshot: snapshot.shard)
    assert isinstance(fact, Unavailable)
    assert fact.why in (Why.LIMIT, Why.REFUSED)


def test_a_statement_beyond_its_time_is_stopped(servers):
    shard = Shard("shard1", servers.urls["shard1"], 0.3)
    endless = text("SELECT COUNT(*) FROM payment a, payment b, payment c, payment d, payment e")
    fact = shard.ask(lambda snapshot: snapshot.rows(endless, {}))
    assert (fact.part, fact.why) == ("database/shard1", Why.LIMIT)
    assert (fact.reason, fact.params["error"]) == ("database_time_limit", "1969")


@pytest.mark.parametrize("account", ["reader", "administrator"])
@pytest.mark.parametrize(
    "sql", ["DELETE FROM payment", "CREATE TABLE x (y INTEGER)", "UPDATE payment SET amount = 1"]
)
def test_nothing_can_be_written_even_by_an_account_that_could(servers, sql, account):
    url = servers.urls["shard1"]
    if account == "administrator":
        schema = make_url(url).database
        url = make_url(servers.admin_url).set(database=schema).render_as_string(False)
    shard = Shard("shard1", url)
    fact = shard.ask(lambda snapshot: snapshot.connection.execute(text(sql)))
    reason = "database_denied" if account == "reader" else "database_read_only"
    assert isinstance(fact, Unavailable)
    assert fact.reason in (reason, "database_read_only")
    assert servers.shards[0].ask("SELECT COUNT(*) FROM payment WHERE amount > 1") == 40


def test_the_rights_to_write_that_an_account_has_are_told(servers):
    assert Database(servers.urls).writing_rights() == {"shard1": (), "shard2": ()}
    (rights,) = Database({"shard1": servers.admin_url}).writing_rights().values()
    assert {"ALL PRIVILEGES"} & set(rights) or {"INSERT", "DELETE"} <= set(rights)


def test_one_look_sees_one_moment_while_others_write(servers):
    shard = Shard("shard1", servers.urls["shard1"])
    count = text("SELECT COUNT(*) FROM payment WHERE merchant_id = 'M-new'")

    def twice(snapshot):
        before = snapshot.rows(count, {})[0][0]
        servers.shards[0].copy(
            "payment", "payment_id = 1", merchant_id="'M-new'", idempotency_key="'new'"
        )
        return before, snapshot.rows(count, {})[0][0]

    try:
        assert shard.ask(twice) == (0, 0)
    finally:
        servers.shards[0].run("DELETE FROM payment WHERE merchant_id = 'M-new'")


def test_times_are_utc_whatever_the_servers_zone_is(servers):
    shard = Shard("shard1", servers.urls["shard1"])
    zone = shard.ask(lambda snapshot: snapshot.rows(text("SELECT @@session.time_zone"), {})[0][0])
    assert zone == "+00:00"


def test_two_names_of_one_server_are_counted_once_and_break_s1(servers):
    again = servers.url(query={"charset": "utf8mb4"})
    source = Database({"shard1": servers.urls["shard1"], "shard2": again})
    one, two, together = source.books(books.NOW, Window(EXAMINATIONS), {})
    assert isinstance(one, Books)
    assert (two.why, two.reason) == (Why.NOT_VISIBLE, "same_shard_twice")
    assert [(b.invariant, b.key) for b in together.breaks] == [("S1", "shard2 is shard1")]


def test_a_view_in_place_of_a_table_is_said(servers):
    with servers.shards[0].engine.begin() as connection:
        connection.exec_driver_sql("RENAME TABLE outbox_event TO outbox_real")
        connection.exec_driver_sql("CREATE VIEW outbox_event AS SELECT * FROM outbox_real")
    try:
        one, _ = Database(servers.urls).outbox(books.NOW)
    finally:
        with servers.shards[0].engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW outbox_event")
            connection.exec_driver_sql("RENAME TABLE outbox_real TO outbox_event")
    assert (one.why, one.reason) == (Why.NOT_VISIBLE, "table_is_view")
    assert one.params["views"] == "outbox_event"


def test_a_column_that_is_missing_hides_only_what_needs_it(servers):
    with servers.shards[0].engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox_event RENAME COLUMN retry_count TO retries")
    try:
        (one, *_) = Database(servers.urls).books(books.NOW, Window(EXAMINATIONS), {})
    finally:
        with servers.shards[0].engine.begin() as connection:
            connection.exec_driver_sql(
                "ALTER TABLE outbox_event RENAME COLUMN retries TO retry_count"
            )
    assert set(one.unavailable) == {"O2", "O3"}
    assert {u.params["columns"] for u in one.unavailable.values()} == {"outbox_event.retry_count"}


def test_several_threads_may_ask_at_once(servers):
    source = Database(servers.urls)
    counts: list[int] = []

    def ask():
        counts.extend(source.counts().payments for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [80] * 20


def test_connections_that_the_server_closed_are_made_anew(servers):
    source = Database(servers.urls)
    assert source.counts().payments == 80
    reader = make_url(servers.urls["shard1"]).username
    listed = f"SELECT id FROM information_schema.processlist WHERE user = '{reader}'"
    with servers.shards[0].engine.connect() as connection:
        for (number,) in connection.exec_driver_sql(listed).all():
            connection.exec_driver_sql(f"KILL {number}")
    assert source.counts().payments == 80


def test_a_clock_that_is_ten_minutes_off_is_measured_from_the_server(servers):
    source = Database(servers.urls)
    assert all(abs(health.skew_seconds) < 5 for health in source.healths().values())
    with freeze_time(datetime.now(UTC) - timedelta(minutes=10), tick=True):
        skews = [health.skew_seconds for health in source.healths().values()]
    assert skews == [pytest.approx(600, abs=5)] * 2


def test_the_connections_of_a_server_are_counted_with_ours(servers):
    engine = create_engine(servers.admin_url)
    with engine.connect() as before, engine.connect():
        found = Database(servers.urls).connections()["shard1"]
        limit = before.exec_driver_sql("SELECT @@max_connections").scalar_one()
    engine.dispose()
    assert (found.shard, found.max) == ("shard1", limit)
    assert 3 <= found.connected < limit


def test_how_long_events_waited_for_their_publication_is_told_of_the_newest(servers):
    shard = servers.shards[0]
    created = books.naive(books.NOW - timedelta(minutes=1))
    rows = [
        {
            "aggregate_type": "payment",
            "aggregate_id": 1,
            "event_type": "PAYMENT_AUTHORIZED",
            "payload": "{}",
            "published": 1,
            "published_at": created + timedelta(seconds=number),
            "retry_count": 0,
            "created_at": created,
        }
        for number in range(100)
    ]
    shard.fill({"outbox_event": rows})
    try:
        state = Database(servers.urls).outbox(books.NOW)[0]
        assert state.publish_lag_seconds_p95 == pytest.approx(95, abs=3)
        quiet = Database(servers.urls).outbox(books.NOW + timedelta(hours=1))[0]
        assert quiet.publish_lag_seconds_p95 is None
    finally:
        shard.run("DELETE FROM outbox_event WHERE payload = '{}'")
