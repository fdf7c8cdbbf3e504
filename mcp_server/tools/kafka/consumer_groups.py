"""Consumer groups live: their states, how far they are behind, and whether they catch up."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import GroupLag
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result
from mcp_server.answers.live import nothing_seen, platform, require, shown, together
from mcp_server.answers.paging import Cursor, offset, offset_page, question_of
from mcp_server.context import ToolContext
from mcp_server.tools.kafka.lags import (
    WITHOUT_MEMBERS,
    Standing,
    group_row,
    partition_rows,
    stand,
    states,
)
from monitor.domain.check import Status, worst

Limit = Annotated[int, Field(ge=1, le=200)]
LIMIT = 40
_RANK = (Status.CRIT, Status.WARN, Status.UNKNOWN, Status.OK)


def list_consumer_groups(
    ctx: Context[ToolContext], limit: Limit = LIMIT, cursor: Cursor = None
) -> CallToolResult:
    """The consumer groups and their states, those that must work first, with those of them that
    are absent. How far a group is behind: check_consumer_lag."""
    context = ctx.request_context.lifespan_context
    question = question_of("list_consumer_groups", {"limit": limit})
    start = offset(question, cursor)
    groups = platform(context).kafka.groups()
    if isinstance(groups, Unavailable):
        return nothing_seen(context, [groups], "check_kafka_health")
    watched = context.app.options_of("consumer_lag").groups
    found = {group.group_id: group.state for group in groups}
    every = {name: found.get(name, "ABSENT") for name in watched} | found
    names = [*watched, *sorted(set(found) - set(watched))]
    rows = [
        {"group_text": n, "state": every[n], "must_work": n in watched}
        for n in names[start : start + limit]
    ]
    idle = [name for name in watched if every[name] in WITHOUT_MEMBERS]
    answer = Answer(
        verdict=Status.CRIT if idle else Status.OK,
        summary=context.say(
            "kafka.groups", groups=len(found), watched=len(watched), idle=", ".join(idle)
        ),
        origin="live",
        measured_at=context.now,
        evidence={"found": len(found), "by_state": states(found), "groups": rows},
        next=("check_consumer_lag",),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("groups", question, start, len(rows), len(names)),
    )
    return result(answer, context.now)


def check_consumer_lag(
    ctx: Context[ToolContext],
    group_id: Annotated[
        str, Field(max_length=250, description="left out: every group that must work")
    ] = "",
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """How far a consumer group is behind and whether it catches up, judged by how its offsets
    moved over several looks and not by the size of the lag; lists the partitions behind."""
    context = ctx.request_context.lifespan_context
    kafka, options = platform(context).kafka, context.app.options_of("consumer_lag")
    question = question_of("check_consumer_lag", {"group": group_id, "limit": limit})
    start = offset(question, cursor)
    groups = kafka.groups()
    if isinstance(groups, Unavailable):
        return nothing_seen(context, [groups], "check_kafka_health")
    found = {group.group_id: group.state for group in groups}
    if group_id and group_id not in options.groups:
        require("group", group_id, found)
    wanted = [group_id] if group_id else list(options.groups)
    seen = context.live(("consumer_lag",)).get("consumer_lag")
    lags = together({g: partial(kafka.group_lag, g) for g in wanted if g in found})
    standings = [stand(g, found.get(g, "ABSENT"), lags.get(g), options, seen) for g in wanted]
    one = lags.get(group_id)
    parts = partition_rows(one) if isinstance(one, GroupLag) else []
    rows = parts[start : start + limit]
    answer = Answer(
        verdict=worst(s.verdict for s in standings),
        summary=_told(context, standings),
        origin="live",
        measured_at=context.now,
        evidence={"groups": [group_row(context, s) for s in standings], "behind": rows},
        next=("diagnose_issues", "metric_history"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("behind", question, start, len(rows), len(parts)),
    )
    return result(answer, context.now)


def _told(context: ToolContext, standings: Sequence[Standing]) -> str:
    """The group that stands worst."""
    first = min(standings, key=lambda each: _RANK.index(each.verdict))
    word = "finding" if first.finding else first.why
    return context.say(
        f"kafka.lag.{word}",
        group=shown(first.group),
        lag=first.lag_messages,
        groups=len(standings),
        total=sum(each.lag_messages or 0 for each in standings),
        state=first.state,
        title=context.catalog.finding(first.finding, context.now).title if first.finding else "",
    )


TOOLSETS = ("kafka-operations",)
TOOLS = (list_consumer_groups, check_consumer_lag)
