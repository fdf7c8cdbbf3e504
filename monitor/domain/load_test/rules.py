"""Thresholds as k6 writes them, read and held against values: `p(95)<500`, `rate>=0.99`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

_RULE = re.compile(
    r"\A\s*+(?P<statistic>count|rate|value|avg|min|med|max|p\(\s*\d+(?:\.\d+)?\s*\))"
    r"\s*(?P<sign><=|>=|<|>|===?|!=)"
    r"\s*(?P<limit>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
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


def quantile_of(rule: str) -> float | None:
    """The share of samples that a threshold on a percentile is about: 0.999 of p(99.9)."""
    statistic = statistic_of(rule) or ""
    share = float(statistic[2:-1]) / 100 if statistic.startswith("p(") else None
    return share if share is not None and share <= 1 else None


def always_holds(rule: str) -> bool:
    """Whether nothing that is counted or timed could cross it, such as `max>=0`.

    Such a limit is only there to make k6 show the part of a metric that it is set on.
    """
    limit, match = limit_of(rule), _RULE.fullmatch(rule)
    if limit is None or match is None:
        return False
    return limit < 0 if match["sign"] == ">" else match["sign"] == ">=" and limit <= 0


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
