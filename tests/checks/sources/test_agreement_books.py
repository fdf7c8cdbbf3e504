"""The shards through the gateway and read directly: the same state, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from agreement import differences, fields_of, methods

from checks.sources.database.source import Database
from checks.sources.facts.payments import (
    EntryFilter,
    EntryPage,
    MerchantShard,
    OutboxState,
    PaymentFilter,
    PaymentPage,
)
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway
from demo.stand_in import StandIn
from monitor.cli.demo.life import InProcess

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MERCHANT = "MERCHANT-4"
STRETCH = ((START, START + timedelta(days=3)),)


@dataclass(frozen=True, slots=True)
class State:
    """One state of a platform, and both ways to see it."""

    standin: StandIn
    gateway: Gateway
    direct: Database

    @property
    def now(self) -> datetime:
        return self.standin.now


def lived(tmp_path_factory, fault: str = "", *, as_original: bool = False) -> State:
    """A day and a half of life, with what is under way at its end."""
    folder = tmp_path_factory.mktemp("agreement")
    standin = StandIn(
        folder,
        5,
        start=START,
        payments_per_minute=0.4,
        pg_failure_percent=4,
        as_original=as_original,
    )
    standin.advance(START + timedelta(hours=36))
    if fault:
        standin.set_fault(fault, True)
        standin.set_traffic(6)
        standin.advance(standin.now + timedelta(minutes=20))
    urls = {n: f"sqlite:///{folder}/{n}.db" for n in ("shard1", "shard2")}
    wire = Wire("http://platform.test", transport=InProcess(standin))
    return State(standin, Gateway(wire), Database(urls, zone=ZoneInfo("Asia/Seoul")))


@pytest.fixture(scope="module", params=["", "relay_stalled", "consumer_stuck"])
def state(request: Any, tmp_path_factory: Any) -> Iterator[State]:
    made = lived(tmp_path_factory, request.param)
    yield made
    made.standin.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: Any) -> Iterator[State]:
    made = lived(tmp_path_factory, "relay_stalled", as_original=True)
    yield made
    made.standin.close()


# --- where the shards are told apart, their answers are put together for the comparison ----------


def outboxes(facts: tuple[Any, ...]) -> OutboxState:
    states = [fact for fact in facts if isinstance(fact, OutboxState)]
    oldest = sorted((row for s in states for row in s.oldest), key=lambda row: row["created_at"])
    return OutboxState(
        "",
        sum(s.waiting for s in states),
        max(s.oldest_age_seconds for s in states),
        None if any(s.exhausted is None for s in states) else sum(s.exhausted or 0 for s in states),
        tuple(oldest[:5]),
    )


def pages(facts: tuple[Any, ...], limit: int, rows: str, at: str) -> dict[str, Any]:
    kept = [fact for fact in facts if isinstance(fact, (PaymentPage, EntryPage))]
    listed = sorted(
        (replace(row, shard="") for page in kept for row in getattr(page, rows)),
        key=lambda row: getattr(row, at),
        reverse=True,
    )
    totals: dict[str, list[int]] = {}
    for count in (c for page in kept for c in page.totals):
        one = totals.setdefault(count.kind, [0, 0])
        one[0], one[1] = one[0] + count.count, one[1] + count.amount_krw
    named = {f"{getattr(row, 'entry_id', row.payment_id)} {row.amount_krw}": row for row in listed}
    return {rows: dict(list(named.items())[:limit]), "totals": totals}


def merchants(facts: tuple[Any, ...]) -> dict[str, Any]:
    kept = [fact for fact in facts if isinstance(fact, MerchantShard) and fact.first_at]
    counts = {c.kind: (c.count, c.amount_krw) for f in kept for c in f.periods[0]}
    return {"first": kept[0].first_at, "last": kept[0].last_at, "counts": counts}


WANTED = PaymentFilter(merchant_id=MERCHANT, limit=7)
ENTRIES = EntryFilter(payment_id=3, limit=9)


def written(by_shard):
    """The rows of all shards together."""
    found = list(by_shard.values())
    return {name: sum(getattr(each, name) for each in found) for name in WRITTEN}


WRITTEN = ("settlements", "refunds", "entries")
SAME: dict[str, Callable[[Any, datetime], Any]] = {
    "outbox": lambda s, now: outboxes(s.outbox(now)),
    "outbox_late": lambda s, now: outboxes(s.outbox_late(now, now - timedelta(minutes=5))),
    "counts": lambda s, now: s.counts(),
    "written": lambda s, now: written(s.written()),
    "statistics last_hour": lambda s, now: s.statistics("last_hour", now),
    "statistics last_24h": lambda s, now: s.statistics("last_24h", now),
    "statistics today": lambda s, now: s.statistics("today", now),
    "statistics all": lambda s, now: s.statistics("all", now),
    "work settlement": lambda s, now: s.work("settlement", now),
    "work refund": lambda s, now: s.work("refund", now),
    "payments": lambda s, now: pages(s.payments(WANTED), 7, "payments", "requested_at"),
    "entries": lambda s, now: pages(s.entries(ENTRIES), 9, "entries", "occurred_at"),
    "merchant": lambda s, now: merchants(s.merchant(MERCHANT, STRETCH)),
}
# What the gateway cannot know where the platform is right: (question, field) -> why.
DECLARED = {
    ("outbox", "exhausted"): "the events are listed without their retries",
    ("entries", "merchant_id"): "the entries are listed without their merchants",
    (
        "work settlement",
        "delayed",
    ): "it counts PENDING rows, which nobody sees: 0 says nothing",
    ("work refund", "delayed"): "it counts PENDING rows, which nobody sees: 0 says nothing",
    ("statistics today", "unavailable"): "whose midnight begins the day, only the platform knows",
}
# What it cannot answer at all: question -> the reason that it gives.
BLIND: dict[str, tuple[Callable[[Any, datetime], Any], str]] = {
    "books": (lambda s, now: s.books(now, None, {}), "gateway_tautology"),
    "affected": (lambda s, now: s.affected(START, now), "gateway_shows_no_requests"),
    "pg_records": (
        lambda s, now: s.pg_records(START, now, lambda rows: None),
        "gateway_shows_no_requests",
    ),
    "statistics_between": (lambda s, now: s.statistics_between(START, now), "gateway_no_range"),
    "shared_keys": (lambda s, now: s.shared_keys(START, now), "gateway_needs_direct"),
    "replay": (lambda s, now: s.replay(now), "gateway_needs_direct"),
    "payment": (lambda s, now: s.payment(3, "shard1")["shard1"].entries, "gateway_no_shard"),
}
# Questions about the shards themselves: the gateway names none, so that nothing is asked of them.
OF_SHARDS = {
    "sweep": lambda s, now: s.sweep(now, None, {}),
    "sizes": lambda s, now: s.sizes(),
    "rotate": lambda s, now: s.rotate(now, {}),
    "examine_blocks": lambda s, now: s.examine_blocks(now, None, {}),
    "connections": lambda s, now: s.connections(),
    "shard_names": lambda s, now: s.shard_names(),
}


def test_every_question_is_compared_or_declared():
    asked = {name.partition(" ")[0] for name in SAME} | BLIND.keys() | OF_SHARDS.keys()
    assert asked == methods("database")


@pytest.mark.parametrize("question", SAME)
def test_both_ways_say_the_same_but_for_what_is_declared(state, question):
    ask = SAME[question]
    found = differences(ask(state.gateway, state.now), ask(state.direct, state.now))
    undeclared = {
        path: both
        for path, both in found.items()
        if not any((question, field) in DECLARED for field in fields_of({path: both}))
    }
    assert undeclared == {}


def test_nothing_is_declared_that_does_not_differ(tmp_path_factory):
    made = lived(tmp_path_factory, "relay_stalled")
    found = {
        (question, field)
        for question, ask in SAME.items()
        for field in fields_of(differences(ask(made.gateway, made.now), ask(made.direct, made.now)))
    }
    made.standin.close()
    assert DECLARED.keys() <= found | {("work refund", "delayed"), ("work settlement", "delayed")}


def unavailable_of(answer: Any) -> list[Unavailable]:
    parts = answer.values() if isinstance(answer, dict) else answer
    listed = [answer] if isinstance(answer, Unavailable) else list(parts)
    listed = [one[1] if isinstance(one, tuple) else one for one in listed]
    return [one for one in listed if isinstance(one, Unavailable)]


@pytest.mark.parametrize("question", BLIND)
def test_what_the_gateway_cannot_answer_is_unavailable_for_its_reason(state, question):
    ask, reason = BLIND[question]
    assert [(u.why, u.reason) for u in unavailable_of(ask(state.gateway, state.now))] == [
        (Why.NOT_VISIBLE, reason)
    ]


@pytest.mark.parametrize("question", OF_SHARDS)
def test_the_gateway_names_no_shards(state, question):
    assert not OF_SHARDS[question](state.gateway, state.now)


# --- the platform as it was: what is not right is not seen ---------------------------------------

HALF = {
    "outbox": lambda s, now: s.outbox(now),
    "outbox_late": lambda s, now: s.outbox_late(now, now - timedelta(minutes=5)),
    "payments": lambda s, now: s.payments(WANTED),
    "entries": lambda s, now: s.entries(ENTRIES),
    "merchant": lambda s, now: s.merchant("MERCHANT-5", STRETCH),
    "work": lambda s, now: s.work("settlement", now).unavailable,
}


@pytest.mark.parametrize("question", HALF)
def test_the_shard_that_the_original_leaves_out_is_said_with_every_answer(original, question):
    found = unavailable_of(HALF[question](original.gateway, original.now))
    assert ("database/shard2", "shard_not_counted") in {(u.part, u.reason) for u in found}


def test_the_payments_of_the_original_are_counted_over_both_shards_all_the_same(original):
    counts = original.gateway.counts()
    assert counts.shards == {"shard1": "UP", "shard2": "UP"}
    assert counts.payments == original.direct.counts().payments


def test_the_entries_of_a_payment_are_those_of_the_only_shard_that_the_original_asks(original):
    seen = original.gateway.payment(3)
    mine = original.direct.payment(3, "shard1")["shard1"]
    assert not differences(seen["shard1"].entries, mine.entries)
    waiting = {event.event_id for event in mine.events if not event.published}
    assert {event.event_id for event in seen["shard1"].events} == waiting
    assert seen["shard2"].reason == "gateway_one_shard"


@pytest.mark.parametrize("question", ["outbox", "work settlement"])
def test_what_the_original_says_of_the_first_shard_is_right(original, question):
    url = f"sqlite:///{original.standin.folder}/shard1.db"
    ask = SAME[question]
    found = differences(
        ask(original.gateway, original.now), ask(Database({"shard1": url}), original.now)
    )
    assert {f for f in fields_of(found) if (question, f) not in DECLARED} <= {"unavailable"}
