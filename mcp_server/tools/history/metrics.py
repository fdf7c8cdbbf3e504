"""The stored past: one period against another, and the course of a metric."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, short, stamp
from mcp_server.answers.paging import Cursor, question_of, timed_offset, timed_page
from mcp_server.answers.rows import incident_row, run_row
from mcp_server.context import ToolContext
from mcp_server.tools.history.series import compared_row, span_row
from mcp_server.tools.history.spans import choose, known_metrics, span
from monitor.domain.check import Status
from monitor.domain.detection.ddsketch import SKETCH_RELATIVE_ERROR, Comparison, Summary
from monitor.domain.interval import Interval
from monitor.domain.metrics import METRICS, Kind
from monitor.reports.compare import Compared, Events, PeriodComparison, compare
from monitor.reports.periods import period, shifted
from monitor.store.series.history import metric_history as stored_history
from monitor.store.series.history import series_names
from monitor.store.series.summaries import summaries

LIMIT = 8
POINTS = 48
_LONGEST = timedelta(days=366 * 5)
_EVENTS_MAX = 3
_SERIES_MAX = 6
Period = Literal[
    "last_hour",
    "last_24_hours",
    "last_7_days",
    "last_30_days",
    "today",
    "yesterday",
    "this_week",
    "last_week",
]
Time = Annotated[str | None, Field(max_length=40, description="ISO-8601 date or time")]


def compare_periods(
    ctx: Context[ToolContext],
    period: Period = "last_7_days",
    start: Time = None,
    end: Time = None,
    against: Annotated[
        Literal["week", "day"], Field(description="how far back the other period lies")
    ] = "week",
    metrics: Annotated[list[str] | None, Field(max_length=20)] = None,
    limit: Annotated[int, Field(ge=1, le=100)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """Compare a period with the same weekdays and hours before it ("compare to last week"), from
    history: every metric with readings, coverage, median, p95, change and verdict, the most
    telling first, and the incidents, load tests and notes of both. start (and end) replace
    period. For one metric's course use metric_history."""
    context = ctx.request_context.lifespan_context
    wanted = known_metrics(metrics or ())
    question = question_of(
        "compare_periods",
        {"period": period, "start": start, "end": end}
        | {"against": against, "metrics": sorted(wanted)},
    )
    first, moment = timed_offset(question, cursor, context.now)
    now = _period(context, moment, period, start, end)
    before = shifted(now, against, context.app.config.zone)
    limits = context.app.config.baseline.limits()
    found = compare(context.app.store, now, before, limits, wanted)
    shown = found.series[first : first + limit]
    answer = Answer(
        verdict=_verdict(found),
        summary=_told(context, found),
        origin="stored",
        measured_at=context.recorded_at(),
        evidence=_compared(context, found, shown),
        next=("metric_history", "list_alerts"),
        rest="cursor goes on; metrics=[...] and a larger limit show more",
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        truncated=found.events_now.is_cut or found.events_before.is_cut,
        page=timed_page("series", question, first, len(shown), len(found.series), moment),
    )
    return result(answer, context.now)


def _period(
    context: ToolContext, moment: datetime, name: str, start: str | None, end: str | None
) -> Interval:
    if start is None and end is None:
        return period(name, moment, context.app.config.zone)
    return span(context, start, end, timedelta(days=7), _LONGEST)


def _compared(
    context: ToolContext, found: PeriodComparison, shown: Sequence[Compared]
) -> dict[str, Any]:
    counts = Counter(item.word.value for item in found.series)
    return {
        "now": span_row(found.now),
        "before": span_row(found.before),
        "quantile_error_percent": short(found.quantile_error_percent),
        "counts": {word.value: counts[word.value] for word in Comparison},
        "series": [compared_row(item) for item in shown],
        "events_now": _events(context, found.events_now),
        "events_before": _events(context, found.events_before),
    }


def _events(context: ToolContext, events: Events) -> dict[str, Any]:
    """What happened in a period: how much of each kind, and the latest of each."""
    stories = [s for s in events.incidents if s.incident.announced is not None]
    return {
        "incidents_count": len(stories),
        "load_tests_count": len(events.load_tests),
        "notes_count": len(events.notes),
        "incidents": [_brief(incident_row(context, s)) for s in stories[:_EVENTS_MAX]],
        "load_tests": [_run(context, run) for run in events.load_tests[:_EVENTS_MAX]],
        "notes": [
            {"at": stamp(note.at), "kind": note.kind, "note_text": note.text}
            for note in events.notes[:_EVENTS_MAX]
        ],
    }


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    names = ("status", "title_text", "since", "lasted_seconds", "consequences")
    return {name: row[name] for name in names}


def _run(context: ToolContext, run: Any) -> dict[str, Any]:
    row = run_row(run, context.now)
    names = ("scenario", "state", "started_at")
    return {name: row[name] for name in names} | {"p95_ms": short(run.figures.get("p95_ms"))}


