"""Typed facts about single payments, entries and events, and what a source answers about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from checks.sources.facts.story import PaymentRecords
from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.check import Params

Position = tuple["str | int", int]  # the last row that was read: what it is sorted by, its id

Affected = Mapping[str, tuple[int, int]]  # by what became of payments: how many, how many won


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments are wanted, in which order, and how many of each shard.

    Amounts are included at both ends, `end` is not. `order`: newest, oldest, largest, smallest.
    `shard`: this one alone; "": all. `after`: by shard, where to go on.
    """

    statuses: tuple[str, ...] = ()
    merchant_id: str = ""
    payment_id: int | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    shard: str = ""
    order: str = "newest"
    limit: int = 10
    after: Mapping[str, Position] | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment. `shard` "": the source does not tell."""

    shard: str
    payment_id: int
    merchant_id: str
    amount_krw: int
    currency: str
    status: str
    requested_at: datetime
    updated_at: datetime


def position(payment: Payment, order: str) -> Position:
    """Where to go on after a payment, in an order."""
    if order in ("largest", "smallest"):
        return payment.amount_krw, payment.payment_id
    return payment.requested_at.isoformat(), payment.payment_id


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows the workers have written, since ever."""

    settlements: int
    refunds: int
    entries: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are and their amount, of one kind (a status, a pair of accounts)."""

    kind: str
    count: int
    amount_krw: int


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """Some payments of one shard, in the order that was asked for.

    `totals` are those of all that fit, by status; an Unavailable: counting took too long. `lacks`:
    a bound beyond which this source did not look, so that more may fit than it shows.
    """

    shard: str
    payments: tuple[Payment, ...]
    has_more: bool
    totals: Fact[tuple[Count, ...]]
    lacks: tuple[Unavailable, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which ledger entries are wanted: of a payment, of a merchant, of a time; newest first."""

    payment_id: int | None = None
    merchant_id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    shard: str = ""
    limit: int = 10
    after: Mapping[str, Position] | None = None
    lists: bool = True  # False: only the totals
    sums: bool = True  # False: only the entries


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger; `merchant_id` "": the source does not tell."""

    shard: str
    entry_id: int
    payment_id: int
    merchant_id: str
    kind: str  # capture, refund, other: by its pair of accounts
    debit_account: str
    credit_account: str
    amount_krw: int
    occurred_at: datetime


def kind_of(debit_account: str, credit_account: str) -> str:
    """What an entry books, by its two accounts: capture, refund, other."""
    return _KINDS.get((debit_account, credit_account), "other")


_KINDS = {
    ("merchant_receivable", "cash"): "capture",
    ("cash", "merchant_receivable"): "refund",
}


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries of one shard, and the totals of all that fit, by pair of accounts.

    Totals that were not asked for are empty.
    """

    shard: str
    entries: tuple[Entry, ...]
    has_more: bool
    totals: Fact[tuple[Count, ...]]
    lacks: tuple[Unavailable, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Who used an idempotency key for which payment."""

    shard: str
    payment_id: int
    merchant_id: str
    status: str
    amount_krw: int
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class SharedKey:
    """An idempotency key with more than one payment.

    `kind`: both_shards (one merchant, and so a payment made twice), across_merchants.
    """

    kind: str
    key: str
    uses: tuple[KeyUse, ...]


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """A stored answer that names another payment than the one made with its key (D1)."""

    shard: str
    key: str
    merchant_id: str
    payment_id: int
    answered_id: int | None


@dataclass(frozen=True, slots=True)
class KeyFindings:
    """What a look at the keys of a period found; `looked_at` are payments by shard.

    `has_merged` False: not all shards were seen, so nothing is known across them.
    """

    looked_at: Mapping[str, int]
    cut_at: Mapping[str, datetime]  # shards with more payments than were looked at: the oldest
    shared: tuple[SharedKey, ...]
    wrong_answers: tuple[WrongAnswer, ...]
    unavailable: tuple[Unavailable, ...] = ()
    has_merged: bool = True


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """Events that wait in the outbox for one reason.

    `why`: exhausted, unreachable, waiting. `effect`: needed (publishing it moves the payment on),
    done (its effect is there already), twice (publishing would book it a second time), orphan.
    `event_ids` are the oldest of them.
    """

    why: str
    event_type: str
    effect: str
    count: int
    amount_krw: int
    oldest_at: datetime
    event_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReplayState:
    """All that waits in the outbox of one shard, by what to do about it.

    `parity`: of the payments that this shard's relay takes; None: not known. `published_at`:
    when it last published anything. `looked_at` is how many events were read of `waiting`.
    """

    shard: str
    waiting: int
    looked_at: int
    parity: int | None
    retries_max: int
    published_at: datetime | None
    groups: tuple[WaitingGroup, ...]


@dataclass(frozen=True, slots=True)
class MerchantShard:
    """A merchant on one shard: its payments by period and status, and its first and last."""

    shard: str
    is_home: bool | None  # whether its digits belong here; None: the rule is not known
    first_at: datetime | None
    last_at: datetime | None
    periods: tuple[tuple[Count, ...], ...]


Periods = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class OutboxState:
    """The outbox of one shard ("" where the source does not tell them apart)."""

    shard: str
    waiting: int
    oldest_age_seconds: float  # 0 if nothing waits
    exhausted: int | None  # rows that used up their retries; None: the source cannot tell
    oldest: tuple[Params, ...] = ()  # a few of the oldest rows
    publish_lag_seconds_p95: float | None = None  # of the newest published; None: cannot tell


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many rows have a status, and their amount where it is known."""

    status: str
    count: int
    amount_krw: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentStatistics:
    """Payments requested in a time range (today, last_hour, last_24h, all).

    `unavailable` is what these figures do not cover, or cannot be sure of.
    """

    time_range: str
    count: int
    amount_krw: int
    by_status: tuple[StatusCount, ...]
    top_merchants: tuple[Params, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()


class PaymentsSource(Protocol):
    """Single payments, entries, keys and events: one answer per shard where it can be told."""

    def payments(self, wanted: PaymentFilter) -> tuple[Fact[PaymentPage], ...]: ...
    def affected(self, start: datetime, now: datetime) -> Fact[Affected]: ...
    def entries(self, wanted: EntryFilter) -> tuple[Fact[EntryPage], ...]: ...
    def statistics_between(
        self, start: datetime | None, end: datetime
    ) -> tuple[tuple[str, Fact[PaymentStatistics]], ...]: ...
    def shared_keys(self, start: datetime, now: datetime) -> Fact[KeyFindings]: ...
    def outbox_late(self, now: datetime, before: datetime) -> tuple[Fact[OutboxState], ...]: ...
    def replay(self, now: datetime) -> tuple[Fact[ReplayState], ...]: ...
    def merchant(self, merchant_id: str, periods: Periods) -> tuple[Fact[MerchantShard], ...]: ...
    def payment(self, payment_id: int, shard: str) -> Mapping[str, Fact[PaymentRecords]]: ...
    def shard_names(self) -> tuple[str, ...]: ...
