"""The platform's databases, read directly: every shard by itself, or all of them summed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar

from checks.sources.database.books.across import across
from checks.sources.database.books.blocks import Rotation, examine_block, rotate
from checks.sources.database.books.examine import Window, examine
from checks.sources.database.books.size import size_of
from checks.sources.database.books.sweep import sweep
from checks.sources.database.questions import figures
from checks.sources.database.questions.affected import add_affected, affected
from checks.sources.database.questions.questions import Questions
from checks.sources.database.questions.requests import pg_records
from checks.sources.database.questions.story import Limits, payment_records
from checks.sources.database.servers.shard import Shard, Snapshot
from checks.sources.facts.books import Books, RotationPart, Size, Swept
from checks.sources.facts.instances import Connections
from checks.sources.facts.payments import Affected, OutboxState, PaymentStatistics, Written
from checks.sources.facts.platform import BookCounts, Health, WorkStats
from checks.sources.facts.psp import Record
from checks.sources.facts.story import PaymentRecords
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.domain.interval import Interval
from monitor.domain.statement import InvalidError

T = TypeVar("T")
_SHARDS_OF_THE_RULE = 2


class Database(Questions):
    """The shards, by name. Implements DatabaseSource; safe to use from several threads.

    `zone` is where a "today" begins; the retry limits are the platform's own.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        zone: tzinfo = UTC,
        outbox_retries_max: int = 5,
        work_retries_max: int = 10,
        seconds_max: float = 10.0,
        sweep_seconds_max: float = 60.0,
        file_seconds_max: float = 300.0,
    ) -> None:
        """`urls`: shard -> SQLAlchemy URL; `seconds_max` bounds one look at one shard."""
        if not urls:
            raise InvalidError("no_shards")
        self._shards = tuple(Shard(name, url, seconds_max) for name, url in urls.items())
        self._sweepers = tuple(Shard(name, url, sweep_seconds_max) for name, url in urls.items())
        self._filers = tuple(Shard(name, url, file_seconds_max) for name, url in urls.items())
        self._zone = zone
        self._outbox_retries_max = outbox_retries_max
        self._work_retries_max = work_retries_max

    def healths(self) -> Mapping[str, Fact[Health]]:
        """Whether each shard can be read, and how long that took."""
        return {f"database/{shard.name}": _health(shard) for shard in self._shards}

    def connections(self) -> Mapping[str, Fact[Connections]]:
        """How many connections each shard's server has; shards in files have none."""
        found = {shard.name: shard.connections() for shard in self._shards}
        return {shard: fact for shard, fact in found.items() if fact is not None}

    def outbox(self, now: datetime) -> tuple[Fact[OutboxState], ...]:
        """The outbox of each shard."""
        return self._each(lambda snapshot: figures.outbox(snapshot, now, self._outbox_retries_max))

    def statistics(self, time_range: str, now: datetime) -> Fact[PaymentStatistics]:
        """Payments of all shards in a range: today, last_hour, last_24h or all."""
        start = range_start(time_range, now, self._zone)
        read = partial(figures.statistics, time_range=time_range, start=start, now=now)
        return self._sum(read, figures.add_statistics)

    def affected(self, start: datetime, now: datetime) -> Fact[Affected]:
        """The payments of all shards since `start` that are not where they should be."""
        return self._sum(partial(affected, start=start, now=now), add_affected)

    def counts(self) -> Fact[BookCounts]:
        """The row counts of all shards."""
        return self._sum(figures.counts, figures.add_counts)

    def written(self) -> Mapping[str, Fact[Written]]:
        """By shard, how many rows the workers have written."""
        return self._each_named(figures.written)

    def work(self, kind: str, now: datetime) -> Fact[WorkStats]:
        """What the settlement or the refund worker did on all shards."""
        read = partial(figures.work, kind=kind, now=now, retries_max=self._work_retries_max)
        return self._sum(read, figures.add_work)

    def books(
        self,
        now: datetime,
        window: Window,
        open_ids: Mapping[str, tuple[int, ...]],
        only: str = "",
    ) -> tuple[Fact[Books], ...]:
        """The books of each shard, as far as the window and the open payments reach, and what
        all shards together break (as a shard named "shards", when all of them were seen).

        `only` names one shard: nothing is said of all together then."""
        parts = self._each_named(
            lambda snapshot: examine(
                snapshot,
                now,
                window,
                open_ids.get(snapshot.shard, ()),
                self._constants(snapshot.shard),
            ),
            only,
            self._shards if window.since is None else self._sweepers,
        )
        if only:
            return tuple(parts.values())
        twins = {shard.name: twin for shard, twin in self._with_twins() if twin}
        facts, together = across(self._shards, parts, twins, window.known_merchants)
        return (*facts, together) if together else facts

    def sweep(
        self, now: datetime, window: Window, steps: Mapping[str, int]
    ) -> tuple[Fact[Swept], ...]:
        """One step of a sweep on each shard that is named."""
        return tuple(
            shard.ask(
                lambda snapshot: sweep(
                    snapshot,
                    now,
                    window,
                    steps[snapshot.shard],
                    self._constants(snapshot.shard),
                )
            )
            for shard in self._sweepers
            if shard.name in steps
        )

    def rotate(
        self, now: datetime, rotations: Mapping[str, Rotation]
    ) -> Mapping[str, Fact[RotationPart]]:
        """The totals of some blocks on each shard that is named."""
        return {
            shard.name: shard.ask(partial(rotate, now=now, rotation=rotations[shard.name]))
            for shard in self._sweepers
            if shard.name in rotations
        }

    def examine_blocks(
        self, now: datetime, window: Window, blocks: Mapping[str, tuple[tuple[int, int], ...]]
    ) -> Mapping[str, tuple[Fact[Books], ...]]:
        """What is wrong in blocks of payments (from an id to before another), by shard."""
        return {
            shard.name: tuple(
                shard.ask(partial(examine_block, now=now, window=window, low=low, high=high))
                for low, high in blocks[shard.name]
            )
            for shard in self._sweepers
            if shard.name in blocks
        }

    def sizes(self, only: str = "") -> Mapping[str, Fact[Size]]:
        """By shard, how many rows a sweep has to go through."""
        return self._each_named(size_of, only, self._sweepers)

    def pg_records(
        self,
        start: datetime,
        end: datetime,
        take: Callable[[Sequence[Record]], None],
        shards: Collection[str] | None = None,
    ) -> Mapping[str, Fact[int]]:
        """Hand over the settlements and refunds of a time, batch by batch (None: of all shards).

        By shard, how many there were. A shard that fails on the way has handed over a part.
        """
        interval = Interval(start, end)
        twins = {shard.name: twin for shard, twin in self._with_twins()}
        return {
            shard.name: _same(shard.name, twin)
            if (twin := twins[shard.name])
            else shard.ask(lambda snapshot: pg_records(snapshot, interval, take))
            for shard in self._filers
            if shards is None or shard.name in shards
        }

    def payment(self, payment_id: int, shard: str = "") -> Mapping[str, Fact[PaymentRecords]]:
        """All rows of one payment, by shard; ids are given out by each shard: all may have it."""
        parity = {each.name: self._constants(each.name)["parity"] for each in self._shards}

        def read(snapshot: Snapshot) -> Fact[PaymentRecords]:
            of_relay = parity[snapshot.shard]
            limits = Limits(of_relay, self._outbox_retries_max, self._work_retries_max)
            return payment_records(snapshot, payment_id, limits)

        return self._each_named(read, shard)

    def writing_rights(self) -> Mapping[str, Fact[tuple[str, ...]]]:
        """By shard, the rights to write that the account has though it only reads."""
        return {shard.name: shard.writing_rights() for shard in self._shards}

    def _constants(self, shard: str) -> Mapping[str, Any]:
        """What statements must know of the platform; of other than two shards the rule is not."""
        names = [each.name for each in self._shards]
        return {
            "retries_max": self._outbox_retries_max,
            "work_retries_max": self._work_retries_max,
            "parity": names.index(shard) if len(names) == _SHARDS_OF_THE_RULE else None,
        }

    def _each(self, read: Callable[[Snapshot], Fact[T]]) -> tuple[Fact[T], ...]:
        return tuple(self._each_named(read).values())

    def _each_named(
        self,
        read: Callable[[Snapshot], Fact[T]],
        only: str = "",
        among: Sequence[Shard] = (),
    ) -> dict[str, Fact[T]]:
        """One answer per shard; they are asked side by side, so that a slow one delays none."""
        asked = [pair for pair in self._with_twins(among) if only in ("", pair[0].name)]

        def ask(one: tuple[Shard, str | None]) -> Fact[T]:
            shard, twin = one
            return shard.ask(read) if twin is None else _same(shard.name, twin)

        with ThreadPoolExecutor(len(asked), "shard") as pool:
            return dict(zip((s.name for s, _ in asked), pool.map(ask, asked), strict=True))

    def _sum(self, read: Callable[[Snapshot], Fact[T]], add: Callable[[Sequence[T]], T]) -> Fact[T]:
        """A sum over the shards; one that lacks a shard would look like a fall."""
        parts: list[T] = []
        for shard, twin in self._with_twins():
            part = shard.ask(read) if twin is None else _same(shard.name, twin)
            if isinstance(part, Unavailable):
                return part
            parts.append(part)
        return add(parts)

    def _with_twins(self, among: Sequence[Shard] = ()) -> Iterator[tuple[Shard, str | None]]:
        """Each shard, with the name of the earlier one that reads the same storage, if any."""
        known: dict[Any, str] = {}
        for shard in among or self._shards:
            identity = shard.identity()
            yield shard, known.get(identity) if identity else None
            known.setdefault(identity, shard.name)


def _health(shard: Shard) -> Fact[Health]:
    started = time.perf_counter()
    seen = shard.skew_seconds()
    if isinstance(seen, Unavailable):
        return seen
    took_ms = (time.perf_counter() - started) * 1000
    return Health(f"database/{shard.name}", True, took_ms, skew_seconds=seen)


def _same(shard: str, twin: str) -> Unavailable:
    params = {"shard": shard, "twin": twin}
    return Unavailable(f"database/{shard}", Why.NOT_VISIBLE, "same_shard_twice", params)


def range_start(time_range: str, now: datetime, zone: tzinfo) -> datetime | None:
    """When a named time range begins; None: at the beginning."""
    spans = {"last_hour": timedelta(hours=1), "last_24h": timedelta(hours=24)}
    if time_range in spans:
        return now - spans[time_range]
    if time_range == "today":
        local = now.astimezone(zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
    if time_range == "all":
        return None
    raise ValueError(f"unknown time range {time_range!r}: today, last_hour, last_24h or all")
