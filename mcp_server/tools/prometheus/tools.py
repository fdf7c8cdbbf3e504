"""Any question to Prometheus: by its name or in PromQL, a moment or a course."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import PrometheusSource
from checks.sources.facts.prometheus import Course, Reading
from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, data, result, short, stamp
from mcp_server.answers.live import nothing_seen, platform, shown
from mcp_server.answers.paging import Cursor, offset, offset_page, question_of
from mcp_server.answers.unavailable import reason, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.breakers.failure_pattern import no_prometheus
from mcp_server.tools.prometheus.questions import QUESTIONS, Name, Question, question
from monitor.domain.check import Status
from monitor.text.filters import clean

LIMIT = 10
_POINTS = 12
_HOURS_MAX = 24 * 31
_MINUTES_MAX = 60 * 24 * 31


@dataclass(frozen=True, slots=True)
class _Series:
    """One series as an answer shows it; `points` are those of a course."""

    labels: Mapping[str, str]
    value: float
    at: datetime
    points: Sequence[tuple[datetime, float]] = ()


def prometheus_query(
    ctx: Context[ToolContext],
    query: Annotated[Name | Annotated[str, Field(max_length=1000)], Field(min_length=1)],
    minutes: Annotated[float, Field(ge=0, le=_MINUTES_MAX, description="of a named question")] = 0,
    hours: Annotated[float, Field(ge=0, le=_HOURS_MAX, description="of the course")] = 0,
    limit: Annotated[int, Field(ge=1, le=100)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """Ask Prometheus a named question or PromQL, for now or, with hours, as a course. Shows the
    PromQL it became. "No series" is not zero. What the monitor itself measured: metric_history."""
    context = ctx.request_context.lifespan_context
    asked = question(query, timedelta(minutes=minutes) if minutes else None)
    if minutes and not asked.name:
        raise ToolError("minutes belong to a named question; PromQL has its own range")
    said = {"query": query, "minutes": minutes, "hours": hours, "limit": limit}
    page_question = question_of("prometheus_query", said)
    start = offset(page_question, cursor)
    source = platform(context).prometheus
    if source is None:
        return nothing_seen(context, [no_prometheus()], "metric_history", "check_all_services")
    span = (context.now - timedelta(hours=hours), context.now) if hours else None
    found = _look(source, asked, span)
    if isinstance(found, Unavailable):
        return _unavailable(context, asked, found)
    ordered = sorted(found, key=lambda one: (-one.value, sorted(one.labels.items())))
    rows = [_row(one) for one in ordered[start : start + limit]]
    answer = Answer(
        verdict=Status.OK,
        summary=_told(context, asked, ordered),
        origin="live",
        measured_at=max(one.at for one in ordered),
        evidence=_question_row(asked)
        | ({"start": stamp(span[0]), "end": stamp(span[1])} if span else {})
        | {"found": len(ordered), "series": rows},
        next=("metric_history", "analyze_failure_pattern"),
        rest="aggregate in PromQL, such as sum by (job) (...) or topk(10, ...)",
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("series", page_question, start, len(rows), len(ordered)),
    )
    return result(answer, context.now)


def _look(
    source: PrometheusSource, asked: Question, span: tuple[datetime, datetime] | None
) -> Fact[list[_Series]]:
    if span is None:
        readings: Fact[tuple[Reading, ...]] = source.instant(asked.promql)
        if isinstance(readings, Unavailable):
            return readings
        return [_Series(r.labels, r.value, r.at) for r in readings]
    step = (span[1] - span[0]) / (10 * _POINTS)
    courses: Fact[tuple[Course, ...]] = source.points(asked.promql, *span, step)
    if isinstance(courses, Unavailable):
        return courses
    return [_Series(labels, points[-1][1], points[-1][0], points) for labels, points in courses]


def _row(one: _Series) -> dict[str, Any]:
    row: dict[str, Any] = {"data": data(one.labels), "value": short(one.value)}
    if one.points:
        values = [value for _, value in one.points]
        row |= {"min": short(min(values)), "mean": short(fmean(values)), "max": short(max(values))}
        row["points"] = [[stamp(at), short(value)] for at, value in _thinned(one.points)]
    return row


def _thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """Few points: each the mean of its neighbours, at the first of them."""
    each = -(-len(points) // _POINTS)
    groups = [points[i : i + each] for i in range(0, len(points), each)]
    return [(group[0][0], fmean(value for _, value in group)) for group in groups]


def _question_row(asked: Question) -> dict[str, Any]:
    return {"question": asked.name or None, "promql_text": asked.promql, "unit": asked.unit}


def _unavailable(context: ToolContext, asked: Question, found: Unavailable) -> CallToolResult:
    """A wrong question is the caller's error; the rest is what could not be seen."""
    got = str(found.params.get("got", ""))
    if found.reason == "prometheus_error" and got.startswith(("400", "422")):
        raise ToolError(
            f"Prometheus does not take the PromQL: {clean(got[4:], 200)}. "
            f"Named questions: {', '.join(QUESTIONS)}"
        )
    if found.reason == "ill_typed":
        raise ToolError(
            "the PromQL comes to no instant vector; right would be rate(x[5m]) instead of x[5m], "
            "and vector(1) instead of 1"
        )
    answer = Answer(
        verdict=Status.UNKNOWN,
        summary=context.say("not_seen", reason=reason(context, found)),
        origin="live",
        measured_at=context.now,
        evidence=_question_row(asked)
        | {"series": [], "unavailable": unavailable_rows(context, [found])},
        next=("check_all_services", "metric_history"),
    )
    return result(answer, context.now)


def _told(context: ToolContext, asked: Question, found: Sequence[_Series]) -> str:
    values = [value for one in found for _, value in one.points]
    name = context.say(f"prometheus.name.{asked.name}") if asked.name else "PromQL"
    own = f"prometheus.told.{asked.name}"
    if not values and context.catalog.has(f"mcp.{own}"):
        return context.say(own, name=name, states=_states(found), up=_sum(found), series=len(found))
    return context.say(
        "prometheus.course" if values else "prometheus.moment",
        name=name,
        series=len(found),
        highest=_measured(context, max(values) if values else found[0].value, asked.unit),
        lowest=_measured(context, min(values) if values else found[-1].value, asked.unit),
        last=_measured(context, found[0].value, asked.unit),
        total=_measured(context, _sum(found), asked.unit) if asked.unit in _ADDED else "",
    )


def _measured(context: ToolContext, value: float, unit: str) -> str:
    return context.say(f"prometheus.unit.{_UNITS[unit]}", value=value)


def _sum(found: Sequence[_Series]) -> float:
    return sum(one.value for one in found)


def _states(found: Sequence[_Series]) -> str:
    """Which breaker is in which state, of the first few."""
    pairs = [(one.labels.get("name", ""), one.labels.get("state", "")) for one in found]
    told = [f"{shown(name)} {shown(state).upper()}" for name, state in pairs[:_STATES_MAX]]
    return ", ".join([*told, "…"] if len(pairs) > _STATES_MAX else told)


_STATES_MAX = 6
_ADDED = ("requests", "requests/s", "messages", "threads")
_UNITS = {
    "": "none",
    "%": "percent",
    "ms": "ms",
    "MiB": "mib",
    "requests": "requests",
    "requests/s": "requests_per_second",
    "messages": "messages",
    "threads": "threads",
}


TOOLSETS = ("system-health", "circuit-breaker")
TOOLS = (prometheus_query,)
