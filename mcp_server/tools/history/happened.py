"""What happened around a time: incidents, changes of state, load tests, notes, in order."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.paging import Cursor, question_of, timed_offset, timed_page
from mcp_server.answers.rows import root_of
from mcp_server.context import ToolContext
from mcp_server.sentence.read import read_moment
from mcp_server.sentence.times import Calendar
from mcp_server.tools.history.spans import at, span
from mcp_server.tools.history.timeline import Course, Happened, course
from monitor.domain.check import Status, worst
from monitor.domain.interval import Interval
from monitor.text.filters import clean

LIMIT = 20
_TEXT_MAX = 180
_LONGEST = timedelta(days=31)
_COLUMNS = ["at", "kind", "status", "text"]
Time = Annotated[str, Field(max_length=40)]


def what_happened(
    ctx: Context[ToolContext],
    around: Annotated[str, Field(max_length=40, description="14:00, 어제 오후 2시, ISO")] = "",
    minutes: Annotated[int, Field(ge=1, le=1440, description="before and after around")] = 30,
    start: Time = "",
    end: Time = "",
    limit: Annotated[int, Field(ge=1, le=200)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """What happened around a time, or from start to end (else the last hour), from history, in
    order: incidents with their consequences, changes of the checks' states, load tests, and notes
    such as deployments. Answers "why did it break at 2 p.m.?". The present: diagnose_issues."""
    context = ctx.request_context.lifespan_context
    question = question_of(
        "what_happened", {"around": around, "minutes": minutes, "start": start, "end": end}
    )
    first, moment = timed_offset(question, cursor, context.now)
    asked = _span(context, moment, around, minutes, start, end)
    with context.read() as tx:
        found = course(context, tx, asked)
    shown = found.happened[first : first + limit]
    answer = Answer(
        verdict=_verdict(found),
        summary=_summary(context, found),
        origin="stored",
        measured_at=context.recorded_at(),
        evidence={
            "start": stamp(asked.start),
            "end": stamp(asked.end),
            "passes": {"ran": found.passes, "unknown": found.unknown, "missed": found.missed},
            "found": len(found.happened),
            "columns": _COLUMNS,
            "data_rows": [_row(one) for one in shown],
        },
        next=("list_alerts", "metric_history", "compare_periods"),
        rest="ask for a shorter time",
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        truncated=found.is_cut,
        page=timed_page("data_rows", question, first, len(shown), len(found.happened), moment),
    )
    return result(answer, context.now)


def _span(
    context: ToolContext, now: datetime, around: str, minutes: int, start: str, end: str
) -> Interval:
    if around and (start or end):
        raise ToolError("around or start and end, not both")
    if not around:
        return span(context, start or None, end or None, timedelta(hours=1), _LONGEST, now)
    middle, half = _moment(context, now, around), timedelta(minutes=minutes)
    if middle - half >= now:
        raise ToolError("around lies ahead of now")
    return Interval(middle - half, min(middle + half, now))


def _moment(context: ToolContext, now: datetime, text: str) -> datetime:
    """A clock or a day with a clock as people say it, or an ISO time."""
    try:
        return read_moment(text, Calendar(now, context.app.config.zone))
    except (ValueError, OverflowError):
        return at(context, "around", text, now)


def _verdict(found: Course) -> Status:
    """The worst that was seen then, although it may have eased; else whether anybody looked."""
    told = {one.status for one in found.happened}
    told |= {story.incident.status.value for story in found.incidents}
    wrong = [status for status in (Status.CRIT, Status.WARN) if status.value in told]
    return worst([*wrong, *([] if found.passes > found.unknown else [Status.UNKNOWN])])


def _row(one: Happened) -> list[Any]:
    return [stamp(one.at), clean(one.kind, 40), one.status, clean(one.text, _TEXT_MAX)]


def _summary(context: ToolContext, found: Course) -> str:
    story = found.worst
    root = root_of(story) if story else None
    began = min((a.since for a in story.alerts), default=None) if story else None
    before = [h for h in found.happened if h.kind.startswith("note_") and began and h.at <= began]
    return context.say(
        "happened.summary",
        _now=None,
        start=found.span.start,
        end=found.span.end,
        count=len(found.happened),
        incidents=len(found.incidents),
        title=context.catalog.finding(root, None).title if root else "",
        began=began,
        note=clean(before[-1].text, 80) if before else "",
        note_at=before[-1].at if before else None,
        looked=found.passes > found.unknown,
    )


TOOLSETS = ("system-health", "history")
TOOLS = (what_happened,)
