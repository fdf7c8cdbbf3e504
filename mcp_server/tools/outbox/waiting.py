"""The outbox: which events wait in it, for how long, and since what."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import OutboxState
from checks.sources.facts.unavailable import Fact
from mcp_server.answers.answer import Answer, data, result
from mcp_server.answers.rows import check_rows, finding_row, findings_of, incident_row
from mcp_server.answers.unavailable import parted
from mcp_server.context import ToolContext
from monitor.domain.check import Finding, Metric, Status, worst
from monitor.store.alerting.incidents import incidents_between

_FINDINGS_MAX = 12
_OLDEST_MAX = 3
_THEN_MAX = 3
_AROUND = timedelta(minutes=2)
_AGE = "outbox_oldest_age_seconds"
_WAITING = "outbox_waiting_messages"


def check_outbox_status(
    ctx: Context[ToolContext],
    max_age_minutes: Annotated[
        float, Field(gt=0, le=10_080, description="age from which an event counts as late")
    ] = 5,
) -> CallToolResult:
    """Look live for events that wait in the outbox longer than max_age_minutes, shard by shard:
    the first sign of a dead relay or broker (captures stand still until they are published). Says
    what was wrong when the oldest was written. What to do: outbox_replay_plan."""
    context = ctx.request_context.lifespan_context
    seen = context.live(("outbox_age",))
    found = findings_of(seen)
    metrics = [m for each in seen.values() for m in each.verdict.metrics]
    late, _ = parted(_late(context, max_age_minutes))
    shards = _shards(metrics, late, max_age_minutes * 60)
    answer = Answer(
        verdict=_outbox_verdict(found, shards, is_configured=bool(seen)),
        summary=_outbox(context, shards, max_age_minutes * 60, found),
        origin="live",
        measured_at=context.now,
        evidence={
            "shards": shards,
            "wrong_when_the_oldest_was_written": _then(context, shards),
            "checks": check_rows(context, seen),
            "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
        },
        next=("diagnose_issues", "outbox_replay_plan") if found else ("metric_history",),
        rest=f"metric_history(metric='{_AGE}') shows the course",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def _late(context: ToolContext, minutes: float) -> tuple[Fact[OutboxState], ...]:
    """The events of each shard that wait longer than that."""
    before = context.now - timedelta(minutes=minutes)
    found: tuple[Fact[OutboxState], ...] = context.app.runner.platform.database.outbox_late(
        context.now, before
    )
    return found


def _then(context: ToolContext, shards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was on record as wrong when the oldest late event was written."""
    ages = [shard["oldest_age_seconds"] for shard in shards if shard["is_late"]]
    if not ages:
        return []
    at = context.now - timedelta(seconds=max(ages))
    with context.read() as tx:
        stories = incidents_between(tx, at - _AROUND, at + _AROUND, _THEN_MAX)
    names = ("title_text", "since", "ended_at", "state")
    return [{n: v for n, v in incident_row(context, s).items() if n in names} for s in stories]


def _shards(
    metrics: Sequence[Metric], late: Sequence[OutboxState], late_seconds: float
) -> list[dict[str, Any]]:
    ages = {m.subject: m.value for m in metrics if m.name == _AGE}
    waiting = {m.subject: m.value for m in metrics if m.name == _WAITING}
    counted = {state.shard: state for state in late}
    return [
        {
            "shard_text": shard,
            "waiting": round(waiting.get(shard, 0)),
            "oldest_age_seconds": age,
            "is_late": bool(waiting.get(shard, 0)) and age >= late_seconds,
            "late": counted[shard].waiting if shard in counted else None,
            "data_oldest": _oldest(counted.get(shard)),
        }
        for shard, age in sorted(ages.items())
    ]


def _oldest(state: OutboxState | None) -> list[dict[str, Any]]:
    return [data(row) for row in state.oldest[:_OLDEST_MAX]] if state else []


def _outbox_verdict(
    found: Sequence[tuple[str, Finding]], shards: Sequence[dict[str, Any]], is_configured: bool
) -> Status:
    """The check's own verdict, and at least a warning if an event is older than was asked for."""
    if not is_configured:
        return Status.UNKNOWN
    asked = [Status.WARN for shard in shards if shard["is_late"]]
    return worst([*(finding.status for _, finding in found), *asked])


def _sum(counts: Sequence[int | None]) -> int | None:
    """A sum, if all of it is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _outbox(
    context: ToolContext,
    shards: Sequence[dict[str, Any]],
    late_seconds: float,
    found: Sequence[tuple[str, Finding]],
) -> str:
    late = [shard for shard in shards if shard["is_late"]]
    unavailable = len([f for _, f in found if f.status is Status.UNKNOWN])
    if not shards:
        return context.say("outbox_unavailable")
    return context.say(
        "outbox_late" if late else "outbox_none",
        late_seconds=late_seconds,
        waiting=sum(shard["waiting"] for shard in shards),
        late=_sum([shard["late"] for shard in late]),
        oldest_age_seconds=max(shard["oldest_age_seconds"] for shard in shards),
        shards=", ".join(shard["shard_text"] or "-" for shard in late),
        unavailable=unavailable,
        title=context.catalog.finding(found[0][1], context.now).title if found and not late else "",
    )


TOOLSETS = ("database-query",)
TOOLS = (check_outbox_status,)
