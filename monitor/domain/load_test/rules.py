"""Thresholds as k6 writes them, read and held against values: `p(95)<500`, `rate>=0.99`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

_RULE = re.compile(
    r"\s*(?P<statistic>count|rate|value|avg|min|med|max|p\(\s*\d+(?:\.\d+)?\s*\))"
    r"\s*(?P<sign><=|>=|<|>|===?|!=)\s*(?P<limit>-?\d+(?:\.\d+)?)\s*"
)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
}


def statistic_of(rule: str) -> str | None:
    """The statistic that a threshold is about; None for what is no threshold of k6."""
    match = _RULE.fullmatch(rule)
    return match["statistic"].replace(" ", "") if match else None


def limit_of(rule: str) -> float | None:
    """The number in a threshold."""
    match = _RULE.fullmatch(rule)
    return float(match["limit"]) if match else None


def value_for(rule: str, values: Mapping[str, float]) -> float | None:
    """What a threshold is held against; None if the result does not tell."""
    statistic = statistic_of(rule)
    return values.get(statistic) if statistic else None


def holds(rule: str, values: Mapping[str, float]) -> bool | None:
    """Whether a threshold is kept; None if the values do not tell."""
    match, value = _RULE.fullmatch(rule), value_for(rule, values)
    if match is None or value is None:
        return None
    return _SIGNS[match["sign"]](value, float(match["limit"]))
