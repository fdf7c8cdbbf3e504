"""Each fault of the platform, and faults together: one incident for each cause, told and over."""

import random
from fnmatch import fnmatchcase
from itertools import combinations

import pytest
from fault_signs import FAULTS, HIDDEN_BY
from simulated import world

from checks.causes import every_cause
from monitor.domain.cause import explains

pytestmark = pytest.mark.slow

DAY_MINUTES = 25 * 60
COARSE_SECONDS = 1800
QUIET_MINUTES_MAX = 20
REGRESSION_MINUTES_MAX = 75  # judged by the level of an hour, once a world is old enough

FRESH_MINUTES = 12  # payments enough, young enough to be looked at, after whatever was before
NASTY = (
    ("broker_down", "redis_down"),
    ("shard_down", "relay_stalled"),
    ("ledger_wrong_amount", "broker_down"),
    ("consumer_stuck", "poison_message"),
    ("pg_refusing", "traffic_gone"),
    ("broker_down", "redis_down", "shard_down"),
    ("ledger_entry_missing", "ledger_entry_duplicated", "ledger_wrong_amount"),
    ("pg_refusing", "redis_down", "relay_stalled"),
    ("consumer_stuck", "slow_api", "merchant_over_limit"),
)
DRAWN = random.Random("pairs").sample(list(combinations(FAULTS, 2)), 12)
TOGETHER = list(dict.fromkeys((*NASTY, *DRAWN)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Gives a healthy world with a day behind it: the same one as long as it is healthy."""
    worlds = []

    def give():
        if not worlds or not worlds[-1].is_quiet:
            made = world(
                tmp_path_factory.mktemp("world"), every=COARSE_SECONDS, payments_per_minute=3
            )
            worlds.append(made)
            made.live(DAY_MINUTES)
            made.watch_every(60, hold_minutes=4)
            made.live(3)
            assert made.is_quiet
        return worlds[-1]

    yield give
    for made in worlds:
        made.close()


@pytest.fixture
def healthy(prepared):
    """A healthy world whose last end is so long ago that the next is not called unsteady."""
    given = prepared()
    given.live(61)
    return given


def lived(life, names, minutes):
    """The messages of a time in which these faults were on, until all was quiet again."""
    before = len(life.told)
    life.switch(names, True)
    life.live(minutes)
    life.switch(names, False)
    life.live_until_quiet(QUIET_MINUTES_MAX)
    if life.unrest and all(key.startswith("regression:") for key in life.unrest):
        life.live_until_quiet(REGRESSION_MINUTES_MAX)
    return life.told[before:]


def incidents_of(told):
    """The messages of each incident, in their order."""
    found = {}
    for message in told:
        found.setdefault(message.incident_id, []).append(message)
    return list(found.values())


def is_one_of(key, patterns):
    return any(fnmatchcase(key, pattern) for pattern in patterns)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_incident_that_names_it_and_ends_with_it(healthy, fault):
    root, minutes, consequences = FAULTS[fault]
    incidents = incidents_of(lived(healthy, [fault], minutes))
    assert len(incidents) == 1
    kinds = [message.kind for message in incidents[0]]
    assert (kinds[0], kinds[-1]) == ("firing", "resolved")
    assert set(kinds[1:-1]) <= {"update"}
    assert all(fnmatchcase(message.root.key, root) for message in incidents[0])
    told = {item.key for message in incidents[0] for item in message.consequences}
    assert {key for key in told if not is_one_of(key, (*consequences, "regression:*"))} == set()
    assert healthy.unrest == []


def hidden_among(names):
    return {name for name in names if HIDDEN_BY.get(name, {}).keys() & set(names)}


@pytest.mark.parametrize("names", TOGETHER, ids="+".join)
def test_faults_together_are_told_by_their_causes_and_nothing_else(healthy, names):
    hidden = hidden_among(names)
    healthy.live(FRESH_MINUTES)
    incidents = incidents_of(lived(healthy, names, max(FAULTS[name][1] for name in names)))
    roots = [messages[-1].root.key for messages in incidents]
    visible = {name: FAULTS[name][0] for name in names if name not in hidden}
    seen = {name: [r for r in roots if fnmatchcase(r, root)] for name, root in visible.items()}
    assert {name: len(found) for name, found in seen.items()} == dict.fromkeys(visible, 1)
    assert [r for r in roots if not is_one_of(r, [FAULTS[name][0] for name in names])] == []
    allowed = [p for name in names for p in FAULTS[name][2]] + [FAULTS[name][0] for name in hidden]
    told = {item.key for messages in incidents for m in messages for item in m.consequences}
    assert {key for key in told if not is_one_of(key, (*allowed, "regression:*"))} == set()
    assert [messages[-1].kind for messages in incidents] == ["resolved"] * len(incidents)
    assert healthy.unrest == []


def test_what_is_told_to_follow_is_declared_to_follow():
    for root, _, consequences in FAULTS.values():
        known = {root.replace("?", "1")}
        left = {pattern.replace("*", "shard1") for pattern in consequences}
        for _ in range(len(left)):
            found = {e for e in left if any(explains(every_cause(), c, e) for c in known)}
            known, left = known | found, left - found
        assert left == set(), root
