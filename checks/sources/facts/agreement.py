"""What must agree with what in each fact, whichever source it comes from.

A fact that contradicts itself is not believed: it is unavailable, and never well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from checks.sources.facts.payments import PaymentStatistics
from checks.sources.facts.platform import (
    BookCounts,
    Breaker,
    Cluster,
    Group,
    GroupLag,
    KeyLife,
    Partition,
    PartitionLag,
    RedisMemory,
    RedisStats,
    TopicEnds,
    WorkStats,
)
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut

T = TypeVar("T")

_REBALANCING = ("PREPARING_REBALANCE", "COMPLETING_REBALANCE", "ASSIGNING", "RECONCILING")
GROUP_STATES = frozenset(("STABLE", "EMPTY", "DEAD", *_REBALANCING))
BREAKER_STATES = frozenset(
    ("CLOSED", "OPEN", "HALF_OPEN", "DISABLED", "FORCED_OPEN", "METRICS_ONLY")
)
_APART_MAX, _SHARE_MAX = 2, 0.05  # rows come and go between two queries of one answer


def is_about(one: float, other: float) -> bool:
    """Whether two counts of the same thing, taken one after the other, may both be true."""
    if (one == 0) != (other == 0):
        return False
    return abs(one - other) <= max(_APART_MAX, _SHARE_MAX * max(abs(one), abs(other)))


def believed(fact: Fact[T], part: str, path: str = "") -> Fact[T]:
    """The fact; unavailable if what it says cannot be true."""
    if isinstance(fact, Unavailable):
        return fact
    wrong = next(_contradictions(fact), None)
    if wrong is None:
        return fact
    expected, got = wrong
    params = {"path": path or part, "got": cut(got, 100), "expected": cut(expected, 100)}
    return Unavailable(part, Why.GARBLED, "contradiction", params)


Wrong = tuple[str, str]  # what would be true, what came


def _contradictions(fact: object) -> Iterator[Wrong]:
    """Everything that is wrong with a fact, or with a sequence of facts and each of them."""
    if isinstance(fact, (tuple, list)):
        if fact and type(fact[0]) in _OF_ALL:
            yield from _OF_ALL[type(fact[0])](fact)
        for one in fact:
            yield from _contradictions(one)
    elif type(fact) in _OF_ONE:
        yield from _OF_ONE[type(fact)](fact)


def _partition(p: Partition) -> Iterator[Wrong]:
    """Replicas, those in sync and the leader are of one and the same set of brokers."""
    place = f"{p.topic}/{p.partition}"
    if not p.replicas or min(p.replicas) < 0 or len({*p.replicas}) < len(p.replicas):
        yield f"different replicas of {place}", str(list(p.replicas))
    if not {*p.in_sync} <= {*p.replicas} or len({*p.in_sync}) < len(p.in_sync):
        yield f"in-sync replicas of {place} among {list(p.replicas)}", str(list(p.in_sync))
    if p.leader is not None and p.leader not in p.replicas:
        yield f"a leader of {place} among {list(p.replicas)}", str(p.leader)
    if p.leader is not None and not p.in_sync:
        yield f"an in-sync replica of {place}, which has a leader", "none"


def _partitions(found: Sequence[Partition]) -> Iterator[Wrong]:
    yield from _numbered(found[0].topic, [p.partition for p in found])


def _numbered(topic: str, numbers: Sequence[int]) -> Iterator[Wrong]:
    """The partitions of a topic are numbered from 0 without a gap."""
    if sorted(numbers) != list(range(len(numbers))):
        yield f"partitions 0, 1, … of {topic}", ", ".join(map(str, numbers))


def _ends(ends: TopicEnds) -> Iterator[Wrong]:
    yield from _numbered(ends.topic, list(ends.end_offsets))
    if min(ends.end_offsets.values(), default=0) < 0:
        yield f"end offsets of {ends.topic} from 0", str(dict(ends.end_offsets))
    if not 0 <= ends.messages <= ends.end_offset_total:
        yield f"at most {ends.end_offset_total} messages in {ends.topic}", str(ends.messages)


def _cluster(cluster: Cluster) -> Iterator[Wrong]:
    for names in (cluster.topics, cluster.groups):
        if len({*names}) < len(names) or "" in names:
            yield "different names", ", ".join(names)


def _groups(groups: Sequence[Group]) -> Iterator[Wrong]:
    names = [group.group_id for group in groups]
    if len({*names}) < len(names) or "" in names:
        yield "different groups", ", ".join(sorted(names))


def _group_lag(lag: GroupLag) -> Iterator[Wrong]:
    places = [(p.topic, p.partition) for p in lag.partitions]
    if len({*places}) < len(places):
        yield f"each partition of {lag.group_id} once", f"{len(places)} rows"
    for row in lag.partitions:
        yield from _partition_lag(row)


def _partition_lag(row: PartitionLag) -> Iterator[Wrong]:
    """A commit beyond the end is no contradiction: the log may have been made anew."""
    place = f"{row.topic}/{row.partition}"
    if min(row.committed_offset, row.end_offset) < 0:
        yield f"offsets of {place} from 0", f"{row.committed_offset}, {row.end_offset}"
    behind = max(0, row.end_offset - row.committed_offset)
    if not 0 <= row.lag_messages <= behind:
        yield f"a lag of at most {behind} in {place}", str(row.lag_messages)


def _redis_stats(stats: RedisStats) -> Iterator[Wrong]:
    known = stats.rate_limit_keys + stats.idempotency_keys + stats.cache_keys
    if known > stats.total_keys and not is_about(known, stats.total_keys):
        yield f"at least {known} keys in all", str(stats.total_keys)


def _redis_memory(memory: RedisMemory) -> Iterator[Wrong]:
    for name in ("used_bytes", "max_bytes", "evicted_keys", "hits", "misses"):
        value = getattr(memory, name)
        if value is not None and value < 0:
            yield f"{name} from 0", str(value)


def _key_life(life: KeyLife) -> Iterator[Wrong]:
    if not 0 <= life.never_expiring <= life.keys:
        yield (
            f"at most {life.keys} keys of {life.prefix} that never expire",
            str(life.never_expiring),
        )
    if life.ttl_seconds_avg < 0:
        yield f"an average life of {life.prefix} from 0", f"{life.ttl_seconds_avg:g}"
    if life.soon_percent is not None and not 0 <= life.soon_percent <= 100:
        yield f"at most all keys of {life.prefix} ending soon", f"{life.soon_percent:g} %"


def _book_counts(counts: BookCounts) -> Iterator[Wrong]:
    if counts.outbox_waiting > counts.outbox_total:
        yield f"at most {counts.outbox_total} waiting events", str(counts.outbox_waiting)


def _work(work: WorkStats) -> Iterator[Wrong]:
    parts = work.succeeded + work.failed + work.pending
    if not is_about(parts, work.total):
        yield f"{work.total} requests of {work.work} in all", str(parts)
    if work.dead_letters > work.failed and not is_about(work.dead_letters, work.failed):
        yield f"at most {work.failed} given up among those that failed", str(work.dead_letters)


def _statistics(found: PaymentStatistics) -> Iterator[Wrong]:
    count = sum(one.count for one in found.by_status)
    if not is_about(count, found.count):
        yield f"{found.count} payments by status", str(count)
    amount = sum(one.amount_krw or 0 for one in found.by_status)
    if count == found.count and amount != found.amount_krw:
        yield f"{found.amount_krw} KRW by status", str(amount)


def _breaker(breaker: Breaker) -> Iterator[Wrong]:
    if breaker.state not in BREAKER_STATES:
        yield f"the state of {breaker.name}", breaker.state or '""'
    if not 0 <= breaker.failed_calls <= breaker.buffered_calls:
        yield f"at most {breaker.buffered_calls} failed calls", str(breaker.failed_calls)
    for rate in (breaker.failure_percent, breaker.slow_percent):
        if rate is not None and not 0 <= rate <= 100:
            yield f"a rate of {breaker.name} up to 100 %", f"{rate:g} %"


_OF_ONE: Mapping[type, Callable[[Any], Iterator[Wrong]]] = {
    Partition: _partition,
    TopicEnds: _ends,
    Cluster: _cluster,
    GroupLag: _group_lag,
    RedisStats: _redis_stats,
    RedisMemory: _redis_memory,
    KeyLife: _key_life,
    BookCounts: _book_counts,
    WorkStats: _work,
    PaymentStatistics: _statistics,
    Breaker: _breaker,
}
_OF_ALL: Mapping[type, Callable[[Any], Iterator[Wrong]]] = {
    Partition: _partitions,
    Group: _groups,
}
