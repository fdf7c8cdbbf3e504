"""The parts of the stand-in platform, and the conditions that faults change."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

from demo.platform.breaker import Breaker, kafka_publisher, pg_auth_api
from demo.platform.broker import Broker, Record
from demo.platform.cache import Cache
from demo.platform.down import PartDownError
from demo.platform.meters import Meters
from demo.platform.pg_book import PgBook
from demo.platform.shards import Shards

SLOW_SECONDS = 1.5
GATEWAY_SECONDS = 20.0  # how long the gateway waits for ingest
HUNG_SECONDS = 60.0  # how long ingest itself is busy with a request that Redis holds up


@dataclass(slots=True)
class Conditions:
    """What goes wrong at the moment, beyond parts that are down."""

    relay_stalled: bool = False
    slow_api: bool = False
    pg_refusing: bool = False
    consumer_stuck: bool = False
    shard2_unbookable: bool = False
    traffic_gone: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and rates of the platform that do not change while it lives."""

    rate_capacity: int = 100
    pg_failure_percent: float = 0.0
    relay_batch: int = 300
    relay_retries_max: int = 5
    copies_max: int = 20_000  # of all that waited for the broker


@dataclass(slots=True)
class Poll:
    """A batch that a worker has polled: how much of it is done, and when the next one will be."""

    records: list[Record]
    began_at: datetime
    free_at: datetime
    done: int = 0
    ends_at: datetime | None = None


@dataclass(slots=True)
class Parts:
    """Everything the platform is made of."""

    shards: Shards
    settings: Settings
    chance: random.Random
    broker: Broker
    cache: Cache
    meters: Meters = field(default_factory=Meters)
    conditions: Conditions = field(default_factory=Conditions)
    publisher: Breaker = field(default_factory=kafka_publisher)
    pg: Breaker = field(default_factory=pg_auth_api)
    pg_book: PgBook = field(default_factory=PgBook)
    held: list[tuple[str, Record]] = field(default_factory=list)  # waiting for their shard
    polls: dict[str, Poll] = field(default_factory=dict)
    free_at: dict[str, datetime] = field(default_factory=dict)  # since when a worker is idle
    broker_away_until: datetime | None = None
    skipped: list[Record] = field(default_factory=list)  # what the ledger consumer gave up
    marked: set[tuple[str, int]] = field(default_factory=set)  # payments a fault works on

    def finish(self) -> None:
        """End a moment's work: first the rows, then what was read for them.

        If a shard went before its rows were safe, the records are read once more.
        """
        try:
            self.shards.commit()
        except PartDownError:
            self.broker.take_back()
            self.polls.clear()
            raise
        self.broker.settle()

    def close(self) -> None:
        """Let go of everything."""
        for shard in self.shards.all():
            shard.close()
        self.broker.close()
        self.cache.close()


@dataclass(frozen=True, slots=True)
class Span:
    """One tick of the platform's life: after `start`, up to and with `until`."""

    start: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.until - self.start).total_seconds()
