"""A row lost, changed or added anywhere is told within one rotation; a pass costs the same."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import books
import pytest
from sqlalchemy import event

from checks.reconciliation import CHECK, Options
from checks.sources.database.source import Database
from monitor.domain.check import ProbeContext

EVERY = timedelta(minutes=5)
PAYMENTS, BLOCK = 400, 20
ROTATION = 7  # passes: three blocks of twenty at each, and the newest


def options(**given):
    hourly = {"block_payments": BLOCK, "payments_per_hour": 3 * BLOCK * 12}
    return Options(**{"ignore": (*Options().ignore, "P2", "P3", "O3", "S2"), **hourly, **given})


class Watched:
    """A shard under the check, pass after pass; with what each pass asked the database for."""

    def __init__(self, shard: books.Shard, **given):
        self.database = Database({"shard1": shard.url})
        self.options = options(**given)
        self.memory: dict = {}
        self.now = books.NOW

    def __call__(self):
        self.now += EVERY
        platform = SimpleNamespace(database=self.database, kafka=None)
        context = ProbeContext(platform, self.options, self.memory, self.now)
        verdict, memory = CHECK.evaluate(CHECK.probe(context), context)
        self.memory = json.loads(json.dumps(memory))
        [record] = verdict.records
        return verdict, record

    def settle(self):
        """Until the first sweep and a rotation are behind, and the entries are old enough."""
        for _ in range(2 * ROTATION):
            verdict, _ = self()
        assert not verdict.findings

    def told(self) -> set[tuple[str, int | None]]:
        """What is told within one rotation."""
        found = set()
        for _ in range(ROTATION):
            found |= {(b.invariant, b.payment_id) for b in self()[1].breaks}
        return found


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Gives a shard and the memory of a check that has gone all through it."""
    shard = books.shard(tmp_path_factory.mktemp("settled"), payments=PAYMENTS)
    watched = Watched(shard)
    watched.settle()
    return shard, watched


@pytest.fixture
def watched(settled, tmp_path):
    shard, before = settled
    copy = books.copied(shard, tmp_path)
    after = Watched(copy)
    after.memory, after.now = before.memory, before.now
    return copy, after


def entry(change: str):
    return lambda shard, p: shard.run(f"UPDATE ledger_entry SET {change} WHERE payment_id = ?", p)


def payment(change: str):
    return lambda shard, p: shard.run(f"UPDATE payment SET {change} WHERE payment_id = ?", p)


def delete(table: str, also: str = ""):
    return lambda shard, p: shard.run(f"DELETE FROM {table} WHERE payment_id = ?{also}", p)


def copied_entry(shard, p):
    """An entry written anew, with a number long past."""
    shard.run(
        "INSERT INTO ledger_entry SELECT -entry_id, payment_id, debit_account, credit_account,"
        " amount, occurred_at FROM ledger_entry WHERE payment_id = ? LIMIT 1",
        p,
    )


def both_changed(shard, p):
    """An entry and its payment changed alike: every balance stays even."""
    entry("amount = amount + 7")(shard, p)
    payment("amount = amount + 7")(shard, p)


def vanished(shard, p):
    delete("ledger_entry")(shard, p)
    delete("payment")(shard, p)


