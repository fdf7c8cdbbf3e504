"""Letting a merchant call again: its rate-limit counters are cleared."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import Answer, data, result
from mcp_server.context import ToolContext
from mcp_server.writing import writing
from monitor.domain.check import Status
from monitor.text.filters import clean

ACTIONS = ("authorize", "capture", "refund")
_MERCHANT_MAX = 100
Action = Literal["authorize", "capture", "refund", "all"]


def _asks(context: ToolContext, merchant_id: str, action: str) -> str:
    reset = context.app.runner.platform.rate_limits
    if action != "all" and not reset.by_action:
        raise ToolError(
            "through the monitoring-service only all counters of a merchant can be cleared: "
            "leave action out, or reach Redis directly (platform.redis)"
        )
    return context.say(
        f"write.clear_{reset.via}", merchant=clean(merchant_id), actions=", ".join(_wanted(action))
    )


@writing(asks=_asks, destructive=True)
def clear_rate_limit(
    ctx: Context[ToolContext],
    merchant_id: Annotated[str, Field(min_length=1, max_length=_MERCHANT_MAX)],
    action: Action = "all",
) -> CallToolResult:
    """Clear a merchant's rate-limit counters, so that it is not refused (429) any more in this
    window. Look with check_rate_limit first. Asks for confirmation."""
    context = ctx.request_context.lifespan_context
    platform, wanted = context.app.runner.platform, _wanted(action)
    before = platform.redis.rate_use(merchant_id)
    done = platform.rate_limits.clear(merchant_id, wanted)
    after = platform.redis.rate_use(merchant_id)
    verdict, key = _outcome(before, done, after, wanted)
    evidence = {
        "done": not isinstance(done, Unavailable),
        "merchant_text": merchant_id,
        "actions": list(wanted),
        "via": platform.rate_limits.via,
        "cleared": None if isinstance(done, Unavailable) else done.actions,
        "before": _rows(before),
        "after": _rows(after),
    }
    if isinstance(done, Unavailable):
        evidence |= {"reason": done.reason, "data": data(done.params)}
    answer = Answer(
        verdict=verdict,
        summary=context.say(f"write.{key}", merchant=clean(merchant_id)),
        origin="live",
        measured_at=context.now,
        evidence=evidence,
        next=("check_rate_limit",),
    )
    return result(answer, context.now)


def _wanted(action: str) -> tuple[str, ...]:
    return ACTIONS if action == "all" else (action,)


def _outcome(before: Any, done: Any, after: Any, wanted: Sequence[str]) -> tuple[Status, str]:
    """What became of it: said so only as far as the counters, read again, bear it out."""
    if isinstance(done, Unavailable):
        return Status.UNKNOWN, "clear_failed"
    if done.actions == ():
        return Status.OK, "clear_nothing"
    if isinstance(before, Unavailable) or isinstance(after, Unavailable):
        return Status.UNKNOWN, "clear_unavailable"
    return (Status.WARN, "clear_left") if _left(before, after, wanted) else (Status.OK, "cleared")


def _left(before: Sequence[RateUse], after: Sequence[RateUse], wanted: Sequence[str]) -> bool:
    """Whether a counter stands where it stood; a merchant that goes on calling begins a new one."""
    stood = {use.action: use.count for use in before}
    asked = [use for use in after if use.action is None or use.action in wanted]
    return any(use.count >= stood.get(use.action, use.count + 1) for use in asked)


def _rows(uses: Any) -> Any:
    if isinstance(uses, Unavailable):
        return {"verdict": "unknown", "reason": uses.reason}
    return [
        {"action": use.action, "count": use.count, "ttl_seconds": use.ttl_seconds} for use in uses
    ]


TOOLSETS = ("redis-cache",)
TOOLS = (clear_rate_limit,)
