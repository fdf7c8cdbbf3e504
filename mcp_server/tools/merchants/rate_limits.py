"""The rate limits live, against the configured capacities."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, short
from mcp_server.answers.live import nothing_seen, platform, shown
from mcp_server.answers.paging import Cursor, Page, offset, offset_page, position, question_of
from mcp_server.answers.unavailable import unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.merchants.rate_uses import (
    ACTIONS,
    Used,
    by_action,
    by_name,
    fullest_first,
    place,
    stuck,
    used,
    used_row,
)
from monitor.domain.check import Status, worst

Action = Literal["authorize", "capture", "refund"]
Limit = Annotated[int, Field(ge=1, le=200)]
LIMIT = 30


def check_rate_limit(
    ctx: Context[ToolContext],
    merchant_id: Annotated[str, Field(min_length=1, max_length=200)],
    action: Action | None = None,
) -> CallToolResult:
    """How much of its rate limit one merchant used in this window, per action: used, capacity,
    share, seconds until it resets, and whether it is blocked (429) right now. Why it was refused
    before: investigate_merchant."""
    context = ctx.request_context.lifespan_context
    capacities = _capacities(context)
    uses = platform(context).redis.rate_use(merchant_id)
    if isinstance(uses, Unavailable):
        return nothing_seen(context, [uses], "check_all_services", "investigate_merchant")
    found = fullest_first(used(uses, capacities))
    wanted = [one for one in found if action is None or one.use.action in (action, None)]
    lost = [one for one in wanted if one.use.action is None]
    unclear = [one for one in wanted if not one.is_blocked and one.may_reach(100)]
    unavailable = _unclear(unclear) or ([_lost()] if lost and action else [])
    near = [one for one in wanted if one.reaches(_near(context))]
    answer = Answer(
        verdict=_verdict(wanted, near, unavailable),
        summary=_one_told(context, merchant_id, action, wanted),
        origin="live",
        measured_at=context.now,
        evidence={
            "merchant_text": merchant_id,
            "limits": [used_row(one) for one in wanted],
            "capacities": {name: capacities.get(name) for name in _asked(action)},
            "unused": _unused(action, wanted),
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("investigate_merchant", "find_merchants_hitting_limits"),
    )
    return result(answer, context.now)


def _asked(action: str | None) -> tuple[str, ...]:
    return ACTIONS if action is None else (action,)


def _unused(action: str | None, found: Sequence[Used]) -> list[str]:
    """The actions without a counter in this window; not known where an action was lost."""
    if any(one.use.action is None for one in found):
        return []
    return [name for name in _asked(action) if name not in {one.use.action for one in found}]


def _one_told(
    context: ToolContext, merchant: str, action: str | None, found: Sequence[Used]
) -> str:
    if not found:
        return context.say("redis.rate_none", merchant=shown(merchant), action=action or "")
    first = found[0]
    return context.say(
        "redis.rate",
        merchant=shown(merchant),
        action=first.use.action or "",
        used=first.use.count,
        capacity=first.capacity or 0,
        percent=first.percent,
        ttl=first.use.ttl_seconds,
        blocked=first.is_blocked,
    )


def list_rate_limit_keys(
    ctx: Context[ToolContext],
    action: Action | None = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """Every rate-limit counter that lives right now, by merchant and action, with what is used
    and when it resets. Only those near or above a limit: find_merchants_hitting_limits."""
    context = ctx.request_context.lifespan_context
    question = question_of("list_rate_limit_keys", {"action": action, "limit": limit})
    after = _place_of(position(question, cursor))
    uses = platform(context).redis.rate_uses()
    if isinstance(uses, Unavailable):
        return nothing_seen(context, [uses], "check_all_services")
    every = by_name(used(uses, _capacities(context)))
    chosen = [one for one in every if action is None or one.use.action == action]
    left = [one for one in chosen if after is None or place(one.use) > after]
    shown_now = left[:limit]
    lost = [one for one in every if one.use.action is None]
    unknown = [one for one in chosen if one.capacity is None]
    unavailable = [_lost()] if lost else []
    lacking = [_no_capacity(unknown)] if unknown else []
    answer = Answer(
        verdict=_verdict(chosen, [], [*(unavailable if action else []), *lacking]),
        summary=context.say(
            "redis.keys",
            keys=len(chosen),
            merchants=len({one.use.merchant_id for one in chosen}),
            blocked=sum(one.is_blocked for one in chosen),
            stuck=len(stuck(chosen)),
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "found": len(chosen),
            "by_action": by_action(every),
            "keys": [used_row(one) for one in shown_now],
            "unavailable": unavailable_rows(context, [*unavailable, *lacking]),
        },
        next=("find_merchants_hitting_limits", "check_rate_limit"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=Page("keys", question, [place(o.use) for o in shown_now], len(left) > limit),
    )
    return result(answer, context.now)


def _place_of(found: tuple[int | str | None, ...] | None) -> tuple[str, str, str] | None:
    if found is None:
        return None
    texts = [one for one in found if isinstance(one, str)]
    if len(found) != 3 or len(texts) != 3:
        raise ToolError("cursor is altered; repeat the call without cursor")
    return texts[0], texts[1], texts[2]


def find_merchants_hitting_limits(
    ctx: Context[ToolContext],
    threshold_percentage: Annotated[float, Field(gt=0, le=1000)] = 80,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """The merchants that used at least this share of a rate limit in this window, the fullest
    first; 100 lists those that are blocked (above the capacity: they get 429). Counters that
    never expire are told too. One merchant: check_rate_limit."""
    context = ctx.request_context.lifespan_context
    asked = {"threshold": threshold_percentage, "limit": limit}
    question = question_of("find_merchants_hitting_limits", asked)
    start = offset(question, cursor)
    return _hitting(
        *(context, question, start, limit, threshold_percentage),
        lambda one: one.reaches(threshold_percentage),
    )


def list_blocked_merchants(
    ctx: Context[ToolContext], limit: Limit = LIMIT, cursor: Cursor = None
) -> CallToolResult:
    """The merchants that are refused (429) right now: above a configured capacity, not at it."""
    context = ctx.request_context.lifespan_context
    question = question_of("list_blocked_merchants", {"limit": limit})
    start = offset(question, cursor)
    return _hitting(context, question, start, limit, 100, lambda one: one.is_blocked)


def _hitting(
    context: ToolContext,
    question: str,
    start: int,
    limit: int,
    threshold_percentage: float,
    fits: Callable[[Used], bool],
) -> CallToolResult:
    """The counters that fit, the fullest first, with those of which it cannot be said."""
    uses: Fact[tuple[RateUse, ...]] = platform(context).redis.rate_uses()
    if isinstance(uses, Unavailable):
        return nothing_seen(context, [uses], "check_all_services")
    every = fullest_first(used(uses, _capacities(context)))
    hit = [one for one in every if fits(one)]
    unclear = [one for one in every if not fits(one) and one.may_reach(threshold_percentage)]
    rows = hit[start : start + limit]
    answer = Answer(
        verdict=_verdict(every, hit, _unclear(unclear)),
        summary=_told(context, threshold_percentage, every, hit, len(unclear)),
        origin="live",
        measured_at=context.now,
        evidence={
            "found": len(hit),
            "counters": len(every),
            "merchants": [used_row(one) for one in rows],
            "never_expiring": [used_row(one) for one in stuck(every)[:5]],
            "unclear": len(unclear),
            "unavailable": unavailable_rows(context, _unclear(unclear)),
        },
        next=("investigate_merchant", "check_rate_limit", "metric_history"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("merchants", question, start, len(rows), len(hit)),
    )
    return result(answer, context.now)


def _told(
    context: ToolContext, threshold: float, every: list[Used], hit: list[Used], unclear: int
) -> str:
    first = hit[0] if hit else None
    return context.say(
        "redis.hitting",
        threshold=short(threshold),
        merchants=len({one.use.merchant_id for one in hit}),
        counters=len(every),
        blocked=sum(one.is_blocked for one in every),
        stuck=len(stuck(every)),
        merchant=shown(first.use.merchant_id) if first else "",
        action=(first.use.action or "") if first else "",
        percent=(first.percent or 0) if first else 0,
        unclear=unclear,
    )


def _capacities(context: ToolContext) -> dict[str, int]:
    capacities: dict[str, int] = context.app.options_of("rate_limits").capacities()
    return capacities


def _near(context: ToolContext) -> float:
    near: float = context.app.options_of("rate_limits").near_percent
    return near


def _verdict(
    every: Sequence[Used], near: Sequence[Used], unavailable: Sequence[Unavailable]
) -> Status:
    """Blocked is critical; close to it or stuck for ever is a warning."""
    return worst(
        [
            *(Status.CRIT for one in every if one.is_blocked),
            *(Status.WARN for _ in near),
            *(Status.WARN for _ in stuck(every)),
            *(Status.UNKNOWN for _ in unavailable),
        ]
    )


def _unclear(unclear: Sequence[Used]) -> list[Unavailable]:
    """Why it cannot be said of some counters whether they are refused."""
    unknown = [one for one in unclear if one.capacity is None]
    lost = [_lost()] if len(unknown) < len(unclear) else []
    return [*lost, *([_no_capacity(unknown)] if unknown else [])]


def _no_capacity(unknown: Sequence[Used]) -> Unavailable:
    actions = {one.use.action for one in unknown}
    named = ACTIONS if None in actions else [name for name in ACTIONS if name in actions]
    expected = ", ".join(f"checks.rate_limits.{name}_max" for name in named)
    params: dict[str, Any] = {"path": "", "got": "", "expected": expected}
    return Unavailable("redis/capacities", Why.NOT_VISIBLE, "capacity_not_configured", params)


def _lost() -> Unavailable:
    params: dict[str, Any] = {"path": "", "got": "", "expected": "the action of each counter"}
    return Unavailable("redis/actions", Why.NOT_VISIBLE, "rate_action_lost", params)


TOOLSETS = ("redis-cache",)
TOOLS = (
    check_rate_limit,
    list_rate_limit_keys,
    find_merchants_hitting_limits,
    list_blocked_merchants,
)
