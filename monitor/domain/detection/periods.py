"""One period of a series beside an earlier one: what everything says that compares periods.

The live rule judges reading by reading; here two periods are compared as wholes, with the same
smallest changes. A change counts if it is large enough and borne by most parts of the period (its
hours or days): one bad hour makes no bad week.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from monitor.domain.detection.ddsketch import STRENGTH, Comparison, Summary
from monitor.domain.detection.live import Effect
from monitor.domain.metrics import Kind, MetricSpec, Worse

Figure = Callable[[Summary], float | None]


@dataclass(frozen=True, slots=True)
class Period:
    """A series in one period: the whole, and its parts by their number since the start."""

    whole: Summary
    parts: Mapping[int, Summary] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeriodLimits:
    """When two periods differ: by `change_min` of what was before, in most of their parts.

    And by the metric's smallest effect, or by `effect_share` of it where small changes are looked
    for. `readings_min` and `parts_min` in both, or they are not compared at all.
    """

    change_min: float = 0.2
    effect_share: float = 1.0
    readings_min: int = 12
    parts_min: int = 3
    borne_min: float = 0.7


def judge(
    now: Period, before: Period, figure: Figure, spec: MetricSpec, limits: PeriodLimits
) -> Comparison:
    """A figure of one period against the same figure of an earlier one.

    Of a counter, of which nothing happens most of the time, the whole alone is compared.
    """
    if min(now.whole.count, before.whole.count) < limits.readings_min:
        return Comparison.NOT_ENOUGH_HISTORY
    change = _Change.of(figure(now.whole), figure(before.whole), spec, limits)
    pairs = [
        _Change.of(figure(now.parts[number]), figure(before.parts[number]), spec, limits)
        for number in now.parts.keys() & before.parts.keys()
    ]
    is_gauge = spec.kind is Kind.GAUGE
    if is_gauge and len(pairs) < limits.parts_min:
        return Comparison.NOT_ENOUGH_HISTORY
    if spec.worse is Worse.NEITHER or change.size < 1:
        return Comparison.SAME
    if is_gauge and _borne(change, pairs) < limits.borne_min:
        return Comparison.SAME
    is_worse = spec.worse is Worse.EITHER or change.rises == (spec.worse is Worse.HIGHER)
    return Comparison.REGRESSION if is_worse else Comparison.IMPROVEMENT


@dataclass(frozen=True, slots=True)
class _Change:
    """How far a figure moved, in parts of what counts, and whether up."""

    size: float
    rises: bool

    @classmethod
    def of(
        cls, now: float | None, before: float | None, spec: MetricSpec, limits: PeriodLimits
    ) -> _Change:
        now, before = now or 0.0, before or 0.0
        floor = Effect.of(spec, limits.effect_share).floor(before, limits.change_min)
        moved = abs(now - before)
        return cls(moved / floor if floor else math.inf if moved else 0.0, now > before)


def _borne(change: _Change, parts: Sequence[_Change]) -> float:
    """The share of the parts that moved the same way, by half of what counts for the whole."""
    return fmean(part.rises == change.rises and part.size > 0.5 for part in parts)


def strongest(verdicts: Iterable[Comparison]) -> Comparison:
    """One word for several figures of one series: the worst that one of them says."""
    return max(verdicts, key=STRENGTH.index)
