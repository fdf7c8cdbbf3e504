"""The same faults as in test_invariants.py, on real MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import books
import pytest
from books_looks import BY_STATEMENT, ids, implied_by, looked, swept
from mariadb_books import database, keep, refill
from services import services

from checks.sources.database.books.blocks import FIRST, Rotation
from checks.sources.database.source import Database
from checks.sources.facts.books import Marks

S4 = {"S4"}
SPAN = timedelta(hours=40)


@pytest.fixture(scope="module")
def servers() -> Iterator[list[books.Shard]]:
    """Gives two shards on two servers."""
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one) as shard1, database(admin2, two) as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            keep(shard, books.healthy(200, books.NOW, SPAN, parity))
        yield [shard1, shard2]


@pytest.fixture
def pair(servers) -> list[books.Shard]:
    """Gives both shards, healthy; the second one stays so."""
    refill(servers[0])
    return servers


def broken(pair, **kw) -> set[str]:
    return ids(*looked(pair, **kw)) - S4


def test_healthy_books_raise_nothing_in_a_window_or_a_sweep(pair):
    one, two, _ = looked(pair)
    assert (one.breaks, two.breaks, one.unavailable) == ((), (), {})
    assert set(one.examined) == BY_STATEMENT | {"L13"}
    steps = swept(*pair, rows=150)
    assert [s.books.breaks for s in steps] == [()] * len(steps)
    assert set(steps[0].books.examined) == BY_STATEMENT - {"L11"}


@pytest.mark.parametrize("invariant", books.FAULTS)
def test_a_fault_breaks_its_invariant_and_nothing_but_what_it_implies(pair, invariant):
    pair[0].disorder(invariant)
    allowed = {invariant} | implied_by(invariant)
    for seen in (broken(pair), ids(swept(*pair)[0].books)):
        assert invariant in seen
        assert seen <= allowed


def test_the_control_total_breaks_with_the_net_of_a_payment(pair):
    pair[0].disorder("L10")
    assert {"L10", "L11"} <= broken(pair)


def test_a_merchant_on_both_shards_is_found(pair):
    pair[0].run("UPDATE payment SET merchant_id = 'MERCHANT-1' WHERE payment_id = 160")
    *_, together = looked(pair)
    assert [b.key for b in together.breaks if b.invariant == "S3"] == ["merchant MERCHANT-1"]


def test_numbers_of_payments_are_shared(pair):
    *_, together = looked(pair)
    assert [b.key for b in together.breaks if b.invariant == "S4"] == ["payment ids"]


def test_an_entry_posted_to_the_same_number_on_the_other_shard_is_found(pair):
    pair[0].run("UPDATE payment SET amount = 777, updated_at = updated_at WHERE payment_id = 161")
    amount = str(books.MONEY + 161)
    assert "L13" not in broken(pair)
    pair[0].copy("ledger_entry", "payment_id = 1", payment_id="161", amount=amount)
    assert "L13" not in broken(pair)  # the second shard has booked its own
    entry = pair[1].ask("SELECT max(entry_id) FROM ledger_entry WHERE payment_id = 161")
    pair[1].run("UPDATE ledger_entry SET payment_id = 1 WHERE entry_id = ?", entry)
    try:
        assert "L13" in broken(pair)
    finally:
        pair[1].run("UPDATE ledger_entry SET payment_id = 161 WHERE entry_id = ?", entry)


def totals(shard):
    """The totals of the first block of payments."""
    rotation = Rotation(FIRST, blocks=1, ids=150, marks=Marks(10**6, 10**6))
    part = Database({"shard1": shard.url}).rotate(books.NOW, {"shard1": rotation})["shard1"]
    return {block.number: block for block in part.totals}[0]


def test_rows_are_totalled_as_on_sqlite(pair, tmp_path):
    ours, theirs = totals(pair[0]), totals(books.shard(tmp_path))
    assert ours == theirs
    assert theirs.entries.rows > 50


def test_a_break_tells_whole_amounts_and_times_with_their_zone(pair):
    pair[0].disorder("T5")
    (one,) = [b for b in looked(pair)[0].breaks if b.invariant == "T5"]
    assert (one.params["expected_krw"], one.params["actual_krw"]) == (10_160, 10_161)
    pair[0].disorder("L1")
    (late,) = [b for b in looked(pair)[0].breaks if b.invariant == "L1"]
    assert str(late.params["updated_at"]).endswith("+00:00")
