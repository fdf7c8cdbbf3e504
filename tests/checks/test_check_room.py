"""Checks that judge who is there and what room is left: instances, connections, clocks."""

from __future__ import annotations

from typing import Any

import pytest
from test_check_flows import Passes
from test_check_states import judge, keys, metrics, use

from checks import connections, instances, outbox_age, rate_limits, services
from checks.sources.facts.instances import Connections, Pool, Target
from checks.sources.facts.payments import OutboxState
from checks.sources.facts.platform import Health
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.check import Status

SAID = {"path": "/api", "got": "", "expected": ""}
AWAY = Unavailable("prometheus", Why.REFUSED, "connection_refused", SAID)
JOBS = {"ingest": 2, "worker": 1}


def target(job: str, instance: str, up: bool = True, age: float | None = 5.0) -> Target:
    return Target(job, instance, up, age)


BOTH = (target("ingest", "a:1"), target("ingest", "b:1"))
WORKER = target("worker", "w:1")


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ((*BOTH, WORKER), {}),
        ((BOTH[0], WORKER), {"instances_missing:ingest": "warn"}),
        ((*BOTH, target("worker", "w:1", up=False)), {"instances_missing:worker": "crit"}),
        ((*BOTH, target("ingest", "c:1", up=False), WORKER), {"instances_missing:ingest": "warn"}),
        (BOTH, {"monitoring_gap:jobs/worker": "unknown"}),
        ((*BOTH, target("worker", "w:1", age=500)), {"monitoring_gap:jobs/worker": "unknown"}),
        ((*BOTH, target("worker", "w:1", age=None)), {"monitoring_gap:jobs/worker": "unknown"}),
        (AWAY, {"monitoring_gap:prometheus": "unknown"}),
        (None, {"monitoring_gap:instances": "unknown"}),
    ],
    ids=["all", "one left", "none", "one too many", "never", "old", "no time", "blind", "unasked"],
)
def test_a_job_needs_its_instances(targets, expected):
    verdict, _ = judge(instances.CHECK, instances.Facts(targets), jobs=JOBS)
    assert keys(verdict) == expected


def test_a_job_that_left_the_registry_is_missed_and_not_only_unavailable():
    passes = Passes(instances.CHECK, {"jobs": JOBS})
    assert passes.keys(0, instances.Facts((*BOTH, WORKER))) == {}
    assert passes.keys(1, instances.Facts(AWAY)) == {"monitoring_gap:prometheus": "unknown"}
    gone = passes(2, instances.Facts(BOTH))
    assert keys(gone) == {"instances_missing:worker": "crit"}
    assert metrics(gone) == {"instances_up{ingest}": 2, "instances_up{worker}": 0}


def watched(*seen: tuple[float, int]) -> dict[str, str]:
    """What is found at the end of passes, each so many hours on, with so many instances up."""
    passes = Passes(instances.CHECK, {"jobs": {"ingest": 0}})
    for hours, up in seen:
        targets = tuple(target("ingest", f"{n}:1") for n in range(up))
        found = passes.keys(60 * hours, instances.Facts(targets))
    return found


MISSING = {"instances_missing:ingest": "warn"}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (((0, 1), (1, 1)), {}),
        (((0, 1), (1, 2), (1.2, 2), (1.3, 2), (2, 1)), MISSING),
        (((0, 2), (1, 1)), MISSING),
        (((0, 2), (1, 4), (1.1, 4), (1.2, 2)), {}),
        (((0, 2), (1, 4), (1.1, 3), (1.3, 4), (1.4, 3), (1.5, 2)), MISSING),
        (((0, 2), (1, 1), (23, 1)), MISSING),
        (((0, 2), (1, 1), (25, 1), (26, 1)), {}),
        (((0, 1), (1, 0), (30, 0)), {"instances_missing:ingest": "crit"}),
    ],
    ids=["one", "more", "fewer", "an update", "some stay", "a day", "over a day", "none is never"],
)
def test_how_many_instances_there_should_be_is_learnt_from_what_was_seen(seen, expected):
    assert watched(*seen) == expected


def test_by_default_no_number_of_instances_is_assumed():
    assert set(instances.Options().jobs.values()) == {0}


def pool(active: int, pending: int = 0) -> connections.Facts:
    return connections.Facts({"ingest": (Pool("ingest", "P", active, 10, pending),)}, {})


def shard(connected: int) -> connections.Facts:
    return connections.Facts({}, {"shard1": Connections("shard1", connected, 100)})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (pool(7), {}),
        (pool(8), {"pool_short:ingest/P": "warn"}),
        (pool(10), {"pool_short:ingest/P": "crit"}),
        (pool(7, 3), {}),
        (connections.Facts({"ingest": ()}, {}), {"monitoring_gap:ingest": "unknown"}),
        (connections.Facts({"ingest": AWAY}, {}), {"monitoring_gap:prometheus": "unknown"}),
        (shard(79), {}),
        (shard(80), {"connections_short:shard1": "warn"}),
        (shard(95), {"connections_short:shard1": "crit"}),
        (connections.Facts({}, {"shard1": AWAY}), {"monitoring_gap:prometheus": "unknown"}),
    ],
    ids=[
        *("room", "short", "full", "waits a moment", "no pool", "blind"),
        *("shard has room", "shard short", "shard full", "shard blind"),
    ],
)
def test_pools_and_servers_need_room(facts, expected):
    assert keys(judge(connections.CHECK, facts)[0]) == expected


def test_threads_that_wait_for_a_minute_are_critical_and_a_pause_begins_anew():
    passes = Passes(connections.CHECK)
    exhausted = {"pool_exhausted:ingest/P": "crit"}
    full = {"pool_short:ingest/P": "crit"}
    assert passes.keys(0, pool(10, 2)) == full
    assert passes.keys(0.5, connections.Facts({"ingest": AWAY}, {})) != {}
    assert passes.keys(1, pool(10, 5)) == exhausted
    assert passes.keys(2, pool(10, 0)) == full
    assert passes.keys(3, pool(10, 1)) == full


@pytest.mark.parametrize(
    ("skew", "expected"),
    [
        (None, {}),
        (0.9, {}),
        (-1.1, {"clock_off:database/shard1": "warn"}),
        (600.0, {"clock_off:database/shard1": "crit"}),
    ],
)
def test_a_clock_that_is_off_is_said(skew, expected):
    facts = {"database/shard1": Health("database/shard1", True, 1.0, skew_seconds=skew)}
    assert keys(judge(services.CHECK, facts)[0]) == expected


@pytest.mark.parametrize(
    ("lag", "expected"),
    [
        (None, {}),
        (5.0, {}),
        (5.1, {"publishing_slow:shard1": "warn"}),
        (31.0, {"publishing_slow:shard1": "crit"}),
    ],
)
def test_events_that_wait_long_for_their_publication_are_said(lag, expected):
    state = OutboxState("shard1", 0, 0.0, 0, (), lag)
    facts: Any = outbox_age.Facts((state,), AWAY)
    verdict, _ = judge(outbox_age.CHECK, facts)
    assert {k: s for k, s in keys(verdict).items() if s != Status.UNKNOWN} == expected


def test_a_counter_without_an_end_is_said_before_it_blocks():
    said, _ = judge(
        rate_limits.CHECK,
        rate_limits.Facts((use(3, ttl=None), use(90, "refund", 30))),
        authorize_max=100,
        capture_max=100,
        refund_max=100,
    )
    assert keys(said) == {
        "merchant_stuck:authorize/M-1": "warn",
        "merchant_near_limit:refund/M-1": "warn",
    }
