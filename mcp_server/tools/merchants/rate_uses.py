"""What merchants used of their rate limits: blocked is who is above the capacity, not at it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.sources.facts.platform import RateUse
from mcp_server.answers.answer import short

_PLACE_MAX = 48  # characters of a name in a cursor; its digest tells apart what begins alike


@dataclass(frozen=True, slots=True)
class Used:
    """One counter beside the capacity of its action.

    Where the source lost the action, the counter is held against every action's capacity:
    `capacity` is the largest, what exceeds it is certain; `capacity_min` the smallest.
    """

    use: RateUse
    capacity: int
    capacity_min: int

    @property
    def percent(self) -> float:
        """How much is used, at least."""
        return 100 * self.use.count / self.capacity

    @property
    def is_blocked(self) -> bool:
        """Whether the merchant is refused for certain."""
        return self.use.count > self.capacity

    def reaches(self, threshold_percent: float) -> bool:
        """Whether it is up to a share for certain; 100 is reached by who is blocked."""
        return _reaches(self.use.count, self.capacity, threshold_percent)

    def may_reach(self, threshold_percent: float) -> bool:
        """Whether it would be if its action were that with the smallest capacity."""
        return _reaches(self.use.count, self.capacity_min, threshold_percent)


def _reaches(count: int, capacity: int, threshold_percent: float) -> bool:
    if threshold_percent == 100:
        return count > capacity
    return 100 * count >= threshold_percent * capacity


def used(uses: Iterable[RateUse], capacities: Mapping[str, int]) -> list[Used]:
    """Each counter beside its capacity."""
    low, high = min(capacities.values()), max(capacities.values())
    return [
        Used(use, capacities.get(use.action or "", high), capacities.get(use.action or "", low))
        for use in uses
    ]


def fullest_first(every: Iterable[Used]) -> list[Used]:
    """Who used most comes first."""
    return sorted(every, key=lambda one: (-one.percent, place(one.use)))


def by_name(every: Iterable[Used]) -> list[Used]:
    """In an order that stays while the counters count."""
    return sorted(every, key=lambda one: place(one.use))


def place(use: RateUse) -> tuple[str, str, str]:
    """Where a counter stands in the order of names; short enough for a cursor."""
    digest = hashlib.sha256(use.merchant_id.encode()).hexdigest()[:12]
    return use.merchant_id[:_PLACE_MAX], digest, use.action or ""


def used_row(one: Used) -> dict[str, Any]:
    """A counter as a row; `resets_in_seconds` None: its key never expires."""
    use = one.use
    row = {
        "merchant_text": use.merchant_id,
        "action": use.action,
        "used": use.count,
        "capacity": one.capacity,
        "used_percent": short(round(one.percent, 1)),
        "is_blocked": one.is_blocked,
        "resets_in_seconds": use.ttl_seconds,
    }
    return row | ({"never_expires": True} if use.ttl_seconds is None else {})


def stuck(every: Iterable[Used]) -> list[Used]:
    """Counters that never expire: they only ever grow."""
    return [one for one in every if one.use.ttl_seconds is None]


def by_action(every: Sequence[Used]) -> dict[str, int]:
    """How many counters there are of each action."""
    found = [one.use.action or "unknown" for one in every]
    return {action: found.count(action) for action in sorted(set(found))}
