"""What the payments of a time come to, shard by shard and beside the week before."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import PaymentStatistics
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from mcp_server.answers.answer import Answer, percent, result, stamp
from mcp_server.answers.unavailable import parted, parts_text, seen_whole, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.history.spans import span
from monitor.domain.detection.rule import relative
from monitor.domain.interval import Interval
from monitor.reports.periods import period, shifted
from monitor.text.filters import clean

_LONGEST = timedelta(days=366 * 5)
_MERCHANTS_MAX = 5
_NAMES = {"last_24h": "last_24_hours"}
_FAILED = ("CAPTURE_FAILED", "REFUND_FAILED")
Range = Literal[
    "today",
    "yesterday",
    "last_hour",
    "last_24h",
    "this_week",
    "last_week",
    "last_7_days",
    "last_30_days",
    "all",
]
Short = Annotated[str, Field(max_length=40)]


def payment_statistics(
    ctx: Context[ToolContext], time_range: Range = "today", start: Short = "", end: Short = ""
) -> CallToolResult:
    """What the payments of a period come to, live: count, amount, average, by status and shard,
    the largest merchants, and the change against the same hours a week before. today begins at
    midnight of the configured zone. start (and end) replace time_range."""
    context = ctx.request_context.lifespan_context
    asked = _span(context, time_range, start, end)
    parts = _parts(context, time_range, asked, is_named=not (start or end))
    seen, unavailable = parted(fact for _, fact in parts)
    before = _before(context, asked) if seen and not unavailable else None
    whole = _added(seen)
    answer = Answer(
        verdict=seen_whole(unavailable),
        summary=_summary(
            context, time_range if not (start or end) else "", whole, before, unavailable
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "start": stamp(asked.start) if asked else None,
            "end": stamp(asked.end) if asked else stamp(context.now),
            **({} if not seen else _figures(whole)),
            "shards": [_shard_row(name, fact) for name, fact in parts if name],
            "week_before": None if before is None else _compared(whole, before),
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("query_payments", "compare_periods", "investigate_merchant"),
    )
    return result(answer, context.now)


def _span(context: ToolContext, name: str, start: str, end: str) -> Interval | None:
    """The period of time; None: all there ever was."""
    if start or end:
        return span(context, start or None, end or None, timedelta(days=1), _LONGEST)
    if name == "all":
        return None
    return period(_NAMES.get(name, name), context.now, context.app.config.zone)


def _parts(
    context: ToolContext, name: str, asked: Interval | None, is_named: bool
) -> Sequence[tuple[str, Fact[PaymentStatistics]]]:
    """Each shard's figures; what only the monitoring-service can tell, in its own ranges."""
    database = context.app.runner.platform.database
    parts = _between(context, asked)
    is_blind = all(isinstance(f, Unavailable) and f.why is Why.NOT_VISIBLE for _, f in parts)
    if is_blind and is_named and name in ("today", "last_hour", "last_24h", "all"):
        found = database.statistics(name, context.now)
        unavailable = () if isinstance(found, Unavailable) else found.unavailable
        return (("", found), *((one.part.partition("/")[2], one) for one in unavailable))
    return parts


def _between(
    context: ToolContext, asked: Interval | None
) -> Sequence[tuple[str, Fact[PaymentStatistics]]]:
    database = context.app.runner.platform.database
    found: Sequence[tuple[str, Fact[PaymentStatistics]]] = (
        database.statistics_between(None, context.now)
        if asked is None
        else database.statistics_between(asked.start, asked.end - timedelta(microseconds=1))
    )
    return found


def _before(context: ToolContext, asked: Interval | None) -> Mapping[str, Any] | None:
    """The same hours a week before; None: not seen whole, or nothing to compare with."""
    if asked is None:
        return None
    seen, unavailable = parted(
        fact for _, fact in _between(context, shifted(asked, "week", context.app.config.zone))
    )
    return None if unavailable or not seen else _added(seen)


def _added(parts: Sequence[PaymentStatistics]) -> dict[str, Any]:
    """Some shards together: counts and amounts by status, and the merchants with the most."""
    statuses: dict[str, list[int]] = {}
    merchants: dict[str, list[int]] = {}
    for part in parts:
        for one in part.by_status:
            row = statuses.setdefault(clean(one.status, 50), [0, 0])
            row[0], row[1] = row[0] + one.count, row[1] + (one.amount_krw or 0)
        for top in part.top_merchants:
            row = merchants.setdefault(clean(str(top["merchant_id"]), 40), [0, 0])
            count = int(top["transaction_count"] or 0)
            row[0], row[1] = row[0] + count, row[1] + int(top["amount_krw"] or 0)
    ranked = sorted(merchants.items(), key=lambda item: (-item[1][1], item[0]))
    return {
        "count": sum(part.count for part in parts),
        "amount_krw": sum(part.amount_krw for part in parts),
        "statuses": statuses,
        "merchants": ranked[:_MERCHANTS_MAX],
        "failed": sum(statuses.get(status, [0])[0] for status in _FAILED),
    }


def _figures(whole: Mapping[str, Any]) -> dict[str, Any]:
    count, amount = whole["count"], whole["amount_krw"]
    return {
        "payments": count,
        "amount_krw": amount,
        "average_krw": round(amount / count) if count else None,
        "failed_percent": percent(whole["failed"] / count) if count else None,
        "data_by_status": [[s, *row] for s, row in sorted(whole["statuses"].items())[:12]],
        "data_top_merchants": [[merchant, *row] for merchant, row in whole["merchants"]],
    }


def _shard_row(name: str, fact: Fact[PaymentStatistics]) -> dict[str, Any]:
    if isinstance(fact, Unavailable):
        return {"shard": name, "verdict": "unknown"}
    return {"shard": name, "payments": fact.count, "amount_krw": fact.amount_krw}


def _compared(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "payments": before["count"],
        "amount_krw": before["amount_krw"],
        "payments_change_percent": percent(relative(now["count"], before["count"])),
        "amount_change_percent": percent(relative(now["amount_krw"], before["amount_krw"])),
    }


def _summary(
    context: ToolContext,
    name: str,
    whole: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    unavailable: Sequence[Unavailable],
) -> str:
    change = None if before is None else _compared(whole, before)["amount_change_percent"]
    return context.say(
        "statistics.found",
        range_name=context.catalog.name("mcp.statistics.range", name) if name else "",
        count=whole["count"],
        amount=whole["amount_krw"],
        failed=whole["failed"],
        change_percent=change,
        is_unavailable=bool(unavailable) and not whole["count"],
        unavailable=parts_text(unavailable),
    )


TOOLSETS = ("database-query",)
TOOLS = (payment_statistics,)
