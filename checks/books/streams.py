"""The streams beside the books: was everything published that the outbox says, and who gave up?

X1: a topic that only the relay writes grows by at least the events marked as published; X3: and
hardly by more.
X2: a missing entry has its dead letter, and a dead letter its missing entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from checks.sources.database.books.across import ACROSS
from checks.sources.facts.books import Books, Break
from checks.sources.facts.platform import DeadLetter, TopicEnds
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gap
from monitor.domain.check import Finding

TOPICS = {
    "PAYMENT_AUTHORIZED": "payment.authorized",
    "PAYMENT_CAPTURE_REQUESTED": "payment.capture-requested",
    "PAYMENT_REFUND_REQUESTED": "payment.refund-requested",
}
_DLQ = "payment.dlq"
_DLQ_READ = 200
_REPEATED_SHARE, _REPEATED_MIN = 0.1, 100  # a batch of the relay may be out but not yet marked
_BASE_LASTS = timedelta(minutes=10)
_GRACE, _FORGOTTEN = timedelta(minutes=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Streams:
    """What Kafka says; None: nobody asked it."""

    ends: Mapping[str, Fact[int]] = field(default_factory=dict)
    dead_letters: Fact[tuple[DeadLetter, ...]] | None = None

    def monitoring_gaps(self) -> Iterator[Finding]:
        """What could not be seen of Kafka: one finding."""
        unavailable = [end for end in self.ends.values() if isinstance(end, Unavailable)]
        if unavailable:
            yield monitoring_gap(unavailable[0], obscures=f"{ACROSS}/X1")
        elif isinstance(self.dead_letters, Unavailable):
            yield monitoring_gap(self.dead_letters, obscures=f"{ACROSS}/X2")

    def remembered(self, before: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Where the topics ended, and when: what the next passes count from."""
        ends = {topic: end for topic, end in self.ends.items() if isinstance(end, int)}
        if len(ends) < len(TOPICS):
            return before
        is_young = before and now - datetime.fromisoformat(before["at"]) < _BASE_LASTS
        if is_young and all(end >= before["ends"].get(topic, 0) for topic, end in ends.items()):
            return before
        return {"at": now.isoformat(), "ends": ends}


@dataclass(frozen=True, slots=True)
class Found:
    """What one invariant of the streams came to; `examined` False: nothing can be said."""

    invariant: str
    examined: bool = False
    breaks: tuple[Break, ...] = ()

    def added_to(self, books: Books, names: frozenset[str]) -> Books:
        """The books of all shards together with this."""
        if not self.examined or self.invariant not in names:
            return books
        reach = replace(books.reach, complete=books.reach.complete | {self.invariant})
        examined = (*books.examined, self.invariant)
        return replace(books, examined=examined, breaks=(*books.breaks, *self.breaks), reach=reach)


def look_at_streams(kafka: Any, names: Set[str]) -> Streams:
    """Ask Kafka for what the invariants need of it."""
    if kafka is None:
        return Streams()
    ends = {topic: _end(kafka.topic_ends(topic), topic) for topic in TOPICS.values()}
    return Streams(
        ends=ends if names & {"X1", "X3"} else {},
        dead_letters=kafka.dead_letters(_DLQ, _DLQ_READ) if "X2" in names else None,
    )


def _end(found: Fact[tuple[TopicEnds, ...]], topic: str) -> Fact[int]:
    if isinstance(found, Unavailable):
        return found
    return sum(ends.end_offset_total for ends in found if ends.topic == topic)


@dataclass(frozen=True, slots=True)
class Growth:
    """What came into a topic since a moment, and how many events were published since then.

    `published` surely, `at_most` perhaps: when an event is marked, it was sent a little before.
    """

    topic: str
    arrived: int
    published: int
    at_most: int


def growths(
    streams: Streams, books: Sequence[Books], before: Mapping[str, Any]
) -> list[Growth] | None:
    """Every topic of the relay since it was last counted; None if it cannot be said."""
    ends = {topic: end for topic, end in streams.ends.items() if isinstance(end, int)}
    if not before or len(ends) < len(TOPICS):
        return None
    return [
        Growth(
            topic,
            ends[topic] - before["ends"].get(topic, 0),
            sum(each.published.get(event_type, 0) for each in books),
            sum(each.published_at_most.get(event_type, 0) for each in books),
        )
        for event_type, topic in TOPICS.items()
    ]


def lost(grown: Sequence[Growth] | None) -> Found:
    """X1: events that are marked as published and did not arrive."""
    return _told(
        "X1",
        grown,
        lambda g: 0 <= g.arrived < g.published,
        lambda g: {"topic": g.topic, "published": g.published, "arrived": g.arrived},
    )


def repeated(grown: Sequence[Growth] | None) -> Found:
    """X3: many more messages than events that may have been published since."""
    return _told(
        "X3",
        grown,
        lambda g: g.arrived - g.at_most > max(_REPEATED_SHARE * g.at_most, _REPEATED_MIN),
        lambda g: {"topic": g.topic, "published_at_most": g.at_most, "arrived": g.arrived},
    )


def _told(
    invariant: str,
    grown: Sequence[Growth] | None,
    is_broken: Callable[[Growth], bool],
    params: Callable[[Growth], dict[str, Any]],
) -> Found:
    if grown is None:
        return Found(invariant)
    breaks = (
        Break(invariant, ACROSS, f"topic {g.topic}", None, params(g)) for g in grown if is_broken(g)
    )
    return Found(invariant, True, tuple(breaks))


def unexplained(streams: Streams, books: Sequence[Books], now: datetime) -> Found:
    """X2: missing entries without a dead letter, and dead letters without a missing entry."""
    dead_letters = streams.dead_letters
    if dead_letters is None or isinstance(dead_letters, Unavailable):
        return Found("X2")
    missing = {
        (b.shard, b.payment_id)
        for each in books
        for b in each.breaks
        if b.invariant in ("L1", "L5")
    }
    given_up = {
        dead_letter.payment_id for dead_letter in dead_letters if dead_letter.payment_id is not None
    }
    breaks = [
        Break("X2", ACROSS, f"payment {payment} on {shard}", payment, {"shards": shard})
        for shard, payment in sorted(missing, key=str)
        if payment not in given_up
    ]
    lacking = {payment for _, payment in missing}
    breaks += [
        Break(
            "X2",
            ACROSS,
            f"letter {one.partition}/{one.offset}",
            one.payment_id,
            {"topic": one.topic},
        )
        for one in dead_letters
        if one.payment_id in given_up - lacking and _GRACE < now - one.at < _FORGOTTEN
    ]
    return Found("X2", True, tuple(breaks))
