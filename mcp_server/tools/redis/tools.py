"""Redis live: the idempotency cache, memory and hit rate, and how long keys live."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import CachedKey, KeyLife, RedisMemory, RedisStats
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from mcp_server.answers.answer import Answer, percent, result, short
from mcp_server.answers.live import nothing_seen, platform, shown, together
from mcp_server.answers.rows import check_rows, finding_row, findings_of
from mcp_server.answers.unavailable import unavailable_rows
from mcp_server.context import ToolContext
from monitor.domain.check import Status, worst
from monitor.store.series.summaries import summaries

_HIT = ("redis_health", "redis_hit_percent")
_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)
_FINDINGS_MAX = 8


def idempotency_lookup(
    ctx: Context[ToolContext],
    merchant_id: Annotated[str, Field(min_length=1, max_length=200)],
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)],
) -> CallToolResult:
    """Whether an idempotency key of a merchant is in the cache: the payment it stands for and how
    long it stays. Keys leave the cache after minutes, the payment stays: then look for it with
    query_payments."""
    context = ctx.request_context.lifespan_context
    held: Fact[CachedKey] = platform(context).redis.idempotent(merchant_id, idempotency_key)
    if isinstance(held, Unavailable):
        return nothing_seen(context, [held], "query_payments", "check_all_services")
    answer = Answer(
        verdict=Status.OK,
        summary=context.say(
            "redis.idempotency",
            idem=shown(idempotency_key),
            found=held.exists,
            payment=held.payment_id,
            ttl=held.ttl_seconds,
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "merchant_text": merchant_id,
            "idempotency_key_text": idempotency_key,
            "is_cached": held.exists,
            "payment_id": held.payment_id,
            "expires_in_seconds": held.ttl_seconds,
        },
        next=("investigate_payment", "query_payments") if held.exists else ("query_payments",),
    )
    return result(answer, context.now)


def cache_stats(ctx: Context[ToolContext]) -> CallToolResult:
    """How Redis does: memory, hit rate (since it started, and in the last hour beside the same
    hour last week), evictions, keys by use. How long keys live: ttl_analysis."""
    context = ctx.request_context.lifespan_context
    redis = platform(context).redis
    seen = context.live(("redis_health",))
    facts = together({"stats": redis.stats, "memory": redis.memory})
    stats: Any = facts["stats"]
    memory: Any = facts["memory"] or _not_shown()
    if isinstance(stats, Unavailable) and isinstance(memory, Unavailable):
        return nothing_seen(context, [stats, memory], "check_all_services")
    unavailable = [fact for fact in (stats, memory) if isinstance(fact, Unavailable)]
    found = findings_of(seen)
    hits = _hits(context)
    answer = Answer(
        verdict=worst([*(f.status for _, f in found), *(Status.UNKNOWN for _ in unavailable)]),
        summary=_told(context, stats, memory, hits),
        origin="live",
        measured_at=context.now,
        evidence={
            "keys": _keys(stats),
            "memory": _memory(memory),
            "hit_percent": hits | {"since_start": _since_start(memory)},
            "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
            "checks": check_rows(context, seen),
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("ttl_analysis", "metric_history"),
        rest="ttl_analysis and find_merchants_hitting_limits tell more of each part",
    )
    return result(answer, context.now)


def _hits(context: ToolContext) -> dict[str, Any]:
    """The stored hit rate of the last hour, and of the same hour a week ago (medians)."""
    now = context.now
    return {
        "last_hour_stored": _median(context, now - _HOUR, now),
        "same_hour_last_week_stored": _median(context, now - _WEEK - _HOUR, now - _WEEK),
    }


def _median(context: ToolContext, start: datetime, end: datetime) -> float | None:
    with context.read() as tx:
        found = summaries(tx, start, end).get(_HIT)
    return short(found.median) if found else None


def _since_start(memory: Any) -> Any:
    if isinstance(memory, Unavailable) or not memory.hits + memory.misses:
        return None
    return percent(memory.hits / (memory.hits + memory.misses))


def _keys(stats: Fact[RedisStats]) -> dict[str, int] | None:
    if isinstance(stats, Unavailable):
        return None
    return {
        "total": stats.total_keys,
        "rate_limits": stats.rate_limit_keys,
        "idempotency": stats.idempotency_keys,
        "cache": stats.cache_keys,
        "not_looked_at": stats.unscanned_keys,
    }


def _memory(memory: Fact[RedisMemory]) -> dict[str, Any] | None:
    if isinstance(memory, Unavailable):
        return None
    most = memory.max_bytes
    return {
        "used_mib": short(memory.used_bytes / 2**20),
        "max_mib": short(most / 2**20) if most else None,
        "used_percent": percent(memory.used_bytes / most) if most else None,
        "evicted_keys_since_start": memory.evicted_keys,
    }


def _not_shown() -> Unavailable:
    params: dict[str, Any] = {"path": "", "got": "", "expected": "platform.redis"}
    return Unavailable("redis/memory", Why.NOT_VISIBLE, "redis_memory_not_shown", params)


def _told(context: ToolContext, stats: Any, memory: Any, hits: dict[str, Any]) -> str:
    seen = not isinstance(memory, Unavailable)
    return context.say(
        "redis.cache",
        keys=None if isinstance(stats, Unavailable) else stats.total_keys,
        used_mib=memory.used_bytes / 2**20 if seen else None,
        hit=_since_start(memory),
        hour=hits["last_hour_stored"],
        week=hits["same_hour_last_week_stored"],
        evicted=memory.evicted_keys if seen else 0,
    )


def ttl_analysis(ctx: Context[ToolContext]) -> CallToolResult:
    """How long the keys in Redis live, by prefix: how many there are, that never expire (a rate
    key without an end blocks its merchant for good) and that end within a minute, and the spread
    of what is left. Which counters these are: find_merchants_hitting_limits."""
    context = ctx.request_context.lifespan_context
    redis = platform(context).redis
    lives = redis.key_lives()
    stats = lives if isinstance(lives, Unavailable) else redis.stats()
    if isinstance(lives, Unavailable):
        return nothing_seen(context, [lives], "check_all_services")
    unavailable = [_left(stats)] if isinstance(stats, Unavailable) or stats.unscanned_keys else []
    allowed = context.app.options_of("redis_health").never_expiring_max
    endless = [life for life in lives if life.never_expiring > allowed]
    answer = Answer(
        verdict=worst([*(Status.WARN for _ in endless), *(Status.UNKNOWN for _ in unavailable)]),
        summary=context.say(
            "redis.ttl",
            keys=sum(life.keys for life in lives),
            prefixes=len(lives),
            endless=sum(life.never_expiring for life in lives),
            unavailable=bool(unavailable),
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "prefixes": [_life_row(one) for one in sorted(lives, key=_most_endless)],
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("find_merchants_hitting_limits", "cache_stats") if endless else ("cache_stats",),
        rest="the prefixes with the fewest keys are left out",
    )
    return result(answer, context.now)


def _most_endless(life: KeyLife) -> tuple[int, int, str]:
    return -life.never_expiring, -life.keys, life.prefix


def _life_row(life: KeyLife) -> dict[str, Any]:
    row: dict[str, Any] = {
        "prefix_text": life.prefix,
        "keys": life.keys,
        "never_expiring": life.never_expiring,
        "ttl_seconds_avg": short(life.ttl_seconds_avg),
        "within_a_minute_percent": life.soon_percent,
    }
    if life.ttl_seconds_spread:
        names = ("ttl_seconds_p10", "ttl_seconds_median", "ttl_seconds_p90")
        row |= dict(zip(names, life.ttl_seconds_spread, strict=True))
    return row


def _left(stats: Fact[RedisStats]) -> Unavailable:
    """Keys beyond the bounds of a scan; or that their number could not be seen."""
    if isinstance(stats, Unavailable):
        return stats
    params: dict[str, Any] = {"path": "redis", "got": f"{stats.unscanned_keys}", "expected": ""}
    return Unavailable("redis/keys", Why.LIMIT, "redis_keys_left", params)


TOOLSETS = ("redis-cache",)
TOOLS = (idempotency_lookup, cache_stats, ttl_analysis)
