"""k6's single samples (--out json, --out csv) gathered into metrics, in bounded memory.

Quantiles are exact, and as k6 reckons them, up to EXACT_MAX samples of a series; beyond that they
are read from a histogram, within 1 %.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.domain.detection.ddsketch import SKETCH_RELATIVE_ERROR, bucket_of, quantile
from monitor.domain.load_test.result import (
    COUNTER,
    GAUGE,
    PROTOCOLS,
    RATE,
    TREND,
    UNKNOWN_RULE,
    UNTOLD,
    CheckTally,
    LoadResult,
    Measure,
    Threshold,
)
from monitor.domain.load_test.rules import holds, limit_of, quantile_of, statistic_of, value_for

EXACT_MAX = 5_000
METRICS_MAX = 500
ENDPOINTS_MAX = 200
CHECKS_MAX = 500
_STATISTICS = {"med": 0.5, "p(90)": 0.9, "p(95)": 0.95, "p(99)": 0.99}
_OWN_PART = "expected_response:true"  # k6 splits this one off by itself
_BY_ENDPOINT = ("http_req_duration", "http_req_failed", "http_reqs")
_KINDS = {
    **dict.fromkeys(("vus", "vus_max"), GAUGE),
    **dict.fromkeys(("checks", "http_req_failed"), RATE),
    **dict.fromkeys(
        ("iterations", "http_reqs", "data_sent", "data_received", "dropped_iterations"), COUNTER
    ),
    **dict.fromkeys(("iteration_duration", "group_duration", "grpc_req_duration"), TREND),
}
_TIMES = (
    *("grpc_req_duration", "ws_connecting", "ws_session_duration", "ws_ping"),
    *("browser_http_req_duration", "browser_web_vital_lcp", "browser_web_vital_fcp"),
    *("browser_web_vital_inp", "browser_web_vital_ttfb", "browser_web_vital_fid"),
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What --out json says about a metric before its first sample (CSV says nothing)."""

    name: str
    kind: str
    contains: str
    rules: tuple[str, ...]
    parts: tuple[tuple[str, Mapping[str, str]], ...]


@dataclass(slots=True)
class _Series:
    """The samples of one metric, or of one part of it."""

    count: int = 0
    total: float = 0.0
    matches: int = 0
    lowest: float = math.inf
    highest: float = -math.inf
    last: float = 0.0
    exact: array[float] | None = field(default_factory=lambda: array("d"))
    buckets: dict[int, int] = field(default_factory=dict)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.matches += value != 0
        self.lowest = min(self.lowest, value)
        self.highest = max(self.highest, value)
        self.last = value
        if self.exact is None:
            self._sketch(value)
            return
        self.exact.append(value)
        if len(self.exact) > EXACT_MAX:
            self.settle()

    def settle(self) -> None:
        """From single values to the histogram, for good."""
        for value in self.exact or ():
            self._sketch(value)
        self.exact = None

    def _sketch(self, value: float) -> None:
        bucket = bucket_of(value)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1


class Gatherer:
    """Takes samples in any order and becomes the result."""

    def __init__(self) -> None:
        self._declared: dict[str, Declared] = {}
        self._told: dict[str, dict[str, Mapping[str, str]]] = {}
        self._series: dict[tuple[str, str], _Series] = {}
        self._checks: dict[str, list[int]] = {}
        self._groups: dict[str, None] = {}
        self._endpoints: set[str] = set()
        self._left_out: set[str] = set()
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None

    def declare(self, declared: Declared) -> None:
        """A metric's type, thresholds and parts."""
        self._declared[declared.name] = declared
        self._told.pop(declared.name, None)

    def add(self, metric: str, at: datetime, value: float, tags: Mapping[str, str]) -> None:
        """One sample."""
        self._first_at = at if self._first_at is None else min(self._first_at, at)
        self._last_at = at if self._last_at is None else max(self._last_at, at)
        for part in self._parts(metric, tags):
            series = self._series.get((metric, part))
            if series is None:
                if not part and len(self._series) >= METRICS_MAX + 3 * ENDPOINTS_MAX:
                    continue
                series = self._series[metric, part] = _Series()
            series.add(value)
        if metric == "checks":
            self._check(tags, value)
        if tags.get("group") and len(self._groups) < CHECKS_MAX:
            self._groups[tags["group"].removeprefix("::")[:200]] = None

    def result(self, shape: str, torn: bool) -> LoadResult:
        """All of it, as k6 itself would summarise it."""
        seconds = None
        if self._first_at is not None and self._last_at is not None:
            seconds = (self._last_at - self._first_at).total_seconds() or None
        declared = {name for name in self._declared if "{" not in name}
        names = {name for name, _ in self._series} | declared
        measures = {m.name: m for name in sorted(names) for m in self._measures(name, seconds)}
        return LoadResult(
            shape=shape,
            measures=measures,
            checks=tuple(CheckTally(path, *counts) for path, counts in self._checks.items()),
            groups=tuple(self._groups),
            seconds=seconds,
            started_at=self._first_at,
            ended_at=self._last_at,
            torn=torn,
            left_out=len(self._left_out),
        )

    def _parts(self, metric: str, tags: Mapping[str, str]) -> Iterable[str]:
        yield ""
        told = self._told.get(metric)
        if told is None:
            told = self._told[metric] = self._parts_told(metric)
        for selector, wanted in told.items():
            if all(tags.get(key) == value for key, value in wanted.items()):
                yield selector
        name = tags.get("name", "")
        is_told_apart = metric in _BY_ENDPOINT or metric.startswith(PROTOCOLS)
        if is_told_apart and f"name:{name}" not in told and self._is_kept(name):
            yield f"name:{name}"

    def _parts_told(self, metric: str) -> dict[str, Mapping[str, str]]:
        declared = self._declared.get(metric)
        told = dict(declared.parts) if declared else {}
        if metric == "http_req_duration":
            told.setdefault(_OWN_PART, {"expected_response": "true"})
        return told

    def _is_kept(self, endpoint: str) -> bool:
        """A script that puts ids into its URLs makes an endpoint of every request."""
        if not endpoint or endpoint in self._endpoints:
            return bool(endpoint)
        if len(self._endpoints) < ENDPOINTS_MAX:
            self._endpoints.add(endpoint)
            return True
        if len(self._left_out) < 100_000:
            self._left_out.add(endpoint[:100])
        return False

    def _check(self, tags: Mapping[str, str], value: float) -> None:
        path = "::".join(part for part in (tags.get("group", ""), tags.get("check", "")) if part)
        path = path.removeprefix("::")[:200]
        if path in self._checks or len(self._checks) < CHECKS_MAX:
            self._checks.setdefault(path, [0, 0])[value == 0] += 1

    def _measures(self, name: str, seconds: float | None) -> Iterable[Measure]:
        told = self._declared.get(name)
        kind = told.kind if told else _kind_of(name)
        contains = told.contains if told else "time" if _is_time(name) else ""
        rules = told.rules if told else ()
        parts = {selector for metric, selector in self._series if metric == name}
        parts |= {selector for selector, _ in told.parts} if told else set()
        for selector in sorted(parts | {""}):
            series = self._series.get((name, selector), _Series())
            whole = f"{name}{{{selector}}}" if selector else name
            own = self._declared.get(whole)
            set_on = rules if not selector else _part_rules(own, selector, told)
            yield _measure(whole, (kind, contains), series, seconds, set_on)


