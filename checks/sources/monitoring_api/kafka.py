"""Kafka as the monitoring-service shows it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from checks.sources.facts.agreement import believed
from checks.sources.facts.platform import (
    Cluster,
    DeadLetter,
    Group,
    GroupLag,
    Partition,
    PartitionLag,
    TopicEnds,
)
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.kafka.dead_letter import dead_letter
from checks.sources.monitoring_api.ask import Ask, unavailable_part
from checks.sources.monitoring_api.facts import KafkaHealth
from checks.sources.monitoring_api.fields import ContradictionError, Fields

_BACK_MAX = 500  # messages of a partition, counted from its end
_KEPT_MAX = 20  # samples of dead letters that are kept until something new arrives
_CUT_AT = 200  # characters of a message's value that the platform shows


class KafkaReads:
    """The paths under /monitoring/kafka."""

    _ask: Ask
    _letters: dict[tuple[str, int], tuple[tuple[tuple[int, int], ...], tuple[DeadLetter, ...]]]

    def cluster(self) -> Fact[Cluster]:
        """The brokers, topics and groups; refused when the cluster is reported unhealthy."""
        found = self._ask("kafka", "/monitoring/kafka/stats", _cluster)
        if isinstance(found, Cluster) and not found.brokers:
            return unavailable_part("kafka", "no_broker", "a broker", "0 brokers", Why.REFUSED)
        return found

    def kafka_health(self) -> Fact[KafkaHealth]:
        """Whether the brokers answer."""
        return self._ask("kafka", "/monitoring/kafka/health", _health)

    def topics(self) -> Fact[tuple[str, ...]]:
        """The names of the topics."""
        return self._ask("kafka", "/monitoring/kafka/topics", lambda f: f.texts("topics"))

    def partitions(self, topic: str) -> Fact[tuple[Partition, ...]]:
        """The partitions of a topic. Ask for existing topics only: the question creates others."""
        path = "/monitoring/kafka/topic-details"
        return self._ask("kafka", path, lambda f: _partitions(f, topic), {"topic": topic})

    def topic_ends(self, topic: str | None = None) -> Fact[tuple[TopicEnds, ...]]:
        """The end offsets of one topic or of all; unavailable if a row among them is an error."""
        path = "/monitoring/kafka/topic-stats"
        query = {} if topic is None else {"topic": topic}
        found = self._ask("kafka", path, lambda f: _ends(f, topic), query)
        if topic is not None or isinstance(found, Unavailable):
            return found
        return self._with_forgotten(found)

    def _with_forgotten(self, found: tuple[TopicEnds, ...]) -> Fact[tuple[TopicEnds, ...]]:
        """The platform's list of all topics leaves some out: those are asked for by name."""
        cluster = self.cluster()
        if isinstance(cluster, Unavailable):
            return cluster
        ends = list(found)
        for name in sorted(set(cluster.topics) - {one.topic for one in found}):
            more = self.topic_ends(name)
            if isinstance(more, Unavailable):
                return more
            ends += more
        return tuple(ends)

    def groups(self) -> Fact[tuple[Group, ...]]:
        """The consumer groups and their states."""
        return self._ask("kafka", "/monitoring/kafka/consumer-groups", _groups)

    def group_lag(self, group_id: str) -> Fact[GroupLag]:
        """The lag of a group; a group without offsets is unavailable, not without lag."""
        path = "/monitoring/kafka/consumer-lag"
        lag = self._ask("kafka", path, lambda f: _lag(f, group_id), {"groupId": group_id})
        return lag if isinstance(lag, Unavailable) else self._with_uncommitted(lag)

    def _with_uncommitted(self, lag: GroupLag) -> Fact[GroupLag]:
        """The platform leaves out partitions without a commit; nothing at all waits in few of them.

        What is retained there is told by topic only, so that it is known where all of it is.
        """
        rows = list(lag.partitions)
        for topic in sorted({row.topic for row in rows}):
            found = self.topic_ends(topic)
            if isinstance(found, Unavailable):
                return found
            known = {row.partition for row in rows if row.topic == topic}
            for partition in sorted(found[0].end_offsets.keys() - known):
                end = found[0].end_offsets[partition]
                if end and found[0].messages < found[0].end_offset_total:
                    return _uncommitted(lag.group_id, f"{topic}/{partition}")
                rows.append(PartitionLag(topic, partition, 0, end, end, has_commit=False))
        return believed(GroupLag(lag.group_id, tuple(rows)), "kafka")

    def dead_letters(
        self, topic: str, limit: int, before: Mapping[int, int] | None = None
    ) -> Fact[tuple[DeadLetter, ...]]:
        """Some messages of a DLQ: a sample of up to `limit` per partition, never a count.

        `before` (offsets by partition) is reached by asking for more: only so far back. Each such
        question leaves a consumer group behind: it is asked only where something has arrived.
        """
        if before:
            return self._letters_before(topic, limit, before)
        found = self.topic_ends(topic)
        if isinstance(found, Unavailable):
            return found
        ends = tuple(sorted(found[0].end_offsets.items()))
        if not found[0].messages:
            return ()
        known = self._letters.get((topic, limit))
        if known is not None and known[0] == ends:
            return known[1]
        return self._read_letters(topic, limit, ends)

    def _read_letters(
        self, topic: str, limit: int, ends: tuple[tuple[int, int], ...]
    ) -> Fact[tuple[DeadLetter, ...]]:
        path = "/monitoring/kafka/dlq-messages"
        query = {"topic": topic, "limit": limit}
        letters = self._ask("kafka", path, lambda f: _dead_letters(f, topic), query)
        if letters and not isinstance(letters, Unavailable):  # its one poll may have come too early
            if len(self._letters) >= _KEPT_MAX:
                self._letters.clear()
            self._letters[topic, limit] = (ends, letters)
        return letters

    def _letters_before(
        self, topic: str, limit: int, before: Mapping[int, int]
    ) -> Fact[tuple[DeadLetter, ...]]:
        ends = self.topic_ends(topic)
        if isinstance(ends, Unavailable):
            return ends
        back = max(end - before.get(p, end) for p, end in ends[0].end_offsets.items())
        if back + limit > _BACK_MAX:
            return unavailable_part(
                "kafka", "letters_too_far_back", f"{_BACK_MAX}", topic, Why.LIMIT
            )
        found = self.dead_letters(topic, back + limit)
        if isinstance(found, Unavailable):
            return found
        return tuple(one for one in found if one.offset < before.get(one.partition, math.inf))

    def dead_letter_total(self, topic: str) -> Fact[int]:
        """How many messages ever came to a DLQ, by its end offsets (0 if it does not exist yet).

        The platform's own DLQ counts are not asked: they turn errors into 0.
        """
        cluster = self.cluster()
        if isinstance(cluster, Unavailable):
            return cluster
        if topic not in cluster.topics:
            return 0
        ends = self.topic_ends(topic)
        return ends if isinstance(ends, Unavailable) else sum(e.end_offset_total for e in ends)


