"""One consumer group on the real broker: what it has read, worked off, and committed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, Message, TopicPartition

from demo.platform.broker import Record

Settings = dict[str, str | int | float | bool]
QUIET: Settings = {"log_level": 0, "socket.timeout.ms": 3000}
FETCH: Settings = {"fetch.wait.max.ms": 50, "enable.auto.commit": False}
LOGGER = logging.getLogger("demo.real.kafka")
_WAITING_MAX = 5000
_BATCH = 500
_Partition = tuple[str, int]


class Reader:
    """The one member of a group; offsets are committed once their rows are safe."""

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        self._waiting: list[Record] = []
        self._worked: list[Record] = []
        self._due: dict[_Partition, int] = {}
        self._is_committing = False
        self._consumer = Consumer(
            {
                **QUIET,
                **FETCH,
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "client.id": group,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": 24 * 3600 * 1000,  # a stuck worker stays a member
                "on_commit": self._committed,
            },
            logger=LOGGER,
        )
        self._consumer.subscribe(list(topics), on_assign=self._restart, on_lost=self._restart)

    def unread(self, until: datetime) -> list[Record]:
        """What was not worked off yet, up to a time, oldest first."""
        self._fetch()
        found = [record for record in self._waiting if record.at <= until]
        return sorted(found, key=lambda record: (record.at, record.partition, record.offset))

    def work_off(self, record: Record) -> None:
        """The group has dealt with this record; not if it will come again all the same."""
        if record in self._waiting:
            self._waiting.remove(record)
            self._worked.append(record)

    def settle(self) -> None:
        """Commit what was worked off; what the broker does not confirm is tried again."""
        for record in self._worked:
            self._due[record.topic, record.partition] = record.offset + 1
        self._worked.clear()
        if self._due and not self._is_committing:
            self._is_committing = True
            offsets = [TopicPartition(*key, offset) for key, offset in self._due.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def take_back(self) -> None:
        """What was worked off is to be done again."""
        self._waiting = self._worked + self._waiting
        self._worked = []

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _fetch(self) -> None:
        while len(self._waiting) < _WAITING_MAX:
            messages = self._consumer.consume(_BATCH, timeout=0.01)
            self._waiting += [record_of(m) for m in messages if m.error() is None]
            if len(messages) < _BATCH:
                return

    def _restart(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """A new assignment begins behind what is committed."""
        self._waiting.clear()
        self._worked.clear()
        self._due.clear()

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._is_committing = False
        for partition in partitions:
            key = (partition.topic, partition.partition)
            done = error is None and partition.error is None
            if done and self._due.get(key, OFFSET_INVALID) == partition.offset:
                del self._due[key]


def record_of(message: Message) -> Record:
    """A message as the stand-in knows it."""
    headers = dict(message.headers() or [])
    merchant = headers.get("merchantId")
    key, value = message.key(), message.value()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        at=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        key=None if key is None else _text(key),
        value="" if value is None else _text(value),
        merchant_id=None if merchant is None else _text(merchant),
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
