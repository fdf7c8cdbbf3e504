"""The catalogue of invariants: each sees its fault, and only what it declares besides."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import books
import pytest
from books_looks import BY_STATEMENT, ENTRIES, EXAMINATIONS, ids, implied_by, looked, swept
from sqlalchemy import exc
from sqlalchemy.dialects import mysql, sqlite

from checks.invariants.catalogue import catalogue, implied_causes
from checks.sources.database.books import across as database_across
from checks.sources.database.books import sweep as database_sweep
from checks.sources.database.books import touched as database_touched
from checks.sources.database.books.window import low_statement
from checks.sources.database.questions import figures as database_figures
from checks.sources.database.servers.functions import parity_of
from checks.sources.database.servers.shard import needs
from checks.sources.database.servers.tables import CLOCKS, METADATA, Scope
from monitor.domain.cause import explains

GLOBAL = {"P2", "P3", "O1", "O2", "O3"}  # looked at as a whole at every pass
S4 = {"S4"}  # what every pair of shards has, by design
CLIENT = {"P6", "S1", "S3", "S4", "L12", "L13", "X1", "X2", "X3"}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Gives the files of healthy shards, to be copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    return {name: books.shard(folder, name) for name in ("shard1", "shard2")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Gives one folder for the shards of all tests, so that their statements are compiled once."""
    return tmp_path_factory.mktemp("shards")


@pytest.fixture
def pair(template, place):
    return [books.copied(shard, place) for shard in template.values()]


@pytest.fixture
def shard(pair):
    return pair[0]


def broken(pair, **kw) -> set[str]:
    return ids(*looked(pair, **kw)) - S4


def test_the_catalogue_holds_the_agreed_invariants_once_each():
    agreed = {"S": 4, "P": 5, "L": 13, "T": 11, "R": 7, "O": 10, "D": 1, "X": 3}
    assert ENTRIES.keys() >= {f"{f}{n}" for f, most in agreed.items() for n in range(1, most + 1)}
    assert len(catalogue()) == len(ENTRIES)
    assert ENTRIES.keys() - CLIENT == BY_STATEMENT
    assert set(books.FAULTS) == BY_STATEMENT - {"L11"}


def test_healthy_books_raise_nothing_in_a_window_or_a_sweep(pair):
    one, two, _ = looked(pair)
    assert (one.breaks, two.breaks) == ((), ())
    assert set(one.examined) == BY_STATEMENT | {"L13"}
    assert one.payments_seen == 121
    (step,) = swept(*pair)
    assert (step.books.breaks, set(step.books.examined)) == ((), BY_STATEMENT - {"L11"})


@pytest.mark.parametrize("invariant", books.FAULTS)
def test_a_fault_breaks_its_invariant_and_nothing_but_what_it_implies(pair, invariant):
    pair[0].disorder(invariant)
    allowed = {invariant} | implied_by(invariant)
    for seen in (broken(pair), ids(swept(*pair)[0].books)):
        assert invariant in seen
        assert seen <= allowed


@pytest.mark.parametrize(
    ("first", "effect", "payment"),
    [
        ("L1", "L10", 160),
        ("L1", "L8", 159),
        ("L3", "L11", 160),
        ("L4", "L10", 160),
        ("L5", "L11", 159),
        ("L7", "L8", 159),
        ("L8", "L10", 159),
        ("L9", "L1", 160),
        ("L10", "L11", 159),
        ("O2", "O1", 160),
        ("O3", "O1", 159),
        ("R1", "R4", 159),
    ],
)
def test_what_is_declared_as_implied_does_follow(pair, first, effect, payment):
    pair[0].disorder(first, payment=payment)
    assert effect in broken(pair)
    keys = f"books_broken:s1/{first}", f"books_broken:s1/{effect}"
    assert explains(implied_causes(), *keys)


def test_implied_causes_stay_on_their_shard_and_run_in_no_circle():
    assert not explains(implied_causes(), "books_broken:shard1/L4", "books_broken:shard2/L11")
    assert explains(implied_causes(), "books_broken:shard1/L13", "books_broken:shard2/L1")
    assert all(entry not in implied_by(entry) for entry in ENTRIES)


