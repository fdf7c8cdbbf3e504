"""The declared causes hang together, and every finding and reason has its words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checks.causes import CAUSES, every_cause
from checks.instances import Options
from checks.invariants.catalogue import catalogue
from monitor import plugins
from monitor.domain.cause import Causes, explains, root_of
from monitor.text.sentences import languages, load

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]
SHARDS = ("shard1", "shard2")
GROUPS = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
PARTS = (
    *("gateway", "monitoring", "ingest", "kafka", "redis", "database"),
    *("database/shard1", "database/shard2", "consumer", "settlement", "refund"),
    "eureka",
)
BREAKERS = ("ingest/kafka-publisher", "ingest/pg-auth-api", "ingest-2/kafka-publisher")
TOPICS = ("payment.captured", "payment.dlq", "settlement.dlq", "refund.dlq")
INVARIANTS = tuple(entry.id for entry in catalogue())
SUBJECTS = {
    "service_down": PARTS,
    "service_slow": PARTS,
    "monitoring_gap": (*PARTS, "gateway@h:1", "kafka/payment-consumer", "ingest/requests"),
    "breaker_open": BREAKERS,
    "breaker_forced": BREAKERS,
    "breaker_half_open_long": BREAKERS,
    "breaker_failing": BREAKERS,
    "partition_offline": TOPICS,
    "under_replicated": TOPICS,
    "topic_missing": TOPICS,
    "key_without_ttl": ("rate",),
    "memory_short": ("redis",),
    "keys_evicted": ("redis",),
    "merchant_blocked": ("authorize/M-1",),
    "merchant_stuck": ("authorize/M-1",),
    "requests_limited": ("requests/authorize", "requests/refund"),
    "instances_missing": tuple(Options().jobs),
    "clock_off": ("database/shard1",),
    "pool_exhausted": ("ingest/HikariPool-1",),
    "pool_short": ("ingest/HikariPool-1",),
    "connections_short": SHARDS,
    "publishing_slow": SHARDS,
    "merchant_near_limit": ("authorize/M-1", "refund/M-1"),
    "outbox_old": ("", *SHARDS),
    "outbox_exhausted": SHARDS,
    "relay_stalled": ("",),
    "lag_stuck": GROUPS,
    "lag_in_batch": GROUPS,
    "lag_rising": GROUPS,
    "lag_drains_slowly": GROUPS,
    "commit_beyond_end": GROUPS,
    "events_skipped": GROUPS[2:],
    "group_absent": GROUPS,
    "group_empty": GROUPS,
    "dead_letters_arrived": TOPICS[1:],
    "work_failing": ("settlement", "refund"),
    "work_delayed": ("settlement", "refund"),
    "work_dead_lettered": ("settlement", "refund"),
    "breaks_old": (*SHARDS, "shards"),
    "books_broken": (*(f"{s}/{i}" for s in SHARDS for i in INVARIANTS), "shards/X3"),
    "traffic_gone": ("",),
    "payments_refused": ("authorize",),
    "requests_slow": ("authorize",),
    "load_test_failed": ("authorize-capture",),
    "load_test_invalid": ("authorize-capture",),
    "load_test_worse": ("authorize-capture",),
    "regression": (
        "response_ms{ingest}",
        "response_ms{database/shard1}",
        "request_ms{authorize}",
        "lag_messages{payment-consumer}",
        "outbox_waiting_messages{shard1}",
        "outbox_oldest_age_seconds",
        "payments_per_minute",
        "refused_percent",
        "settlement_success_percent",
        "refund_success_percent",
    ),
    "diagnosis": ("service_down:kafka",),
}
KEYS = [f"{code}:{subject}" for code, subjects in SUBJECTS.items() for subject in subjects]


@pytest.fixture(scope="module")
def causes_of() -> dict[str, set[str]]:
    rules = every_cause()
    return {effect: {k for k in KEYS if explains(rules, k, effect)} for effect in KEYS}


@pytest.mark.slow
def test_nothing_follows_from_itself_however_indirectly(causes_of):
    done: set[str] = set()

    def visit(key: str, path: tuple[str, ...]) -> None:
        assert key not in path, " <- ".join((*path, key))
        if key not in done:
            for cause in causes_of[key]:
                visit(cause, (*path, key))
            done.add(key)

    for key in KEYS:
        visit(key, ())


@pytest.mark.slow
def test_every_rule_applies_to_something(causes_of):
    pairs = [(cause, effect) for effect, causes in causes_of.items() for cause in causes]
    idle = [r for r in every_cause() if not any(explains([r], *pair) for pair in pairs)]
    assert idle == []


@pytest.mark.parametrize(
    ("effect", "cause"),
    [
        ("breaker_open:ingest/kafka-publisher", "service_down:kafka"),
        ("outbox_old:shard1", "breaker_open:ingest/kafka-publisher"),
        ("outbox_old:", "relay_stalled:"),
        ("relay_stalled:", "service_down:kafka"),
        ("books_broken:shard1/O1", "relay_stalled:"),
        ("monitoring_gap:kafka", "service_down:kafka"),
        ("monitoring_gap:kafka/payment-consumer", "service_down:kafka"),
        ("monitoring_gap:redis", "monitoring_gap:gateway"),
        ("monitoring_gap:database/shard2", "service_down:database/shard2"),
        ("books_broken:shard1/L1", "lag_stuck:payment-consumer"),
        ("books_broken:shard1/L11", "books_broken:shard1/L1"),
        ("payments_refused:authorize", "breaker_open:ingest/pg-auth-api"),
        ("requests_slow:authorize", "service_down:redis"),
        ("traffic_gone:", "service_down:redis"),
        ("relay_stalled:", "service_down:redis"),
        ("books_broken:shard1/L3", "service_down:kafka"),
        ("books_broken:shards/X3", "service_down:kafka"),
        ("regression:payments_per_minute", "traffic_gone:"),
        ("regression:response_ms{ingest}", "service_slow:ingest"),
        ("regression:response_ms{database/shard1}", "service_slow:database"),
        ("regression:lag_messages{payment-consumer}", "lag_stuck:payment-consumer"),
    ],
)
def test_this_follows_from_that(effect, cause, causes_of):
    assert cause in causes_of[effect]


@pytest.mark.parametrize(
    ("effect", "cause"),
    [
        ("service_down:kafka", "monitoring_gap:gateway"),
        ("service_down:redis", "service_down:kafka"),
        ("monitoring_gap:redis", "service_down:kafka"),
        ("outbox_old:shard1", "breaker_open:ingest/pg-auth-api"),
        ("books_broken:shard1/L4", "service_down:kafka"),
        ("books_broken:shard1/L1", "relay_stalled:"),
        ("books_broken:shard2/L11", "books_broken:shard1/L1"),
        ("regression:lag_messages{payment-consumer}", "lag_stuck:refund-worker-group"),
        ("service_slow:ingest", "service_down:kafka"),
        ("traffic_gone:", "service_down:database/shard2"),
        ("merchant_near_limit:refund/M-1", "merchant_blocked:authorize/M-1"),
        ("requests_limited:requests/refund", "merchant_blocked:authorize/M-1"),
    ],
)
def test_this_does_not_follow_from_that(effect, cause, causes_of):
    assert cause not in causes_of[effect]


def test_a_broker_outage_is_the_root_of_what_it_brings():
    active = [
        "service_down:kafka",
        "breaker_open:ingest/kafka-publisher",
        "relay_stalled:",
        "outbox_old:shard1",
        "books_broken:shard1/O1",
        "work_delayed:settlement",
        "monitoring_gap:kafka",
        "regression:outbox_waiting_messages{shard1}",
    ]
    assert {root_of(key, active, every_cause()) for key in active} == {"service_down:kafka"}


@pytest.mark.parametrize(
    ("effect", "cause", "minutes"),
    [
        ("lag_rising:payment-consumer", "service_down:kafka", 30),
        ("books_broken:shard1/L3", "service_down:kafka", 15),
        ("outbox_old:shard1", "service_down:kafka", 5),
    ],
)
def test_what_a_cause_leaves_behind_has_the_time_that_it_takes_to_drain(effect, cause, minutes):
    rule = Causes(every_cause()).rule(cause, effect)
    assert rule is not None
    assert rule.drain == timedelta(minutes=minutes)


@pytest.mark.parametrize("entry", ["L1", "L3", "L5", "L7", "O2"])
def test_what_breaks_along_with_an_entry_of_the_books_shares_its_causes_and_their_drain(entry):
    causes = Causes(every_cause())
    broken = f"books_broken:shard1/{entry}"
    along = [e for e in ("L8", "L10", "L11", "O1", "X2") if causes.rule(broken, broken_with(e))]
    reasons = [c for c in CAUSES if c.effect == f"books_broken:*/{entry}"]
    assert along and reasons
    for reason in reasons:
        for effect in along:
            rule = causes.rule(reason.cause.replace("*", "shard2"), broken_with(effect))
            assert rule is not None and rule.drain >= reason.drain, (reason, effect)


def broken_with(name: str) -> str:
    return f"books_broken:shard1/{name}"


def test_no_outage_that_begins_after_its_cause_is_left_behind_by_it():
    outages = ("service_down:", "instances_missing:")
    rules = [c for c in every_cause() if c.effect.startswith(outages)]
    assert rules
    assert {rule.begins_within for rule in rules} == {timedelta(0)}


@pytest.mark.parametrize("code", ["lag_stuck", "group_absent", "group_empty"])
def test_a_group_that_stands_still_long_after_an_outage_stands_by_itself(code):
    causes = Causes(every_cause())
    for needed in ("service_down:kafka", "service_down:database/shard2", "service_down:consumer@1"):
        rule = causes.rule(needed, f"{code}:payment-consumer")
        assert rule is not None
        assert rule.explains_after(NOON, NOON + timedelta(minutes=1))
        assert not rule.explains_after(NOON, NOON + timedelta(minutes=3))


@pytest.mark.parametrize("code", ["outbox_old:a", "publishing_slow:a", "books_broken:a/O1"])
def test_what_holds_up_the_relay_is_a_cause_of_what_waits_for_it(code):
    causes = Causes(every_cause())
    holding = [c.cause for c in every_cause() if c.effect == "relay_stalled:"]
    assert "service_down:redis" in holding
    assert [c for c in holding if causes.rule(c.replace("*", "x"), code) is None] == []


def test_dead_letters_that_arrive_long_after_a_shard_is_back_are_not_what_it_left_behind():
    rule = Causes(every_cause()).rule("service_down:database/shard2", "dead_letters_arrived:a.dlq")
    assert rule is not None
    assert rule.explains_after(NOON, NOON + timedelta(minutes=4))
    assert not rule.explains_after(NOON, NOON + timedelta(minutes=6))


def constants(package: str) -> Iterator[str]:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_causes_name_only_findings_that_there_are():
    named = {re.split(r"[:]", side)[0] for c in every_cause() for side in (c.effect, c.cause)}
    assert named <= SUBJECTS.keys()
    assert SUBJECTS.keys() - {"regression"} <= set(constants("checks"))


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("code", SUBJECTS)
def test_every_finding_has_its_words(language, code):
    words = load(language)
    for part in ("title", "text", "action"):
        assert words.get(f"finding.{code}.{part}", "").strip()


REASON_AT = {
    "Unavailable": (2,),
    "unavailable_part": (1,),
    "_unavailable": (1, 2),
}  # among the arguments


def reasons() -> Iterator[str]:
    """Every reason that a source or a check gives for what it could not see."""
    for path in (ROOT / "checks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                places = REASON_AT.get(getattr(node.func, "id", getattr(node.func, "attr", "")), ())
                given = [node.args[at] for at in places if at < len(node.args)]
                yield from (a.value for a in given if isinstance(a, ast.Constant))


@pytest.mark.parametrize("language", languages())
def test_every_reason_has_its_words(language):
    words = load(language)
    found = {*reasons(), *("check_raised", "check_timeout", "check_still_running")}
    found |= {"connection_refused", "dns", "tls", "unreachable", "html", "not_json"}
    assert len(found) > 35
    assert {r for r in found if f"reason.{r}.text" not in words} == set()


def test_every_check_is_a_plug_in_named_like_its_file():
    found = plugins.load("checks", "CHECK")
    assert {name: check.name for name, check in found.items()} == {name: name for name in found}
    assert len(found) >= 13
    assert [name for name, check in found.items() if check.explains] == ["diagnose_issues"]
