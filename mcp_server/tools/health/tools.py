"""How the platform stands right now, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from mcp_server.answers.answer import Answer, result
from mcp_server.answers.causes import cause_rows, told
from mcp_server.answers.rows import (
    check_rows,
    count_by_status,
    finding_row,
    findings_of,
    metric_rows,
)
from mcp_server.context import ToolContext
from mcp_server.tools.health.overview import (
    figures_beside_last_week,
    incidents_open,
    today,
    told_today,
)
from monitor.domain.check import Status, worst
from monitor.domain.check_pass import Observed

SERVICE_CHECKS = ("services", "breakers", "kafka_cluster", "redis_health", "reconciliation")
_FINDINGS_MAX = 10
_FIGURES_MAX = 20
_CAUSES_MAX = 10


def check_all_services(ctx: Context[ToolContext]) -> CallToolResult:
    """Look live at the parts of the platform: services, circuit breakers, Kafka, Redis, database
    and its books. A verdict per check, with what is wrong and what to do. For alerts and figures
    too, use get_system_overview; for causes, diagnose_issues."""
    context = ctx.request_context.lifespan_context
    seen = context.live(SERVICE_CHECKS)
    found = findings_of(seen)
    metrics = [m for each in seen.values() for m in each.verdict.metrics]
    evidence = {
        "checks": check_rows(context, seen),
        "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
        "figures": metric_rows(metrics)[:_FIGURES_MAX],
    }
    answer = Answer(
        verdict=_verdict(seen),
        summary=_summary(context, seen),
        origin="live",
        measured_at=context.now,
        evidence=evidence,
        next=("diagnose_issues", "list_alerts") if found else ("get_system_overview",),
        rest="diagnose_issues groups the findings by cause",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def get_system_overview(ctx: Context[ToolContext]) -> CallToolResult:
    """The whole platform at a glance: every check live, today's payments, open incidents (stored),
    and key figures of the last hour beside the same hour a week ago. The first thing to ask."""
    context = ctx.request_context.lifespan_context
    everything = context.live()
    seen = _looking(context, everything)
    found = findings_of(seen)
    causes = cause_rows(context, everything)
    incidents, sales = incidents_open(context), today(context)
    evidence = {
        "checks": check_rows(context, seen),
        "findings": [finding_row(context, *pair, full=False) for pair in found[:_FINDINGS_MAX]],
        "today": sales,
        "incidents": incidents,
        "figures": figures_beside_last_week(context),
    }
    answer = Answer(
        verdict=_verdict(seen),
        summary=" ".join(
            (
                _summary(context, seen, causes),
                told_today(context, sales),
                _history(context, incidents),
            )
        ),
        origin="live",
        measured_at=context.now,
        evidence=evidence,
        next=("diagnose_issues", "compare_periods") if found else ("compare_periods",),
        rest="check_all_services, list_alerts and compare_periods tell more of each part",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def diagnose_issues(ctx: Context[ToolContext]) -> CallToolResult:
    """Find what is wrong and why: every check live, the findings grouped under their root causes
    ("Kafka is down since 14:02; consequences: ..."), each with what to do. Use it when something
    is wrong or a payment flow stands still."""
    context = ctx.request_context.lifespan_context
    seen = context.live()
    causes = cause_rows(context, seen)
    checked = _looking(context, seen)
    answer = Answer(
        verdict=_verdict(checked),
        summary=told(context, causes, len(checked)),
        origin="live",
        measured_at=context.now,
        evidence={"causes": causes[:_CAUSES_MAX], "checks": check_rows(context, checked)},
        next=("list_alerts", "metric_history") if causes else ("get_system_overview",),
        rest="look at one check's part: check_outbox_status, reconciliation_check, list_alerts",
        truncated=len(causes) > _CAUSES_MAX,
    )
    return result(answer, context.now)


def _looking(context: ToolContext, seen: Mapping[str, Observed]) -> dict[str, Observed]:
    """The checks that look themselves, without the one that explains."""
    return {n: each for n, each in seen.items() if not context.app.checks[n].check.explains}


def _verdict(seen: Mapping[str, Observed]) -> Status:
    """The worst of the checks; without any, nobody looked."""
    return worst(each.verdict.status for each in seen.values()) if seen else Status.UNKNOWN


def _history(context: ToolContext, incidents: Mapping[str, Any]) -> str:
    if incidents["is_stale"]:
        return context.say("history_stale", at=incidents["measured_at"])
    return context.say("incidents", count=incidents["open"])


def _summary(
    context: ToolContext, seen: Mapping[str, Observed], causes: Sequence[Mapping[str, Any]] = ()
) -> str:
    """How many findings there are, and the worst: its cause, where causes are known."""
    found = findings_of(seen)
    if not seen:
        return context.say("no_checks")
    if not found:
        return context.say("well", checks=len(seen))
    counts: dict[str, Any] = count_by_status(found)
    worst_of_all = context.catalog.finding(found[0][1], context.now).title
    title = causes[0]["title_text"] if causes else worst_of_all
    return context.say("found", checks=len(seen), title=title, **counts)


TOOLSETS = ("system-health",)
TOOLS = (check_all_services, get_system_overview, diagnose_issues)