@pytest.mark.parametrize(
    ("invariant", "seconds"),
    [("L1", 300), ("L5", 300), ("L10", 300), ("T3", 300)],
)
def test_what_may_still_be_under_way_breaks_nothing_before_the_grace_is_over(
    pair, invariant, seconds
):
    payment = 159 if invariant in ("L5", "L10") else 160
    pair[0].disorder(invariant)
    touch = "UPDATE payment SET updated_at = ? WHERE payment_id = ?"
    fresh = books.NOW - timedelta(seconds=seconds - 1)
    pair[0].run(touch, books.text(fresh), payment)
    assert broken(pair) == set()
    assert invariant in broken(pair, now=books.NOW + timedelta(seconds=2))


@pytest.mark.parametrize(
    ("invariant", "table", "column"),
    [("L2", "ledger_entry", "occurred_at"), ("L6", "ledger_entry", "occurred_at")],
)
def test_an_entry_may_be_there_a_minute_before_its_payment(pair, invariant, table, column):
    pair[0].disorder(invariant)
    last = pair[0].ask(f"SELECT max(entry_id) FROM {table}")
    just = books.text(books.NOW - timedelta(seconds=59))
    pair[0].run(f"UPDATE {table} SET {column} = ? WHERE entry_id = ?", just, last)
    assert broken(pair) == set()
    assert invariant in broken(pair, now=books.NOW + timedelta(seconds=2))


@pytest.mark.parametrize(("invariant", "column"), [("O1", "created_at"), ("O3", "created_at")])
def test_an_event_may_wait_a_minute(pair, invariant, column):
    pair[0].disorder(invariant)
    just = books.text(books.NOW - timedelta(seconds=59))
    pair[0].run(f"UPDATE outbox_event SET {column} = ? WHERE published = 0", just)
    assert broken(pair) == set()
    assert invariant in broken(pair, now=books.NOW + timedelta(seconds=2))


def test_an_event_of_the_other_parity_is_passed_over_only_if_later_ones_went_out(pair):
    pair[0].run("UPDATE outbox_event SET published = 0, published_at = NULL")
    assert broken(pair) == {"O1"}


NEW_ROWS = {"P1", "L2", "T1", "T2", "T4", "T7", "T8", "R1", "R3", "R5", "O5", "O8", "O9"}


@pytest.mark.parametrize("invariant", [i for i in books.FAULTS if i not in GLOBAL | NEW_ROWS])
def test_an_old_fault_is_seen_by_a_sweep_but_not_in_the_window(pair, invariant):
    pair[0].disorder(invariant)
    assert invariant not in broken(pair, hours=1)
    assert invariant in ids(swept(*pair)[0].books)


LOOKED_UP = [i for i in books.FAULTS if i[0] in "PLS" and i not in GLOBAL and i not in ("L2", "P1")]


@pytest.mark.parametrize("invariant", LOOKED_UP)
def test_an_old_fault_is_looked_up_by_the_payment_that_it_is_known_of(pair, invariant):
    pair[0].disorder(invariant)
    payment = 159 if invariant in ("L5", "L7", "L8", "L10") else 160
    assert invariant in broken(pair, hours=1, open_ids=[payment])


def test_no_index_on_the_payment_of_events_leaves_named_payments_to_a_sweep(pair):
    pair[0].disorder("O4")
    one, *_ = looked(pair, hours=1, open_ids=[160])
    assert "O4" not in ids(one)
    assert not one.reach.covers("O4", "payment 160", 160)
    pair[0].index("outbox_event", "aggregate_id")
    one, *_ = looked(pair, hours=1, open_ids=[160])
    assert "O4" in ids(one)
    assert one.reach.covers("O4", "payment 160", 160)


def test_an_entry_added_to_an_old_payment_is_seen_though_no_sweep_is_due(pair):
    last = pair[0].ask("SELECT max(entry_id) FROM ledger_entry")
    pair[0].disorder("L3", payment=8)
    assert "L3" in broken(pair, after=last)


