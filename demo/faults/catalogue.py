"""The faults on demand: each has a name, says what it does, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from demo.faults.books import BookFault, doubled, missing, take_copies_back, wrong
from demo.platform.cache import RATE_WINDOW, Cache, rate_key
from demo.platform.down import PartDownError
from demo.platform.parts import Parts, Span
from demo.platform.shards import Shard
from demo.processes import ingest, ledger
from demo.processes.ingest import Authorization

OVER_LIMIT_MERCHANT = "MERCHANT-8"
_POISON_EVERY = timedelta(seconds=30)
_INSIST_EVERY = timedelta(seconds=10)
_TIDIED_AFTER = timedelta(minutes=10)
_BOOKED_AFTER = timedelta(minutes=5)


class Effect(Protocol):
    """What a fault does when it is switched, and in each tick."""

    def on(self, now: datetime) -> None: ...
    def off(self, now: datetime) -> None: ...
    def step(self, span: Span) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the platform can be ill."""

    name: str
    description: str
    effect: Effect


class Faults:
    """All faults by name, and which are on."""

    def __init__(self, parts: Parts) -> None:
        self._faults = {fault.name: fault for fault in _all(parts)}
        self._on: set[str] = set()

    def switch(self, name: str, on: bool, now: datetime) -> None:
        """Switch one on or off; what is so already stays so."""
        fault = self._faults[name]
        if on == (name in self._on):
            return
        if on:
            self._on.add(name)
            fault.effect.on(now)
        else:
            self._on.discard(name)
            fault.effect.off(now)

    def step(self, span: Span) -> None:
        """Let the faults act in this tick; what could not be taken back yet is tried again."""
        for fault in self._faults.values():
            fault.effect.step(span)

    @property
    def act(self) -> bool:
        """Whether any is on."""
        return bool(self._on)

    def states(self) -> Iterator[tuple[Fault, bool]]:
        """Each fault and whether it is on."""
        return ((fault, fault.name in self._on) for fault in self._faults.values())


@dataclass(frozen=True, slots=True)
class _Switch:
    turn: Callable[[bool], None]

    def on(self, now: datetime) -> None:
        self.turn(True)

    def off(self, now: datetime) -> None:
        self.turn(False)

    def step(self, span: Span) -> None:
        pass


class _Poison:
    """A record that nobody can read, every half minute."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._next_at: datetime | None = None

    def on(self, now: datetime) -> None:
        self._next_at = now

    def off(self, now: datetime) -> None:
        self._next_at = None

    def step(self, span: Span) -> None:
        while self._next_at is not None and self._next_at <= span.until:
            self._send(self._next_at)
            self._next_at += _POISON_EVERY

    def _send(self, at: datetime) -> None:
        value = '{"paymentId": "unreadable'
        try:
            self._parts.broker.append("payment.captured", None, value, at)
        except PartDownError:
            return


class _OverLimit:
    """A merchant that calls far too often; its counter stays above the limit."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._next_at: datetime | None = None

    def on(self, now: datetime) -> None:
        self._next_at = now
        self._fill(now)

    def off(self, now: datetime) -> None:
        self._next_at = None
        with suppress(PartDownError):  # then it lives out its minute
            self._parts.cache.delete(rate_key(ingest.AUTHORIZE, OVER_LIMIT_MERCHANT))

    def step(self, span: Span) -> None:
        if self._next_at is None:
            return
        while self._next_at <= span.until:
            self._insist(self._next_at)
            self._next_at += _INSIST_EVERY
        self._fill(span.until)

    def _insist(self, at: datetime) -> None:
        if self._parts.cache.up:  # else the limiter would let it through
            self._fill(at)
            wish = Authorization(OVER_LIMIT_MERCHANT, 1000, "KRW", f"insist-{at.isoformat()}")
            ingest.authorize(self._parts, wish, at)

    def _fill(self, now: datetime) -> None:
        if self._parts.cache.up:
            over = str(self._parts.settings.rate_capacity * 2)
            key = rate_key(ingest.AUTHORIZE, OVER_LIMIT_MERCHANT)
            self._parts.cache.put(key, over, now + RATE_WINDOW)