def _part_rules(own: Declared | None, selector: str, whole: Declared | None) -> tuple[str, ...]:
    """The limits on a part: k6 splits it off because of them, but the file does not name them."""
    if own is not None:
        return own.rules
    is_set = whole is not None and selector in dict(whole.parts) and selector != _OWN_PART
    return (UNKNOWN_RULE,) if is_set else ()


def _measure(
    name: str, typed: tuple[str, str], series: _Series, seconds: float | None, rules: Iterable[str]
) -> Measure:
    kind, contains = typed
    sketched = series.exact is None
    values = _values(kind, series, seconds)
    asked = {s: q for r in rules if (s := statistic_of(r)) and (q := quantile_of(r)) is not None}
    told = values | (_quantiles(series, asked) if kind in (TREND, UNTOLD) else {})
    if kind in (TREND, UNTOLD) and not sketched:
        series.settle()
    thresholds = tuple(
        Threshold(rule, None if sketched and _is_near(rule, told) else holds(rule, told),
                  value_for(rule, told))
        for rule in dict.fromkeys(rules)
    )  # fmt: skip
    buckets = series.buckets if kind in (TREND, UNTOLD) else {}
    return Measure(
        name, kind, values, contains, thresholds, series.count, buckets, sketched and bool(buckets)
    )


def _is_near(rule: str, values: Mapping[str, float]) -> bool:
    """Whether a percentile out of the histogram lies too near its limit to tell the side."""
    value, limit = value_for(rule, values), limit_of(rule)
    is_quantile = quantile_of(rule) is not None or statistic_of(rule) == "med"
    if value is None or limit is None or not is_quantile:
        return False
    return abs(value - limit) <= SKETCH_RELATIVE_ERROR * abs(value)


def _kind_of(name: str) -> str:
    if name in _KINDS:
        return _KINDS[name]
    return TREND if _is_time(name) else UNTOLD


def _is_time(name: str) -> bool:
    return name.startswith("http_req_") or name in _TIMES


def _values(kind: str, series: _Series, seconds: float | None) -> dict[str, float]:
    if kind == COUNTER:
        rate = {"rate": series.total / seconds} if seconds else {}
        return {"count": series.total, **rate}
    if kind == RATE:
        share = series.matches / series.count if series.count else 0.0
        return {"rate": share, "matches": series.matches, "total": series.count}
    if not series.count:
        return {}
    if kind == GAUGE:
        return {"value": series.last, "min": series.lowest, "max": series.highest}
    return {
        "avg": series.total / series.count,
        "min": series.lowest,
        "max": series.highest,
        "count": series.count,
        **_quantiles(series, _STATISTICS),
    }


def _quantiles(series: _Series, asked: Mapping[str, float]) -> dict[str, float]:
    if not series.count:
        return {}
    if series.exact is None:
        found = {name: quantile(series.buckets, share) for name, share in asked.items()}
        return {name: value for name, value in found.items() if value is not None}
    ordered = sorted(series.exact)
    return {name: _between(ordered, share) for name, share in asked.items()}


def _between(ordered: list[float], share: float) -> float:
    """As k6: on a line between the two values that lie around the rank."""
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)