@pytest.mark.parametrize("minutes", [0, 5, 14], ids=lambda m: f"{m} min ago")
def test_a_payment_refunded_since_the_last_look_is_looked_at_until_its_grace_is_over(pair, minutes):
    pair[0].disorder("L5", payment=9)
    recent = books.text(books.NOW - timedelta(minutes=minutes))
    pair[0].copy("refund_request", "payment_id = 9", requested_at=f"'{recent}'", status="'FAILED'")
    assert "L5" in broken(pair, hours=0.25)


def test_too_many_touched_payments_are_said_to_overflow(pair):
    one, *_ = looked(pair, hours=1, after=0, ids_max=10)
    assert one.overflow
    assert len(one.reach.ids) == 10


def test_payments_that_wait_are_known_however_old_they_are(pair):
    old = "UPDATE payment SET status = 'REFUND_REQUESTED' WHERE payment_id = 7"
    pair[0].run(old)
    one, *_ = looked(pair, hours=1)
    assert one.unfinished == (7,)


@pytest.mark.parametrize("rows", [50, 130, 1000])
@pytest.mark.parametrize("invariant", ["L1", "O9", "O6", "T3", "R4", "D1", "L11"])
def test_a_sweep_in_steps_finds_what_one_step_finds(pair, invariant, rows):
    for payment in (30, 159):
        pair[0].disorder({"L11": "L10"}.get(invariant, invariant), payment=payment)
    whole = {b.payment_id for b in swept(*pair)[0].books.breaks if b.invariant == invariant}
    steps = swept(*pair, rows=rows)
    found = {b.payment_id for s in steps for b in s.books.breaks if b.invariant == invariant}
    assert whole <= found
    assert len(steps) == max(1, -(-487 // rows))


def test_an_answer_without_its_payment_is_found_at_the_end_of_a_sweep(pair):
    pair[0].run(
        "UPDATE idem_response_cache SET idempotency_key = 'lost' WHERE idempotency_key = 'k9'"
    )
    last = swept(*pair, rows=100)[-1]
    assert [(b.invariant, b.key) for b in last.books.breaks] == [("D1", "answer lost")]
    assert last.books.reach.covers("D1", "answer other", None)


def test_a_break_tells_its_row_its_payment_and_its_amounts(pair):
    pair[0].disorder("L4")
    (one,) = [b for b in looked(pair)[0].breaks if b.invariant == "L4"]
    entry = pair[0].ask("SELECT entry_id FROM ledger_entry WHERE payment_id = 160")
    assert (one.shard, one.key, one.payment_id) == ("shard1", f"entry {entry}", 160)
    assert (one.params["expected_krw"], one.params["actual_krw"]) == (10_160, 10_167)


def test_hostile_text_is_carried_as_text_and_cut(pair):
    name = "2'; DROP TABLE payment; -- <!channel> {{ 7*7 }} " + "x" * 500
    pair[0].run("UPDATE payment SET merchant_id = ? WHERE payment_id = 160", name)
    pair[0].disorder("L4")
    (one,) = [b for b in looked(pair)[0].breaks if b.invariant == "L4"]
    assert one.params["merchant_id"] == name[:200]


@pytest.mark.parametrize("payload", ["{", "[]", '{"paymentId": "x", "amount": 1e999}', ""])
def test_a_payload_that_is_no_event_disagrees_and_hinders_nothing(pair, payload):
    pair[0].run("UPDATE outbox_event SET payload = ? WHERE aggregate_id = 160", payload)
    assert broken(pair) == {"O6"}


def test_more_breaks_than_are_listed_are_said_to_be_more(pair):
    pair[0].run("UPDATE ledger_entry SET amount = amount + 1")
    one, *_ = looked(pair, breaks_max=10)
    assert "L4" in one.truncated
    assert len([b for b in one.breaks if b.invariant == "L4"]) == 10


@pytest.mark.parametrize(
    ("merchant", "parity"),
    [("M-12", 0), ("M-13", 1), ("none", 0), ("", 0), (None, 0), ("9" * 19, 0), ("1a1b1", 1)],
)
def test_the_rule_of_the_shards_is_the_platforms(merchant, parity):
    assert parity_of(merchant) == parity


def test_the_rule_of_the_shards_is_unknown_for_one_shard(shard):
    (one,) = looked([shard])
    assert {one.unavailable[i].reason for i in ("S2", "O3")} == {"shard_rule_unknown"}
    assert set(one.unavailable) == {"S2", "O3"}


# --- across the shards -------------------------------------------------------------------------


def test_a_merchant_on_both_shards_is_found_by_its_new_payment(pair):
    for shard in pair:
        shard.run("UPDATE payment SET merchant_id = 'MERCHANT-98' WHERE payment_id = 160")
    *_, together = looked(pair)
    (one,) = [b for b in together.breaks if b.invariant == "S3"]
    assert (one.key, one.params["shards"]) == ("merchant MERCHANT-98", "shard1, shard2")
    assert "S3" not in ids(*looked(pair, hours=1))
    assert "S3" in ids(*looked(pair, hours=1, known_merchants=("MERCHANT-98",)))


def test_numbers_of_payments_are_shared_by_design_and_not_if_they_are_striped(pair, tmp_path):
    *_, together = looked(pair)
    (one,) = together.breaks
    assert (one.invariant, one.key, one.params["shards"]) == ("S4", "payment ids", "shard1, shard2")
    other = books.shard(tmp_path, "shard2b", parity=1, first=1001)
    assert ids(*looked([pair[0], other])) == set()


def mispost(pair, payment: int, **changes: str) -> None:
    """Post an entry of the second shard to the payment of the first with the same number."""
    amount = pair[1].ask(f"SELECT amount FROM payment WHERE payment_id = {payment}")
    row = {"payment_id": str(payment), "amount": str(amount), **changes}
    pair[0].copy("ledger_entry", "payment_id = 1", **row)
    pair[1].run("DELETE FROM ledger_entry WHERE payment_id = ?", payment)


def test_an_entry_posted_to_the_same_number_on_the_other_shard_is_found(pair):
    pair[1].run("UPDATE payment SET amount = 777 WHERE payment_id = 160")
    mispost(pair, 160)
    one, two, _ = looked(pair)
    (found,) = [b for b in one.breaks if b.invariant == "L13"]
    assert (found.payment_id, found.params["actual_krw"]) == (160, 777)
    assert ids(one) <= {"L13"} | implied_by("L13")
    assert "L13" not in ids(two)
    assert "L1" in ids(two)


def test_a_wrong_amount_that_fits_no_other_shard_is_not_misposted(pair):
    pair[0].disorder("L4")
    assert "L13" not in broken(pair)


def test_books_that_stay_empty_are_never_booked_and_not_misposted(pair):
    pair[0].run("DELETE FROM ledger_entry")
    one, two, _ = looked(pair)
    assert "L1" in ids(one)
    assert "L13" not in {*ids(one), *ids(two)}
    assert (one.is_never_booked, two.is_never_booked) == (True, False)


# --- statements --------------------------------------------------------------------------------

STATEMENTS = [
    *(form for e in EXAMINATIONS for form in (e.in_range, e.by_ids, e.whole) if form is not None),
    *(low_statement(table) for table in CLOCKS),
    *(
        statement
        for module in (database_touched, database_sweep, database_across, database_figures)
        for statement in vars(module).values()
        if isinstance(statement, type(database_touched.SIZE))
    ),
    *(s for w in database_figures._WORK.values() for s in (w.done, w.delayed)),
]


@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_every_statement_compiles_for_both_dialects(dialect):
    assert len(STATEMENTS) > 110
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


def test_only_what_an_index_leads_to_is_looked_at_as_a_whole():
    assert {e.id for e in EXAMINATIONS if e.is_complete} == GLOBAL


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_invariant_has_its_sentence_in_both_languages(language):
    file = Path(__file__).parents[3] / "templates" / language / "reconciliation.toml"
    words = tomllib.loads(file.read_text("utf-8"))
    assert sorted(words["invariant"]) == sorted(ENTRIES)
    assert all(row["text"].strip().endswith(".") for row in words["invariant"].values())
