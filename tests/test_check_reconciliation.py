"""The check `reconciliation`: what it tells, remembers and never passes over."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import books
import pytest

from checks.reconciliation import CHECK, Options
from checks.sources.database import Database
from checks.sources.facts import Books, Break, Unseen, Why
from monitor.domain.check import Look, Status

IDS = ("L1", "L3", "L4", "L5", "L7", "L8", "L9", "L11", "O1", "O2", "O9", "T1", "R1", "R4")


class Passes:
    """Passes of the check over real shards, its memory carried from one to the next as JSON."""

    def __init__(self, shards, **options):
        self.platform = SimpleNamespace(
            database=Database({name: shard.url for name, shard in shards.items()})
        )
        self.options = Options(**options)
        self.memory: dict = {}
        self.facts: tuple = ()

    def __call__(self, now=books.NOW):
        look = Look(self.platform, self.options, self.memory, now)
        self.facts = CHECK.probe(look)
        verdict, memory = CHECK.evaluate(self.facts, look)
        self.memory = json.loads(json.dumps(memory))
        return verdict


@pytest.fixture
def shards(tmp_path: Path) -> dict[str, books.Shard]:
    return {name: books.shard(tmp_path, name) for name in ("shard1", "shard2")}


def after(**span) -> object:
    return books.NOW + timedelta(**span)


def statuses(verdict) -> dict[str, Status]:
    return {f.key: f.status for f in verdict.findings}


def evaluate(*facts, memory=None, **options):
    look = Look(None, Options(**options), memory or {}, books.NOW)
    return CHECK.evaluate(facts, look)


def found(*breaks: Break, **kw) -> Books:
    return Books("shard1", **{"examined": IDS, "breaks": breaks, **_LOOK, **kw})


_LOOK = {"payments_seen": 9, "low": 0}


def broken(invariant: str, payment: int, difference: int = 0) -> Break:
    amounts = {"expected_krw": 100, "actual_krw": 100 + difference}
    return Break(invariant, "shard1", f"payment {payment}", payment, amounts)


def test_healthy_books_are_ok_and_measured(shards):
    verdict = Passes(shards)()
    assert (verdict.status, verdict.findings) == (Status.OK, ())
    assert {(m.series, m.value) for m in verdict.metrics} == {
        ("breaks{shard1}", 0),
        ("breaks{shard2}", 0),
        ("control_drift_krw{shard1}", 0),
        ("control_drift_krw{shard2}", 0),
    }


def test_a_break_is_told_with_its_shard_its_money_and_its_oldest_payments(shards):
    for payment in (163, 160, 161):
        shards["shard2"].disorder("L4", payment=payment)
    verdict = Passes(shards, evidence_max=2)()
    told = {f.subject: f for f in verdict.findings}
    wrong = told["shard2/L4"]
    assert set(told) == {"shard2/L4", "shard2/L11"}
    assert (wrong.code, wrong.status, wrong.sightings) == ("books_broken", Status.CRIT, 1)
    assert (wrong.params["count"], wrong.params["amount_krw"]) == (3, 21)
    assert [row["payment_id"] for row in wrong.evidence] == [160, 161]
    assert wrong.evidence[0]["first_seen_at"] == books.NOW.isoformat()


def test_the_control_total_warns_when_seen_once_and_is_critical_when_seen_again(shards):
    shards["shard1"].disorder("L11")
    passes = Passes(shards)
    assert statuses(passes()) == {"books_broken:shard1/L11": Status.WARN}
    verdict = passes(after(minutes=5))
    assert statuses(verdict) == {"books_broken:shard1/L11": Status.CRIT}
    assert verdict.findings[0].params["drift_krw"] == 10_160
    assert ("control_drift_krw{shard1}", 10_160) in {(m.series, m.value) for m in verdict.metrics}


def test_an_old_break_stays_open_between_sweeps_until_it_is_put_right(shards):
    shards["shard1"].disorder("L4", payment=8)
    passes = Passes(shards)
    passes()
    assert "books_broken:shard1/L4" in statuses(passes(after(minutes=5)))
    assert [fact.swept for fact in passes.facts] == [False, False]
    shards["shard1"].run("UPDATE ledger_entry SET amount = 10008 WHERE payment_id = 8")
    assert statuses(passes(after(minutes=10))) == {}
    assert passes.memory["shards"]["shard1"]["breaks"] == {}


def test_a_break_keeps_the_time_of_its_first_sighting(shards):
    shards["shard1"].disorder("L3")
    passes = Passes(shards)
    passes()
    verdict = passes(after(minutes=5))
    assert verdict.findings[0].params["first_seen_at"] == books.NOW.isoformat()


def test_everything_is_swept_again_after_a_day(shards):
    passes = Passes(shards)
    swept = []
    for hours in (0, 1, 23, 24, 25):
        passes(after(hours=hours))
        swept.append([fact.swept for fact in passes.facts])
    assert swept == [[True, True], [False, False], [False, False], [True, True], [False, False]]


def test_a_shard_that_is_down_is_unknown_and_keeps_its_open_breaks(shards):
    for shard in shards.values():
        shard.disorder("L4", payment=8)
    passes = Passes(shards)
    passes()
    file, away = shards["shard2"].file, shards["shard2"].file.with_suffix(".away")
    file.rename(away)
    verdict = passes(after(minutes=5))
    assert statuses(verdict) == {
        "books_broken:shard1/L4": Status.CRIT,
        "books_broken:shard1/L11": Status.CRIT,
        "blind:database/shard2": Status.UNKNOWN,
    }
    assert [f.hides for f in verdict.findings if f.code == "blind"] == ["shard2"]
    assert {m.subject for m in verdict.metrics} == {"shard1"}
    away.rename(file)
    assert statuses(passes(after(minutes=10)))["books_broken:shard2/L4"] is Status.CRIT


def test_a_missing_column_hides_its_invariant_and_no_other(shards):
    connection = sqlite3.connect(shards["shard1"].file)
    connection.execute("ALTER TABLE outbox_event DROP COLUMN retry_count")
    connection.close()
    verdict = Passes(shards)()
    (told,) = verdict.findings
    assert (told.key, told.hides) == ("blind:database/shard1/O2", "shard1/O2")
    assert told.params["columns"] == "outbox_event.retry_count"
    assert told.status is Status.UNKNOWN
    assert "breaks{shard1}" not in {m.series for m in verdict.metrics}


def test_a_look_that_ran_out_of_time_is_unknown_and_its_sweep_waits_for_an_hour(shards):
    passes = Passes(shards)
    passes.platform = SimpleNamespace(database=_stopped(passes.platform.database))
    verdict = passes()
    assert statuses(verdict) == {"blind:database/shard1": Status.UNKNOWN}
    assert verdict.findings[0].hides == "shard1"
    swept = []
    for minutes in (5, 59, 60):
        passes(after(minutes=minutes))
        swept.append(passes.facts[0].swept)
    assert swept == [False, False, True]


def _stopped(database: Database) -> SimpleNamespace:
    """A database whose statements on shard1 reach their limit after the first ones."""
    late = Unseen("database/shard1", Why.LIMIT, "database_time_limit", {"seconds_max": 10})

    def ask(now, window, open_ids):
        swept = "shard1" not in window.last_looks
        unseen = dict.fromkeys(IDS[3:], late)
        return (found(examined=IDS[:3], unseen=unseen, swept=swept),)

    return SimpleNamespace(books=ask)


@pytest.mark.parametrize("missing", IDS)
def test_an_invariant_that_was_not_examined_is_never_ok(missing):
    examined = tuple(i for i in IDS if i != missing)
    verdict, _ = evaluate(found(examined=examined))
    assert verdict.status is Status.UNKNOWN
    assert verdict.findings[0].hides == f"shard1/{missing}"


@pytest.mark.parametrize(
    ("part", "hides"), [("database", ""), ("gateway", ""), ("database/shard2", "shard2")]
)
def test_what_stayed_unseen_is_unknown_and_as_wide_as_the_part(part, hides):
    memory = {"shards": {"shard2": {"breaks": {"L4": {"entry 3": [3, "2026-03-01T00:00:00Z"]}}}}}
    verdict, kept = evaluate(Unseen(part, Why.BLIND, "gateway_tautology"), memory=memory)
    assert (verdict.status, verdict.findings[0].hides) == (Status.UNKNOWN, hides)
    assert verdict.metrics == ()
    assert kept == memory


def test_a_break_of_what_was_not_examined_this_time_is_still_remembered():
    _, memory = evaluate(found(broken("L4", 7)))
    _, memory = evaluate(found(examined=("L1",)), memory=memory)
    assert memory["shards"]["shard1"]["breaks"]["L4"]["payment 7"][0] == 7


def test_a_flood_of_breaks_is_remembered_and_told_within_bounds():
    flood = [broken("L4", n, 1) for n in range(1000, 0, -1)]
    verdict, memory = evaluate(found(*flood, truncated=("L4",)))
    (told,) = verdict.findings
    assert (told.params["count"], told.params["at_least"]) == (1000, True)
    assert [row["payment_id"] for row in told.evidence] == [1, 2, 3, 4, 5]
    assert len(memory["shards"]["shard1"]["breaks"]["L4"]) == 300


@pytest.mark.parametrize(
    ("invariant", "status", "sightings"),
    [
        ("L1", Status.CRIT, 2),
        ("L3", Status.CRIT, 1),
        ("L5", Status.CRIT, 2),
        ("L11", Status.WARN, 2),
        ("O1", Status.WARN, None),
        ("O2", Status.CRIT, 1),
        ("O9", Status.WARN, 1),
        ("T1", Status.CRIT, 1),
        ("R4", Status.CRIT, 1),
    ],
)
def test_each_invariant_has_its_severity_and_its_sightings(invariant, status, sightings):
    verdict, _ = evaluate(found(broken(invariant, 1)))
    (told,) = verdict.findings
    assert (told.status, told.sightings) == (status, sightings)


def test_a_grace_of_the_configuration_is_kept(shards):
    shards["shard1"].disorder("L1")
    at = books.text(books.NOW - timedelta(seconds=400))
    shards["shard1"].run("UPDATE payment SET updated_at = ? WHERE payment_id = 160", at)
    assert statuses(Passes(shards, grace_seconds=500)()) == {}
    assert "books_broken:shard1/L1" in statuses(Passes(shards)())


def test_an_event_that_waits_has_no_amount_but_its_payment(shards):
    shards["shard1"].disorder("O1")
    (told,) = Passes(shards)().findings
    assert (told.params["amount_krw"], told.params["oldest_payment_id"]) == (0, 160)
    assert told.evidence[0]["event_type"] == "PAYMENT_CAPTURE_REQUESTED"
