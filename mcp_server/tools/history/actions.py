"""What a person may have written into the monitor's own history: acknowledged, silenced, noted."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.access.caller import called_by
from mcp_server.answers.answer import Answer, result, stamp
from mcp_server.answers.rows import root_of
from mcp_server.context import Desk
from mcp_server.tools.history.spans import at as at_of
from mcp_server.writing import writing
from monitor.domain.check import Status
from monitor.domain.incident import Silence, is_silenced
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.alerting.incidents import acknowledge
from monitor.store.alerting.transitions import incident as incident_by_id
from monitor.store.notes import Note, add_note, add_silence
from monitor.text.filters import clean

TEXT_MAX, COMMENT_MAX, PATTERN_MAX = 300, 120, 200  # a question shows all that will be written
SILENCE_MINUTES_MAX = 7 * 24 * 60
_MATCHES_MAX = 5


def _asks_acknowledge(desk: Desk, incident: int) -> str:
    _open_incident(desk, incident)
    return desk.say("write.acknowledge", incident=incident)


def _open_incident(desk: Desk, incident: int) -> str:
    """The title of an open incident; an error that leads to those that are open."""
    with desk.read() as tx:
        story = incident_by_id(tx, incident)
    if story is None or story.incident.ended_at is not None:
        state = "there is no incident" if story is None else "already over is incident"
        raise ToolError(f"{state} {incident}; list_alerts names those that are open")
    root = root_of(story)
    return desk.words.finding(root, desk.now).title if root else story.incident.root


@writing(asks=_asks_acknowledge, destructive=False)
def acknowledge_alert(
    ctx: Context[Desk], incident: Annotated[int, Field(ge=1, description="from list_alerts")]
) -> CallToolResult:
    """Note that somebody takes care of an open incident: its reminders stop, its end is still
    told. Asks for confirmation."""
    desk = ctx.request_context.lifespan_context
    title = _open_incident(desk, incident)
    who = called_by(ctx)
    if not acknowledge(desk.app.store, incident, who):
        raise ToolError(
            f"incident {incident} has just ended; list_alerts names those that are open"
        )
    row = {"incident": incident, "title_text": title, "acknowledged_by": who}
    summary = desk.say("write.acknowledged", incident=incident, title=title, who=who)
    return _done(desk, summary, row, ("list_alerts",))


def _asks_silence(desk: Desk, pattern: str, minutes: int, comment: str) -> str:
    if "/" not in pattern and "*" not in pattern:
        raise ToolError(
            "pattern is check/code:subject with * for any text, such as 'redis_health/*' or "
            "'services/service_down:kafka'; list_alerts names check, code and subject"
        )
    return desk.say(
        "write.silence",
        pattern=clean(pattern),
        seconds=60 * minutes,
        comment=clean(comment, COMMENT_MAX),
    )


@writing(asks=_asks_silence, destructive=True)
def silence(
    ctx: Context[Desk],
    pattern: Annotated[
        str, Field(max_length=PATTERN_MAX, description="check/code:subject, with * for any text")
    ],
    minutes: Annotated[int, Field(ge=1, le=SILENCE_MINUTES_MAX)] = 60,
    comment: Annotated[str, Field(max_length=COMMENT_MAX)] = "",
) -> CallToolResult:
    """Tell nobody about matching alerts for a while ("redis_health/*"); what changed meanwhile is
    told afterwards. Asks for confirmation."""
    desk = ctx.request_context.lifespan_context
    now = desk.now
    until = now + timedelta(minutes=minutes)
    number = add_silence(
        desk.app.store, pattern, until, now, called_by(ctx), clean(comment, COMMENT_MAX)
    )
    hidden = _matching(desk, Silence(pattern, until, number))
    row = {
        "silence": number,
        "pattern_text": pattern,
        "until": stamp(until),
        "matching_now": len(hidden),
        "matching_titles_text": hidden[:_MATCHES_MAX],
    }
    summary = desk.say("write.silenced", pattern=clean(pattern), until=until, matching=len(hidden))
    return _done(desk, summary, row, ("list_alerts",))


def _matching(desk: Desk, made: Silence) -> list[str]:
    with desk.read() as tx:
        alerts = all_live_alerts(tx).values()
    quiet = [alert for alert in alerts if is_silenced(alert, (made,), desk.now)]
    return [desk.words.finding(alert, desk.now).title for alert in quiet]


def _asks_note(desk: Desk, text: str, kind: str, at: str | None) -> str:
    when = None if at is None else at_of(desk, "at", at, desk.now)
    said = clean(text, TEXT_MAX)
    kind_said = desk.say(f"write.kind.{kind}")
    return desk.say("write.note", _now=None, kind=kind_said, at=when, text=said)


@writing(asks=_asks_note, destructive=False)
def note(
    ctx: Context[Desk],
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)],
    kind: Literal["deployment", "operation", "other"] = "deployment",
    at: Annotated[
        str | None, Field(max_length=40, description="ISO-8601 date or time; now if left out")
    ] = None,
) -> CallToolResult:
    """Write into the history what people did (a deployment, an operation), so that comparisons
    and reports show it beside what changed. Asks for confirmation."""
    desk = ctx.request_context.lifespan_context
    when = at_of(desk, "at", at, desk.now)
    if when > desk.now:
        raise ToolError("at lies in the future: a note tells what was done")
    said = clean(text, TEXT_MAX)
    number = add_note(desk.app.store, Note(when, kind, said, called_by(ctx)))
    row = {"note": number, "kind": kind, "at": stamp(when), "note_text": said}
    summary = desk.say("write.noted", kind=desk.say(f"write.kind.{kind}"), at=when)
    return _done(desk, summary, row, ("compare_periods",))


def _done(
    desk: Desk, summary: str, row: dict[str, Any], following: tuple[str, ...]
) -> CallToolResult:
    answer = Answer(
        verdict=Status.OK,
        summary=summary,
        origin="live",
        measured_at=desk.now,
        evidence={"done": True, **row},
        next=following,
    )
    return result(answer, desk.now)


TOOLSETS = ("system-health", "history")
TOOLS = (acknowledge_alert, silence, note)
