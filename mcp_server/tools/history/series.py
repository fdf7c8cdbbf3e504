"""Series as rows of evidence: figures of one period, and of two side by side."""

from __future__ import annotations

from typing import Any

from mcp_server.answers.answer import percent, short, stamp
from monitor.domain.interval import Interval
from monitor.domain.metrics import Kind, MetricSpec
from monitor.reports.compare import Compared, Figures


def span_row(span: Interval) -> dict[str, Any]:
    """From when to when a period lasts."""
    return {"start": stamp(span.start), "end": stamp(span.end)}


def compared_row(item: Compared) -> dict[str, Any]:
    """A series in both periods, with the change and the verdict."""
    subject = item.series.partition("{")[2].removesuffix("}")
    return {
        "metric": item.spec.name,
        "subject_text": subject,
        "check": item.check,
        "unit": item.spec.unit,
        "verdict": item.word.value,
        "change_percent": percent(item.change),
        "p95_change_percent": percent(item.p95_change) if _is_gauge(item.spec) else None,
        "now": _figures(item.now, item.spec),
        "before": _figures(item.before, item.spec),
    }


def _figures(figures: Figures, spec: MetricSpec) -> dict[str, Any]:
    summary = figures.summary
    row: dict[str, Any] = {
        "readings": summary.count,
        "coverage_percent": percent(figures.coverage.seen),
    }
    if figures.coverage.unknown:
        row["passes_unknown"] = figures.coverage.unknown
    if _is_gauge(spec):
        return row | {"median": short(summary.median), "p95": short(summary.p95)}
    return row | {"sum": short(summary.total), "per_hour": short(figures.per_hour)}


def _is_gauge(spec: MetricSpec) -> bool:
    return spec.kind is Kind.GAUGE
