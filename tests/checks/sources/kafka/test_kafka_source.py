"""Kafka itself, read from a real broker: nothing is created, joined, committed or left behind."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, TopicMetadata
from services import service

from checks.sources.facts.platform import GroupLag
from checks.sources.facts.unavailable import Why
from checks.sources.kafka.source import Kafka

QUIET = {"log_level": 0}


@dataclass
class Cluster:
    """A broker with topics and groups of one test."""

    bootstrap: str
    admin: AdminClient
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    made: list[str] = field(default_factory=list)

    def topic(self, partitions: int, **config: str) -> str:
        name = f"t-{self.mark}-{len(self.made)}"
        self.made.append(name)
        new = NewTopic(name, partitions, 1, config=config)
        self.admin.create_topics([new])[name].result(10)
        while self.partitions(name) < partitions:
            time.sleep(0.02)
        return name

    def partitions(self, topic: str) -> int:
        return len(self.admin.list_topics(timeout=10).topics.get(topic, NONE).partitions)

    def send(self, topic: str, partition: int, *values: str | None, key: str = "k") -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, **QUIET, **BIG})
        for value in values:
            producer.produce(topic, value, key, partition)
        assert producer.flush(10) == 0

    def group(self, topic: str, commits: Mapping[int, int]) -> str:
        name = f"g-{self.mark}-{topic}"
        offsets = [TopicPartition(topic, p, offset) for p, offset in commits.items()]
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": name, **QUIET})
        consumer.commit(offsets=offsets, asynchronous=False)
        consumer.close()
        return name

    def names(self) -> tuple[set[str], set[str]]:
        """The topics and the groups there are."""
        groups = self.admin.list_consumer_groups(request_timeout=10).result().valid
        return set(self.admin.list_topics(timeout=10).topics), {g.group_id for g in groups}


NONE = TopicMetadata()
BIG = {"message.max.bytes": 20_000_000}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[str, AdminClient, Kafka]]:
    bootstrap = service("kafka")
    kafka = Kafka(bootstrap)
    yield bootstrap, AdminClient({"bootstrap.servers": bootstrap, **QUIET}), kafka
    kafka.close()


@pytest.fixture
def cluster(shared) -> Iterator[Cluster]:
    own = Cluster(*shared[:2])
    yield own
    for future in own.admin.delete_topics(own.made).values() if own.made else ():
        future.result(10)


@pytest.fixture
def kafka(shared) -> Kafka:
    return shared[2]


def test_the_cluster_shows_its_brokers_topics_and_groups_but_for_kafkas_own(cluster, kafka):
    topic = cluster.topic(2)
    cluster.send(topic, 0, "a")
    group = cluster.group(topic, {0: 1})
    found = kafka.cluster()
    assert found.brokers == 1
    assert found.cluster_id
    assert (topic in found.topics, group in found.groups) == (True, True)
    assert not [name for name in found.topics if name.startswith("__")]
    assert kafka.healths()["kafka"].up


def test_partitions_have_leaders_and_replicas_in_sync(cluster, kafka):
    found = kafka.partitions(cluster.topic(3))
    assert [(p.partition, len(p.replicas), p.in_sync == p.replicas) for p in found] == [
        (0, 1, True),
        (1, 1, True),
        (2, 1, True),
    ]
    assert all(p.leader in p.replicas for p in found)


def test_a_mistyped_topic_is_unavailable_and_is_not_created(cluster, kafka):
    before = cluster.names()
    for found in (
        kafka.partitions("payment.captred"),
        kafka.topic_ends("payment.captred"),
        kafka.dead_letters("payment.captred", 3),
    ):
        assert (found.part, found.reason) == ("kafka/payment.captred", "kafka_no_such_topic")
    assert cluster.names() == before


def test_ends_count_what_arrived_and_messages_what_is_retained(cluster, kafka):
    topic = cluster.topic(2)
    cluster.send(topic, 0, *"abcde")
    cluster.send(topic, 1, "f")
    cut = [TopicPartition(topic, 0, 3)]
    for future in cluster.admin.delete_records(cut).values():
        future.result(10)
    (found,) = kafka.topic_ends(topic)
    assert (dict(found.end_offsets), found.messages) == ({0: 5, 1: 1}, 3)
    assert found.end_offset_total == 6
    assert found in kafka.topic_ends()


def test_lag_counts_partitions_without_a_commit_from_what_is_retained(cluster, kafka):
    topic = cluster.topic(3)
    cluster.send(topic, 0, *"abcde")
    cluster.send(topic, 1, *"abc")
    for future in cluster.admin.delete_records([TopicPartition(topic, 1, 1)]).values():
        future.result(10)
    found = kafka.group_lag(cluster.group(topic, {0: 3}))
    rows = [
        (p.committed_offset, p.end_offset, p.lag_messages, p.has_commit) for p in found.partitions
    ]
    assert rows == [(3, 5, 2, True), (1, 3, 2, False), (0, 0, 0, False)]
    assert found.lag_messages == 4


def test_a_commit_below_what_is_retained_counts_from_there(cluster, kafka):
    topic = cluster.topic(1)
    cluster.send(topic, 0, *"abcde")
    group = cluster.group(topic, {0: 1})
    for future in cluster.admin.delete_records([TopicPartition(topic, 0, 4)]).values():
        future.result(10)
    assert kafka.group_lag(group).lag_messages == 1


def test_a_group_that_reads_but_never_committed_is_behind_by_all(cluster, kafka):
    topic, name = cluster.topic(2), f"g-{cluster.mark}"
    cluster.send(topic, 1, *"abc")
    quiet = {"group.id": name, "enable.auto.commit": False, "auto.offset.reset": "latest", **QUIET}
    with contextlib.closing(Consumer({"bootstrap.servers": cluster.bootstrap, **quiet})) as reader:
        reader.subscribe([topic])
        while not reader.assignment():
            reader.poll(0.05)
        states = {group.group_id: group.state for group in kafka.groups()}
        found = kafka.group_lag(name)
    assert states[name] == "STABLE"
    assert (found.lag_messages, {p.has_commit for p in found.partitions}) == (3, {False})


def test_a_group_without_members_is_empty_and_an_unknown_one_has_no_lag_to_tell(cluster, kafka):
    topic = cluster.topic(1)
    cluster.send(topic, 0, "a")
    group = cluster.group(topic, {0: 1})
    assert {g.group_id: g.state for g in kafka.groups()}[group] == "EMPTY"
    before = cluster.names()
    found = kafka.group_lag("payment-consumr")
    assert (found.part, found.why, found.reason) == (
        "kafka/payment-consumr",
        Why.NOT_VISIBLE,
        "group_without_offsets",
    )
    assert cluster.names() == before


def test_the_lags_of_many_groups_come_together(cluster, kafka):
    topics = [cluster.topic(2) for _ in range(12)]
    for topic in topics:
        cluster.send(topic, 0, *"abc")
    groups = [cluster.group(topic, {0: n % 3}) for n, topic in enumerate(topics)]
    found = kafka.group_lags([*groups, "nobody"])
    lags = [lag.lag_messages for lag in found.values() if isinstance(lag, GroupLag)]
    assert lags == [3 - n % 3 for n in range(12)]
    assert found["nobody"].reason == "group_without_offsets"


def test_the_newest_dead_letters_are_read_and_no_group_is_left_behind(cluster, kafka):
    topic = cluster.topic(2)
    inner = json.dumps({"paymentId": 12, "status": "CAPTURED"})
    outer = {"originalTopic": "payment.captured", "errorType": "Timeout", "payload": inner}
    cluster.send(topic, 0, "old", "older", json.dumps(outer), key="12")
    cluster.send(topic, 1, '{"paymentId": 9, "pgResponseCode": "PG_51"}', None)
    before = cluster.names()
    found = kafka.dead_letters(topic, 2)
    told = {(x.partition, x.offset): (x.original_topic, x.error, x.payment_id) for x in found}
    assert told == {
        (0, 1): ("", "", None),
        (0, 2): ("payment.captured", "Timeout", 12),
        (1, 0): ("", "PG_51", 9),
        (1, 1): ("", "", None),
    }
    assert [x.at for x in found] == sorted(x.at for x in found)
    assert cluster.names() == before
    assert kafka.dead_letters(cluster.topic(1), 5) == ()


def test_a_dead_letter_that_is_too_large_hides_none_of_the_others(cluster, shared):
    topic = cluster.topic(2, **{"max.message.bytes": "20000000"})
    cluster.send(topic, 0, "x" * 12_000_000)
    hurried = Kafka(cluster.bootstrap, timeout_seconds=1.5)
    found = hurried.dead_letters(topic, 5)
    assert (found.why, found.reason) == (Why.LIMIT, "kafka_letters_unread")
    assert hurried.topic_ends(topic)[0].messages == 1
    cluster.send(topic, 1, "y" * 3_000_000)
    (seen,) = hurried.dead_letters(topic, 5)
    assert (seen.partition, len(seen.value)) == (1, 200)
    hurried.close()
