"""One merchant: its limits, refusals and volumes, and why it gets 429."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import MerchantShard
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import Answer, percent, result, short, stamp
from mcp_server.answers.unavailable import parted, parts_text, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.merchants.judgement import (
    LIMIT_STATUS,
    Limit,
    Volume,
    conclusion,
    limits,
    misplaced,
    periods,
    times_usual,
    volume,
)
from monitor.domain.alert import Alert
from monitor.domain.check import Status, worst
from monitor.store.alerting.alerts import alerts_between
from monitor.text.filters import clean

_BACK = timedelta(days=7)
_ALERTS_MAX = 5
_CODES = ("merchant_blocked", "merchant_near_limit")
_CHECK = "rate_limits"


def investigate_merchant(
    ctx: Context[ToolContext], merchant_id: Annotated[str, Field(min_length=1, max_length=64)]
) -> CallToolResult:
    """Why a merchant gets 429, and how it fares: its counters against the capacity of each action
    live (refused, near, stuck without expiry), its payments per status and day, the last hour
    beside its usual one, its shard, and earlier blocks from history. Who else is near a limit:
    find_merchants_hitting_limits."""
    context = ctx.request_context.lifespan_context
    uses = context.app.runner.platform.redis.rate_use(merchant_id)
    found = [] if isinstance(uses, Unavailable) else limits(uses, *_capacities(context))
    asked = periods(context.now, context.app.config.zone)
    shards, unavailable = parted(context.app.runner.platform.database.merchant(merchant_id, asked))
    volumes = volume(shards, asked) if shards else None
    earlier = _earlier(context, merchant_id)
    lacking = [*([uses] if isinstance(uses, Unavailable) else []), *unavailable]
    is_known = any(shard.first_at for shard in shards) or bool(found or lacking)
    code = conclusion(found, uses, volumes, is_known)
    answer = Answer(
        verdict=_verdict(found, shards, lacking),
        summary=_summary(context, merchant_id, code, found, volumes, shards, earlier, lacking),
        origin="live",
        measured_at=context.now,
        evidence={
            "why": code,
            "advice": context.say(f"merchant.advice.{code}"),
            "asks_times_usual": short(times_usual(found, volumes)),
            "limits": [_limit_row(limit) for limit in found],
            "volume": None if volumes is None else _volume_row(volumes),
            "shards": [_shard_row(shard) for shard in shards],
            "blocked_before": [_alert_row(alert) for alert in earlier[:_ALERTS_MAX]],
            "note": context.say("merchant.note"),
            "unavailable": unavailable_rows(context, lacking),
        },
        next=("check_rate_limit", "find_merchants_hitting_limits", "query_payments"),
    )
    return result(answer, context.now)


def _capacities(context: ToolContext) -> tuple[dict[str, int], float]:
    """The capacities that the check of the limits is configured with."""
    options = context.app.options_of(_CHECK)
    return options.capacities(), options.near_percent


def _earlier(context: ToolContext, merchant_id: str) -> list[Alert]:
    """The alerts about this merchant's limits within the last days, newest first."""
    with context.read() as tx:
        alerts = alerts_between(tx, context.now - _BACK, context.now, limit=5000)
    mine = f"/{merchant_id}"
    return [a for a in alerts if a.code in _CODES and a.subject.endswith(mine)]


def _verdict(
    found: Sequence[Limit], shards: Sequence[MerchantShard], lacking: Sequence[Unavailable]
) -> Status:
    statuses = [LIMIT_STATUS[limit.verdict] for limit in found]
    wrong = [Status.CRIT] if misplaced(shards) else []
    return worst([*statuses, *wrong, *([Status.UNKNOWN] if lacking else [])])


def _limit_row(limit: Limit) -> dict[str, Any]:
    return {
        "action": limit.action,
        "count": limit.count,
        "capacity": limit.capacity,
        "used_percent": None if (used := limit.used_percent) is None else short(round(used, 1)),
        "refused_in_this_window": limit.refused,
        "resets_in_seconds": limit.ttl_seconds,
        "verdict": limit.verdict,
    }


def _volume_row(volumes: Volume) -> dict[str, Any]:
    return {
        "last_hour": volumes.hour,
        "usual_hour": short(volumes.usual),
        "failed_today_percent": percent(volumes.failed_share),
        "day_columns": ["day_from", "status", "count", "amount_krw"],
        "data_days": [
            [stamp(start), clean(one.kind, 30), one.count, one.amount_krw]
            for start, by_status in volumes.days
            for one in by_status.values()
        ],
    }


def _shard_row(shard: MerchantShard) -> dict[str, Any]:
    return {
        "shard": shard.shard,
        "is_its_home": shard.is_home,
        "first_payment_at": stamp(shard.first_at),
        "last_payment_at": stamp(shard.last_at),
    }


def _alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "code": alert.code,
        "data_action": clean(alert.subject.partition("/")[0], 40),
        "since": stamp(alert.since),
        "ended_at": stamp(alert.ended_at),
    }


def _summary(
    context: ToolContext,
    merchant_id: str,
    code: str,
    found: Sequence[Limit],
    volumes: Volume | None,
    shards: Sequence[MerchantShard],
    earlier: Sequence[Alert],
    lacking: Sequence[Unavailable],
) -> str:
    fullest = max(found, key=lambda limit: (limit.used_percent or 0, limit.count), default=None)
    return context.say(
        "merchant.summary",
        merchant=clean(merchant_id, 64),
        code=code,
        action=fullest.action if fullest else "",
        count=fullest.count if fullest else 0,
        capacity=(fullest.capacity or 0) if fullest else 0,
        refused=fullest.refused if fullest else 0,
        ttl=fullest.ttl_seconds if fullest else None,
        hour=volumes.hour if volumes else None,
        usual=volumes.usual if volumes else None,
        times=times_usual(found, volumes),
        blocked_at=earlier[0].since if earlier else None,
        misplaced=", ".join(misplaced(shards)),
        unavailable=parts_text(lacking),
    )


TOOLSETS = ("redis-cache", "database-query", "history")
TOOLS = (investigate_merchant,)