def _cluster(fields: Fields) -> Cluster:
    brokers = fields.count("brokerCount") if fields.flag("clusterHealthy") else 0
    return Cluster(
        brokers,
        cut(fields.text("clusterId")),
        fields.texts("topics"),
        fields.texts("consumerGroups"),
    )


def _health(fields: Fields) -> KafkaHealth:
    detail = cut(fields.text("message"))
    if not fields.flag("healthy"):
        return KafkaHealth(False, "", 0, detail)
    return KafkaHealth(True, cut(fields.text("clusterId")), fields.count("brokerCount"), detail)


def _partitions(fields: Fields, topic: str) -> tuple[Partition, ...]:
    _same(fields, "topic", topic)
    rows = fields.rows("partitions")
    if not rows:
        raise ContradictionError(f"at least one partition of {topic}", "none")
    return tuple(_partition(row, topic) for row in rows)


def _partition(row: Fields, topic: str) -> Partition:
    leader = row.integer("leader") if row.has("leader") else -1
    return Partition(
        topic,
        row.count("partition"),
        leader if leader >= 0 else None,
        row.integers("replicas"),
        row.integers("isr"),
    )


def _ends(fields: Fields, topic: str | None) -> Fact[tuple[TopicEnds, ...]]:
    rows = fields.rows("topics")
    failed = [row for row in rows if row.has("error")]
    if failed:
        name = failed[0].text("topic")
        got = f"{name}: {failed[0].data['error']}"
        return unavailable_part(
            f"kafka/{cut(name)}", "topic_error", "end offsets", got, Why.REFUSED
        )
    found = tuple(_topic_ends(row) for row in rows)
    if absent := [one.topic for one in found if not one.end_offsets]:
        return unavailable_part(f"kafka/{cut(absent[0])}", "kafka_no_such_topic", absent[0], "")
    if topic is not None and [t.topic for t in found] != [topic]:
        raise fields.misfit(f"exactly the topic {topic} in", "topics")
    return found


