"""One payment: what became of it on every shard, and why it is where it is."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import CHARS_MAX, Answer, data, result, stamp
from mcp_server.context import ToolContext
from monitor.domain.books.payment_story import Chapter, Happening, Reason, Story
from monitor.domain.statement import InvalidError
from monitor.text.filters import clean
from monitor.text.plain.payment import (
    around_text,
    happening_text,
    reason_words,
    unavailable_texts,
)

_REASONS_MAX = 4
_HAPPENINGS_MAX = 25
_COLUMNS = ["at", "status", "what", "then"]


def investigate_payment(
    ctx: Context[ToolContext],
    payment_id: Annotated[int, Field(ge=1, le=2**63 - 1)],
    shard: Annotated[str, Field(max_length=40)] = "",
) -> CallToolResult:
    """Why a payment is where it is ("not captured, why?"): its row, events, topics, settlement,
    refund and entries, the reason with what to do, and its course beside how broker and breaker
    were, live and from history. Without shard both are searched: ids exist on each."""
    context = ctx.request_context.lifespan_context
    try:
        story = context.app.payment_story(payment_id, shard)
    except InvalidError as error:
        raise ToolError(context.catalog.say(f"invalid.{error.code}", **error.params)) from None
    conclusion = reason_words(story.conclusion, context.catalog, story)
    there = [c.shard for c in story.chapters if c.payment is not None]
    answer = Answer(
        verdict=story.status,
        summary=context.say(
            "payment.summary", payment_id=payment_id, title=conclusion["title"], shards=there
        ),
        origin="live",
        measured_at=story.at,
        evidence={
            "conclusion": _reason(context, story, story.conclusion),
            "course_columns": _COLUMNS,
            "shards": [_chapter(context, story, chapter) for chapter in story.chapters],
        },
        next=("outbox_replay_plan", "query_ledgers", "what_happened"),
        rest="name the shard",
        chars_max=CHARS_MAX if shard else CHARS_MAX // 4,
    )
    return result(answer, context.now)


def _chapter(context: ToolContext, story: Story, chapter: Chapter) -> dict[str, Any]:
    reasons = [r for r in chapter.reasons if r != story.conclusion]
    return {
        "shard": clean(chapter.shard, 40),
        "status": chapter.status.value,
        "data_payment": None if chapter.payment is None else data(chapter.payment),
        "other_reasons": [_reason(context, story, reason) for reason in reasons[:_REASONS_MAX]],
        "data_course": [
            _happening(context, story, one) for one in chapter.happenings[-_HAPPENINGS_MAX:]
        ],
        "unavailable_text": list(unavailable_texts(chapter, context.catalog, story)),
        "read_until": {table: stamp(at) for table, at in chapter.read_until.items()},
    }


def _reason(context: ToolContext, story: Story, reason: Reason) -> dict[str, Any]:
    said = reason_words(reason, context.catalog, story)
    return {
        "code": reason.code,
        "status": reason.status.value,
        "title_text": said["title"],
        "meaning_text": said["text"],
        "action_text": said["action"],
        "data": data(reason.params),
    }


def _happening(context: ToolContext, story: Story, one: Happening) -> list[Any]:
    then = around_text(one.around, context.catalog) if one.around else ""
    text = clean(happening_text(one, context.catalog, story), 160)
    return [stamp(one.at), one.status.value, text, then]


TOOLSETS = ("database-query", "history")
TOOLS = (investigate_payment,)
