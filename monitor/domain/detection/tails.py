"""The latest values of a series, kept in order, so that its tails can be read at once."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual: the middle, and the limits beyond which a value is rare."""

    low: float
    centre: float
    high: float

    def shifted(self, by: float) -> Band:
        """The same band around another middle."""
        return Band(self.low + by, self.centre + by, self.high + by)

    def excess(self, value: float, floor: float) -> float:
        """How far out a value lies: 1 at the limit, or `floor` away if that is farther."""
        reach = self.high - self.centre if value > self.centre else self.centre - self.low
        return (value - self.centre) / max(reach, floor, _TINY)


_TINY = 1e-12


@dataclass(slots=True)
class Window:
    """The latest `size` values, by age and by size."""

    size: int
    by_age: deque[float] = field(default_factory=deque)
    by_size: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """How many values there are."""
        return len(self.by_size)

    def add(self, value: float) -> None:
        """One more value; the oldest goes if there is no room."""
        self.by_age.append(value)
        insort(self.by_size, value)
        if len(self.by_age) > self.size:
            del self.by_size[bisect_left(self.by_size, self.by_age.popleft())]

    def middle(self) -> float:
        """The median."""
        half = len(self.by_size) // 2
        if len(self.by_size) % 2:
            return self.by_size[half]
        return (self.by_size[half - 1] + self.by_size[half]) / 2

    def low(self, rare: float) -> float:
        """The value that a share of `rare` lies below; of a few the lowest."""
        return self.by_size[math.floor(rare * (len(self.by_size) - 1))]

    def high(self, rare: float) -> float:
        """The value that a share of `rare` lies above; of a few the highest."""
        return self.by_size[math.ceil((1 - rare) * (len(self.by_size) - 1))]
