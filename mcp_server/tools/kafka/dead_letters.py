"""The dead-letter topics live: their messages, and what they have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import DeadLetter, KafkaSource
from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result
from mcp_server.answers.live import nothing_seen, platform, require, shown, together
from mcp_server.answers.paging import Cursor, Page, position, question_of
from mcp_server.answers.unavailable import unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.kafka.dead_letter_rows import (
    Arrivals,
    arrivals,
    cause_row,
    causes,
    dead_letter_row,
    newest_first,
    places_after,
    places_of,
)
from monitor.domain.check import Status, worst

LIMIT = 10
_SAMPLE = 200  # dead letters of each partition
_TOPICS_MAX = 10
_CAUSES_MAX = 12


def get_dlq_messages(
    ctx: Context[ToolContext],
    topic: Annotated[str, Field(min_length=1, max_length=250)] = "payment.dlq",
    limit: Annotated[int, Field(ge=1, le=50)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """The messages of a configured dead-letter topic, newest first: when, whose payment, from which
    topic and why it was given up. Leaves no group and commits nothing. For all DLQs by cause use
    dlq_summary."""
    context = ctx.request_context.lifespan_context
    kafka = platform(context).kafka
    require("dead-letter topic", topic, context.app.options_of("dead_letters").topics)
    question = question_of("get_dlq_messages", {"topic": topic, "limit": limit})
    before = places_of(position(question, cursor))
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return nothing_seen(context, [cluster], "check_kafka_health")
    if topic not in cluster.topics:
        return _not_there(context, topic)
    ends, found = kafka.topic_ends(topic), kafka.dead_letters(topic, limit + 1, before)
    unavailable = [fact for fact in (ends, found) if isinstance(fact, Unavailable)]
    dead_letters = [] if isinstance(found, Unavailable) else newest_first(found)
    page = dead_letters[:limit]
    retained = None if isinstance(ends, Unavailable) else ends[0].messages
    return _messages(
        context, topic, page, retained, unavailable, _page(question, dead_letters, page, before)
    )


def _page(
    question: str, dead_letters: list[DeadLetter], page: list[DeadLetter], before: Mapping[int, int]
) -> Page | None:
    places = places_after(page, before)
    more = len(dead_letters) > len(page)
    return None if places is None else Page("messages", question, places, more)


def _messages(
    context: ToolContext,
    topic: str,
    page: list[DeadLetter],
    retained: int | None,
    unavailable: list[Unavailable],
    goes_on: Page | None,
) -> CallToolResult:
    answer = Answer(
        verdict=worst([Status.UNKNOWN] * len(unavailable) + [Status.WARN] * bool(retained or page)),
        summary=context.say(
            "kafka.dead_letters",
            topic=shown(topic),
            retained=retained,
            shown=len(page),
            newest_at=page[0].at if page else None,
            error=_plain_error(page),
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "topic_text": topic,
            "retained": retained,
            "messages": [dead_letter_row(dead_letter) for dead_letter in page],
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("dlq_summary", "investigate_payment", "diagnose_issues"),
        rest="dlq_summary groups all of them by cause",
        chars_max=CHARS_USUAL if len(page) <= LIMIT else CHARS_MAX,
        page=goes_on,
    )
    return result(answer, context.now)


def _plain_error(page: list[DeadLetter]) -> str:
    """The kind of error most of these have; "" where it is no plain name."""
    found = causes(page)
    return found[0].error if found and shown(found[0].error) == found[0].error else ""


def _not_there(context: ToolContext, topic: str) -> CallToolResult:
    """A DLQ comes into being with its first message."""
    answer = Answer(
        verdict=Status.OK,
        summary=context.say("kafka.dead_letters_never", topic=shown(topic)),
        origin="live",
        measured_at=context.now,
        evidence={"topic_text": topic, "retained": 0, "messages": []},
        next=("dlq_summary",),
    )
    return result(answer, context.now)


@dataclass(frozen=True, slots=True)
class _Queue:
    """One DLQ that was looked into; without `dead_letters` it does not exist yet."""

    topic: str
    retained: int
    ever: int
    dead_letters: tuple[DeadLetter, ...]
    lately: Arrivals
    unavailable: tuple[Unavailable, ...] = ()


def dlq_summary(
    ctx: Context[ToolContext],
    hours: Annotated[float, Field(gt=0, le=720, description="what counts as lately")] = 24,
) -> CallToolResult:
    """What is in the dead-letter topics and why: every DLQ with its arrivals lately, the letters
    grouped by cause (original topic, error) with the payments they are about. The letters
    themselves: get_dlq_messages."""
    context = ctx.request_context.lifespan_context
    kafka, options = platform(context).kafka, context.app.options_of("dead_letters")
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return nothing_seen(context, [cluster], "check_kafka_health")
    others = [t for t in cluster.topics if t.endswith(".dlq") and t not in options.topics]
    names = [*options.topics, *others][:_TOPICS_MAX]
    since = context.now - timedelta(hours=hours)
    looks = {
        n: partial(_queue, kafka, n, n in cluster.topics, since, may_read=n in options.topics)
        for n in names
    }
    queues = list(together(looks).values())
    every = causes(dead_letter for queue in queues for dead_letter in queue.dead_letters)
    unavailable = [one for queue in queues for one in queue.unavailable]
    answer = Answer(
        verdict=worst([*(_verdict(q, options.critical) for q in queues)]),
        summary=_told(context, queues, hours, every[0].error if every else "", bool(unavailable)),
        origin="live",
        measured_at=context.now,
        evidence={
            "topics": [_queue_row(queue) for queue in queues],
            "causes": [cause_row(cause) for cause in every[:_CAUSES_MAX]],
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("get_dlq_messages", "investigate_payment") if every else ("check_kafka_health",),
        rest="get_dlq_messages goes through one topic",
        truncated=len(every) > _CAUSES_MAX or len(others) > _TOPICS_MAX - len(options.topics),
    )
    return result(answer, context.now)


def _queue(kafka: KafkaSource, topic: str, exists: bool, since: Any, *, may_read: bool) -> _Queue:
    """One DLQ; of one that is not configured only how much lies in it."""
    if not exists:
        return _Queue(topic, 0, 0, (), Arrivals(0, False))
    ends = kafka.topic_ends(topic)
    if isinstance(ends, Unavailable):
        return _Queue(topic, 0, 0, (), Arrivals(0, True), (ends,))
    end = ends[0]
    found: Fact[tuple[DeadLetter, ...]] = (
        kafka.dead_letters(topic, _SAMPLE) if end.messages and may_read else ()
    )
    dead_letters = () if isinstance(found, Unavailable) else found
    lately = arrivals(dead_letters, end.messages, since)
    unavailable = (found,) if isinstance(found, Unavailable) else ()
    return _Queue(topic, end.messages, end.end_offset_total, dead_letters, lately, unavailable)


def _verdict(queue: _Queue, critical: tuple[str, ...]) -> Status:
    """A dead letter in a critical topic is money that was not booked; old ones still lie there."""
    if queue.lately.count:
        return Status.CRIT if queue.topic in critical else Status.WARN
    if queue.unavailable:
        return Status.UNKNOWN
    return Status.WARN if queue.retained else Status.OK


def _queue_row(queue: _Queue) -> dict[str, Any]:
    return {
        "topic_text": queue.topic,
        "retained": None if queue.unavailable and not queue.ever else queue.retained,
        "ever_arrived": queue.ever,
        "read": len(queue.dead_letters),
        "arrived_lately": queue.lately.count,
        "arrived_lately_at_least": queue.lately.at_least,
    }


def _told(context: ToolContext, queues: list[_Queue], hours: float, error: str, blind: bool) -> str:
    lately = sum(queue.lately.count for queue in queues)
    return context.say(
        "kafka.dlqs",
        retained=sum(queue.retained for queue in queues),
        topics=sum(bool(queue.retained) for queue in queues),
        lately=lately,
        at_least=any(q.lately.at_least for q in queues if not q.unavailable),
        seconds=hours * 3600,
        error=error if error and shown(error) == error else "",
        blind=blind,
    )


TOOLSETS = ("kafka-operations",)
TOOLS = (get_dlq_messages, dlq_summary)
