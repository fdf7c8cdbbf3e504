"""Breaks in the books that are open, and how old they are."""

from __future__ import annotations

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
class AgeBucket:
    """How many breaks are of an age, and how much money is in them."""

    name: str
    count: int
    amount_krw: int


_BUCKETS = (
    ("under_1h", timedelta(hours=1)),
    ("under_1d", timedelta(days=1)),
    ("under_3d", timedelta(days=3)),
    ("under_7d", timedelta(days=7)),
    ("over_7d", timedelta.max),
)


def ageing(breaks: Iterable[OpenBreak], now: datetime) -> tuple[AgeBucket, ...]:
    """The breaks by age, youngest first; all buckets, also the empty ones."""
    found: dict[str, list[int]] = {name: [] for name, _ in _BUCKETS}
    for one in breaks:
        age = now - one.first_seen_at
        found[next(name for name, limit in _BUCKETS if age < limit)].append(one.amount_krw)
    return tuple(AgeBucket(name, len(found[name]), sum(found[name])) for name, _ in _BUCKETS)
