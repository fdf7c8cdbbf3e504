"""What was alerted: incidents with their causes, consequences and durations."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.paging import Cursor, question_of, timed_offset, timed_page
from mcp_server.answers.rows import delivery_rows, finding_row, incident_row, root_of
from mcp_server.context import ToolContext
from monitor.domain.alert import Phase
from monitor.domain.check import Status, worst
from monitor.domain.delivery import Message
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.incident.model import Acceptance
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.alerting.incidents import incidents_between
from monitor.store.delivery.journal import deliveries
from monitor.text.filters import cut

LIMIT = 8
_INCIDENTS_MAX = 1000
_PENDING_MAX = 10
_ACCEPTED_MAX = 10


def list_alerts(
    ctx: Context[ToolContext],
    state: Literal["open", "recent", "all"] = "open",
    hours: Annotated[
        float, Field(gt=0, le=43_920, description="how far back recent and all look")
    ] = 24,
    limit: Annotated[int, Field(ge=1, le=100)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """The alerts from history, one row per incident: cause, consequences, since when, how long,
    who acknowledged it, who was told, what somebody accepted as known. open: what goes on now;
    recent: also what ended within the last hours; all: also what was seen but has not fired yet.
    For causes live: diagnose_issues."""
    context = ctx.request_context.lifespan_context
    question = question_of("list_alerts", {"state": state, "hours": hours})
    first, moment = timed_offset(question, cursor, context.now)
    back = timedelta() if state == "open" else timedelta(hours=hours)
    with context.read() as tx:
        stories = incidents_between(
            tx, moment - back, moment + timedelta(seconds=1), _INCIDENTS_MAX
        )
        alerts = all_live_alerts(tx).values() if state == "all" else ()
        shown = stories[first : first + limit]
        told = deliveries(tx, map(_thread, shown))
        known = active_acceptances(tx, context.now)
    pending = [a for a in alerts if a.phase is Phase.PENDING]
    recorded_at = context.recorded_at()
    evidence = {
        "found": len(stories),
        "incidents": [_incident(context, s, told[_thread(s)]) for s in shown],
        "pending": [_pending(context, a) for a in pending[:_PENDING_MAX]],
    }
    if known:
        evidence["accepted"] = [_accepted(each) for each in known[:_ACCEPTED_MAX]]
    answer = Answer(
        verdict=_verdict(stories, is_stale=context.is_stale(recorded_at)),
        summary=_told(context, stories, state, hours),
        origin="stored",
        measured_at=recorded_at,
        evidence=evidence,
        next=("diagnose_issues",) if _open(stories) else ("get_system_overview",),
        rest="cursor goes on; or a larger limit, or fewer hours",
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        truncated=len(stories) >= _INCIDENTS_MAX,
        page=timed_page("incidents", question, first, len(shown), len(stories), moment),
    )
    return result(answer, context.now)


def _thread(story: IncidentStory) -> str:
    return f"incident:{story.incident.id}"


def _incident(
    context: ToolContext, story: IncidentStory, messages: Sequence[Message]
) -> dict[str, Any]:
    """An incident with who was told of it; that it was announced says not that it arrived."""
    row = incident_row(context, story)
    del row["announced"]
    if why := story.incident.silent_reason:
        row["silent_because"] = context.catalog.name("why", why)
    return row | {"deliveries": delivery_rows(messages)}


def _accepted(known: Acceptance) -> dict[str, Any]:
    """What is no incident because somebody knows of it: who, why, until when."""
    until = {"until": stamp(known.until)} if known.until else {}
    row = {"pattern": known.pattern, "by": known.author, "reason": cut(known.reason, 200)}
    return {"number": known.id, **row, "since": stamp(known.at), **until}


def _pending(context: ToolContext, alert: Any) -> dict[str, Any]:
    row = finding_row(context, alert.check, alert, full=False)
    return row | {"since": stamp(alert.since)}


def _open(stories: Sequence[IncidentStory]) -> list[IncidentStory]:
    return [s for s in stories if s.incident.ended_at is None]


def _verdict(stories: Sequence[IncidentStory], is_stale: bool) -> Status:
    """What goes on; from a history that ended long ago, no "all is well" follows."""
    statuses = [s.incident.status for s in _open(stories)]
    return worst([*statuses, *([Status.UNKNOWN] if is_stale else [])])


def _told(context: ToolContext, stories: Sequence[IncidentStory], state: str, hours: float) -> str:
    recorded_at = context.recorded_at()
    if context.is_stale(recorded_at):
        return context.say("history_stale", at=recorded_at)
    opened = _open(stories)
    root = root_of(opened[0]) if opened else None
    return context.say(
        "alerts",
        open=len(opened),
        over=len(stories) - len(opened),
        hours=hours if state != "open" else None,
        title=context.catalog.finding(root, context.now).title if root else "",
    )


TOOLSETS = ("system-health", "history")
TOOLS = (list_alerts,)
