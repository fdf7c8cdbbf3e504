"""Typed facts: what any source answers about the platform.

Every question to a source is answered by a fact or by `Unavailable`; nothing is ever guessed. A
source never raises for a failing platform. Units stand in the names; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from checks.sources.facts.books import BooksSource
from checks.sources.facts.instances import Connections, Pool, Target
from checks.sources.facts.payments import OutboxState, PaymentsSource, PaymentStatistics, Written
from checks.sources.facts.prometheus import Course, Happened, Reading, Turn
from checks.sources.facts.psp import Record
from checks.sources.facts.reset import RateLimitReset
from checks.sources.facts.unavailable import Fact, Unavailable

# --- services and breakers -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """An answer of a service about itself; `up` False: it says DOWN, or reports a part down.

    `skew_seconds`: by how much its clock is ahead of ours (None: it does not tell the time).
    """

    service: str
    up: bool
    response_ms: float
    detail: str = ""
    skew_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """One circuit breaker of one instance. Rates are percent; None: no data yet (-1)."""

    instance: str
    name: str
    state: str  # CLOSED OPEN HALF_OPEN DISABLED FORCED_OPEN METRICS_ONLY
    failure_percent: float | None
    slow_percent: float | None
    failed_calls: int
    buffered_calls: int
    not_permitted_calls: int


@dataclass(frozen=True, slots=True)
class RequestCount:
    """HTTP requests that one instance answered since it started, by uri and status."""

    instance: str
    uri: str
    status: int
    count: float
    seconds_total: float


# --- kafka -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers that answer and the names of what they hold."""

    brokers: int
    cluster_id: str
    topics: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: its leader (None: offline), replicas and in-sync replicas (broker ids)."""

    topic: str
    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TopicEnds:
    """The end offsets of a topic by partition; `messages` retained, as far as it is known."""

    topic: str
    end_offsets: Mapping[int, int]
    messages: int

    @property
    def end_offset_total(self) -> int:
        """The sum of the end offsets: grows by one with each message that arrives."""
        return sum(self.end_offsets.values())


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group and its state (STABLE, EMPTY, DEAD, PREPARING_REBALANCE, ...)."""

    group_id: str
    state: str


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far one group is behind in one partition."""

    topic: str
    partition: int
    committed_offset: int
    end_offset: int
    lag_messages: int
    has_commit: bool = True  # False: it never committed here; counted from what is retained

    @property
    def beyond_end_messages(self) -> int:
        """How far the commit lies beyond the end of the log, which was made anew or cut off."""
        return max(0, self.committed_offset - self.end_offset) if self.has_commit else 0


@dataclass(frozen=True, slots=True)
class GroupLag:
    """The lag of one group, partition by partition."""

    group_id: str
    partitions: tuple[PartitionLag, ...]

    @property
    def lag_messages(self) -> int:
        """The whole lag of the group."""
        return sum(p.lag_messages for p in self.partitions)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of a DLQ; `value` is the platform's text, cut to length."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str
    value: str
    original_topic: str = ""
    error: str = ""
    payment_id: int | None = None
    amount_krw: int | None = None
    message: str = ""  # the error's own text


# --- redis -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RedisStats:
    """How many keys there are, by use."""

    rate_limit_keys: int
    idempotency_keys: int
    cache_keys: int
    total_keys: int
    unscanned_keys: int = 0  # beyond the bounds of a scan: nothing is known about them


@dataclass(frozen=True, slots=True)
class RedisMemory:
    """What Redis holds and, since it started, dropped; `max_bytes` None: it has no limit."""

    used_bytes: int
    max_bytes: int | None
    evicted_keys: int
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class RateUse:
    """What one merchant used of a limit in this window; `action` None: the source lost it."""

    merchant_id: str
    action: str | None
    count: int
    ttl_seconds: int | None  # None: the key never expires


@dataclass(frozen=True, slots=True)
class KeyLife:
    """The remaining lives of the keys with one prefix."""

    prefix: str
    keys: int
    ttl_seconds_avg: float
    never_expiring: int
    soon_percent: float | None = None  # of those that end: within a minute
    ttl_seconds_spread: tuple[int, int, int] | None = None  # 10th, 50th, 90th percentile


@dataclass(frozen=True, slots=True)
class CachedKey:
    """What the idempotency cache holds under a key."""

    key: str
    exists: bool
    payment_id: int | None
    ttl_seconds: int | None


# --- database --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BookCounts:
    """How many payments and outbox events there are, and the shards that were counted."""

    payments: int
    outbox_total: int
    outbox_waiting: int
    shards: Mapping[str, str]  # shard -> UP, DOWN, UNCONFIGURED


@dataclass(frozen=True, slots=True)
class WorkStats:
    """What a worker (settlement or refund) did with its requests, since ever.

    `unavailable` are the shards that these figures do not cover; `delayed` None: not known.
    """

    work: str  # settlement, refund
    total: int
    succeeded: int
    failed: int
    pending: int
    dead_letters: int
    delayed: int | None
    amount_krw: float
    unavailable: tuple[Unavailable, ...] = ()


# --- what a source offers --------------------------------------------------------------------


class ServicesSource(Protocol):
    """Every service's word about itself; what ingest answered; pools by instance."""

    def healths(self) -> Mapping[str, Fact[Health]]: ...
    def requests(self) -> Mapping[str, Fact[tuple[RequestCount, ...]]]: ...
    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]: ...


