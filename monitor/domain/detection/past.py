"""What is usual for a live series: its hours of the last weeks, and the same hours of each day.

Each past hour counts with a low, a middle and a high reading. An hour in which the series was
found abnormal is not learnt; but the first of it is, cut to the limit that it crossed, so that a
spike that keeps coming becomes usual and a lasting fault never does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from monitor.domain.detection.tails import Band, Window

DAY_HOURS = 24
_WEEK_HOURS = 7 * DAY_HOURS
_SATURDAY = 5
_HALF_DAY = timedelta(hours=12)
EDGE = 0.05


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """When a reading is abnormal. The same for every series.

    `rare`: the share of past hours that may lie beyond the limits of what is usual. A reading is
    abnormal if it lies `far_min` times as far out as the limits, both among all hours and among
    the same hours of the day; or `alone_min` times among the same hours alone, and the next one
    too; or if the level of the last readings (`level_readings`, or an hour) is `far_min` times as
    far out as the middles of past hours. Changes below `change_min` (level: `level_change_min`)
    of what is usual do not count. An alert ends where less than `end_share` of that is reached.
    An hour is learnt `learn_after` hours late, so that what is going wrong is found before.
    """

    history_min: int = 24
    history_max: int = 28 * DAY_HOURS
    learn_after: int = 6
    rare: float = 0.01
    far_min: float = 1.6
    alone_min: float = 2.5
    level_readings: int = 6
    change_min: float = 0.5
    level_change_min: float = 0.2
    end_share: float = 0.7


@dataclass(frozen=True, slots=True)
class Hour:
    """The readings of an hour: their 5th, 50th and 95th percentile."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, readings: Sequence[float]) -> Hour:
        """The hour of these readings."""
        ordered = sorted(readings)
        last = len(ordered) - 1
        return cls(ordered[round(EDGE * last)], median(ordered), ordered[round((1 - EDGE) * last)])


@dataclass(frozen=True, slots=True)
class Frame:
    """What is usual in one hour of a series: of all hours, and of this hour of the day.

    `season` for single readings, `level` for their level; None without enough such hours.
    `is_settled`: a whole week is known, so that the same hours of the day alone say something.
    """

    hours: int
    whole: Band
    expected: float | None = None
    season: Band | None = None
    level: Band | None = None
    is_settled: bool = False


class _Kin(NamedTuple):
    """Days that are alike: by which mark, and how many of their hours make an expectation."""

    mark: Callable[[datetime], int]
    enough: int


_KINDS_OF_DAY = (
    _Kin(lambda hour: hour.weekday(), 12),
    _Kin(lambda hour: hour.weekday() >= _SATURDAY, 6),
    _Kin(lambda hour: 0, 6),
)


@dataclass(slots=True)
class _Edges:
    """The lows, middles and highs of hours."""

    size: InitVar[int]
    lows: Window = field(init=False)
    middles: Window = field(init=False)
    highs: Window = field(init=False)

    def __post_init__(self, size: int) -> None:
        self.lows, self.middles, self.highs = Window(size), Window(size), Window(size)

    def add(self, seen: Hour, less: float = 0.0) -> None:
        self.lows.add(seen.low - less)
        self.middles.add(seen.middle - less)
        self.highs.add(seen.high - less)

    def band(self, rare: float) -> Band:
        return Band(self.lows.low(rare), self.middles.middle(), self.highs.high(rare))

    def middle_band(self, rare: float) -> Band:
        low, high = self.middles.low(rare), self.middles.high(rare)
        return Band(low, self.middles.middle(), high)


@dataclass(slots=True)
class Past:
    """The clean hours of a series, in the order in which they were learnt.

    Beside the hours themselves, by how much each differed from what was expected of it: from
    the same hours of the same weekday, of days at the weekend or not, and of any day.
    """

    limits: LiveLimits
    _hours: _Edges = field(init=False)
    _beside: tuple[_Edges, ...] = field(init=False)
    _days: list[deque[tuple[datetime, float]]] = field(init=False)
    _expected: tuple[datetime, tuple[float | None, ...]] | None = None

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        size = self.limits.history_max
        self._hours = _Edges(size)
        self._beside = tuple(_Edges(size) for _ in _KINDS_OF_DAY)
        self._days = [deque(maxlen=size // DAY_HOURS) for _ in range(DAY_HOURS)]

    def frame(self, hour: datetime) -> Frame | None:
        """What is usual in an hour, given by the wall clock; None without enough history."""
        known = len(self._hours.middles)
        if known < self.limits.history_min:
            return None
        rare = self.limits.rare
        whole = self._hours.band(rare)
        for expected, beside in zip(self._expectations(hour), self._beside, strict=True):
            if expected is not None and len(beside.middles) >= self.limits.history_min:
                season = beside.band(rare).shifted(expected)
                level = beside.middle_band(rare).shifted(expected)
                return Frame(known, whole, expected, season, level, known >= _WEEK_HOURS)
        return Frame(known, whole)

    def learn(self, hour: datetime, seen: Hour, is_normal: bool = True) -> None:
        """One more hour that is over."""
        for expected, beside in zip(self._expectations(hour), self._beside, strict=True):
            if expected is not None:
                beside.add(seen, expected)
        self._hours.add(seen)
        if is_normal:
            self._days[hour.hour].append((hour, seen.middle))
            self._expected = None

    def _expectations(self, hour: datetime) -> tuple[float | None, ...]:
        """The middle of the same hours of days of each kind; None where there are too few."""
        if self._expected is None or self._expected[0] != hour:
            near = [
                (at, value)
                for clock in (hour.hour - 1, hour.hour, hour.hour + 1)
                for at, value in self._days[clock % DAY_HOURS]
                if hour - at > _HALF_DAY
            ]
            self._expected = hour, tuple(_middle(near, hour, kin) for kin in _KINDS_OF_DAY)
        return self._expected[1]


def _middle(near: Sequence[tuple[datetime, float]], hour: datetime, kin: _Kin) -> float | None:
    mark = kin.mark(hour)
    alike = [value for at, value in near if kin.mark(at) == mark]
    return median(alike) if len(alike) >= kin.enough else None
