"""Questions about single payments, entries, keys and events, put to every shard by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from checks.sources.database.books.entries import entries
from checks.sources.database.books.keys import shared_keys
from checks.sources.database.questions import figures
from checks.sources.database.questions.merchant import merchant
from checks.sources.database.questions.payments import payments
from checks.sources.database.questions.replay import replay
from checks.sources.database.servers.shard import Shard, Snapshot
from checks.sources.facts.payments import (
    EntryFilter,
    EntryPage,
    KeyFindings,
    MerchantShard,
    OutboxState,
    PaymentFilter,
    PaymentPage,
    PaymentStatistics,
    Periods,
    ReplayState,
)
from checks.sources.facts.unavailable import Fact

T = TypeVar("T")


class Questions:
    """The part of Database that implements PaymentsSource."""

    _shards: tuple[Shard, ...]
    _each_named: Callable[..., dict[str, Fact[Any]]]
    _with_twins: Callable[[], Iterator[tuple[Shard, str | None]]]
    _constants: Callable[[str], Mapping[str, Any]]

    def shard_names(self) -> tuple[str, ...]:
        """The shards that are configured, in their order."""
        return tuple(shard.name for shard in self._shards)

    def payments(self, wanted: PaymentFilter) -> tuple[Fact[PaymentPage], ...]:
        """A page of payments of each shard."""
        return self._of(wanted.shard, lambda snapshot: payments(snapshot, wanted))

    def entries(self, wanted: EntryFilter) -> tuple[Fact[EntryPage], ...]:
        """A page of ledger entries of each shard."""
        return self._of(wanted.shard, lambda snapshot: entries(snapshot, wanted))

    def statistics_between(
        self, start: datetime | None, end: datetime
    ) -> tuple[tuple[str, Fact[PaymentStatistics]], ...]:
        """Each shard's payments of a period of time (None: from the beginning)."""
        read = partial(figures.statistics, time_range="asked", start=start, now=end)
        return tuple(self._each_named(read).items())

    def shared_keys(self, start: datetime, now: datetime) -> Fact[KeyFindings]:
        """What the idempotency keys of the payments since `start` show."""
        twins: Sequence[str] = [shard.name for shard, twin in self._with_twins() if twin]
        return shared_keys(self._shards, twins, start)

    def outbox_late(self, now: datetime, before: datetime) -> tuple[Fact[OutboxState], ...]:
        """The events of each shard that wait since before a time."""
        return self._of("", lambda snapshot: figures.outbox_late(snapshot, now, before))

    def replay(self, now: datetime) -> tuple[Fact[ReplayState], ...]:
        """What waits in the outbox of each shard, and what publishing it would do."""

        def read(snapshot: Snapshot) -> Fact[ReplayState]:
            known = self._constants(snapshot.shard)
            return replay(snapshot, now, known["retries_max"], known["parity"])

        return self._of("", read)

    def merchant(self, merchant_id: str, periods: Periods) -> tuple[Fact[MerchantShard], ...]:
        """A merchant on each shard."""

        def read(snapshot: Snapshot) -> Fact[MerchantShard]:
            parity = self._constants(snapshot.shard)["parity"]
            return merchant(snapshot, merchant_id, periods, parity)

        return self._of("", read)

    def _of(self, shard: str, read: Callable[[Snapshot], Fact[T]]) -> tuple[Fact[T], ...]:
        """The answer of one shard, or of all side by side."""
        if shard:
            return tuple(one.ask(read) for one in self._shards if one.name == shard)
        return tuple(self._each_named(read).values())
