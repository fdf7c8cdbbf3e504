"""What merchants used of their rate limits: blocked is who is above the capacity, not at it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.sources.facts.platform import RateUse
from mcp_server.answers.answer import short

ACTIONS = ("authorize", "capture", "refund")
_PLACE_MAX = 48  # characters of a name in a cursor; its digest tells apart what begins alike


@dataclass(frozen=True, slots=True)
class Used:
    """One counter beside the capacity of its action.

    Where the source lost the action, the counter is held against every action's capacity:
    `capacity` is the largest, what exceeds it is certain; `capacity_min` the smallest. None: the
    platform's capacity is not configured here.
    """

    use: RateUse
    capacity: int | None
    capacity_min: int | None

    @property
    def percent(self) -> float | None:
        """How much is used, at least; None where that cannot be said."""
        return 100 * self.use.count / self.capacity if self.capacity else None

    @property
    def is_blocked(self) -> bool:
        """Whether the merchant is refused for certain."""
        return self.capacity is not None and self.use.count > self.capacity

    def reaches(self, threshold_percent: float) -> bool:
        """Whether it is up to a share for certain; 100 is reached by who is blocked."""
        known = self.capacity
        return known is not None and _reaches(self.use.count, known, threshold_percent)

    def may_reach(self, threshold_percent: float) -> bool:
        """Whether it would be by the smallest capacity that its action may have."""
        known = self.capacity_min
        return known is None or _reaches(self.use.count, known, threshold_percent)


def _reaches(count: int, capacity: int, threshold_percent: float) -> bool:
    if threshold_percent == 100:
        return count > capacity
    return 100 * count >= threshold_percent * capacity


def used(uses: Iterable[RateUse], capacities: Mapping[str, int]) -> list[Used]:
    """Each counter beside its capacity; without its action, beside those of every action."""
    every = sorted(capacities.values()) if len(capacities) == len(ACTIONS) else [None]
    return [_used(use, capacities, every) for use in uses]


def _used(use: RateUse, capacities: Mapping[str, int], every: Sequence[int | None]) -> Used:
    if use.action is None:
        return Used(use, every[-1], every[0])
    return Used(use, capacities.get(use.action), capacities.get(use.action))


def fullest_first(every: Iterable[Used]) -> list[Used]:
    """Who used most comes first."""
    return sorted(every, key=lambda one: (-(one.percent or 0), -one.use.count, place(one.use)))


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
        "used_percent": None if one.percent is None else short(round(one.percent, 1)),
        "is_blocked": None if one.capacity is None else one.is_blocked,
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
