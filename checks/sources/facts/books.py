"""Typed facts about the books: what a look at them went through, and what it found broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.check import Params


@dataclass(frozen=True, slots=True)
class Break:
    """A violation of an invariant: where, which row, and by how much."""

    invariant: str
    shard: str
    key: str  # "payment 12", "entry 7", "event 9"; "" for a control total
    payment_id: int | None
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which rows a look went through: ranges of keys by word ("payment"), and named payments.

    `wholes` are words and keys that were gone through as a whole, `complete` invariants of which
    this is true, `behind` those whose named payments no index leads to: they wait for a sweep.
    """

    ranges: Mapping[str, tuple[int, int]]
    wholes: frozenset[str] = frozenset()
    ids: frozenset[int] = frozenset()
    complete: frozenset[str] = frozenset()
    behind: frozenset[str] = frozenset()

    def covers(self, invariant: str, key: str, payment_id: int | None) -> bool:
        """Whether a break with this key would have been found if it were still there."""
        if invariant in self.complete:
            return True
        if payment_id in self.ids and invariant not in self.behind:
            return True
        word, _, number = key.partition(" ")
        if key in self.wholes or word in self.wholes:
            return True
        if word == "entry":  # entries are looked for by their payment
            word, number = "payment", str(payment_id)
        low, high = self.ranges.get(word, (0, 0))
        return number.lstrip("-").isdecimal() and low <= int(number) < high


@dataclass(frozen=True, slots=True)
class Books:
    """One look at the books of one shard: the invariants examined and what broke them.

    `low` is the first payment_id of the window; `truncated` are invariants with more breaks than
    are listed, `unavailable` those that could not be examined, each with its why. `entry_last` is
    the newest ledger entry, `unfinished` are older payments that wait for their capture or refund,
    `published` counts events by type that surely went out since the window's `published_since`,
    and `published_at_most` those that may have.
    `overflow`: more older payments were touched than could be looked at. `is_never_booked`: there
    are captured payments and not a single entry.
    """

    shard: str
    examined: tuple[str, ...]
    breaks: tuple[Break, ...]
    payments_seen: int
    low: int
    truncated: tuple[str, ...] = ()
    unavailable: Mapping[str, Unavailable] = field(default_factory=dict)
    entry_last: int = 0
    reach: Reach = Reach({})
    unfinished: tuple[int, ...] = ()
    published: Mapping[str, int] = field(default_factory=dict)
    published_at_most: Mapping[str, int] = field(default_factory=dict)
    overflow: bool = False
    is_never_booked: bool = False


@dataclass(frozen=True, slots=True)
class Swept:
    """One step of a sweep through all books of a shard: the rows of one range of keys.

    `rows` is how many there are; None: nobody asked.
    """

    books: Books
    step: int
    is_last: bool
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How large the books of a shard are: their rows, and the last key of any table."""

    rows: int
    last_key: int


@dataclass(frozen=True, slots=True)
class Content:
    """Sums over rows that any change of a row changes; `offsets` and `moment` tell whose it was.

    `small` are the amounts less multiples of a large number, `offsets` the payment ids counted
    from the block's first, `moment` the products of the two.
    """

    rows: int = 0
    amount_krw: int = 0
    checksum: int = 0
    small: int = 0
    offsets: int = 0
    moment: int = 0

    def plus(self, other: Content) -> Content:
        """The content of the rows of both."""
        return Content(
            self.rows + other.rows,
            self.amount_krw + other.amount_krw,
            self.checksum ^ other.checksum,
            self.small + other.small,
            self.offsets + other.offsets,
            self.moment + other.moment,
        )


@dataclass(frozen=True, slots=True)
class Marks:
    """The last ledger entry and the last payment of those that are settled."""

    entry: int
    payment: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of one block of payments, those from `low` to before `high`.

    `entries` and `payments` are the settled rows up to `marks`, and `…_before` those up to the
    marks of the block's last totals. `drift_krw` is net receivable less what is captured and not
    refunded, of payments at rest; `is_moving`: entries came in just now, so that it may be passing.
    """

    number: int
    low: int
    high: int
    rows: int
    marks: Marks
    entries_before: Content
    entries: Content
    payments_before: Content
    payments: Content
    drift_krw: int
    drift_moment: int
    is_moving: bool


@dataclass(frozen=True, slots=True)
class RotationPart:
    """The blocks of a shard that were totalled; `is_last`: none is left behind `position`."""

    shard: str
    totals: tuple[Totals, ...]
    position: int
    is_last: bool


class BooksSource(Protocol):
    """The books, shard by shard: a window, all rows step by step, and how many there are."""

    def books(
        self, now: datetime, window: Any, open_ids: Mapping[str, tuple[int, ...]], only: str = ""
    ) -> tuple[Fact[Books], ...]: ...
    def sweep(
        self, now: datetime, window: Any, steps: Mapping[str, int]
    ) -> tuple[Fact[Swept], ...]: ...
    def rotate(
        self, now: datetime, rotations: Mapping[str, Any]
    ) -> Mapping[str, Fact[RotationPart]]: ...
    def examine_blocks(
        self, now: datetime, window: Any, blocks: Mapping[str, tuple[tuple[int, int], ...]]
    ) -> Mapping[str, tuple[Fact[Books], ...]]: ...
    def sizes(self, only: str = "") -> Mapping[str, Fact[Size]]: ...
