"""Kafka itself: nothing is created, joined or committed by looking at it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from checks.sources.facts.platform import (
    Cluster,
    DeadLetter,
    Group,
    GroupLag,
    Health,
    Partition,
    TopicEnds,
)
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.kafka.dead_letter_reader import read_dead_letters
from checks.sources.kafka.lag import behind
from checks.sources.kafka.wire import KafkaWire, OfflineError, Place, Talk

T = TypeVar("T")

_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")


class Kafka:
    """Implements KafkaSource; safe to use from several threads."""

    def __init__(
        self,
        bootstrap: str,
        options: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float = 5.0,
    ) -> None:
        """`options`: librdkafka's own, for TLS and SASL. ValueError: it does not take them."""
        self._wire = KafkaWire(bootstrap, options or {}, timeout_seconds)

    def __repr__(self) -> str:
        return f"Kafka({self._wire.bootstrap!r})"

    def healths(self) -> Mapping[str, Fact[Health]]:
        """Whether a broker answers, and how long that took."""
        started = time.perf_counter()
        found = self._wire.ask(lambda talk: talk.metadata())
        took_ms = (time.perf_counter() - started) * 1000
        if isinstance(found, Unavailable):
            return {"kafka": found}
        word = "" if found.brokers else "no broker"
        return {"kafka": Health("kafka", not word, took_ms, word)}

    def cluster(self) -> Fact[Cluster]:
        """The brokers that live, and the topics and groups but for Kafka's own."""
        return self._wire.ask(_cluster)

    def partitions(self, topic: str) -> Fact[tuple[Partition, ...]]:
        """The partitions of a topic; one that does not exist is unavailable, and is not created."""
        return self._of_topic(topic, lambda talk, known: _partitions(topic, known))

    def topic_ends(self, topic: str | None = None) -> Fact[tuple[TopicEnds, ...]]:
        """The end offsets of one topic or of all, with what is retained."""
        if topic is not None:
            return self._of_topic(topic, lambda talk, known: _ends(talk, {topic: known}))
        return self._wire.ask(lambda talk: _ends(talk, _topics(talk)))

    def groups(self) -> Fact[tuple[Group, ...]]:
        """All consumer groups with their states."""
        return self._wire.ask(lambda talk: tuple(_group(group) for group in talk.groups()))

    def group_lag(self, group_id: str) -> Fact[GroupLag]:
        """The lag of a group; a group without offsets is unavailable, not without lag."""
        found = self.group_lags((group_id,))
        return found if isinstance(found, Unavailable) else found[group_id]

    def group_lags(self, group_ids: Sequence[str]) -> Fact[Mapping[str, Fact[GroupLag]]]:
        """The lags of several groups: one call for each, and three for all of them."""
        return self._wire.ask(lambda talk: behind(talk, group_ids, _places(_topics(talk))))

    def dead_letters(
        self, topic: str, limit: int, before: Mapping[int, int] | None = None
    ) -> Fact[tuple[DeadLetter, ...]]:
        """The newest messages of a DLQ: up to `limit` of each partition, never a count.

        `before`: by partition, the offset below which they are wanted.
        """

        def read(talk: Talk, known: Any) -> Fact[tuple[DeadLetter, ...]]:
            return read_dead_letters(talk, _places({topic: known}), limit, before or {})

        return self._of_topic(topic, read)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _of_topic(self, topic: str, read: Callable[[Talk, Any], Fact[T]]) -> Fact[T]:
        """Read from a topic that exists; the inner answer may be unavailable itself."""

        def of_known(talk: Talk) -> Fact[T]:
            known = talk.metadata().topics.get(topic)
            if known is None or known.error or not known.partitions:
                return _absent(topic)
            return read(talk, known)

        return self._wire.ask(of_known)


def _cluster(talk: Talk) -> Cluster:
    found = talk.metadata()
    groups = tuple(sorted(cut(group.group_id) for group in talk.groups()))
    topics = tuple(sorted(name for name in found.topics if name not in _INTERNAL))
    return Cluster(len(found.brokers), found.cluster_id or "", topics, groups)


def _topics(talk: Talk) -> dict[str, Any]:
    found = talk.metadata().topics
    return {name: topic for name, topic in found.items() if name not in _INTERNAL}


def _partitions(topic: str, known: Any) -> tuple[Partition, ...]:
    return tuple(_partition(topic, known.partitions[n]) for n in sorted(known.partitions))


def _partition(topic: str, known: Any) -> Partition:
    leader = known.leader if known.leader >= 0 else None
    return Partition(topic, known.id, leader, tuple(known.replicas), tuple(known.isrs))


def _places(topics: Mapping[str, Any]) -> list[Place]:
    """Every partition, with those that are offline as they are."""
    return [(name, n) for name, topic in topics.items() for n in _led(name, topic)]


def _led(name: str, topic: Any) -> Iterable[int]:
    for number, partition in topic.partitions.items():
        if partition.leader < 0:
            raise OfflineError(f"{name}/{number}")
    return sorted(topic.partitions)


def _ends(talk: Talk, topics: Mapping[str, Any]) -> tuple[TopicEnds, ...]:
    places = _places(topics)
    ends, lows = talk.ends(places), talk.lows(places)
    return tuple(_topic_ends(name, ends, lows) for name in topics)


def _topic_ends(name: str, ends: Mapping[Place, int], lows: Mapping[Place, int]) -> TopicEnds:
    own = {place[1]: end for place, end in ends.items() if place[0] == name}
    retained = sum(end - lows[name, number] for number, end in own.items())
    return TopicEnds(name, own, max(0, retained))


def _group(group: Any) -> Group:
    """STABLE, EMPTY, DEAD, PREPARING_REBALANCE and so on."""
    return Group(cut(group.group_id), group.state.name.replace("REBALANCING", "REBALANCE"))


def _absent(topic: str) -> Unavailable:
    params = {"path": "kafka", "got": "", "expected": cut(topic)}
    return Unavailable(f"kafka/{cut(topic)}", Why.NOT_VISIBLE, "kafka_no_such_topic", params)
