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
from mcp_server.context import ToolContext
from mcp_server.tools.history.spans import at as at_of
from mcp_server.writing import writing
from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.incident.model import (
    Acceptance,
    Silence,
    accepted_sizes,
    is_silenced,
    matching,
    names_its_kind,
)
from monitor.recording.by_model import accept_by_model, acknowledge_by_model, silence_by_model
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.alerting.incidents import incident_by_id
from monitor.store.notes import Note, add_note
from monitor.text.filters import clean

TEXT_MAX, COMMENT_MAX, PATTERN_MAX = 300, 120, 200  # a question shows all that will be written
SILENCE_MINUTES_MAX = 7 * 24 * 60
DAYS_MAX = 366
_MATCHES_MAX = 5


def _asks_acknowledge(context: ToolContext, incident: int) -> str:
    _open_incident(context, incident)
    return context.say("write.acknowledge", incident=incident)


def _open_incident(context: ToolContext, incident: int) -> str:
    """The title of an open incident; an error that leads to those that are open."""
    with context.read() as tx:
        story = incident_by_id(tx, incident)
    if story is None or story.incident.ended_at is not None:
        state = "there is no incident" if story is None else "already over is incident"
        raise ToolError(f"{state} {incident}; list_alerts names those that are open")
    root = root_of(story)
    return context.catalog.finding(root, context.now).title if root else story.incident.root


@writing(asks=_asks_acknowledge, destructive=False)
def acknowledge_alert(
    ctx: Context[ToolContext], incident: Annotated[int, Field(ge=1, description="from list_alerts")]
) -> CallToolResult:
    """Note that somebody takes care of an open incident: its reminders stop, its end is still
    told. Asks for confirmation."""
    context = ctx.request_context.lifespan_context
    title = _open_incident(context, incident)
    who = called_by(ctx)
    app = context.app
    now, receivers = context.now, app.config.receiver_names
    if not acknowledge_by_model(app.store, incident, title, who, now, receivers):
        raise ToolError(
            f"incident {incident} has just ended; list_alerts names those that are open"
        )
    row = {"incident": incident, "title_text": title, "acknowledged_by": who}
    summary = context.say("write.acknowledged", incident=incident, title=title, who=who)
    return _done(context, summary, row, ("list_alerts",))


def _checked(pattern: str) -> None:
    if "/" not in pattern and "*" not in pattern:
        raise ToolError(
            "pattern is check/code:subject with * for any text, such as 'redis_health/*' or "
            "'services/service_down:kafka'; list_alerts names check, code and subject"
        )
    if not names_its_kind(pattern):
        raise ToolError(
            "pattern means too much: name the check or the code in full, such as "
            "'redis_health/*'; what means everything a person does by `paypulse alerts`"
        )


def _within(name: str, given: int, most: int) -> None:
    if given > most:
        raise ToolError(
            f"{name}: a model may keep quiet for at most {most} {name}; for longer a person does "
            "it by `paypulse alerts`"
        )


def _asks_silence(context: ToolContext, pattern: str, minutes: int, comment: str) -> str:
    _checked(pattern)
    _within("minutes", minutes, context.app.config.mcp.silence_minutes_max)
    return context.say(
        "write.silence",
        pattern=clean(pattern),
        seconds=60 * minutes,
        comment=clean(comment, COMMENT_MAX),
    )


@writing(asks=_asks_silence, destructive=True)
def silence(
    ctx: Context[ToolContext],
    pattern: Annotated[
        str, Field(max_length=PATTERN_MAX, description="check/code:subject, with * for any text")
    ],
    minutes: Annotated[int, Field(ge=1, le=SILENCE_MINUTES_MAX)] = 60,
    comment: Annotated[str, Field(max_length=COMMENT_MAX)] = "",
) -> CallToolResult:
    """Tell nobody about matching alerts for a while ("redis_health/*"); what changed meanwhile is
    told afterwards. Everybody is told of it. Asks for confirmation."""
    context = ctx.request_context.lifespan_context
    now = context.now
    until, app = now + timedelta(minutes=minutes), context.app
    asked = Silence(pattern, until, author=called_by(ctx), comment=clean(comment, COMMENT_MAX))
    number = silence_by_model(app.store, asked, now, app.config.receiver_names)
    hidden = _matching(context, Silence(pattern, until, number))
    row = {
        "silence": number,
        "pattern_text": pattern,
        "until": stamp(until),
        "matching_now": len(hidden),
        "matching_titles_text": hidden[:_MATCHES_MAX],
    }
    summary = context.say(
        "write.silenced", pattern=clean(pattern), until=until, matching=len(hidden)
    )
    return _done(context, summary, row, ("list_alerts",))


