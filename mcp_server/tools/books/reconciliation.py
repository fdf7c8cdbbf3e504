"""The books: live, with the open breaks and their ages as they were last recorded."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import Answer, age, result, stamp
from mcp_server.answers.rows import check_rows, finding_row, findings_of, metric_rows
from mcp_server.context import ToolContext
from mcp_server.tools.books.listing import extents_of, listed, looked_rows
from monitor.domain.books.discrepancies import OpenBreak
from monitor.domain.check import Finding, Status, worst
from monitor.domain.check_pass import Observed
from monitor.store.discrepancies import break_ages, open_breaks
from monitor.text.filters import clean

_FINDINGS_MAX = 12
_OLDEST_MAX = 6
Invariants = Annotated[tuple[Annotated[str, Field(max_length=4)], ...], Field(max_length=20)]


def reconciliation_check(
    ctx: Context[ToolContext], full: bool = False, only: Invariants = ()
) -> CallToolResult:
    """Check live whether the books hold on every shard: captured and refunded payments have their
    ledger entries, once, in full. Says what is broken, by how much money and since when, and how
    far was looked. only: list the payments of these breaks (L1, L5: no capture or refund entry);
    full: all rows, minutes."""
    context = ctx.request_context.lifespan_context
    if full or only:
        return listed(context, full, tuple(only))
    seen = context.live(("reconciliation",))
    found = findings_of(seen)
    metrics = [m for each in seen.values() for m in each.verdict.metrics]
    answer = Answer(
        verdict=worst(f.status for _, f in found) if seen else Status.UNKNOWN,
        summary=_books(context, [f for _, f in found], seen) if seen else context.say("no_checks"),
        origin="live",
        measured_at=context.now,
        evidence={
            "checks": check_rows(context, seen),
            "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
            "open_breaks": _open(context),
            "looked": looked_rows(extents_of(seen.values())),
            "figures": metric_rows(metrics),
        },
        next=("investigate_payment", "diagnose_issues", "metric_history")
        if found
        else ("metric_history",),
        rest="metric_history(metric='breaks') shows their course",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def _open(context: ToolContext) -> dict[str, Any]:
    """What reconciliation has on record as broken: by age, and the oldest with their payments."""
    with context.read() as tx:
        ages = break_ages(tx, context.now)
        oldest = open_breaks(tx, limit=_OLDEST_MAX)
    recorded_at = context.recorded_at()
    return {
        "origin": "stored",
        "measured_at": stamp(recorded_at),
        "age_seconds": age(recorded_at, context.now),
        "by_age": [[bucket.name, bucket.count, bucket.amount_krw] for bucket in ages],
        "columns": ["shard", "invariant", "key", "payment_id", "amount_krw", "first_seen_at"],
        "data_oldest": [_break(one) for one in oldest],
    }


def _break(one: OpenBreak) -> list[Any]:
    row = [one.shard, one.invariant, clean(one.key, 80), one.payment_id, one.amount_krw]
    return [*row, stamp(one.first_seen_at)]


def _books(context: ToolContext, findings: Sequence[Finding], seen: Mapping[str, Observed]) -> str:
    broken = [f for f in findings if f.code == "books_broken"]
    unavailable = len([f for f in findings if f.status is Status.UNKNOWN])
    if not broken:
        extents = extents_of(seen.values())
        since = [extent.whole_at for extent in extents]
        whole_at = min(at for at in since if at) if since and all(since) else None
        return context.say(
            "books_unavailable" if unavailable else "books_well",
            unavailable=unavailable,
            whole_at=whole_at,
            since=min((e.since for e in extents if e.since), default=None),
        )
    title = context.catalog.finding(broken[0], context.now).title
    return context.say("books_broken", count=len(broken), unavailable=unavailable, title=title)


TOOLSETS = ("database-query",)
TOOLS = (reconciliation_check,)
