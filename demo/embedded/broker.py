"""An in-memory message broker: partitions with end offsets, groups with committed ones."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from demo.platform.broker import SUBSCRIPTIONS, TOPICS, Record
from demo.platform.down import PartDownError

RETAINED_MAX = 1000  # records that a partition keeps once everyone has read them
TEMPORARY_GROUPS_MAX = 50


@dataclass(slots=True)
class MemoryLog:
    """One partition: what it retains, and the offset of the first record retained."""

    first: int = 0
    records: list[Record] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The offset that the next record will get."""
        return self.first + len(self.records)

    def trim(self, read_until: int) -> None:
        """Forget what all have read, beyond the retention."""
        surplus = min(len(self.records) - RETAINED_MAX, read_until - self.first)
        if surplus >= RETAINED_MAX // 10:
            del self.records[:surplus]
            self.first += surplus


class MemoryBroker:
    """The one broker of the cluster, in memory: a commit is final at once."""

    def __init__(self) -> None:
        self.up = True
        self.cluster_id = "demo-cluster"
        self.topics = {name: [MemoryLog() for _ in range(count)] for name, count in TOPICS.items()}
        self.committed = {
            group: {(topic, p): 0 for topic in topics for p in range(TOPICS[topic])}
            for group, topics in SUBSCRIPTIONS.items()
        }
        self.temporary_groups: list[str] = []
        self._expelled: set[str] = set()
        self._keyless = 0

    def append(
        self,
        topic: str,
        key: str | None,
        value: str,
        at: datetime,
        merchant_id: str | None = None,
    ) -> Record:
        """Add a message; without a key the partitions take turns."""
        if not self.up:
            raise PartDownError("kafka")
        logs = self.topics[topic]
        partition = self._partition(key, len(logs))
        log = logs[partition]
        at = max(at, log.records[-1].at) if log.records else at  # a log is in order of time
        record = Record(topic, partition, log.end, at, key, value, merchant_id)
        log.records.append(record)
        self._trim(topic, partition, log)
        return record

    def unread(self, group: str, until: datetime) -> list[Record]:
        """What the group has not committed, up to a time, oldest first."""
        if not self.up:
            return []
        found = [r for r in self._behind(group) if r.at <= until]
        if len(found) > 1:
            found.sort(key=lambda record: (record.at, record.partition, record.offset))
        return found

    def commit(self, group: str, record: Record) -> None:
        """The group has dealt with this record and all before it in its partition."""
        self.committed[group][record.topic, record.partition] = record.offset + 1

    def settle(self) -> None:
        """Nothing waits."""

    def take_back(self) -> None:
        """Nothing can be taken back."""

    def expel(self, group: str, out: bool) -> None:
        """A member that polls too late is taken for dead, until it polls again."""
        if out:
            self._expelled.add(group)
        else:
            self._expelled.discard(group)

    def state(self, group: str) -> str:
        """Whether anybody reads in a group."""
        return "STABLE" if group in self.committed and group not in self._expelled else "EMPTY"

    def go_down(self) -> None:
        """Refuse from now on."""
        self.up = False

    def come_back(self) -> None:
        """Answer again."""
        self.up = True

    def close(self) -> None:
        """There is nothing to let go of."""

    def end_offsets(self, topic: str) -> list[int]:
        """The end offset of each partition."""
        return [log.end for log in self.topics[topic]]

    def retained(self, topic: str) -> int:
        """How many records the topic still holds."""
        return sum(len(log.records) for log in self.topics[topic])

    def create_topic(self, topic: str) -> None:
        """What asking for an unknown topic's metadata does to a broker that auto-creates."""
        self.topics.setdefault(topic, [MemoryLog()])

    def leave_temporary_group(self, name: str) -> None:
        """A consumer that committed and went leaves an empty group behind."""
        self.temporary_groups = [*self.temporary_groups, name][-TEMPORARY_GROUPS_MAX:]

    def _behind(self, group: str) -> Iterator[Record]:
        for (topic, partition), offset in self.committed[group].items():
            log = self.topics[topic][partition]
            if offset < log.end:
                yield from log.records[offset - log.first :]

    def _partition(self, key: str | None, count: int) -> int:
        if key is not None:
            return zlib.crc32(key.encode()) % count
        self._keyless += 1
        return self._keyless % count

    def _trim(self, topic: str, partition: int, log: MemoryLog) -> None:
        if len(log.records) > RETAINED_MAX + RETAINED_MAX // 10:
            offsets = (self.committed[g].get((topic, partition)) for g in self.committed)
            log.trim(min((o for o in offsets if o is not None), default=log.end))