def _topic_ends(row: Fields) -> TopicEnds:
    offsets = row.object("endOffsets")
    ends = {_number(offsets, name): offsets.count(name) for name in offsets.data}
    return TopicEnds(row.text("topic"), ends, row.count("totalMessages"))


def _number(offsets: Fields, name: str) -> int:
    match = re.fullmatch(r"partition-(\d{1,6})", name)
    if match is None:
        raise offsets.misfit("a key such as partition-0, not", name)
    return int(match[1])


def _groups(fields: Fields) -> tuple[Group, ...]:
    return tuple(Group(row.text("groupId"), _state(row)) for row in fields.rows("groups"))


def _state(row: Fields) -> str:
    """STABLE, whether it was written STABLE or Stable, and so on."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cut(row.text("state"), 40)).upper()


def _lag(fields: Fields, group_id: str) -> Fact[GroupLag]:
    _same(fields, "groupId", group_id)
    if "totalLag" not in fields.data:
        expected = f"committed offsets of {group_id}"
        got = fields.data.get("message")
        return unavailable_part(
            f"kafka/{group_id}",
            "group_without_offsets",
            expected,
            got if isinstance(got, str) else "",
        )
    rows = fields.rows("partitions")
    if not rows:
        raise ContradictionError(f"a partition of {group_id}, which has committed", "none")
    lag = GroupLag(group_id, tuple(_partition_lag(row) for row in rows))
    if fields.integer("totalLag") not in (lag.lag_messages, sum(r.integer("lag") for r in rows)):
        raise fields.misfit(f"{lag.lag_messages}, the sum of the partitions, in", "totalLag")
    return lag


def _uncommitted(group_id: str, place: str) -> Unavailable:
    part = f"kafka/{cut(group_id)}"
    return unavailable_part(part, "partition_without_commit", cut(group_id), place)


def _partition_lag(row: Fields) -> PartitionLag:
    return PartitionLag(
        row.text("topic"),
        row.count("partition"),
        row.count("currentOffset"),
        row.count("endOffset"),
        max(0, row.integer("lag")),
    )


def _dead_letters(fields: Fields, topic: str) -> tuple[DeadLetter, ...]:
    _same(fields, "topic", topic)
    return tuple(_dead_letter(row, topic) for row in fields.rows("messages"))


def _dead_letter(row: Fields, topic: str) -> DeadLetter:
    """The platform writes "null" for no key, and does not say where it has cut a value."""
    key = row.text("key") if row.has("key") else ""
    value = row.text("value") if row.has("value") else ""
    return dead_letter(
        topic,
        row.count("partition"),
        row.count("offset"),
        row.milliseconds("timestamp"),
        "" if key == "null" else key,
        f"{value}…" if len(value) >= _CUT_AT else value,
    )


def _same(fields: Fields, name: str, wanted: str) -> None:
    if fields.text(name) != wanted:
        raise fields.misfit(f"{wanted} as", name)
