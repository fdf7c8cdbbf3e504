"""What the lag of many consumer groups costs: our way against one call for each partition.

Run it as `python benchmarks/lag.py [--groups 100] [--partitions 50]`, with `scripts/services` up
(PAYPULSE_KAFKA_BOOTSTRAP is set). Its topic and its groups are removed again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from checks.sources.facts.platform import GroupLag
from checks.sources.facts.unavailable import Unavailable
from checks.sources.kafka import wire as kafka_wire
from checks.sources.kafka.source import Kafka

SECONDS_MAX = 30.0
MESSAGES, COMMITTED = 10, 4  # in each partition; so six wait in each of them
ROUNDS = 3
CALLS: Counter[str] = Counter()


class CountingConsumer(Consumer):
    """A consumer that counts what it is asked."""

    def list_topics(self, *args: Any, **kw: Any) -> Any:
        CALLS["metadata"] += 1
        return super().list_topics(*args, **kw)

    def committed(self, *args: Any, **kw: Any) -> Any:
        CALLS["commits"] += 1
        return super().committed(*args, **kw)

    def offsets_for_times(self, *args: Any, **kw: Any) -> Any:
        CALLS["ends"] += 1
        return super().offsets_for_times(*args, **kw)

    def get_watermark_offsets(self, *args: Any, **kw: Any) -> Any:
        CALLS["ends"] += 1
        return super().get_watermark_offsets(*args, **kw)


class CountingAdmin(AdminClient):
    """An administrator that counts what it is asked."""

    def list_groups(self, *args: Any, **kw: Any) -> Any:
        CALLS["groups"] += 1
        return super().list_groups(*args, **kw)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--partitions", type=int, default=50)
    given = parser.parse_args()
    bootstrap = os.environ.get("PAYPULSE_KAFKA_BOOTSTRAP")
    if not bootstrap:
        print('Kafka is not up; set -a; . "$(scripts/services up)"')
        return
    kafka_wire.Consumer, kafka_wire.AdminClient = CountingConsumer, CountingAdmin  # type: ignore[misc]
    with _filled(bootstrap, given.groups, given.partitions) as (topic, groups):
        waiting = given.groups * given.partitions * (MESSAGES - COMMITTED)
        ways = {
            "all at once": lambda: _at_once(bootstrap, groups),
            "one by one": lambda: _one_by_one(bootstrap, topic, groups, given.partitions),
        }
        print(f"lag of {given.groups} groups x {given.partitions} partitions, median of {ROUNDS}")
        took = {name: _measured(name, way, waiting) for name, way in ways.items()}
        print(f"one by one takes {took['one by one'] / took['all at once']:.1f} times as long")


def _measured(name: str, way: Callable[[], int], waiting: int) -> float:
    """The median time of a way in seconds; both must come to the same lag."""
    times = []
    for _ in range(ROUNDS):
        CALLS.clear()
        started = time.perf_counter()
        found = way()
        times.append(time.perf_counter() - started)
        assert found == waiting, (found, waiting)
    took = statistics.median(times)
    calls = ", ".join(f"{count:,} {kind}" for kind, count in sorted(CALLS.items()))
    print(f"{name:12} {sum(CALLS.values()):>7,} calls ({calls}) {took * 1000:>9,.0f} ms")
    return took


def _at_once(bootstrap: str, groups: Sequence[str]) -> int:
    with closing(Kafka(bootstrap, timeout_seconds=SECONDS_MAX)) as source:
        found = source.group_lags(groups)
    assert not isinstance(found, Unavailable), found
    lags = [lag for lag in found.values() if isinstance(lag, GroupLag)]
    return sum(lag.lag_messages for lag in lags)


def _one_by_one(bootstrap: str, topic: str, groups: Sequence[str], partitions: int) -> int:
    """Each partition's commit and end in calls of their own, group by group."""
    total = 0
    for group in groups:
        with closing(CountingConsumer({"bootstrap.servers": bootstrap, "group.id": group})) as own:
            for number in range(partitions):
                place = TopicPartition(topic, number)
                (commit,) = own.committed([place], timeout=SECONDS_MAX)
                _, end = own.get_watermark_offsets(place, timeout=SECONDS_MAX)
                total += end - commit.offset
    return total


@contextmanager
def _filled(bootstrap: str, groups: int, partitions: int) -> Iterator[tuple[str, list[str]]]:
    """A topic with messages in every partition, and groups that have read some of them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = f"bench-lag-{os.getpid()}"
    names = [f"{topic}-{number}" for number in range(groups)]
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(SECONDS_MAX)
    try:
        _produce(bootstrap, topic, partitions)
        offsets = [TopicPartition(topic, number, COMMITTED) for number in range(partitions)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: _commit(bootstrap, name, offsets), names))
        yield topic, names
    finally:
        admin.delete_topics([topic])[topic].result(SECONDS_MAX)
        for deleted in admin.delete_consumer_groups(names).values():
            deleted.exception(SECONDS_MAX)


def _produce(bootstrap: str, topic: str, partitions: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(partitions):
        for _ in range(MESSAGES):
            producer.produce(topic, b"{}", partition=number)
    assert producer.flush(SECONDS_MAX) == 0


def _commit(bootstrap: str, group: str, offsets: list[TopicPartition]) -> None:
    with closing(Consumer({"bootstrap.servers": bootstrap, "group.id": group})) as own:
        own.commit(offsets=offsets, asynchronous=False)


if __name__ == "__main__":
    main()
