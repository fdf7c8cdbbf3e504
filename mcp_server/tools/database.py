"""The books and the outbox: live, with what was last seen beside what cannot be seen."""

from collections.abc import Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answer import Answer, result
from mcp_server.desk import Desk
from mcp_server.told import check_rows, finding_row, findings_of, metric_rows
from monitor.domain.check import Finding, Metric, Status, worst

_FINDINGS_MAX = 12
_AGE = "outbox_oldest_age_seconds"
_WAITING = "outbox_waiting_messages"


def reconciliation_check(ctx: Context[Desk]) -> CallToolResult:
    """Check live whether the books hold on every shard: each captured or refunded payment has its
    ledger entries, once, with the right amount, and the control total is even. Says which
    invariant is broken, by how many rows and how much money."""
    desk = ctx.request_context.lifespan_context
    seen = desk.live(("reconciliation",))
    found = findings_of(seen)
    metrics = [m for each in seen.values() for m in each.verdict.metrics]
    answer = Answer(
        verdict=worst(f.status for _, f in found) if seen else Status.UNKNOWN,
        summary=_books(desk, [f for _, f in found]) if seen else desk.say("no_checks"),
        origin="live",
        measured_at=desk.now,
        evidence={
            "checks": check_rows(desk, seen),
            "findings": [finding_row(desk, *pair) for pair in found[:_FINDINGS_MAX]],
            "figures": metric_rows(metrics),
        },
        next=("diagnose_issues", "metric_history") if found else ("metric_history",),
        rest="metric_history(metric='breaks') shows their course",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, desk.now)


def _books(desk: Desk, findings: Sequence[Finding]) -> str:
    broken = [f for f in findings if f.code == "books_broken"]
    unseen = len([f for f in findings if f.status is Status.UNKNOWN])
    if not broken:
        return desk.say("books_unseen" if unseen else "books_well", unseen=unseen)
    title = desk.words.finding(broken[0], desk.now).title
    return desk.say("books_broken", count=len(broken), unseen=unseen, title=title)


def check_outbox_status(
    ctx: Context[Desk],
    max_age_minutes: Annotated[
        float, Field(gt=0, le=10_080, description="age from which an event counts as late")
    ] = 5,
) -> CallToolResult:
    """Look live for events that wait in the outbox longer than max_age_minutes, shard by shard:
    the first sign of a dead relay or broker (captures stand still until they are published)."""
    desk = ctx.request_context.lifespan_context
    seen = desk.live(("outbox_age",))
    found = findings_of(seen)
    metrics = [m for each in seen.values() for m in each.verdict.metrics]
    shards = _shards(metrics, max_age_minutes * 60)
    answer = Answer(
        verdict=_outbox_verdict(found, shards, is_configured=bool(seen)),
        summary=_outbox(desk, shards, max_age_minutes * 60, found),
        origin="live",
        measured_at=desk.now,
        evidence={
            "shards": shards,
            "checks": check_rows(desk, seen),
            "findings": [finding_row(desk, *pair) for pair in found[:_FINDINGS_MAX]],
        },
        next=("diagnose_issues",) if found else ("metric_history",),
        rest=f"metric_history(metric='{_AGE}') shows the course",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, desk.now)


def _shards(metrics: Sequence[Metric], late_seconds: float) -> list[dict[str, Any]]:
    ages = {m.subject: m.value for m in metrics if m.name == _AGE}
    waiting = {m.subject: m.value for m in metrics if m.name == _WAITING}
    return [
        {
            "shard_text": shard,
            "waiting": round(waiting.get(shard, 0)),
            "oldest_age_seconds": age,
            "is_late": bool(waiting.get(shard, 0)) and age >= late_seconds,
        }
        for shard, age in sorted(ages.items())
    ]


def _outbox_verdict(
    found: Sequence[tuple[str, Finding]], shards: Sequence[dict[str, Any]], is_configured: bool
) -> Status:
    """The check's own verdict, and at least a warning if an event is older than was asked for."""
    if not is_configured:
        return Status.UNKNOWN
    asked = [Status.WARN for shard in shards if shard["is_late"]]
    return worst([*(finding.status for _, finding in found), *asked])


def _outbox(
    desk: Desk,
    shards: Sequence[dict[str, Any]],
    late_seconds: float,
    found: Sequence[tuple[str, Finding]],
) -> str:
    late = [shard for shard in shards if shard["is_late"]]
    unseen = len([f for _, f in found if f.status is Status.UNKNOWN])
    if not shards:
        return desk.say("outbox_unseen")
    return desk.say(
        "outbox_late" if late else "outbox_none",
        late_seconds=late_seconds,
        waiting=sum(shard["waiting"] for shard in shards),
        oldest_age_seconds=max(shard["oldest_age_seconds"] for shard in shards),
        shards=", ".join(shard["shard_text"] or "-" for shard in late),
        unseen=unseen,
        title=desk.words.finding(found[0][1], desk.now).title if found and not late else "",
    )


TOOLSETS = ("database-query",)
TOOLS = (reconciliation_check, check_outbox_status)
