"""What waits in the outbox, and what is safe to do about it; nothing of it is ever done here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import ReplayState, WaitingGroup
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.unavailable import parted, parts_text, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.payments.filter import known_shard
from monitor.domain.check import Status, worst
from monitor.text.filters import clean

_LATE_SECONDS = 60
_HARMLESS = ("done", "unread")
_STOPPED = ("exhausted", "unreachable")
_COLUMNS = ["why", "event_type", "publishing_it", "count", "amount_krw", "oldest_at"]
_NEVER = ("mark", "copy", "produce", "all")


def outbox_replay_plan(
    ctx: Context[ToolContext], shard: Annotated[str, Field(max_length=40)] = ""
) -> CallToolResult:
    """What to do about events that wait in the outbox, shard by shard: which used up their
    retries, which no relay reaches, which need no help, and which must not be published because
    they would be booked twice; with the safe steps and what not to do. Reads only, executes
    nothing. For whether anything waits at all use check_outbox_status."""
    context = ctx.request_context.lifespan_context
    named = known_shard(context, shard)
    seen, unavailable = parted(context.app.runner.platform.database.replay(context.now))
    seen = [state for state in seen if named in ("", state.shard)]
    unavailable = [one for one in unavailable if not named or one.part.endswith(named)]
    answer = Answer(
        verdict=_verdict(context, seen, unavailable),
        summary=_summary(context, seen, unavailable),
        origin="live",
        measured_at=context.now,
        evidence={
            "shards": [_shard(context, state) for state in seen],
            "never": [context.say(f"replay.never.{name}") for name in _NEVER]
            if _waits(seen)
            else [],
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("diagnose_issues", "check_outbox_status", "get_circuit_breaker_status"),
        rest="name a shard",
        chars_max=CHARS_MAX if named else CHARS_USUAL,
        truncated=any(state.looked_at < state.waiting for state in seen),
    )
    return result(answer, context.now)


def _waits(seen: Iterable[ReplayState]) -> bool:
    return any(state.waiting for state in seen)


def _verdict(
    context: ToolContext, seen: Sequence[ReplayState], unavailable: Sequence[Unavailable]
) -> Status:
    """Critical: an event that is needed never comes by itself, or one comes that books twice."""
    found = [_status(context, group) for state in seen for group in state.groups]
    return worst([*found, *([Status.UNKNOWN] if unavailable or not seen else [])])


def _status(context: ToolContext, group: WaitingGroup) -> Status:
    if group.why in _STOPPED and group.effect == "needed":
        return Status.CRIT
    if group.why == "waiting" and group.effect in ("twice", "unknown"):
        return Status.CRIT
    if group.effect in _HARMLESS:
        return Status.OK
    is_late = (context.now - group.oldest_at).total_seconds() > _LATE_SECONDS
    return Status.WARN if is_late or group.why in _STOPPED else Status.OK


def _shard(context: ToolContext, state: ReplayState) -> dict[str, Any]:
    return {
        "shard": state.shard,
        "waiting": state.waiting,
        "looked_at": state.looked_at,
        "last_published_at": stamp(state.published_at),
        "group_columns": _COLUMNS,
        "data_groups": [_group(group) for group in state.groups],
        "steps": [_step(context, state, group) for group in _in_order(state.groups)],
    }


def _group(group: WaitingGroup) -> list[Any]:
    return [
        *(group.why, clean(group.event_type, 40), group.effect, group.count),
        *(group.amount_krw, stamp(group.oldest_at)),
    ]


def _in_order(groups: Sequence[WaitingGroup]) -> list[WaitingGroup]:
    """What would do harm first, then what needs a hand; what needs none once for each type."""
    ranks = ("twice", "unknown", "needed", "orphan", "done", "unread")
    told = [group for group in groups if group.effect not in _HARMLESS]
    once: dict[tuple[str, str], WaitingGroup] = {}
    for group in (group for group in groups if group.effect in _HARMLESS):
        before = once.get((group.effect, group.event_type))
        count = group.count + (before.count if before else 0)
        once[group.effect, group.event_type] = replace(group, count=count)
    return sorted([*told, *once.values()], key=lambda g: (ranks.index(g.effect), g.why))


def _step(context: ToolContext, state: ReplayState, group: WaitingGroup) -> str:
    """One safe step for one group, with the exact rows that it is about."""
    effect = group.effect if group.effect != "needed" else f"needed_{group.why}"
    if group.effect == "twice" and group.why in _STOPPED:
        effect = "twice_stopped"
    others = None if state.parity is None else 1 - state.parity
    return context.say(
        f"replay.step.{effect}",
        shard=state.shard,
        count=group.count,
        event_type=_known(group.event_type),
        retries_max=state.retries_max,
        parity=others,
        ids=", ".join(map(str, group.event_ids)),
        more=group.count - len(group.event_ids),
    )


_TYPES = (
    *("PAYMENT_AUTHORIZED", "PAYMENT_CAPTURE_REQUESTED", "PAYMENT_CAPTURED"),
    "PAYMENT_REFUND_REQUESTED",
)


def _known(event_type: str) -> str:
    """A type of ours; what else stands in that column is data, and in no sentence of ours."""
    return event_type if event_type in _TYPES else "?"


def _summary(
    context: ToolContext, seen: Sequence[ReplayState], unavailable: Sequence[Unavailable]
) -> str:
    groups = [group for state in seen for group in state.groups]
    counts = {
        why: sum(g.count for g in groups if g.why == why and g.effect not in ("twice", "unread"))
        for why in (*_STOPPED, "waiting")
    }
    return context.say(
        "replay.found",
        total=sum(state.waiting for state in seen),
        twice=sum(g.count for g in groups if g.effect == "twice"),
        unread=sum(g.count for g in groups if g.effect == "unread"),
        is_unavailable=not seen,
        unavailable=parts_text(unavailable),
        **counts,
    )


TOOLSETS = ("database-query", "kafka-operations")
TOOLS = (outbox_replay_plan,)
