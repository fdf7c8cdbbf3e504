"""Each fault of the platform, and faults together: one incident for each cause, told and over."""

from fnmatch import fnmatchcase

import pytest
from simulated import world

from checks.causes import every_cause
from monitor.domain.cause import explains

DAY_MINUTES = 25 * 60
COARSE_SECONDS = 1800
QUIET_MINUTES_MAX = 45

NET = ("books_broken:*/L10", "books_broken:*/L11")
KAFKA_DOWN = (
    "breaker_open:ingest/kafka-publisher",
    "relay_stalled:",
    "outbox_old:*",
    "books_broken:*/O1",
    "blind:kafka",
)
# fault -> the root that names it, minutes it lasts, and all that may be told to follow from it
FAULTS = {
    "broker_down": ("service_down:kafka", 8, KAFKA_DOWN),
    "relay_stalled": ("relay_stalled:", 6, ("outbox_old:*", "books_broken:*/O1")),
    "slow_api": ("requests_slow:authorize", 5, ()),
    "pg_refusing": (
        "breaker_open:ingest/pg-auth-api",
        8,
        ("payments_refused:authorize", "regression:payments_per_minute"),
    ),
    "redis_down": ("service_down:redis", 12, ("blind:redis",)),
    "merchant_over_limit": ("merchant_blocked:authorize/MERCHANT-8", 6, ()),
    "poison_message": ("dead_letters_arrived:payment.dlq", 5, ()),
    "ledger_entry_missing": ("books_broken:shard?/L1", 5, NET),
    "ledger_entry_duplicated": ("books_broken:shard?/L3", 5, NET),
    "ledger_wrong_amount": ("books_broken:shard?/L4", 5, NET),
    "consumer_stuck": (
        "lag_stuck:payment-consumer",
        10,
        ("lag_rising:payment-consumer", "books_broken:*/L1", *NET),
    ),
    "shard_down": ("service_down:database/shard2", 12, ("blind:database/shard2",)),
    "traffic_gone": ("traffic_gone:", 14, ("regression:payments_per_minute",)),
}
PLAIN = list(FAULTS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Gives a healthy world with a day behind it: the same one as long as it is healthy."""
    worlds = []

    def give():
        if not worlds or not worlds[-1].is_quiet:
            made = world(tmp_path_factory.mktemp("world"), every=COARSE_SECONDS, payments_per_minute=3)
            worlds.append(made)
            made.live(DAY_MINUTES)
            made.watch_every(60)
            made.live(3)
            assert made.is_quiet
        return worlds[-1]

    yield give
    for made in worlds:
        made.close()


@pytest.fixture
def healthy(prepared):
    return prepared()


def lived(life, names, minutes):
    """The messages of a time in which these faults were on, until all was quiet again."""
    before = len(life.told)
    life.switch(names, True)
    life.live(minutes)
    life.switch(names, False)
    life.live_until_quiet(QUIET_MINUTES_MAX)
    return life.told[before:]


def incidents_of(told):
    """The messages of each incident, in their order."""
    found = {}
    for message in told:
        found.setdefault(message.incident_id, []).append(message)
    return list(found.values())


def is_one_of(key, patterns):
    return any(fnmatchcase(key, pattern) for pattern in patterns)


@pytest.mark.parametrize("fault", PLAIN)
def test_a_fault_is_one_incident_that_names_it_and_ends_with_it(healthy, fault):
    root, minutes, consequences = FAULTS[fault]
    incidents = incidents_of(lived(healthy, [fault], minutes))
    assert len(incidents) == 1
    kinds = [message.kind for message in incidents[0]]
    assert (kinds[0], kinds[-1]) == ("firing", "resolved")
    assert set(kinds[1:-1]) <= {"update"}
    assert all(fnmatchcase(message.root.key, root) for message in incidents[0])
    told = {item.key for message in incidents[0] for item in message.consequences}
    assert {key for key in told if not is_one_of(key, consequences)} == set()
    assert healthy.is_quiet


def test_what_is_told_to_follow_is_declared_to_follow():
    for root, _, consequences in FAULTS.values():
        known = {root.replace("?", "1")}
        left = {pattern.replace("*", "shard1") for pattern in consequences}
        for _ in range(len(left)):
            found = {e for e in left if any(explains(every_cause(), c, e) for c in known)}
            known, left = known | found, left - found
        assert left == set(), root