def _matching(context: ToolContext, made: Silence) -> list[str]:
    with context.read() as tx:
        alerts = all_live_alerts(tx).values()
    quiet = [alert for alert in alerts if is_silenced(alert, (made,), context.now)]
    return [context.catalog.finding(alert, context.now).title for alert in quiet]


def _asks_accept(context: ToolContext, pattern: str, reason: str, days: int) -> str:
    _known(context, pattern)
    _within("days", days, context.app.config.mcp.accept_days_max)
    said = clean(reason, COMMENT_MAX)
    seconds = timedelta(days=days).total_seconds()
    return context.say("write.accept", pattern=clean(pattern), reason=said, seconds=seconds)


def _known(context: ToolContext, pattern: str) -> list[Alert]:
    """What fires now and is meant: only what is there can be known."""
    _checked(pattern)
    with context.read() as tx:
        found = matching(pattern, all_live_alerts(tx).values())
    if not found:
        raise ToolError("pattern means nothing that fires now; list_alerts names what does")
    return found


@writing(asks=_asks_accept, destructive=True)
def accept_known(
    ctx: Context[ToolContext],
    pattern: Annotated[
        str, Field(max_length=PATTERN_MAX, description="check/code:subject, with * for any text")
    ],
    reason: Annotated[str, Field(min_length=1, max_length=COMMENT_MAX)],
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 7,
) -> CallToolResult:
    """Take what matching alerts tell as known and no incident, as long as it does not grow; the
    report lists it. Asks for confirmation."""
    context = ctx.request_context.lifespan_context
    now = context.now
    found = _known(context, pattern)
    until = now + timedelta(days=days)
    sizes = accepted_sizes(found, context.app.alert_sizes)
    said = clean(reason, COMMENT_MAX)
    one = Acceptance(pattern, called_by(ctx), said, now, sizes, until)
    row = {
        "acceptance": accept_by_model(context.app.store, one, context.app.config.receiver_names),
        "pattern_text": pattern,
        "until": stamp(until),
        "matching_now": len(found),
        "matching_titles_text": [
            context.catalog.finding(a, now).title for a in found[:_MATCHES_MAX]
        ],
    }
    summary = context.say(
        "write.accepted", pattern=clean(pattern), until=until, matching=len(found)
    )
    return _done(context, summary, row, ("list_alerts",))


def _asks_note(context: ToolContext, text: str, kind: str, at: str | None) -> str:
    when = None if at is None else at_of(context, "at", at, context.now)
    said = clean(text, TEXT_MAX)
    kind_said = context.say(f"write.kind.{kind}")
    return context.say("write.note", _now=None, kind=kind_said, at=when, text=said)


@writing(asks=_asks_note, destructive=False)
def note(
    ctx: Context[ToolContext],
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)],
    kind: Literal["deployment", "operation", "other"] = "deployment",
    at: Annotated[
        str | None, Field(max_length=40, description="ISO-8601 date or time; now if left out")
    ] = None,
) -> CallToolResult:
    """Write into the history what people did (a deployment, an operation), so that comparisons
    and reports show it beside what changed. Asks for confirmation."""
    context = ctx.request_context.lifespan_context
    when = at_of(context, "at", at, context.now)
    if when > context.now:
        raise ToolError("at lies in the future: a note tells what was done")
    said = clean(text, TEXT_MAX)
    number = add_note(context.app.store, Note(when, kind, said, called_by(ctx)))
    row = {"note": number, "kind": kind, "at": stamp(when), "note_text": said}
    summary = context.say("write.noted", kind=context.say(f"write.kind.{kind}"), at=when)
    return _done(context, summary, row, ("compare_periods",))


def _done(
    context: ToolContext, summary: str, row: dict[str, Any], following: tuple[str, ...]
) -> CallToolResult:
    answer = Answer(
        verdict=Status.OK,
        summary=summary,
        origin="live",
        measured_at=context.now,
        evidence={"done": True, **row},
        next=following,
    )
    return result(answer, context.now)


TOOLSETS = ("system-health", "history")
TOOLS = (acknowledge_alert, silence, accept_known, note)
