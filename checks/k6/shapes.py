"""k6's summaries in JSON, of all versions: --summary-export, handleSummary, the new one.

The traps are told in monitor/domain/load_test/result.py: inverted thresholds, swapped counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.load_test.files import NoResultError
from monitor.domain.load_test.result import (
    COUNTER,
    GAUGE,
    RATE,
    TREND,
    UNTOLD,
    CheckTally,
    LoadResult,
    Measure,
    Threshold,
)
from monitor.domain.load_test.rules import value_for

Data = Mapping[str, Any]


_RENAMED = {"p90": "p(90)", "p95": "p(95)", "p99": "p(99)"}


def read_summary(data: Any) -> LoadResult:
    """A summary of any shape, by what it holds; NoResultError if it is none."""
    if not isinstance(data, dict):
        raise NoResultError("no_metrics")
    if isinstance(data.get("results"), dict):
        return _machine(data)
    metrics = data.get("metrics")
    if isinstance(metrics, dict):
        metrics = {str(name): m for name, m in metrics.items() if isinstance(m, dict)}
        is_handled = "state" in data or any("values" in m for m in metrics.values())
        return _handled(data, metrics) if is_handled else _exported(data, metrics)
    raise NoResultError(_seems(data))


def _seems(data: Data) -> str:
    first = data.get("data")
    first = first[0] if isinstance(first, list) and first else first
    if _table(first).get("type") in ("metrics", "groups", "status"):
        return "rest_answer"
    return "dashboard" if isinstance(data.get("event"), str) else "no_metrics"


def _exported(data: Data, metrics: Data) -> LoadResult:
    """--summary-export: no types, no times; a threshold that is `true` was crossed."""
    measures = {}
    for name, metric in metrics.items():
        rules = _table(metric.get("thresholds"))
        values = _numbers({k: v for k, v in metric.items() if k != "thresholds"})
        kept = {rule: not crossed for rule, crossed in rules.items()}
        measures[name] = _measure(name, _kind_of(metric), values, kept)
    iterations = measures.get("iterations")
    return LoadResult(
        shape="summary_export",
        measures=_seen_together(measures),
        checks=tuple(_checks(data.get("root_group"))),
        groups=tuple(_groups(data.get("root_group"))),
        seconds=_ratio(iterations) if iterations else None,
    )


def _handled(data: Data, metrics: Data) -> LoadResult:
    """What handleSummary is given: types, `ok` thresholds, and how long it took."""
    measures = {}
    for name, metric in metrics.items():
        rules = _table(metric.get("thresholds"))
        kept = {rule: bool(_table(outcome).get("ok")) for rule, outcome in rules.items()}
        values, kind = _numbers(metric.get("values")), _kind(metric)
        measures[name] = _measure(name, kind, values, kept, str(metric.get("contains", "")))
    took_ms = _number(_table(data.get("state")).get("testRunDurationMs"))
    return LoadResult(
        shape="handle_summary",
        measures=_seen_together(measures),
        checks=tuple(_checks(data.get("root_group"))),
        groups=tuple(_groups(data.get("root_group"))),
        seconds=None if took_ms is None else took_ms / 1000,
        options=_table(data.get("options")),
    )


def _machine(data: Data) -> LoadResult:
    """The machine-readable summary of k6 1.5 and later: metrics are a list in any order."""
    results, config = _table(data["results"]), _table(data.get("config"))
    metadata = _table(data.get("metadata"))
    seconds = _number(config.get("duration"))
    found = {m.name: m for m in _listed(results.get("metrics"), seconds)}
    checked = _table(results.get("checks"))
    tallies = tuple(_tallies(checked.get("results"), "")) + tuple(_nested(results.get("groups")))
    if not found and not tallies:
        raise NoResultError("no_metrics")
    ended_at = _time(metadata.get("generated_at") or metadata.get("generatedAt"))
    begun_at = ended_at - timedelta(seconds=seconds) if ended_at and seconds else None
    return LoadResult(
        shape="machine_summary",
        measures=_seen_together(found | _checks_rate(checked, tallies)),
        checks=tallies,
        groups=tuple(name for name, _ in _named_groups(results.get("groups"), "")),
        seconds=seconds,
        k6_version=str(metadata.get("k6_version") or metadata.get("k6Version") or "")[:40],
        script=str(config.get("script") or "")[:200],
        started_at=begun_at,
        ended_at=ended_at,
    )


def _listed(metrics: Any, seconds: float | None) -> Iterator[Measure]:
    for metric in metrics if isinstance(metrics, list) else ():
        if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
            continue
        numbers = _numbers(metric.get("values"))
        values = {_RENAMED.get(key, key): value for key, value in numbers.items()}
        if _kind(metric) == COUNTER and seconds and "rate" not in values and "count" in values:
            values["rate"] = values["count"] / seconds
        kept = dict(_told_kept(metric.get("thresholds")))
        contains = str(metric.get("contains", ""))
        yield _measure(metric["name"], _kind(metric), values, kept, contains)


def _told_kept(thresholds: Any) -> Iterator[tuple[str, bool]]:
    """None are written so far; should they be, then surely with an `ok`."""
    for rule, outcome in _table(thresholds).items():
        if isinstance(outcome, dict) and "ok" in outcome:
            yield rule, bool(outcome["ok"])


def _checks_rate(checked: Data, tallies: Sequence[CheckTally]) -> dict[str, Measure]:
    """One `checks` as everywhere else, in place of three metrics about them."""
    held = {m.name: m for m in _listed(checked.get("metrics"), None)}.get("checks_succeeded")
    if held is not None and held.kind == RATE:
        return {"checks": Measure("checks", RATE, held.values, "default", samples=held.samples)}
    passes, fails = sum(t.passes for t in tallies), sum(t.fails for t in tallies)
    if not passes + fails:
        return {}
    values = {"matches": passes, "fails": fails, "rate": passes / (passes + fails)}
    return {"checks": _measure("checks", RATE, values, {})}


def _measure(
    name: str, kind: str, values: dict[str, float], kept: Mapping[str, bool], contains: str = ""
) -> Measure:
    samples: int | None = None
    if kind == RATE:
        values = _as_rate(values)
        samples = int(values["total"]) if "total" in values else None
    elif kind == TREND and "count" in values:
        samples = int(values["count"])
    thresholds = tuple(Threshold(r, ok, value_for(r, values)) for r, ok in sorted(kept.items()))
    return Measure(name, kind, values, contains, thresholds, samples)


def _as_rate(given: dict[str, float]) -> dict[str, float]:
    """rate, matches, total from k6's value or rate, passes (which match), fails (which do not)."""
    rate = given.get("rate", given.get("value"))
    matches = given.get("matches", given.get("passes"))
    total = given.get("total")
    if total is None and matches is not None and "fails" in given:
        total = matches + given["fails"]
    wanted = {"rate": rate, "matches": matches, "total": total}
    return {key: value for key, value in wanted.items() if value is not None}