CHANGES = {
    "entries deleted": delete("ledger_entry"),
    "capture deleted": delete("ledger_entry", " AND debit_account = 'merchant_receivable'"),
    "amount of entries": entry("amount = amount + 1"),
    "account of entries": entry("credit_account = 'x'"),
    "entry added": copied_entry,
    "amount of payment": payment("amount = amount - 1"),
    "status of payment": payment("status = 'AUTHORIZED'"),
    "payment and entries alike": both_changed,
    "payment and entries deleted": vanished,
    "payment deleted": delete("payment"),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("change", CHANGES)
def test_a_row_lost_changed_or_added_anywhere_is_told_with_its_payment(watched, change, seed):
    shard, passes = watched
    one = random.Random(f"{change} {seed}").randrange(1, PAYMENTS - 10)
    CHANGES[change](shard, one)
    told = passes.told()
    assert one in {payment for _, payment in told}, told
    assert {payment for _, payment in told} == {one}, told


@pytest.mark.parametrize("seed", range(5))
def test_what_the_platform_does_with_old_payments_is_not_told(watched, seed):
    shard, passes = watched
    one = random.Random(seed).randrange(1, PAYMENTS // 3 - 10) * 3 + 1  # a captured one
    at = f"'{books.text(passes.now)}'"
    shard.run(
        f"UPDATE payment SET status = 'REFUNDED', updated_at = {at} WHERE payment_id = ?", one
    )
    own = f"payment_id = {one}"
    side = {"debit_account": "'cash'", "credit_account": "'merchant_receivable'"}
    shard.copy("ledger_entry", own, **side, occurred_at=at)
    amount = str(books.MONEY + one)
    shard.copy(
        "refund_request",
        "payment_id = 3",
        payment_id=str(one),
        refund_amount=amount,
        requested_at=at,
        completed_at=at,
    )
    shard.copy(
        "outbox_event",
        "event_type = 'PAYMENT_REFUND_REQUESTED'",
        aggregate_id=str(one),
        created_at=at,
        published_at=at,
        payload=f'\'{{"paymentId": {one}, "amount": {amount}}}\'',
    )
    assert passes.told() | passes.told() == set()


def test_a_row_put_back_as_it_was_is_no_longer_told(watched):
    shard, passes = watched
    both_changed(shard, 50)
    assert passes.told() == {("L12", 50), ("P6", 50)}
    entry("amount = amount - 7")(shard, 50)
    payment("amount = amount - 7")(shard, 50)
    passes.told()
    assert passes.told() == set()


MENDED = {
    "an amount": (entry("amount = amount + 7"), entry("amount = amount - 7"), (49,)),
    "amounts of several": (entry("amount = amount + 7"), entry("amount = amount - 7"), (49, 52)),
    "a currency": (payment("currency = 'USD'"), payment("currency = 'KRW'"), (49,)),
}


@pytest.fixture(params=MENDED)
def taken_wrong(request, tmp_path):
    """Gives a check that never saw these payments but wrong, and what mends them."""
    spoil, mend, spoilt = MENDED[request.param]
    shard = books.shard(tmp_path, payments=PAYMENTS)
    for one in spoilt:
        spoil(shard, one)
    passes = Watched(shard)
    for _ in range(2 * ROTATION):
        passes()
    assert {p for _, p in passes.told()} == set(spoilt)
    for one in spoilt:
        mend(shard, one)
    return shard, passes


def test_what_mends_a_known_break_is_not_told_as_a_change(taken_wrong):
    _, passes = taken_wrong
    passes.memory["shards"]["shard1"]["swept_at"] = None
    passes()
    assert passes.told() | passes.told() == set()


def test_a_change_beside_what_mends_a_known_break_is_told(taken_wrong):
    shard, passes = taken_wrong
    passes.memory["shards"]["shard1"]["swept_at"] = None
    both_changed(shard, 46)
    passes()
    assert {name for name, _ in passes.told()} & {"L12", "P6"}


def test_the_control_total_has_what_is_wrong_anywhere(watched):
    shard, passes = watched
    entry("amount = amount + 9")(shard, 50)
    delete("ledger_entry")(shard, 100)
    passes.told()
    verdict, record = passes()
    [drift] = [m.value for m in verdict.metrics if m.name == "control_drift_krw"]
    [extent] = record.extents
    assert (drift, extent.drift_krw) == (books.MONEY + 100 - 9, 9 - books.MONEY - 100)
    assert extent.unexplained_krw == 0


def test_a_drift_of_more_payments_than_are_remembered_is_told_as_unexplained(watched):
    shard, passes = watched
    passes.options = options(known_max=2)
    shard.run("UPDATE ledger_entry SET amount = amount + 5 WHERE payment_id IN (1, 4, 7, 10)")
    passes.told()
    verdict, record = passes()
    assert (record.extents[0].drift_krw, record.extents[0].unexplained_krw) == (20, 10)
    assert "shard1/L11" in {finding.subject for finding in verdict.findings}


def test_an_answer_says_since_when_everything_was_looked_at(watched):
    _, passes = watched
    _, record = passes()
    assert passes.now - record.extents[0].whole_at <= 2 * ROTATION * EVERY
    assert passes.now - record.extents[0].since < timedelta(minutes=30)


def test_before_the_first_rotation_is_through_nothing_is_said_of_the_whole(settled, tmp_path):
    fresh = Watched(books.copied(settled[0], tmp_path))
    assert fresh()[1].extents[0].whole_at is None


def cost(shard: books.Shard) -> tuple[int, int]:
    """Statements of a pass, and the rows that its totals went through."""
    passes = Watched(shard)
    passes.settle()
    for _ in range(3 * ROTATION):
        passes()
    asked: Counter[str] = Counter()
    server = passes.database._sweepers[0]._server.engine
    event.listen(server, "before_cursor_execute", lambda *args: asked.update(["statement"]))
    rows = []
    for _ in range(5):
        platform = SimpleNamespace(database=passes.database, kafka=None)
        passes.now += EVERY
        context = ProbeContext(platform, passes.options, passes.memory, passes.now)
        facts = CHECK.probe(context)
        rows.append(sum(t.rows for t in facts.rotated["shard1"].part.totals))
        passes.memory = CHECK.evaluate(facts, context)[1]
    return asked["statement"], max(rows)


def test_a_pass_costs_the_same_however_many_blocks_there_are(tmp_path):
    costs = [
        cost(books.shard(tmp_path, f"of{count}", payments=count, parity=0))
        for count in (200, 400, 800)
    ]
    assert len({statements for statements, _ in costs[1:]}) == 1, costs
    assert max(rows for _, rows in costs) <= 4 * BLOCK * 3