class BreakersSource(Protocol):
    """The circuit breakers, by ingest instance."""

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]: ...


class KafkaSource(Protocol):
    """The cluster, its topics and groups."""

    def cluster(self) -> Fact[Cluster]: ...
    def partitions(self, topic: str) -> Fact[tuple[Partition, ...]]: ...
    def topic_ends(self, topic: str | None = None) -> Fact[tuple[TopicEnds, ...]]: ...
    def groups(self) -> Fact[tuple[Group, ...]]: ...
    def group_lag(self, group_id: str) -> Fact[GroupLag]: ...
    def dead_letters(
        self, topic: str, limit: int, before: Mapping[int, int] | None = None
    ) -> Fact[tuple[DeadLetter, ...]]: ...  # before: only what has a lower offset


class RedisSource(Protocol):
    """The rate limits and the idempotency cache."""

    def stats(self) -> Fact[RedisStats]: ...
    def memory(self) -> Fact[RedisMemory] | None: ...  # None: this source does not show it
    def rate_uses(self) -> Fact[tuple[RateUse, ...]]: ...
    def rate_use(self, merchant_id: str) -> Fact[tuple[RateUse, ...]]: ...
    def key_lives(self) -> Fact[tuple[KeyLife, ...]]: ...
    def cached_key(self, key: str) -> Fact[CachedKey]: ...
    def idempotent(self, merchant_id: str, key: str) -> Fact[CachedKey]: ...


class DatabaseSource(PaymentsSource, BooksSource, Protocol):
    """The shards' books. Answers come shard by shard: a shard that is down hides only itself."""

    def outbox(self, now: datetime) -> tuple[Fact[OutboxState], ...]: ...
    def statistics(self, time_range: str, now: datetime) -> Fact[PaymentStatistics]: ...
    def counts(self) -> Fact[BookCounts]: ...
    def work(self, kind: str, now: datetime) -> Fact[WorkStats]: ...
    def written(self) -> Mapping[str, Fact[Written]]: ...  # by shard; "": all that are seen
    def connections(self) -> Mapping[str, Fact[Connections]]: ...  # of shards that have a server
    def pg_records(
        self,
        start: datetime,
        end: datetime,
        take: Callable[[Sequence[Record]], None],
        shards: Collection[str] | None = None,
    ) -> Mapping[str, Fact[int]]: ...


class PrometheusSource(Protocol):
    """Any question to Prometheus: its readings at a moment, and what each series did in a span."""

    def instant(self, query: str, at: datetime | None = None) -> Fact[tuple[Reading, ...]]: ...
    def points(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Course, ...]]: ...
    def window(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Happened, ...]]: ...


class ScrapedSource(Protocol):
    """What Prometheus scraped from the platform's instances."""

    def targets(self, jobs: Iterable[str]) -> Fact[tuple[Target, ...]]: ...
    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]: ...
    def turns(
        self, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Turn, ...]]: ...


@dataclass(frozen=True, slots=True)
class Platform:
    """Each part through its configured source; None of what needs a Prometheus without one."""

    services: ServicesSource
    breakers: BreakersSource
    kafka: KafkaSource
    redis: RedisSource
    database: DatabaseSource
    prometheus: PrometheusSource | None = None
    scraped: ScrapedSource | None = None
    rate_limits: RateLimitReset | None = None
