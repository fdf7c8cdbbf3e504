"""Each fault of the platform, and faults together: one incident for each cause, told and over."""

import random
from fnmatch import fnmatchcase
from itertools import combinations

import pytest
from simulated import world

from checks.causes import every_cause
from monitor.domain.cause import explains

pytestmark = pytest.mark.slow

DAY_MINUTES = 25 * 60
COARSE_SECONDS = 1800
QUIET_MINUTES_MAX = 20
REGRESSION_MINUTES_MAX = 75  # judged by the level of an hour, once a world is old enough

NET = ("books_broken:*/L10", "books_broken:*/L11")
KAFKA_DOWN = (
    "breaker_open:ingest/kafka-publisher",
    "relay_stalled:",
    "outbox_old:*",
    "publishing_slow:*",
    "books_broken:*/O1",
    "books_broken:*/P2",
    "books_broken:*/P3",
    "monitoring_gap:kafka",
    # what waited comes again and again, and a refund is booked as often
    *("books_broken:*/L7", "books_broken:*/L8", *NET, "lag_rising:*", "lag_in_batch:*"),
)
# fault -> the root that names it, minutes it lasts, and all that may be told to follow from it
FAULTS = {
    "broker_down": ("service_down:kafka", 8, KAFKA_DOWN),
    "relay_stalled": (
        "relay_stalled:",
        6,
        (
            *("outbox_old:*", "publishing_slow:*"),
            *("books_broken:*/O1", "books_broken:*/P2", "books_broken:*/P3"),
        ),
    ),
    "slow_api": ("requests_slow:authorize", 5, ()),
    "pg_refusing": (
        "breaker_open:ingest/pg-auth-api",
        8,
        ("payments_refused:authorize", "traffic_gone:", "regression:payments_per_minute"),
    ),
    "redis_down": (
        "service_down:redis",
        12,
        (
            *("monitoring_gap:redis", "requests_slow:authorize", "traffic_gone:"),
            "regression:payments_per_minute",
        ),
    ),
    "merchant_over_limit": ("merchant_blocked:authorize/MERCHANT-8", 6, ()),
    "poison_message": ("dead_letters_arrived:payment.dlq", 5, ()),
    "ledger_entry_missing": ("books_broken:shard?/L1", 5, NET),
    "ledger_entry_duplicated": ("books_broken:shard?/L3", 5, NET),
    "ledger_wrong_amount": ("books_broken:shard?/L4", 5, NET),
    "shard2_unbooked": (
        "books_broken:shard2/L1",
        10,
        ("books_broken:shard2/L10", "books_broken:shard2/L11"),
    ),
    "consumer_stuck": (
        "lag_stuck:payment-consumer",
        10,
        ("lag_rising:payment-consumer", "books_broken:*/L1", "books_broken:*/L5", *NET),
    ),
    "shard_down": ("service_down:database/shard2", 12, ("monitoring_gap:database/shard2",)),
    "traffic_gone": ("traffic_gone:", 14, ("regression:payments_per_minute",)),
}
# fault -> what keeps it from being told beside itself, and why
HIDDEN_BY = {
    "relay_stalled": {
        "broker_down": "a relay publishes nothing without a broker",
        "shard_down": "a relay stands still without its databases",
        "traffic_gone": "there is nothing to publish",
        "pg_refusing": "hardly anything is left to publish",
    },
    "slow_api": {
        "pg_refusing": "a payment gateway in trouble makes for slow answers",
        "redis_down": "without Redis every request hangs",
        "traffic_gone": "nobody waits for an answer",
    },
    "merchant_over_limit": {"redis_down": "the limiter counts nothing"},
    "poison_message": {
        "broker_down": "nothing can arrive",
        "consumer_stuck": "nobody reads it before the end",
        "shard_down": "what a shard cannot take ends in the DLQ",
    },
    "consumer_stuck": {
        "broker_down": "the lag cannot be seen",
        "relay_stalled": "nothing comes that could wait",
        "shard_down": "a consumer stands still without its database",
        "traffic_gone": "nothing comes that could wait",
    },
    "ledger_entry_missing": {
        "broker_down": "a capture that was not carried leaves no entry",
        "consumer_stuck": "a capture that was not consumed leaves no entry",
        "poison_message": "a capture in the DLQ leaves no entry",
        "shard_down": "the books of the shard cannot be seen",
    },
    "ledger_entry_duplicated": {
        "broker_down": "each event that waited for the broker comes again, and is booked again",
        "shard_down": "the books of the shard cannot be seen",
    },
    "ledger_wrong_amount": {"shard_down": "the books of the shard cannot be seen"},
    "traffic_gone": {
        "redis_down": "without Redis nothing is authorized",
        "pg_refusing": "no payment is made where every one is refused",
        "shard_down": "the payments of the shard cannot be counted",
    },
}
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
