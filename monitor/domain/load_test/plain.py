"""A result of k6 as plain data, as the store keeps it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitor.domain.load_test.result import CheckTally, LoadResult, Measure, Threshold
from monitor.domain.statement import Statement

_BUCKETS_MAX = 20_000


def to_plain(result: LoadResult) -> dict[str, Any]:
    """What a result tells, in types that JSON has."""
    left = _BUCKETS_MAX
    measures = {}
    for name, measure in result.measures.items():
        left -= len(measure.buckets)
        measures[name] = _measure(measure, keep_buckets=left >= 0)
    found = {
        "shape": result.shape,
        "measures": measures,
        "checks": [[t.path, t.passes, t.fails] for t in result.checks],
        "groups": list(result.groups),
        "seconds": result.seconds,
        "k6_version": result.k6_version,
        "script": result.script,
        "started_at": _text(result.started_at),
        "ended_at": _text(result.ended_at),
        "options": dict(result.options),
        "torn": result.torn,
        "left_out": result.left_out,
    }
    return {key: value for key, value in found.items() if not _is_empty(value)}


def _measure(measure: Measure, keep_buckets: bool) -> dict[str, Any]:
    found = {
        "kind": measure.kind,
        "values": dict(measure.values),
        "contains": measure.contains,
        "thresholds": [[t.rule, t.kept, t.value] for t in measure.thresholds],
        "samples": measure.samples,
        "buckets": {str(k): n for k, n in measure.buckets.items()} if keep_buckets else {},
        "sketched": measure.sketched,
    }
    return {key: value for key, value in found.items() if not _is_empty(value)}


def from_plain(data: Mapping[str, Any]) -> LoadResult | None:
    """The result behind plain data; None for none."""
    if not data:
        return None
    measures = data.get("measures", {})
    return LoadResult(
        shape=data["shape"],
        measures={name: _measure_of(name, each) for name, each in measures.items()},
        checks=tuple(CheckTally(*each) for each in data.get("checks", ())),
        groups=tuple(data.get("groups", ())),
        seconds=data.get("seconds"),
        k6_version=data.get("k6_version", ""),
        script=data.get("script", ""),
        started_at=_time(data.get("started_at")),
        ended_at=_time(data.get("ended_at")),
        options=data.get("options", {}),
        torn=data.get("torn", False),
        left_out=data.get("left_out", 0),
    )


def _measure_of(name: str, data: Mapping[str, Any]) -> Measure:
    return Measure(
        name=name,
        kind=data["kind"],
        values=data.get("values", {}),
        contains=data.get("contains", ""),
        thresholds=tuple(Threshold(*each) for each in data.get("thresholds", ())),
        samples=data.get("samples"),
        buckets={int(k): n for k, n in data.get("buckets", {}).items()},
        sketched=data.get("sketched", False),
    )


def doubts_to_plain(doubts: tuple[Statement, ...]) -> list[list[Any]]:
    """Reasons in types that JSON has."""
    return [[doubt.code, dict(doubt.params)] for doubt in doubts]


def doubts_from_plain(data: list[Any]) -> tuple[Statement, ...]:
    """The reasons behind plain data."""
    return tuple(Statement(code, params) for code, params in data)


def from_figures(figures: Mapping[str, float]) -> LoadResult | None:
    """What can be told of a run of which only the figures were kept."""
    if not figures:
        return None
    measures = {}
    for name, (kind, known) in _OF_FIGURES.items():
        values = {
            statistic: figures[key] / divisor
            for statistic, (key, divisor) in known.items()
            if key in figures
        }
        if values:
            measures[name] = Measure(name, kind, values)
    return LoadResult("figures", measures)


_OF_FIGURES = {
    "http_req_duration": (
        "trend",
        {"med": ("median_ms", 1), "p(95)": ("p95_ms", 1), "p(99)": ("p99_ms", 1)},
    ),
    "http_reqs": ("counter", {"rate": ("requests_per_second", 1)}),
    "http_req_failed": ("rate", {"rate": ("failed_percent", 100)}),
    "iterations": ("counter", {"count": ("iterations", 1)}),
}


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
