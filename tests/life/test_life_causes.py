"""An incident waits briefly for its cause, whichever check happens to look first."""

import random
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

import pytest
from simulated import world

from checks.causes import every_cause
from monitor.domain.cause import explains

pytestmark = pytest.mark.slow

BROKER = "service_down:kafka"


def lived(life, fault, minutes=6):
    life.live(12)
    life.switch([fault], True)
    life.live(minutes)
    life.switch([fault], False)
    life.live_until_quiet(20)
    return [(m.kind, m.root.key) for m in life.told]


def look_last(life, cause_check, seed):
    """Shuffle the checks; the one that sees the cause comes last."""
    names = [name for name in life.app.checks if name != cause_check]
    random.Random(seed).shuffle(names)
    life.app.checks = {name: life.app.checks[name] for name in (*names, cause_check)}


@pytest.fixture
def life(tmp_path):
    made = world(tmp_path, payments_per_minute=4, hold_minutes=4)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fault", "check", "root"),
    [
        ("broker_down", "services", BROKER),
        ("relay_stalled", "outbox_age", "relay_stalled:"),
        ("consumer_stuck", "consumer_lag", "lag_stuck:payment-consumer"),
        ("pg_refusing", "breakers", "breaker_open:ingest/pg-auth-api"),
        ("shard_down", "services", "service_down:database/shard2"),
    ],
)
def test_the_first_message_names_the_cause_although_its_check_looked_last(life, fault, check, root):
    look_last(life, check, seed=fault)
    said = lived(life, fault, 8)
    assert said[0] == ("firing", root)
    assert {key for _, key in said} == {root}
    assert [kind for kind, _ in said].count("firing") == 1
    assert said[-1] == ("resolved", root)


@pytest.mark.parametrize("every_seconds", [90, 150])
def test_a_cause_that_is_looked_for_less_often_is_still_waited_for(life, every_seconds):
    planned = life.app.checks["services"]
    slower = replace(planned, every=timedelta(seconds=every_seconds))
    # Nothing happens between two minutes here: the cause must only be seen first in its own.
    others = {name: check for name, check in life.app.checks.items() if name != "services"}
    life.app.checks = {"services": slower, **others}
    said = lived(life, "broker_down", 10)
    assert [kind for kind, _ in said].count("firing") == 1
    assert {key for _, key in said} == {BROKER}


def test_what_went_wrong_long_before_is_no_consequence_and_does_not_outlast_the_cause(life):
    life.live(12)
    life.switch(["slow_api"], True)
    life.live(40)
    life.switch(["pg_refusing"], True)
    life.live(6)
    life.switch(["pg_refusing"], False)
    life.live(14)
    breaker = [m for m in life.told if m.root.key == "breaker_open:ingest/pg-auth-api"]
    assert (breaker[0].kind, breaker[-1].kind) == ("firing", "resolved")
    assert [m.kind for m in life.told if m.root.key == "requests_slow:authorize"] == ["firing"]


@pytest.mark.parametrize(
    ("fault", "root"),
    [
        ("consumer_stuck", "lag_stuck:payment-consumer"),
        ("ledger_entry_missing", "books_broken:*/L1"),
    ],
)
def test_a_drift_of_the_books_seen_every_five_minutes_is_told_by_its_cause(life, fault, root):
    planned = life.app.checks["reconciliation"]
    slower = replace(planned, every=timedelta(minutes=5))
    life.app.checks = {**life.app.checks, "reconciliation": slower}
    said = lived(life, fault, 16)
    assert [kind for kind, _ in said].count("firing") == 1
    assert {key for _, key in said if not fnmatchcase(key, root)} == set()
    assert life.is_quiet


def test_a_drift_follows_from_a_stuck_consumer_even_before_the_missing_entries_are_seen():
    stuck, drift = "lag_stuck:payment-consumer", "books_broken:shard1/L11"
    assert explains(every_cause(), stuck, drift)
