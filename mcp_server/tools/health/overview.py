"""The parts of the overview: today's payments, open incidents, figures beside last week's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from checks.sources.facts.payments import PaymentStatistics
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import age, stamp
from mcp_server.answers.rows import incident_row
from mcp_server.answers.unavailable import parted, parts_text
from mcp_server.context import ToolContext
from mcp_server.tools.history.series import compared_row, span_row
from monitor.domain.detection.ddsketch import Comparison
from monitor.reports.compare import Compared, compare
from monitor.reports.periods import period, shifted
from monitor.store.alerting.incidents import incidents_between

KEY_METRICS = (
    "payments_per_minute",
    "payments_created",
    "refused_percent",
    "settlement_success_percent",
    "refund_success_percent",
    "outbox_oldest_age_seconds",
    "lag_messages",
    "response_ms",
)
_FIGURES_MAX = 8
_INCIDENTS_MAX = 5


def today(context: ToolContext) -> dict[str, Any]:
    """What the platform took in today, of all shards or of those that could be seen."""
    fact = context.app.runner.platform.database.statistics("today", context.now)
    if isinstance(fact, Unavailable):
        return _without(context, fact)
    told = {"origin": "live", **_counted([fact])}
    shards = [one for one in fact.unavailable if one.reason != "gateway_day"]
    doubts = [one.reason for one in fact.unavailable if one not in shards]
    without = {"without_text": parts_text(shards)} if shards else {}
    return told | without | ({"lacks": doubts} if doubts else {})


def _without(context: ToolContext, why: Unavailable) -> dict[str, Any]:
    """What the shards took in that could be seen; their sum is not that of the platform."""
    span = period("today", context.now, context.app.config.zone)
    parts = context.app.runner.platform.database.statistics_between(span.start, span.end)
    seen, unavailable = parted(fact for _, fact in parts)
    head = {"origin": "live", "verdict": "unknown", "reason": why.reason}
    return head | (_counted(seen) | {"without_text": parts_text(unavailable)} if seen else {})


def _counted(facts: Sequence[PaymentStatistics]) -> dict[str, Any]:
    statuses: dict[str, int] = {}
    for one in (one for fact in facts for one in fact.by_status):
        statuses[one.status] = statuses.get(one.status, 0) + one.count
    return {
        "payments": sum(fact.count for fact in facts),
        "amount_krw": sum(fact.amount_krw for fact in facts),
        "by_status": [{"status_text": s, "payments": n} for s, n in sorted(statuses.items())[:10]],
    }


def told_today(context: ToolContext, row: Mapping[str, Any]) -> str:
    """Today's payments in a sentence; empty if none were seen."""
    if "payments" not in row:
        return ""
    return context.say(
        "overview.today",
        count=row["payments"],
        amount=row["amount_krw"],
        without=row.get("without_text", ""),
    )


def incidents_open(context: ToolContext) -> dict[str, Any]:
    """The incidents that are open, as the scheduler last left them."""
    now, recorded_at = context.now, context.recorded_at()
    with context.read() as tx:
        stories = incidents_between(tx, now, now + timedelta(seconds=1))
    return {
        "origin": "stored",
        "measured_at": stamp(recorded_at),
        "age_seconds": age(recorded_at, now),
        "is_stale": context.is_stale(recorded_at),
        "open": len(stories),
        "list": [incident_row(context, story) for story in stories[:_INCIDENTS_MAX]],
    }


def figures_beside_last_week(context: ToolContext) -> dict[str, Any]:
    """The key figures of the last hour and of the same hour a week ago, the most telling first."""
    config = context.app.config
    now = period("last_hour", context.now, config.zone)
    before = shifted(now, "week", config.zone)
    found = compare(context.app.store, now, before, config.baseline.limits(), KEY_METRICS)
    return {
        "origin": "stored",
        "now": span_row(now),
        "before": span_row(before),
        "quantile_error_percent": found.quantile_error_percent,
        "list": [compared_row(item) for item in sorted(found.series, key=_order)[:_FIGURES_MAX]],
    }


def _order(item: Compared) -> tuple[bool, int]:
    """What changed leads, then the figures that say most about the business."""
    is_told = item.word in (Comparison.REGRESSION, Comparison.IMPROVEMENT)
    return not is_told, KEY_METRICS.index(item.spec.name)
