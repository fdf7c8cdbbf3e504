"""Load-test runs against the runs before them, metric by metric and statistic by statistic.

What slows a service down moves the whole of its distribution; noise moves one statistic of it.
So the statistics of one metric are judged together by their common level, and each is called
worse if it moved along. Names of metrics and statistics are k6's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from monitor.domain.detection.ddsketch import STRENGTH, Comparison
from monitor.domain.detection.rule import Ruling, Shape, relative
from monitor.domain.detection.series import Course, SeriesLimits, advance, shape_of
from monitor.domain.metrics import Worse

Run = Mapping[str, Mapping[str, float]]  # metric -> statistic -> value, milliseconds and shares
Rulings = dict[str, dict[str, Ruling]]

_TREND = ("avg", "min", "med", "max", "p(90)", "p(95)")
_BODY = ("med", "avg", "p(90)", "p(95)")
_ZERO_MS = 0.5  # differences well below it are nobody's trouble
_MOVED_ALONG_MIN = 0.5  # of the smallest effect that counts


@dataclass(frozen=True, slots=True)
class _Scale:
    """How a metric is measured: the scale on which its noise is even, and which way is worse."""

    worse: Worse
    limits: SeriesLimits
    offset: float | None = None  # of a logarithm; None: percentage points of a share

    def level(self, value: float) -> float:
        """The value on the scale, higher being worse."""
        sign = -1 if self.worse is Worse.LOWER else 1
        if self.offset is None:
            return sign * 100 * value
        return sign * math.log(max(value, 0.0) + self.offset)


@dataclass(frozen=True, slots=True)
class _Group:
    """Statistics that are judged by their common level, and those that are told by it."""

    judged: tuple[str, ...]
    told: tuple[str, ...]
    scale: _Scale

    def level(self, values: Mapping[str, float]) -> float | None:
        """The common level; None where a statistic of it is absent."""
        if any(statistic not in values for statistic in self.judged):
            return None
        return fmean(self.scale.level(values[statistic]) for statistic in self.judged)


LEVELS = SeriesLimits(effect_min=math.log(1.05), spread_usual=0.04)
_TAILS = SeriesLimits(effect_min=math.log(1.10), spread_usual=0.08)
_SHARES = SeriesLimits(effect_min=1.0, spread_usual=0.5)
_TAIL = _Scale(Worse.HIGHER, _TAILS, _ZERO_MS)
_OTHERS: Mapping[str, tuple[_Scale, tuple[str, ...]]] = {
    "http_req_failed": (_Scale(Worse.HIGHER, _SHARES), ("value", "rate")),
    "checks": (_Scale(Worse.LOWER, _SHARES), ("value", "rate")),
    "http_reqs": (_Scale(Worse.LOWER, LEVELS, 1e-9), ("rate", "count")),
    "iterations": (_Scale(Worse.LOWER, LEVELS, 1e-9), ("rate", "count")),
    "dropped_iterations": (_Scale(Worse.HIGHER, _TAILS, 1.0), ("count", "rate")),
}


def judge_runs(runs: Sequence[Run], limits: SeriesLimits = LEVELS) -> list[Rulings]:
    """Each of some valid, comparable runs, oldest first, against those before it.

    `limits` are those of response times, which all share.
    """
    found: list[Rulings] = [{} for _ in runs]
    for metric in dict.fromkeys(metric for run in runs for metric in run):
        numbers = [number for number, run in enumerate(runs) if run.get(metric)]
        rulings = _metric(metric, [runs[number][metric] for number in numbers], limits)
        for number, ruling in zip(numbers, rulings, strict=True):
            if ruling:
                found[number][metric] = ruling
    return found


def judge_run(run: Run, earlier: Sequence[Run]) -> Rulings:
    """One run against the valid, comparable runs before it, oldest first.

    Where a person accepted a new normal, `earlier` begins with the first run of it.
    """
    wanted = [{metric: one[metric] for metric in run if metric in one} for one in earlier]
    return judge_runs([*wanted, run])[-1]


def _metric(
    metric: str, runs: Sequence[Mapping[str, float]], limits: SeriesLimits
) -> list[dict[str, Ruling]]:
    """The rulings of one metric in each of its runs."""
    found: list[dict[str, Ruling]] = [{} for _ in runs]
    for group in _groups(metric.partition("{")[0], runs, limits):
        for rulings, more in zip(found, _judged(group, runs), strict=True):
            for statistic, ruling in more.items():
                rulings[statistic] = _stronger(rulings.get(statistic), ruling)
    return found


def _groups(
    name: str, runs: Sequence[Mapping[str, float]], limits: SeriesLimits
) -> Iterator[_Group]:
    statistics = dict.fromkeys(statistic for run in runs for statistic in run)
    if name in _OTHERS:
        scale, wanted = _OTHERS[name]
        yield from (_Group((s,), (s,), scale) for s in wanted if s in statistics)
        return
    trends = [s for s in statistics if s in _TREND or s.startswith("p(")]
    if any(s in _TREND for s in trends):
        body = tuple(s for s in _BODY if all(s in run for run in runs))
        yield _Group(
            body or tuple(trends[:1]), tuple(trends), _Scale(Worse.HIGHER, limits, _ZERO_MS)
        )
        tails = (s for s in trends if s not in _TREND)
        yield from (_Group((s,), (s,), _TAIL) for s in tails)


def _judged(group: _Group, runs: Sequence[Mapping[str, float]]) -> Iterator[dict[str, Ruling]]:
    course, seen = Course(), list[Mapping[str, float]]()
    for run in runs:
        level = group.level(run)
        if level is None:
            yield {}
            continue
        before = [seen[place] for place in course.clean_at]
        is_judged = course.has_history(group.scale.limits)
        course = advance(course, level, group.scale.limits)
        seen.append(run)
        told = [statistic for statistic in group.told if statistic in run]
        if is_judged:
            yield {s: _ruling(group, course, s, run, before) for s in told}
        else:
            yield dict.fromkeys(told, _too_few(len(before), group.scale.limits))


def _too_few(runs: int, limits: SeriesLimits) -> Ruling:
    more = limits.history_min - runs
    params = {"runs": runs, "runs_min": limits.history_min}
    return Ruling(Comparison.NOT_ENOUGH_HISTORY, "few_runs", params, needs_more=more)


def _ruling(
    group: _Group,
    course: Course,
    statistic: str,
    run: Mapping[str, float],
    earlier: Sequence[Mapping[str, float]],
) -> Ruling:
    """What the course of the common level means for one statistic of the run."""
    now = run[statistic]
    known = [one[statistic] for one in earlier if statistic in one]
    if len(known) < group.scale.limits.history_min:
        return _too_few(len(known), group.scale.limits)
    before, scale = median(known), group.scale
    word, shape = Comparison.SAME, shape_of(course, scale.limits)
    moved = course.side * (scale.level(now) - scale.level(before))
    moved_along = moved >= _MOVED_ALONG_MIN * scale.limits.effect_min
    if course.side and moved_along:
        word = Comparison.REGRESSION if course.side > 0 else Comparison.IMPROVEMENT
    return Ruling(
        word,
        _reason(course, shape, moved_along),
        {"runs": len(known), "lasted": course.lasted, "deviations": course.deviations},
        None if course.side and not moved_along else shape,
        now,
        before,
        relative(now, before),
        needs_more=1 if shape is Shape.SPIKE else 0,
    )


def _reason(course: Course, shape: Shape | None, moved_along: bool) -> str:
    if not course.side:
        return "one_run_apart" if shape is Shape.SPIKE else "within_noise"
    if not moved_along:
        return "others_moved"
    return "worse_than_baseline" if course.side > 0 else "better_than_baseline"


def _stronger(one: Ruling | None, other: Ruling) -> Ruling:
    return other if one is None else max(one, other, key=lambda ruling: STRENGTH.index(ruling.word))
