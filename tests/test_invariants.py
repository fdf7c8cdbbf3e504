"""The catalogue of invariants: each sees its fault, and only what it declares besides."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import books
import pytest
from sqlalchemy import exc
from sqlalchemy.dialects import mysql, sqlite

from checks.invariants.catalogue import catalogue, implied_causes
from checks.sources import database_books, database_figures
from checks.sources.database import Database
from checks.sources.database_books import Examination, LastLook, Window
from checks.sources.database_shard import needs
from checks.sources.database_tables import CLOCKS, METADATA, Scope
from checks.sources.database_window import low_statement
from checks.sources.facts import Books
from monitor.domain.incident import explains

SPAN = timedelta(hours=24)
ENTRIES = {entry.id: entry for entry in catalogue()}


def _examinations():
    return tuple(
        Examination(
            entry.id,
            entry.build(Scope()),
            entry.build(Scope(by_ids=True)),
            timedelta(seconds=300 if entry.grace_seconds is None else entry.grace_seconds),
        )
        for entry in catalogue()
    )


EXAMINATIONS = _examinations()


def look(
    shard: books.Shard, *, swept=False, open_ids=(), now=books.NOW, after=None, **window
) -> Books:
    """One look at one shard: as far as a day back, or at all of it."""
    entry = shard.ask("SELECT max(entry_id) FROM ledger_entry") if after is None else after
    last = LastLook(now - timedelta(minutes=5), entry or 0)
    database = Database({"shard1": shard.url})
    asked = Window(EXAMINATIONS, SPAN, last_looks={} if swept else {"shard1": last}, **window)
    (fact,) = database.books(now, asked, {"shard1": tuple(open_ids)})
    assert isinstance(fact, Books), fact
    return fact


def broken(*args, **kw) -> set[str]:
    return {one.invariant for one in look(*args, **kw).breaks}


def implied_by(invariant: str) -> set[str]:
    found = set(ENTRIES[invariant].implies)
    return found | {further for direct in found for further in implied_by(direct)}


@pytest.fixture
def shard(tmp_path: Path) -> books.Shard:
    return books.shard(tmp_path)


def test_the_catalogue_holds_the_agreed_invariants_once_each():
    assert sorted(ENTRIES) == sorted(books.FAULTS)
    assert len(catalogue()) == len(ENTRIES)


@pytest.mark.parametrize("swept", [True, False], ids=["all", "window"])
def test_healthy_books_raise_nothing(shard, swept):
    found = look(shard, swept=swept)
    assert found.breaks == ()
    assert set(found.examined) == set(ENTRIES)
    assert found.payments_seen == (200 if swept else 121)


@pytest.mark.parametrize("swept", [True, False], ids=["all", "window"])
@pytest.mark.parametrize("invariant", books.FAULTS)
def test_a_fault_breaks_its_invariant_and_nothing_but_what_it_implies(shard, invariant, swept):
    shard.disorder(invariant)
    seen = broken(shard, swept=swept)
    assert invariant in seen
    assert seen <= {invariant} | implied_by(invariant)


@pytest.mark.parametrize(
    ("first", "effect", "payment"),
    [
        ("L1", "L11", 160),
        ("L1", "L8", 159),
        ("L3", "L11", 160),
        ("L4", "L11", 160),
        ("L5", "L11", 159),
        ("L7", "L8", 159),
        ("L8", "L11", 159),
        ("L9", "L1", 160),
        ("O2", "O1", 160),
        ("R1", "R4", 159),
    ],
)
def test_what_is_declared_as_implied_does_follow(shard, first, effect, payment):
    shard.disorder(first, payment=payment)
    assert effect in broken(shard)
    keys = f"books_broken:s1/{first}", f"books_broken:s1/{effect}"
    assert explains(implied_causes(), *keys)


def test_implied_causes_stay_on_their_shard_and_run_in_no_circle():
    assert not explains(implied_causes(), "books_broken:shard1/L4", "books_broken:shard2/L11")
    assert all(entry not in implied_by(entry) for entry in ENTRIES)


@pytest.mark.parametrize("invariant", ["L1", "L5", "L11"])
def test_what_may_still_be_under_way_breaks_nothing_before_the_grace_is_over(shard, invariant):
    payment = 159 if invariant == "L5" else 160
    shard.disorder(invariant)
    touch = "UPDATE payment SET updated_at = ? WHERE payment_id = ?"
    shard.run(touch, books.text(books.NOW - timedelta(seconds=299)), payment)
    assert broken(shard) == set()
    assert invariant in broken(shard, now=books.NOW + timedelta(seconds=2))


def test_the_control_total_waits_for_a_fresh_entry_whose_payment_is_not_committed_yet(shard):
    shard.disorder("L11")
    fresh = books.text(books.NOW - timedelta(seconds=1))
    shard.run("UPDATE ledger_entry SET occurred_at = ? WHERE payment_id = 160", fresh)
    assert broken(shard) == set()
    assert broken(shard, now=books.NOW + timedelta(seconds=300)) == {"L11"}


def test_an_event_may_wait_a_minute(shard):
    shard.disorder("O1")
    just = books.text(books.NOW - timedelta(seconds=59))
    shard.run("UPDATE outbox_event SET created_at = ? WHERE published = 0", just)
    assert broken(shard) == set()
    assert broken(shard, now=books.NOW + timedelta(seconds=2)) == {"O1"}


@pytest.mark.parametrize("invariant", [i for i in books.FAULTS if i not in ("O1", "O2")])
def test_an_old_fault_is_seen_by_a_sweep_and_as_an_open_payment_but_not_in_the_window(
    shard, invariant
):
    payment = 9 if invariant in ("L5", "L7", "L8", "R1", "R4") else 8
    shard.disorder(invariant, payment=payment)
    assert invariant not in broken(shard)
    assert invariant in broken(shard, swept=True)
    assert invariant in broken(shard, open_ids=[payment])


def test_an_entry_added_to_an_old_payment_is_seen_though_no_sweep_is_due(shard):
    last = shard.ask("SELECT max(entry_id) FROM ledger_entry")
    shard.disorder("L3", payment=8)
    assert "L3" in broken(shard, after=last)


@pytest.mark.parametrize("minutes", [0, 5, 14], ids=lambda m: f"{m} min ago")
def test_a_payment_refunded_since_the_last_look_is_looked_at_until_its_grace_is_over(
    shard, minutes
):
    shard.disorder("L5", payment=9)
    recent = books.text(books.NOW - timedelta(minutes=minutes))
    shard.copy("refund_request", "payment_id = 9", requested_at=f"'{recent}'", status="'FAILED'")
    assert "L5" in broken(shard)


def test_too_many_touched_payments_make_it_a_sweep(shard):
    found = look(shard, after=0, ids_max=10)
    assert (found.swept, found.low) == (True, 0)


def test_events_that_wait_are_seen_however_old_they_are(shard):
    shard.disorder("O2", payment=8)
    assert broken(shard) == {"O1", "O2"}


def test_a_break_tells_its_row_its_payment_and_its_amounts(shard):
    shard.disorder("L4")
    (one,) = [b for b in look(shard).breaks if b.invariant == "L4"]
    entry = shard.ask("SELECT entry_id FROM ledger_entry WHERE payment_id = 160")
    assert (one.shard, one.key, one.payment_id) == ("shard1", f"entry {entry}", 160)
    assert (one.params["expected_krw"], one.params["actual_krw"]) == (10_160, 10_167)


def test_hostile_text_is_carried_as_text_and_cut(shard):
    name = "'; DROP TABLE payment; -- <!channel> {{ 7*7 }} " + "x" * 500
    shard.run("UPDATE payment SET merchant_id = ? WHERE payment_id = 160", name)
    shard.disorder("L4")
    found = look(shard).breaks[0].params["merchant_id"]
    assert found == name[:200]


def test_more_breaks_than_are_listed_are_said_to_be_more(shard):
    shard.run("UPDATE ledger_entry SET amount = amount + 1")
    found = look(shard, swept=True, breaks_max=10)
    assert "L4" in found.truncated
    assert len([b for b in found.breaks if b.invariant == "L4"]) == 10


STATEMENTS = [
    *(form for e in EXAMINATIONS for form in (e.in_window, e.by_ids)),
    *(low_statement(table) for table in CLOCKS),
    database_books._TOUCHED,
    database_books._SIZE,
    *(s for s in vars(database_figures).values() if isinstance(s, type(database_books._SIZE))),
    *(s for w in database_figures._WORK.values() for s in (w.done, w.delayed)),
]


@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_every_statement_compiles_for_both_dialects(dialect):
    assert len(STATEMENTS) > 40
    for statement in STATEMENTS:
        try:
            sql = str(statement.compile(dialect=dialect))
        except exc.CompileError as error:
            pytest.fail(f"{statement}: {error}")
        assert "CURRENT_TIMESTAMP" not in sql.upper()
        assert "NOW(" not in sql.upper()


def test_every_statement_says_which_columns_it_needs():
    assert needs(ENTRIES["O2"].build(Scope())) >= {("outbox_event", "retry_count")}
    for statement in STATEMENTS:
        for table, column in needs(statement):
            assert column in METADATA.tables[table].c


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_invariant_has_its_sentence_in_both_languages(language):
    file = Path(__file__).parents[1] / "templates" / language / "reconciliation.toml"
    words = tomllib.loads(file.read_text("utf-8"))
    assert sorted(words["invariant"]) == sorted(ENTRIES)
    assert all(row["text"].strip() for row in words["invariant"].values())
