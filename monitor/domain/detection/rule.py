"""What a detection says: a word of comparison, the shape of the change, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from monitor.domain.detection.ddsketch import Comparison

_MAD_TO_SIGMA = 1.4826  # the spread of normal noise per median absolute deviation


class Shape(StrEnum):
    """How a value left its past: once, for good, or little by little."""

    SPIKE = "spike"
    STEP = "step"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Ruling:
    """How one value stands against its past.

    `reason` is a code with `params`, a sentence in templates/. `change` is relative to `before`,
    None where that is zero. `needs_more`: so many more values until a verdict can be given
    (not_enough_history), or until a suspicion is confirmed or gone (same).
    """

    word: Comparison
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    now: float | None = None
    before: float | None = None
    change: float | None = None
    needs_more: int = 0


def spread(values: Sequence[float], centre: float) -> float:
    """A standard deviation that outliers cannot blow up."""
    return _MAD_TO_SIGMA * median(abs(value - centre) for value in values)


def blended(measured: float, count: int, expected: float, weight: float) -> float:
    """A spread measured on few values, drawn towards what is usual: `weight` values' worth."""
    return math.sqrt((weight * expected**2 + count * measured**2) / (weight + count))


def relative(now: float | None, before: float | None) -> float | None:
    """The relative change; None where one of them does not exist, or the past is zero."""
    return None if now is None or not before else (now - before) / abs(before)
