"""A series of runs against its own baseline, one run at a time.

A run is far from the baseline by so many of its spreads. One run may be far by chance, so two
that agree are asked for, or several that lean the same way: a clipped sum (CUSUM), to which a
single spike can add only so much. The baseline is made of runs that were not found worse, so a
lasting regression never becomes the measure of itself; a lasting improvement does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import dropwhile
from statistics import median

from monitor.domain.detection.rule import Shape, blended, spread

_LOOKED_AT = 3
_HALF_MIN = 2  # fewer values tell no slope
_GRADUAL_MAX = 0.6


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """When a series of runs has changed. Distances are in spreads of the baseline.

    `effect_min` and `spread_usual` are in the series' own unit (for logarithms: a share).
    """

    effect_min: float
    spread_usual: float
    spread_weight: float = 4.0
    history_min: int = 5
    history_max: int = 24
    slack: float = 0.6
    clip: float = 1.5
    sum_min: float = 3.0
    pair_min: float = 2.5
    pair_apart_max: float = 1.5
    pair_apart_share: float = 0.25
    lasting_min: float = 0.75
    adopt_after: int = 6


@dataclass(frozen=True, slots=True)
class Course:
    """A series up to and including its latest value. `side`: +1 risen, -1 fallen, 0 as before.

    `clean` is the baseline, at the positions `clean_at` of the series; `lasted` for how many
    values the side has held; `leaning` for how many values the sum of each direction has grown.
    """

    count: int = 0
    clean: tuple[float, ...] = ()
    clean_at: tuple[int, ...] = ()
    recent: tuple[float, ...] = ()
    side: int = 0
    lasted: int = 0
    centre: float = 0.0
    sigma: float = 0.0
    risen: float = 0.0
    fallen: float = 0.0
    leaning: tuple[int, int] = (0, 0)

    @property
    def latest(self) -> tuple[float, ...]:
        """The last three values."""
        return self.recent[-_LOOKED_AT:]

    @property
    def fresh(self) -> tuple[float, ...]:
        """The values since the series began to lean to the side it now is on."""
        return self.recent[-max(self.lasted, self.leaning[self.side < 0]) :]

    def distance(self, value: float) -> float:
        """How many spreads a value lies above the baseline."""
        return (value - self.centre) / self.sigma

    @property
    def deviations(self) -> float:
        """How many spreads the latest value lies above the baseline."""
        return self.distance(self.latest[-1])

    def has_history(self, limits: SeriesLimits) -> bool:
        """Whether the baseline is long enough to judge the next value."""
        return len(self.clean) >= limits.history_min


def advance(course: Course, value: float, limits: SeriesLimits) -> Course:
    """The course with one more value, oriented so that higher is worse."""
    recent = (*course.recent, value)[-limits.history_max :]
    course = replace(course, recent=recent, count=course.count + 1)
    if not course.has_history(limits):
        return _remembered(course, (value,), limits)
    return _learned(_sided(_measured(course, value, limits), limits), value, limits)


def _measured(course: Course, value: float, limits: SeriesLimits) -> Course:
    """Where the value lies, and what that adds to the sums of both directions."""
    centre = median(course.clean)
    found = spread(course.clean, centre)
    sigma = blended(found, len(course.clean), limits.spread_usual, limits.spread_weight)
    clipped = max(-limits.clip, min(limits.clip, (value - centre) / sigma))
    top = limits.sum_min + limits.clip
    risen = min(top, max(0.0, course.risen + clipped - limits.slack))
    fallen = min(top, max(0.0, course.fallen - clipped - limits.slack))
    up, down = course.leaning
    leaning = (up + 1 if risen else 0, down + 1 if fallen else 0)
    course = replace(course, centre=centre, sigma=sigma)
    return replace(course, risen=risen, fallen=fallen, leaning=leaning)


def _sided(course: Course, limits: SeriesLimits) -> Course:
    """Whether the series now counts as risen, as fallen, or as before."""
    if course.side and not _is_away(course, course.side, limits):
        risen, fallen = course.risen / 2, course.fallen / 2
        course = replace(course, side=0, lasted=0, risen=risen, fallen=fallen)
    for side in (1, -1):
        if course.side != side and _is_found(course, side, limits):
            return replace(course, side=side, lasted=1)
    return replace(course, lasted=course.lasted + 1) if course.side else course


def _is_found(course: Course, side: int, limits: SeriesLimits) -> bool:
    if not _is_away(course, side, limits):
        return False
    total = course.risen if side > 0 else course.fallen
    return total >= limits.sum_min or _pair_agrees(course, side, limits)


def _pair_agrees(course: Course, side: int, limits: SeriesLimits) -> bool:
    """Two runs far out and close together: no two spikes are alike, a new level is."""
    before, now = (side * course.distance(value) for value in course.latest[-2:])
    nearer = min(before, now)
    apart_max = max(limits.pair_apart_max, limits.pair_apart_share * nearer)
    return nearer >= limits.pair_min and abs(now - before) <= apart_max


def _is_away(course: Course, side: int, limits: SeriesLimits) -> bool:
    """The latest value and the middle of the last three lie clear of the baseline."""
    clear = max(limits.effect_min / course.sigma, limits.lasting_min)
    judged = (course.latest[-1], median(course.latest))
    return all(side * course.distance(value) >= clear for value in judged)


def _learned(course: Course, value: float, limits: SeriesLimits) -> Course:
    """The baseline learns what is as before; a better level it learns once that has lasted."""
    if not course.side:
        return _remembered(course, (value,), limits)
    if course.side < 0 and course.lasted >= limits.adopt_after:
        adopted = course.recent[-limits.adopt_after :]
        course = replace(course, clean=(), clean_at=(), risen=0.0, fallen=0.0)
        return _remembered(course, adopted, limits)
    return course


def _remembered(course: Course, values: tuple[float, ...], limits: SeriesLimits) -> Course:
    places = tuple(range(course.count - len(values), course.count))
    return replace(
        course,
        clean=(*course.clean, *values)[-limits.history_max :],
        clean_at=(*course.clean_at, *places)[-limits.history_max :],
    )


def shape_of(course: Course, limits: SeriesLimits) -> Shape | None:
    """What the latest value is: a spike so far, a step, or a drift."""
    if not course.side:
        is_far = abs(course.distance(course.latest[-1])) >= limits.pair_min
        return Shape.SPIKE if is_far else None
    return Shape.DRIFT if _grows(course, limits) else Shape.STEP


def _grows(course: Course, limits: SeriesLimits) -> bool:
    """Whether the way out was gradual: its first half lies well short of its second."""
    away = [course.side * course.distance(value) for value in course.fresh]
    out = list(dropwhile(lambda far: far < limits.lasting_min, away))
    half = len(out) // 2
    if half < _HALF_MIN:
        return False
    first, second = median(out[:half]), median(out[-half:])
    return second - first >= 1 and first < _GRADUAL_MAX * second
