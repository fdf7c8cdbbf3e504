"""A series of the past replayed through the live rule, point by point, as if it were now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.domain.detection.live import Effect, Reading, Standing
from monitor.domain.detection.live_series import Series
from monitor.domain.detection.past import LiveLimits
from monitor.domain.detection.rule import Shape
from monitor.domain.metrics import Worse


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert of the replay: the places of the points at which it fired and ended."""

    started: int
    ended: int | None
    shape: Shape
    side: int
    at_start: Standing


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    judged: int
    alarms: tuple[Alarm, ...]


def replay(
    readings: Sequence[Reading],
    worse: Worse = Worse.EITHER,
    effect: Effect | None = None,
    limits: LiveLimits | None = None,
) -> Replayed:
    """The alerts that the live rule would have raised, oldest reading first."""
    series = Series(limits or LiveLimits(), effect or Effect())
    alarms: list[Alarm] = []
    judged, is_open = 0, False
    for place, (at, value) in enumerate(readings):
        standing = series.read(at, value)
        judged += standing is not None
        watch = series.watch
        is_alarm = watch.fired_at is not None and is_worse(watch.side, worse)
        if is_alarm and not is_open and standing is not None:
            alarms.append(Alarm(place, None, watch.shape or Shape.SPIKE, watch.side, standing))
        elif is_alarm and is_open:
            alarms[-1] = replace(alarms[-1], shape=watch.shape or Shape.SPIKE)
        elif is_open:
            alarms[-1] = replace(alarms[-1], ended=place)
        is_open = is_alarm
    return Replayed(judged, tuple(alarms))


def is_worse(side: int, worse: Worse) -> bool:
    """Whether a series that left what is usual to this side became worse."""
    if worse is Worse.EITHER:
        return True
    return side == {Worse.HIGHER: 1, Worse.LOWER: -1, Worse.NEITHER: 0}[worse]


@dataclass(frozen=True, slots=True)
class Point:
    """A reading; `text` is its time as it stands in the file."""

    at: datetime
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is left out, and why: time, value, unit or columns."""

    line: int
    why: str
    text: str


@dataclass(slots=True)
class SeriesFile:
    """One series of a file, in order of time. `gaps`: times with a blank value.

    `repeated`: times that stood there before; the last value counts.
    """

    points: list[Point] = field(default_factory=list)
    gaps: int = 0
    name: str = ""
    unit: str = ""
    repeated: int = 0