def _seen_together(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Every request has each http_req_ time once: what http_reqs counts, they have as samples."""
    counted = measures.get("http_reqs")
    count = counted.values.get("count") if counted else None
    found = dict(measures)
    for name, m in measures.items():
        is_whole = name.startswith("http_req_") and m.kind == TREND and "{" not in name
        if is_whole and m.samples is None and count is not None:
            whole = (m.name, m.kind, m.values, m.contains, m.thresholds)
            found[name] = Measure(*whole, samples=int(count))
    return found


def _kind_of(metric: Data) -> str:
    """The type of a metric in an export, which only its keys tell."""
    if "passes" in metric or "fails" in metric:
        return RATE
    if "value" in metric:
        return GAUGE
    if "count" in metric and "rate" in metric:
        return COUNTER
    return TREND


def _kind(metric: Data) -> str:
    kind = metric.get("type")
    return kind if kind in (TREND, RATE, COUNTER, GAUGE) else UNTOLD


def _ratio(counter: Measure) -> float | None:
    count, rate = counter.values.get("count"), counter.values.get("rate")
    return count / rate if count and rate else None


def _checks(group: Any) -> Iterator[CheckTally]:
    """The checks of a group and of those below it: objects in an export, lists elsewhere."""
    for each in _members(_table(group).get("checks")):
        yield _tally(each, str(each.get("path") or each.get("name") or ""))
    for below in _members(_table(group).get("groups")):
        yield from _checks(below)


def _groups(group: Any) -> Iterator[str]:
    for below in _members(_table(group).get("groups")):
        yield str(below.get("path") or below.get("name") or "").removeprefix("::")[:200]
        yield from _groups(below)


def _nested(groups: Any) -> Iterator[CheckTally]:
    for path, group in _named_groups(groups, ""):
        checks = group.get("checks")
        listed = checks.get("results") if isinstance(checks, dict) else checks
        yield from _tallies(listed, path)


def _named_groups(groups: Any, above: str) -> Iterator[tuple[str, Data]]:
    for name, group in _members_named(groups):
        path = f"{above}::{name}" if above else name
        yield path, group
        yield from _named_groups(group.get("groups"), path)


def _tallies(checks: Any, above: str) -> Iterator[CheckTally]:
    for each in _members(checks):
        name = str(each.get("name") or "")
        yield _tally(each, f"{above}::{name}" if above else name)


def _tally(check: Data, path: str) -> CheckTally:
    passes, fails = (int(_number(check.get(key)) or 0) for key in ("passes", "fails"))
    return CheckTally(path.removeprefix("::")[:200], passes, fails)


def _members(listed: Any) -> Iterator[Data]:
    yield from (each for _, each in _members_named(listed))


def _members_named(listed: Any) -> Iterator[tuple[str, Data]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(listed, dict):
        items = listed.items()
    elif isinstance(listed, list):
        items = ((_table(each).get("name"), each) for each in listed)
    yield from ((str(name or ""), each) for name, each in items if isinstance(each, dict))


def _table(value: Any) -> Data:
    return value if isinstance(value, dict) else {}


def _numbers(values: Any) -> dict[str, float]:
    found = {key: _number(value) for key, value in _table(values).items()}
    return {key: value for key, value in found.items() if value is not None}


def _number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_one and math.isfinite(value) else None
    except OverflowError:  # a whole number of more digits than any measure has
        return None


def _time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None
