"""Load tests as rows of evidence: what a run was, its endpoints against earlier runs, its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from mcp_server.answers.answer import percent, short
from mcp_server.answers.rows import run_row
from mcp_server.context import ToolContext
from monitor.domain.detection.rule import relative
from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.history import (
    MAIN,
    Against,
    Judged,
    unit_of,
    values_of,
    word_of,
    worse_of,
)
from monitor.domain.load_test.result import Measure
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.load_test_values import amount, changed

ENDPOINTS_MAX = 12
WEEK = timedelta(days=7)
_WEEK_MIN = timedelta(days=5)
_TOLD = (("http_req_duration", "p(95)"), ("http_req_duration", "med"), ("http_req_failed", "rate"))
_LABELS = {"p(95)": "p95", "med": "median", "rate": ""}


def judged_row(context: ToolContext, each: Judged) -> dict[str, Any]:
    """A run with its verdict, and how its p95 changed against the last, the recent, the best."""
    return run_row(each.run, context.now) | {
        "id": each.run.id,
        "verdict": each.word,
        "doubts": doubt_rows(each.run.doubts, context.catalog),
        "compared_runs": len(each.earlier),
        "p95_change_percent": {
            one.name: percent(each.change(one.name, *MAIN)) for one in each.against
        },
    }


def history_row(each: Judged) -> dict[str, Any]:
    """A run in a line."""
    run = each.run
    keys = ("p95_ms", "failed_percent", "requests_per_second")
    figures = {key: short(run.figures[key]) for key in keys if key in run.figures}
    last = {one.name: percent(each.change(one.name, *MAIN)) for one in each.against[:1]}
    return {
        "id": run.id,
        "scenario": clean(run.scenario, 60),
        "started_at": run.started_at,
        "state": run.state,
        "reason": run.reason,
        **figures,
        "verdict": each.word,
        "p95_change_percent": last.get("last"),
    }


def doubt_rows(doubts: Iterable[Statement], catalog: Catalog) -> list[dict[str, Any]]:
    """Why a run measured nothing."""
    return [{"code": d.code, "text": catalog.doubt(d.code, d.params)} for d in doubts]


def endpoint_rows(each: Judged) -> list[dict[str, Any]]:
    """All requests and each endpoint: p95 and median, and what is said of each statistic."""
    result = each.run.result
    if result is None or not each.run.is_valid:
        return []
    told = [result.measures.get("http_req_duration"), *result.endpoints.values()]
    measures = [measure for measure in told if measure is not None][: ENDPOINTS_MAX + 1]
    return [_endpoint(measure, each) for measure in measures]


def _endpoint(measure: Measure, each: Judged) -> dict[str, Any]:
    rulings = each.rulings.get(measure.name, {})
    said = {s: ruling.word.value for s, ruling in rulings.items() if s in ("med", "p(95)", "p(99)")}
    p95 = rulings.get("p(95)")
    return {
        "endpoint_text": clean(measure.tags.get("name", "all"), 60),
        "values_ms": {s: short(v) for s, v in measure.values.items() if s in ("med", "p(95)")},
        "verdicts": said,
        "shape": p95.shape.value if p95 and p95.shape else None,
        "needs_more_runs": p95.needs_more if p95 else None,
        "p95_change_percent": {
            one.name: percent(each.change(one.name, measure.name, "p(95)")) for one in each.against
        },
    }


def threshold_rows(each: Judged) -> list[dict[str, Any]]:
    """The limits that the script set."""
    result = each.run.result
    return [
        {
            "on_text": clean(measure.name, 80),
            "rule_text": clean(t.rule, 40),
            "kept": t.kept,
            "value": short(t.value),
        }
        for measure, t in (result.thresholds if result else ())
    ]


def platform_rows(found: Sequence[Meanwhile]) -> list[dict[str, Any]]:
    """What the platform did during the run."""
    return [
        {
            "series_text": clean(each.series, 80),
            "unit": each.unit,
            "before": short(each.before),
            "worst": short(each.worst),
        }
        for each in found
    ]


def against(each: Judged, name: str) -> Against | None:
    """What a run is compared with: last, recent, best, or the run of the week before (`week`)."""
    if name != "week":
        return next((one for one in each.against if one.name == name), None)
    latest = each.run.started_at - _WEEK_MIN
    older = [run for run in each.earlier if run.started_at <= latest]
    if not older:
        return None
    nearest = min(older, key=lambda run: abs(each.run.started_at - WEEK - run.started_at))
    return Against("week", values_of(nearest.result), nearest)


def change_lines(each: Judged, other: Against, catalog: Catalog) -> list[str]:
    """What changed, in words: `p95 120 ms → 85 ms, −29.2 % (better)`."""
    now, found = values_of(each.run.result), []
    for metric, statistic in _TOLD:
        value = now.get(metric, {}).get(statistic)
        before = other.values.get(metric, {}).get(statistic)
        if value is None or before is None or each.run.result is None:
            continue
        found.append(_change(each.run.result.measures[metric], statistic, (before, value), catalog))
    return found


def _change(measure: Measure, statistic: str, values: tuple[float, float], catalog: Catalog) -> str:
    before, now = values
    unit, change = unit_of(measure, statistic), relative(now, before)
    word = word_of(now - before, change, worse_of(measure), unit)
    key = {"better": "diff_better", "worse": "diff_worse", "like_before": "diff_same"}.get(word)
    label = _LABELS[statistic] or catalog.say("loadtest.column_failed")
    return catalog.say(
        f"loadtest.{key or 'diff_other'}",
        label=label,
        before=amount(before, unit, catalog),
        now=amount(now, unit, catalog),
        change=changed(change, catalog),
    )