def _verdict(found: PeriodComparison) -> Status:
    verdicts = {item.word for item in found.series}
    if Comparison.REGRESSION in verdicts:
        return Status.WARN
    return Status.OK if verdicts - {Comparison.NOT_ENOUGH_HISTORY} else Status.UNKNOWN


def _told(context: ToolContext, found: PeriodComparison) -> str:
    counted = Counter(item.word for item in found.series)
    counts = {word.value: counted[word] for word in Comparison}
    if not found.series or counted[Comparison.NOT_ENOUGH_HISTORY] == len(found.series):
        return context.say(
            "compare_nothing", _now=None, start=found.before.start, end=found.before.end
        )
    first = found.series[0]
    told = first.word in (Comparison.REGRESSION, Comparison.IMPROVEMENT)
    largest = max((first.change or 0, first.p95_change or 0), key=abs)
    return context.say(
        "compare",
        _now=None,  # both ends of a span with their dates
        start=found.now.start,
        end=found.now.end,
        first=context.catalog.series(first.series) if told else "",
        change_percent=round(100 * largest, 1) if largest else None,
        **counts,
    )


def metric_history(
    ctx: Context[ToolContext],
    metric: Annotated[str, Field(max_length=60)],
    hours: Annotated[float, Field(gt=0, le=43_920)] = 24,
    start: Time = None,
    end: Time = None,
    subject: Annotated[str | None, Field(max_length=1000)] = None,
    check: Annotated[str | None, Field(max_length=60)] = None,
    points: Annotated[int, Field(ge=1, le=100)] = POINTS,
) -> CallToolResult:
    """The course of one metric from history, for instance response_ms, outbox_oldest_age_seconds,
    lag_messages, payments_per_minute: points of [time, median, p95, readings] and the figures of
    the whole span, per subject (shard, topic, group, part). An unknown name is answered with the
    names that exist. To compare two periods use compare_periods."""
    context = ctx.request_context.lifespan_context
    (name,) = known_metrics((metric,))
    asked = span(context, start, end, timedelta(hours=hours), _LONGEST)
    with context.read() as tx:
        chosen = choose(series_names(tx), name, subject, check)
        whole = summaries(tx, asked.start, asked.end)
        each = max(points // max(min(len(chosen), _SERIES_MAX), 1), 1)
        shown = chosen[:_SERIES_MAX]
        rows = [_series_row(tx, s, asked, each, whole.get(s)) for s in shown]
    spec = METRICS[name]
    answer = Answer(
        verdict=Status.OK if any(row["readings"] for row in rows) else Status.UNKNOWN,
        summary=_course(context, name, asked, rows, len(chosen)),
        origin="stored",
        measured_at=context.recorded_at(),
        evidence={
            "metric": name,
            "unit": spec.unit,
            "worse": spec.worse.value,
            "is_counter": spec.kind is Kind.COUNTER,
            **span_row(asked),
            "quantile_error_percent": short(100 * SKETCH_RELATIVE_ERROR),
            "columns": ["at", "median", "p95", "readings"],
            "series": rows,
            "other_subjects_text": [s[1] for s in chosen[_SERIES_MAX:]],
        },
        next=("compare_periods", "list_alerts"),
        rest="name a subject, or ask for a shorter span",
        chars_max=CHARS_USUAL if points <= POINTS else CHARS_MAX,
        truncated=len(chosen) > _SERIES_MAX,
    )
    return result(answer, context.now)


def _series_row(
    tx: Any, series: tuple[str, str], asked: Interval, points: int, whole: Summary | None
) -> dict[str, Any]:
    history = stored_history(tx, *series, asked.start, asked.end, points)
    figures = whole or Summary(0, 0.0, None, None)
    return {
        "subject_text": series[1].partition("{")[2].removesuffix("}"),
        "check": series[0],
        "readings": figures.count,
        "median": short(figures.median),
        "p95": short(figures.p95),
        "mean": short(figures.mean),
        "sum": short(figures.total),
        "step_seconds": history.step_seconds,
        "points": [[stamp(p.at), short(p.value), short(p.p95), p.count] for p in history.points],
    }


def _course(
    context: ToolContext, name: str, asked: Interval, rows: list[dict[str, Any]], series: int
) -> str:
    if not any(row["readings"] for row in rows):
        return context.say("metric_none", metric=context.catalog.series(name))
    first = max(rows, key=lambda row: row["readings"])
    return context.say(
        "metric",
        _now=None,
        metric=context.catalog.series(name),
        start=asked.start,
        end=asked.end,
        series=series,
        subject=first["subject_text"],
        median=first["median"],
        p95=first["p95"],
        unit=METRICS[name].unit,
        readings=first["readings"],
    )


TOOLSETS = ("system-health", "history")
TOOLS = (compare_periods, metric_history)
