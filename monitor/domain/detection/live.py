"""A live series against its past, reading by reading: is it abnormal, since when, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_high

from monitor.domain.detection.past import Frame, LiveLimits
from monitor.domain.detection.rule import Shape
from monitor.domain.detection.tails import Band
from monitor.domain.metrics import MetricSpec

Reading = tuple[datetime, float]

_SOON = timedelta(minutes=15)
_TOGETHER_MAX = 3
_HOUR = timedelta(hours=1)
_LEANS = 0.4


@dataclass(frozen=True, slots=True)
class Pace:
    """How often readings come, and so how many of them make one judgement."""

    interval: timedelta

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> Pace | None:
        """The usual distance of readings; None of fewer than two."""
        gaps = [later - earlier for (earlier, _), (later, _) in pairwise(readings)]
        return cls(median_high(gaps)) if gaps else None

    @property
    def together(self) -> int:
        """So many readings are taken together, and so many judgements must agree."""
        if not self.interval:
            return _TOGETHER_MAX
        return max(1, min(_TOGETHER_MAX, math.ceil(_SOON / self.interval)))

    def level_span(self, limits: LiveLimits) -> timedelta:
        """The period over which the level of a series is taken."""
        return max(_HOUR, limits.level_readings * self.interval)


@dataclass(frozen=True, slots=True)
class Effect:
    """The smallest change that matters: in the unit of the series, and whether a share does."""

    smallest: float = 0.0
    is_relative: bool = True

    @classmethod
    def of(cls, spec: MetricSpec, share: float = 1.0) -> Effect:
        """What matters of a metric, or a share of it; a share of 98 % is none to wait for."""
        return cls(share * spec.effect_min, is_relative=spec.unit != "%")

    def floor(self, usual: float, share: float) -> float:
        """The smallest change that matters of something that is usually so large."""
        return max(self.smallest, share * abs(usual) if self.is_relative else 0.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far beyond what is usual: 1 is abnormal. `side`: +1 above, -1 below.

    `strength` by a single judgement, `alone` by the same hours of the day alone.
    """

    side: int
    strength: float
    alone: float
    now: float
    usual: float

    @property
    def most(self) -> float:
        """The larger of both."""
        return max(self.strength, self.alone)


def stand(
    frame: Frame,
    now: float,
    level: Callable[[], float | None],
    effect: Effect,
    limits: LiveLimits,
) -> Standing:
    """A value, and the level of the readings up to it, against what is usual in this hour."""
    whole = _excess(frame.whole, now, effect, limits.change_min, limits)
    if frame.season is None or frame.level is None or frame.expected is None:
        return Standing(_side(whole), abs(whole), 0.0, now, frame.whole.centre)
    season = _excess(frame.season, now, effect, limits.change_min, limits)
    spike = min(abs(whole), abs(season)) if whole * season > 0 else 0.0
    if not frame.is_settled:
        return Standing(_side(season), spike, 0.0, now, frame.season.centre)
    alone = abs(season) * limits.far_min / limits.alone_min
    lasting = _lasting(frame.level, frame.expected, now, level, effect, limits)
    return Standing(_side(season), max(spike, lasting), alone, now, frame.season.centre)


def _lasting(
    band: Band,
    expected: float,
    now: float,
    level: Callable[[], float | None],
    effect: Effect,
    limits: LiveLimits,
) -> float:
    """How far out both the latest value and the level are; 0 if that is not far."""
    latest = _excess(band, now, effect, limits.level_change_min, limits)
    beside = level() if abs(latest) >= _LEANS else None
    if beside is None:
        return 0.0
    lasting = _excess(band, expected + beside, effect, limits.level_change_min, limits)
    return min(abs(latest), abs(lasting)) if latest * lasting > 0 else 0.0


def _excess(band: Band, value: float, effect: Effect, share: float, limits: LiveLimits) -> float:
    """How far out, in parts of what makes it abnormal."""
    floor = effect.floor(band.centre, share) / limits.far_min
    return band.excess(value, floor) / limits.far_min


def _side(excess: float) -> int:
    return (excess > 0) - (excess < 0)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the latest judgements of a series come to.

    `streak`: so many were abnormal on one side, one after the other; `calm`: so many in a row
    were not during an alert, or did not even lean that way before one; `leaning_since`: since
    when they lean to that side at all.
    """

    side: int = 0
    streak: int = 0
    calm: int = 0
    leaning_since: datetime | None = None
    fired_at: datetime | None = None
    shape: Shape | None = None


def advance(
    watch: Watch, standing: Standing, at: datetime, pace: Pace, limits: LiveLimits
) -> Watch:
    """The watch after one more judgement."""
    if watch.fired_at is not None:
        return _going_on(watch, standing, at, pace, limits)
    watch = _leaning(watch, standing, limits, at)
    streak = watch.streak + 1 if standing.most >= 1 else 0
    needed = pace.together if standing.strength >= 1 else pace.together + 1
    if not streak or streak < needed:
        return replace(watch, streak=streak)
    is_gradual = at - (watch.leaning_since or at) >= pace.level_span(limits)
    shape = Shape.DRIFT if is_gradual else Shape.SPIKE
    return replace(watch, streak=streak, calm=0, fired_at=at, shape=shape)


def _leaning(watch: Watch, standing: Standing, limits: LiveLimits, at: datetime) -> Watch:
    """How long the series has leaned to its side; a few judgements may fall out of line."""
    if standing.side == watch.side and standing.most >= _LEANS:
        return replace(watch, calm=0, leaning_since=watch.leaning_since or at)
    if standing.most >= _LEANS:
        return Watch(side=standing.side, leaning_since=at)
    if watch.calm + 1 < limits.level_readings // 2:
        return replace(watch, calm=watch.calm + 1)
    return Watch()


def _going_on(
    watch: Watch, standing: Standing, at: datetime, pace: Pace, limits: LiveLimits
) -> Watch:
    """An alert lasts while abnormal; one that outlasts the span of a level is a step.

    A spike is over with its first calm judgement; what lasted must stay calm for as long.
    """
    if standing.side == watch.side and standing.most >= limits.end_share:
        is_long = at - (watch.fired_at or at) >= pace.level_span(limits)
        is_step = is_long and watch.shape is Shape.SPIKE
        return replace(watch, calm=0, shape=Shape.STEP if is_step else watch.shape)
    needed = pace.together if watch.shape is Shape.SPIKE else limits.level_readings
    if watch.calm + 1 < needed:
        return replace(watch, calm=watch.calm + 1)
    return Watch(side=watch.side, calm=1, leaning_since=watch.leaning_since)
