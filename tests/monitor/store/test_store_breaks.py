"""Breaks as rows: they begin, are seen again, change and end in the transaction of a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store, recorder_of, rows

from checks.reconciliation import CHECK
from monitor.domain.alert import Rule
from monitor.domain.books.discrepancies import OpenBreak, OpenBreaks, ageing, money_in
from monitor.domain.check import Status, Verdict
from monitor.domain.check_pass import Observed, Planned
from monitor.recording.record import Recorder
from monitor.store.discrepancies import break_ages, breaks_of_payment, open_breaks, save_breaks
from monitor.store.passes.record import record_pass
from monitor.store.upkeep.prune import prune

ONE = OpenBreak("shard1", "L4", "entry 7", 7, 100, T0, T0)
TWO = OpenBreak("shard2", "L4", "entry 7", 7, 50, T0, T0)


@pytest.fixture
def store(tmp_path: Path):
    store = fresh_store(tmp_path)
    yield store
    store.close()


def save(store, *breaks, at=T0, check="reconciliation"):
    with store.write() as tx:
        save_breaks(tx, check, breaks, at)


def listed(store, *where):
    with store.read() as tx:
        return open_breaks(tx, *where)


def test_a_break_begins_is_seen_again_and_ends(store):
    save(store, ONE)
    again = replace(ONE, last_seen_at=T0 + MINUTE, amount_krw=120)
    save(store, again, at=T0 + MINUTE)
    assert listed(store) == [again]
    save(store, at=T0 + HOUR)
    assert listed(store) == []
    with store.read() as tx:
        assert breaks_of_payment(tx, "shard1", 7) == [(again, T0 + HOUR)]


def test_a_break_that_comes_back_is_another_one(store):
    save(store, ONE)
    save(store, at=T0 + MINUTE)
    back = replace(ONE, first_seen_at=T0 + HOUR, last_seen_at=T0 + HOUR)
    save(store, back, at=T0 + HOUR)
    with store.read() as tx:
        found = breaks_of_payment(tx, "shard1", 7)
    assert found == [(ONE, T0 + MINUTE), (back, None)]


def test_the_same_key_on_another_shard_or_of_another_check_is_another_break(store):
    save(store, ONE, TWO)
    save(store, ONE, check="other")
    save(store, TWO, at=T0 + MINUTE)
    assert listed(store, "shard2") == [TWO]
    assert listed(store, "shard1") == [ONE]
    assert listed(store, "", "L1") == []


def test_what_has_not_changed_is_not_written(store):
    save(store, ONE)
    with store.write() as tx:
        before = tx.exec_driver_sql("SELECT total_changes()").scalar()
        save_breaks(tx, "reconciliation", [ONE], T0 + MINUTE)
        assert tx.exec_driver_sql("SELECT total_changes()").scalar() == before


@pytest.mark.parametrize(
    ("breaks", "money"),
    [
        ([ONE, TWO], 150),
        ([ONE, replace(ONE, invariant="L10", key="payment 7", amount_krw=90)], 100),
        ([ONE, replace(ONE, key="entry 8")], 200),
        ([ONE, replace(ONE, invariant="L11", key="control total", amount_krw=900)], 100),
        ([TWO, replace(ONE, invariant="L11", key="control total", amount_krw=900)], 950),
        ([replace(ONE, payment_id=None), replace(ONE, payment_id=None, key="entry 8")], 200),
        ([], 0),
    ],
    ids=["two_shards", "two_invariants", "two_rows", "total", "total_alone", "no_payment", "none"],
)
def test_money_is_counted_once_however_many_invariants_tell_of_it(breaks, money):
    assert money_in(breaks) == money


def test_breaks_are_counted_by_age_with_their_money(store):
    ages = (MINUTE, HOUR, 23 * HOUR, DAY, 4 * DAY, 7 * DAY, 70 * DAY)
    now = T0 + 100 * DAY
    breaks = [
        replace(ONE, key=f"entry {n}", first_seen_at=now - age, amount_krw=10**n)
        for n, age in enumerate(ages)
    ]
    save(store, *breaks, at=now)
    with store.read() as tx:
        found = break_ages(tx, now)
        assert break_ages(tx, now, "shard2") == ageing((), now)
    assert found == ageing(breaks, now)
    assert [(b.name, b.count, b.amount_krw) for b in found] == [
        ("under_1h", 1, 1),
        ("under_1d", 2, 110),
        ("under_3d", 1, 1000),
        ("under_7d", 1, 10_000),
        ("over_7d", 2, 1_100_000),
    ]


def observed(breaks, at) -> Observed:
    verdict = Verdict(Status.CRIT, records=() if breaks is None else (OpenBreaks(breaks),))
    return Observed("reconciliation", at, 1.0, verdict, {})


def recorder(store) -> tuple[Recorder, Planned]:
    planned = Planned(CHECK, CHECK.options(), MINUTE, "", MINUTE, Rule())
    return recorder_of(store, []), planned


def test_a_pass_leaves_its_breaks_with_its_snapshot_or_neither(store, monkeypatch):
    record, planned = recorder(store)
    record.record(planned, observed((ONE,), T0), T0, 0)
    assert listed(store) == [ONE]
    monkeypatch.setattr("monitor.store.passes.record.save_breaks", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        record.record(planned, observed((), T0 + MINUTE), T0 + MINUTE, 0)
    assert listed(store) == [ONE]
    assert rows(store, "SELECT count(*) FROM snapshots") == [(1,)]


def test_a_pass_without_a_say_in_breaks_leaves_them_open(store):
    record, planned = recorder(store)
    record.record(planned, observed((ONE,), T0), T0, 0)
    record.record(planned, observed(None, T0 + MINUTE), T0 + MINUTE, 0)
    assert listed(store) == [ONE]


def test_only_breaks_that_ended_long_ago_are_forgotten(store):
    save(store, ONE, TWO)
    save(store, ONE, at=T0 + MINUTE)
    prune(store, T0 + timedelta(days=365 * 6))
    assert rows(store, "SELECT shard FROM breaks") == [("shard1",)]


def test_a_record_that_nothing_saves_is_refused(store):
    seen = Observed("reconciliation", T0, 1.0, Verdict(Status.OK, records=("a break",)), {})
    with store.write() as tx, pytest.raises(TypeError, match="reconciliation hands over a str"):
        record_pass(tx, seen, T0)
