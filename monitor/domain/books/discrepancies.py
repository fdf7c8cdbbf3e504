"""Breaks in the books that are open, and how old they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class OpenBreak:
    """A break that was found and not yet found gone; `key` names its row ("payment 12")."""

    shard: str
    invariant: str
    key: str
    payment_id: int | None
    amount_krw: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the books of a shard were looked at.

    Payments since `since` were examined; `whole_at`: every row was totalled since then (None: not
    yet). `drift_krw` is the drift of the control total, `unexplained_krw` what of it no break
    explains.
    """

    shard: str
    since: datetime | None
    whole_at: datetime | None
    drift_krw: int = 0
    unexplained_krw: int = 0


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """All breaks that are open in the books after a pass: those that it leaves out are gone."""

    breaks: tuple[OpenBreak, ...] = ()
    extents: tuple[Extent, ...] = ()


@dataclass(frozen=True, slots=True)
class AgeBucket:
    """How many breaks are of an age, and how much money is in them."""

    name: str
    count: int
    amount_krw: int


TOTAL = "control total"  # the key of a break that sums up others

_BUCKETS = (
    ("under_1h", timedelta(hours=1)),
    ("under_1d", timedelta(days=1)),
    ("under_3d", timedelta(days=3)),
    ("under_7d", timedelta(days=7)),
    ("over_7d", timedelta.max),
)


def ageing(breaks: Iterable[OpenBreak], now: datetime) -> tuple[AgeBucket, ...]:
    """The breaks by age, youngest first; all buckets, also the empty ones."""
    found: dict[str, list[OpenBreak]] = {name: [] for name, _ in _BUCKETS}
    for one in breaks:
        age = now - one.first_seen_at
        found[next(name for name, limit in _BUCKETS if age < limit)].append(one)
    return tuple(AgeBucket(name, len(found[name]), money_in(found[name])) for name, _ in _BUCKETS)


def money_in(breaks: Iterable[OpenBreak]) -> int:
    """The money in some breaks: of a payment, what the invariant with the most of it tells.

    A total counts where nothing that it could sum up is among them.
    """
    rows: dict[tuple[str, str], Counter[str]] = {}
    totals: Counter[str] = Counter()
    for one in breaks:
        if one.key.startswith(TOTAL):
            totals[one.shard] += one.amount_krw
        else:
            about = one.shard, one.key if one.payment_id is None else str(one.payment_id)
            rows.setdefault(about, Counter())[one.invariant] += one.amount_krw
    most = {about: max(amounts.values()) for about, amounts in rows.items()}
    summed_up = {shard for (shard, _), amount in most.items() if amount}
    return sum(most.values()) + sum(t for shard, t in totals.items() if shard not in summed_up)
