"""Comparing a metric with its own past: one word, and the figures behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.metrics import MetricSpec, Worse

_GAMMA = 1.02  # bucket boundaries: the relative error of a quantile is at most 1 %
_LOG_GAMMA = math.log(_GAMMA)
SKETCH_RELATIVE_ERROR = (_GAMMA - 1) / (_GAMMA + 1)
_ZERO = -1  # the bucket of everything too small to be told from zero
_TINY = 1e-6


class Comparison(StrEnum):
    """The words of comparison, the same everywhere."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    SAME = "same"
    NOT_ENOUGH_HISTORY = "not_enough_history"


def bucket_of(value: float) -> int:
    """The histogram bucket of a value. Buckets sort as their values do; negatives mirror."""
    size = abs(value)
    if size < _TINY:
        return _ZERO
    index = math.ceil(math.log(size / _TINY) / _LOG_GAMMA)
    return index if value > 0 else -index - 2


def value_of(bucket: int) -> float:
    """The value that stands for a bucket: within 1 % of everything in it."""
    if bucket == _ZERO:
        return 0.0
    index = bucket if bucket >= 0 else -bucket - 2
    size = _TINY * 2 * math.exp(index * _LOG_GAMMA) / (_GAMMA + 1)
    return size if bucket >= 0 else -size


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the readings lie; None without readings."""
    total = sum(buckets.values())
    if not total:
        return None
    rank = share * (total - 1)
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen > rank:
            return value_of(bucket)
    return None


@dataclass(frozen=True, slots=True)
class Summary:
    """A stretch of a series in figures; the quantiles are None where nothing was read."""

    count: int
    total: float
    median: float | None
    p95: float | None

    @property
    def mean(self) -> float | None:
        """The exact mean (sums are kept beside the histograms)."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Limits:
    """When two periods differ: a change of so much of what was before."""

    change_min: float = 0.25


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a metric stands against its past. `change` is relative; None where the past is zero."""

    word: Comparison
    now: float | None
    before: float | None
    change: float | None


def compare(now: Summary, before: Summary, spec: MetricSpec, limits: Limits) -> Judgement:
    """One period against another by their medians, and by their 95th percentiles."""
    if now.median is None or before.median is None or min(now.count, before.count) < 12:
        return Judgement(Comparison.NOT_ENOUGH_HISTORY, now.median, before.median, None)
    change = _relative(now.median, before.median)
    words = [
        _word(a - b, _floor(b, spec, limits), spec)
        for a, b in ((now.median, before.median), (now.p95 or 0.0, before.p95 or 0.0))
    ]
    for word in (Comparison.REGRESSION, Comparison.IMPROVEMENT):
        if word in words:
            return Judgement(word, now.median, before.median, change)
    return Judgement(Comparison.SAME, now.median, before.median, change)


def _floor(before: float, spec: MetricSpec, limits: Limits) -> float:
    """The change that matters; a quarter of 98 % is none that anybody should wait for."""
    if spec.unit == "%":
        return spec.effect_min
    return max(spec.effect_min, limits.change_min * abs(before))


def _word(difference: float, floor: float, spec: MetricSpec) -> Comparison:
    if spec.worse is Worse.NEITHER or abs(difference) <= floor:
        return Comparison.SAME
    worse = spec.worse is Worse.EITHER or (difference > 0) == (spec.worse is Worse.HIGHER)
    return Comparison.REGRESSION if worse else Comparison.IMPROVEMENT


def _relative(now: float, before: float) -> float | None:
    return (now - before) / abs(before) if before else None
