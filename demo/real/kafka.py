"""The platform's broker as a real one."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from demo.platform.broker import SUBSCRIPTIONS, TOPICS, Record
from demo.platform.down import PartDownError
from demo.real.kafka_reader import FETCH, LOGGER, QUIET, Reader, Settings, record_of
from demo.real.script import Script

_SECONDS_MAX = 3.0
_SENT_WITHIN_MS = 2000
_AGAIN_AFTER_SECONDS = 2.0
_LATEST = 100  # records of a partition that are read back


@dataclass(frozen=True, slots=True)
class RealLog:
    """One partition, asked when it is looked at."""

    broker: RealBroker
    topic: str
    partition: int

    @property
    def end(self) -> int:
        """The offset that the next record will get."""
        return self.broker.bounds(self.topic, self.partition)[1]

    @property
    def records(self) -> Sequence[Record]:
        """The latest few."""
        return self.broker.latest(self.topic, self.partition)


class RealBroker:
    """The broker at an address; `up` is what a connection says at this moment."""

    def __init__(self, bootstrap: str, script: Script) -> None:
        self._script = script
        self._address = (bootstrap.rpartition(":")[0], int(bootstrap.rpartition(":")[2]))
        self._failed_at = -_AGAIN_AFTER_SECONDS
        common: Settings = {**QUIET, "bootstrap.servers": bootstrap}
        sending: Settings = {"acks": "all", "linger.ms": 0, "message.timeout.ms": _SENT_WITHIN_MS}
        self._producer = Producer({**common, **sending}, logger=LOGGER)
        self._admin = AdminClient(common, logger=LOGGER)
        # it is assigned to what it reads and commits nothing, so that no group is left behind
        looking: Settings = {**FETCH, "group.id": "demo-looks"}
        self._looker = Consumer({**common, **looking}, logger=LOGGER)
        self._readers = {
            group: Reader(bootstrap, group, topics) for group, topics in SUBSCRIPTIONS.items()
        }

    @property
    def up(self) -> bool:
        """Whether it takes connections, and has not failed just now."""
        if monotonic() - self._failed_at < _AGAIN_AFTER_SECONDS:
            return False
        with suppress(OSError):
            socket.create_connection(self._address, 1).close()
            return True
        return False

    @property
    def cluster_id(self) -> str:
        """The cluster's own name."""
        with self._told():
            return str(self._admin.list_topics(timeout=_SECONDS_MAX).cluster_id)

    @property
    def topics(self) -> Mapping[str, Sequence[RealLog]]:
        """The partitions of every topic but the broker's own."""
        with self._told():
            found = self._admin.list_topics(timeout=_SECONDS_MAX).topics
        return {
            name: [RealLog(self, name, partition) for partition in sorted(topic.partitions)]
            for name, topic in sorted(found.items())
            if not name.startswith("__")
        }

    @property
    def committed(self) -> Mapping[str, Mapping[tuple[str, int], int]]:
        """The offsets of the platform's groups; 0 where none was committed."""
        return {group: self._offsets(group) for group in SUBSCRIPTIONS}

    @property
    def temporary_groups(self) -> Sequence[str]:
        """The groups that are none of the platform's."""
        with self._told():
            asked = self._admin.list_consumer_groups(request_timeout=_SECONDS_MAX)
            names = [group.group_id for group in asked.result(_SECONDS_MAX).valid]
        return sorted(set(names) - set(SUBSCRIPTIONS))

    def append(
        self,
        topic: str,
        key: str | None,
        value: str,
        at: datetime,
        merchant_id: str | None = None,
    ) -> Record:
        """Send a message and wait until the broker has it."""
        told: list[tuple[KafkaError | None, Message]] = []
        with self._told():
            self._producer.produce(
                topic,
                value,
                key,
                headers=[("merchantId", merchant_id)] if merchant_id else [],
                timestamp=int(at.timestamp() * 1000),
                on_delivery=lambda error, message: told.append((error, message)),
            )
            self._producer.flush(_SECONDS_MAX)
            if not told:
                self._producer.purge()  # else it would still be sent, some time
                raise TimeoutError
            error, message = told[0]
            if error is not None:
                raise KafkaException(error)
        return record_of(message)

    def unread(self, group: str, until: datetime) -> list[Record]:
        """What the group has not worked off, up to a time, oldest first."""
        with self._told():
            return self._readers[group].unread(until)

    def commit(self, group: str, record: Record) -> None:
        """The group has dealt with this record; the broker hears it from `settle`."""
        self._readers[group].work_off(record)

    def settle(self) -> None:
        """The rows are safe: commit."""
        for reader in self._readers.values():
            with self._told():
                reader.settle()

    def take_back(self) -> None:
        """Rows were lost: what was dealt with comes again."""
        for reader in self._readers.values():
            reader.take_back()

    def expel(self, group: str, out: bool) -> None:
        """This broker knows by itself who polls."""

    def state(self, group: str) -> str:
        """The state that the coordinator tells."""
        with self._told():
            asked = self._admin.describe_consumer_groups([group], request_timeout=_SECONDS_MAX)
            return str(asked[group].result(_SECONDS_MAX).state.name)

    def end_offsets(self, topic: str) -> list[int]:
        """The end offset of each partition."""
        return [log.end for log in self.topics[topic]]

    def retained(self, topic: str) -> int:
        """How many records the topic still holds."""
        bounds = [self.bounds(topic, log.partition) for log in self.topics[topic]]
        return sum(end - first for first, end in bounds)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that a partition holds, and its end."""
        with self._told():
            where = TopicPartition(topic, partition)
            found = self._looker.get_watermark_offsets(where, timeout=_SECONDS_MAX)
        return found if found is not None else (0, 0)

    def latest(self, topic: str, partition: int) -> Sequence[Record]:
        """The latest few records of a partition."""
        first, end = self.bounds(topic, partition)
        found: list[Record] = []
        if first == end:
            return found
        until = monotonic() + _SECONDS_MAX
        with self._told():
            self._looker.assign([TopicPartition(topic, partition, max(first, end - _LATEST))])
            while (not found or found[-1].offset < end - 1) and monotonic() < until:
                messages = self._looker.consume(_LATEST, timeout=0.05)
                found += [record_of(message) for message in messages if message.error() is None]
            self._looker.unassign()
        return found

    def create_topic(self, topic: str) -> None:
        """This broker makes no topic that was only asked for."""

    def leave_temporary_group(self, name: str) -> None:
        """Nobody here leaves one."""

    def go_down(self) -> None:
        """Kill the broker."""
        self._script.kill("kafka")

    def come_back(self) -> None:
        """Start the broker."""
        self._script.up("kafka")

    def close(self) -> None:
        """Leave the groups."""
        self._script.wait()
        for reader in self._readers.values():
            reader.close()
        self._looker.close()

    def _offsets(self, group: str) -> dict[tuple[str, int], int]:
        offsets = {(topic, p): 0 for topic in SUBSCRIPTIONS[group] for p in range(TOPICS[topic])}
        with self._told():
            wanted = [ConsumerGroupTopicPartitions(group)]
            asked = self._admin.list_consumer_group_offsets(wanted, request_timeout=_SECONDS_MAX)
            for found in asked[group].result(_SECONDS_MAX).topic_partitions:
                offsets[found.topic, found.partition] = max(found.offset, 0)
        return offsets

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (KafkaException, BufferError, TimeoutError) as error:
            self._failed_at = monotonic()
            raise PartDownError("kafka") from error