class _BrokerDown:
    """The broker is away; a while after its return somebody takes back what was booked twice."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tidy_at: datetime | None = None

    def on(self, now: datetime) -> None:
        self._tidy_at = None
        self._parts.broker.go_down()

    def off(self, now: datetime) -> None:
        self._tidy_at = now + _TIDIED_AFTER
        self._parts.broker.come_back()

    def step(self, span: Span) -> None:
        if self._tidy_at is not None and self._tidy_at <= span.until:
            self._tidy_at = None
            take_copies_back(self._parts)


class _Unbooked:
    """The ledger consumer skips the second shard's events; what it skipped is booked by hand.

    What it skipped because the shard was down, somebody books a while after its return.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._book_at: datetime | None = None

    def on(self, now: datetime) -> None:
        self._parts.conditions.shard2_unbookable = True

    def off(self, now: datetime) -> None:
        self._parts.conditions.shard2_unbookable = False
        ledger.book_skipped(self._parts, now)

    def step(self, span: Span) -> None:
        refuses = self._parts.conditions.shard2_unbookable or not self._parts.shards.shard2.up
        if refuses or not self._parts.skipped:
            self._book_at = None
            return
        self._book_at = self._book_at or span.start + _BOOKED_AFTER
        if self._book_at <= span.until:
            ledger.book_skipped(self._parts, span.until)


def _all(parts: Parts) -> Iterator[Fault]:
    yield Fault("broker_down", "The message broker refuses connections.", _BrokerDown(parts))
    yield Fault("relay_stalled", "The relay publishes nothing.", _flag(parts, "relay_stalled"))
    yield Fault(
        "slow_api",
        "Ingest answers one and a half seconds later than it should.",
        _flag(parts, "slow_api"),
    )
    yield Fault(
        "pg_refusing",
        "The payment gateway refuses: authorize answers 409 without a payment.",
        _flag(parts, "pg_refusing"),
    )
    yield Fault("redis_down", "Redis refuses connections.", _Switch(_reach(parts.cache)))
    yield Fault(
        "merchant_over_limit",
        f"{OVER_LIMIT_MERCHANT} calls far above its limit and is turned away with 429.",
        _OverLimit(parts),
    )
    yield Fault(
        "poison_message",
        "An unreadable record arrives in payment.captured every 30 s and ends in payment.dlq.",
        _Poison(parts),
    )
    yield from _of_the_books(parts)
    yield Fault(
        "shard2_unbooked",
        "The ledger consumer cannot book the second shard's payments and skips them.",
        _Unbooked(parts),
    )
    yield Fault(
        "consumer_stuck",
        "The ledger consumer commits nothing more.",
        _flag(parts, "consumer_stuck"),
    )
    yield Fault(
        "shard_down",
        "The second database shard is out of reach.",
        _Switch(_reach(parts.shards.shard2)),
    )
    yield Fault("traffic_gone", "No customer comes any more.", _flag(parts, "traffic_gone"))


def _of_the_books(parts: Parts) -> Iterator[Fault]:
    yield Fault(
        "ledger_entry_missing",
        "The capture entry of a captured payment is gone.",
        BookFault(parts, missing),
    )
    yield Fault(
        "ledger_entry_duplicated",
        "A captured payment is booked twice.",
        BookFault(parts, doubled),
    )
    yield Fault(
        "ledger_wrong_amount",
        "A captured payment is booked with a wrong amount.",
        BookFault(parts, wrong),
    )


def _flag(parts: Parts, name: str) -> _Switch:
    return _Switch(lambda on: setattr(parts.conditions, name, on))


def _reach(part: Cache | Shard) -> Callable[[bool], None]:
    return lambda on: part.go_down() if on else part.come_back()
