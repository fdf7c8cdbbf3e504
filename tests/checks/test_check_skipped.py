"""What the ledger consumer read and skipped is told where it is seen, and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checks import consumer_lag
from checks.sources.facts.payments import Written
from checks.sources.facts.platform import Group, GroupLag, PartitionLag, TopicEnds
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.check import Finding, Memory, ProbeContext

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
GROUP, KEY = "payment-consumer", "events_skipped:payment-consumer"
AWAY = Unavailable("database/shard2", Why.REFUSED, "connection_refused")


@dataclass(frozen=True)
class Books:
    """The platform at one moment; `unbooked` of the payments captured lately have no entry."""

    read: int = 0
    entries: int = 0
    dead: int = 0
    waits: int = 0
    unbooked: int = 0
    written: dict[str, Any] = field(default_factory=dict)
    topics: tuple[str, ...] = ("payment.dlq",)

    def platform(self) -> Any:
        """Answers as Kafka and the shards would."""
        partition = PartitionLag(
            "payment.captured", 0, self.read, self.read + self.waits, self.waits
        )
        shards = {"shard1": Written(0, 0, self.entries), "shard2": Written(0, 0, 0)}
        kafka = SimpleNamespace(
            groups=lambda: (Group(GROUP, "STABLE"),),
            group_lag=lambda group: GroupLag(group, (partition,)),
            cluster=lambda: SimpleNamespace(topics=self.topics),
            topic_ends=lambda topic: (TopicEnds(topic, {0: self.dead}, self.dead),),
        )
        found = {"not_booked": (self.unbooked, 1000 * self.unbooked)} if self.unbooked else {}
        database = SimpleNamespace(
            written=lambda: self.written or shards, affected=lambda start, now: found
        )
        return SimpleNamespace(kafka=kafka, database=database)


def passes(looks: Iterable[Books]) -> list[dict[str, Finding]]:
    """What is found at each look, a minute apart."""
    memory: Memory = {}
    said = []
    for minute, look in enumerate(looks):
        options = consumer_lag.Options(groups=(GROUP,))
        now = NOON + timedelta(minutes=minute)
        context = ProbeContext(look.platform(), options, memory, now)
        verdict, memory = consumer_lag.CHECK.evaluate(consumer_lag.CHECK.probe(context), context)
        said.append({finding.key: finding for finding in verdict.findings})
    return said


def told(looks: Iterable[Books]) -> bool:
    return any(KEY in found for found in passes(looks))


def skipping(minutes: int = 8, **more: Any) -> list[Books]:
    """Half of what is read is booked."""
    return [Books(4 * n, 2 * n, unbooked=2 * n, **more) for n in range(minutes)]


def test_events_that_are_read_but_neither_booked_nor_given_up_are_told_with_the_money():
    found = passes(skipping())
    assert [KEY in each for each in found] == [False, False, *[True] * 6]
    finding = found[-1][KEY]
    assert finding.status.value == "crit"
    assert finding.params == {
        "group": GROUP,
        "events": 14,
        "since": NOON.isoformat(),
        "unbooked": 14,
        "unbooked_krw": 14_000,
    }


@pytest.mark.parametrize(
    "looks",
    [
        [Books(40, 20, unbooked=20)] * 8,
        [Books(4 * n, 4 * n) for n in range(8)],
        [Books(4 * n, 2 * n, dead=2 * n, unbooked=2 * n) for n in range(8)],
        [Books(20 * n, n) for n in range(8)],
        [Books(4 * n, 4 * n, unbooked=9) for n in range(8)],
        [Books(0, 10 * n, waits=80, unbooked=5) for n in range(8)] + [Books(80, 80, unbooked=5)],
        [Books(200 * n, n, waits=50 * min(n, 1), unbooked=9) for n in range(8)],
        [replace(look, written={"": Written(0, 0, look.entries)}) for look in skipping()],
        [
            replace(look, written={"shard1": Written(0, 0, 5), "shard2": AWAY})
            for look in skipping()
        ],
        [Books(50 * n, 50 - n, unbooked=9) for n in range(8)],
        [Books(400 - 40 * n, 0, unbooked=9) for n in range(8)],
        [Books(n, 0, unbooked=n) for n in range(3)],
    ],
    ids=[
        "nothing is read",
        "all is booked",
        "all else is given up",
        "copies that need no entry",
        "not booked, but not read either",
        "booked before it was committed",
        "what lacks an entry may wait",
        "the platform's own figures",
        "a shard is not seen",
        "entries are deleted",
        "offsets are set back",
        "too few to tell",
    ],
)
def test_nothing_is_told_where_it_is_not_so_or_not_seen(looks):
    assert not told(looks)


def test_what_was_skipped_while_a_shard_was_away_is_told_at_its_return():
    away = {"shard1": Written(0, 0, 8), "shard2": AWAY}
    out = [Books(8 + n, 8, unbooked=n, written=away) for n in range(30)]
    found = passes([Books(4, 4), Books(8, 8), *out, Books(38, 8, unbooked=30)])
    assert not any(KEY in each for each in found[:-1])
    assert found[-1][KEY].params["events"] == 30


def test_it_is_over_when_what_was_skipped_is_booked():
    found = passes([*skipping(), Books(28, 28)])
    assert (KEY in found[-2], KEY in found[-1]) == (True, False)


def test_what_was_skipped_long_ago_is_not_told_for_ever():
    found = passes([*skipping(), *(Books(28 + n, 14 + n, unbooked=14) for n in range(20))])
    assert KEY not in found[-1]


def test_a_dlq_that_does_not_exist_yet_is_not_asked_for_and_holds_nothing():
    assert told(skipping(topics=()))


def test_the_shards_are_not_asked_again_where_the_figures_tell_no_shard_apart():
    asked: list[int] = []

    def counted(look: Books, minute: int) -> Any:
        platform = look.platform()
        written = {"": Written(0, 0, 1)}
        platform.database.written = lambda: asked.append(minute) or written
        return platform

    memory: Memory = {}
    for minute in range(5):
        context = ProbeContext(
            counted(Books(minute, 0), minute), consumer_lag.Options(groups=(GROUP,)), memory, NOON
        )
        _, memory = consumer_lag.CHECK.evaluate(consumer_lag.CHECK.probe(context), context)
    assert asked == [0]


@pytest.mark.parametrize("seed", range(40))
def test_a_consumer_that_books_everything_is_never_said_to_skip(seed):
    chance = random.Random(seed)
    sent = read = entries = dead = 0
    looks = []
    for _ in range(60):
        sent += chance.choice((0, 0, 3, 40, 600))
        done = chance.randint(read, sent)  # booked as far as this, committed a batch behind
        bad = sum(chance.random() < 0.1 for _ in range(done - entries - dead))
        dead, entries = dead + bad, done - dead - bad
        read = chance.randint(read, done)
        looks.append(Books(read, entries, dead, sent - read, chance.choice((0, 5, 50))))
    assert not told(looks)
