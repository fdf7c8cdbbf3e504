"""A period of a series in figures, and the words of comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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


STRENGTH = (
    Comparison.NOT_ENOUGH_HISTORY,
    Comparison.SAME,
    Comparison.IMPROVEMENT,
    Comparison.REGRESSION,
)


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
    """A period of a series in figures; the quantiles are None where nothing was read."""

    count: int
    total: float
    median: float | None
    p95: float | None

    @property
    def mean(self) -> float | None:
        """The exact mean (sums are kept beside the histograms)."""
        return self.total / self.count if self.count else None
