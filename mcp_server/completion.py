"""Completions for names that a person begins to type: from the history first, then a live look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from anyio.to_thread import run_sync
from mcp.server.mcpserver import MCPServer
from mcp.types import Completion

from checks.sources.facts.unavailable import Unavailable
from mcp_server.context import ToolContext
from monitor.domain.metrics import METRICS
from monitor.store.alerting.alerts import alert_subjects
from monitor.store.series.history import series_names
from monitor.text.filters import clean

VALUES_MAX = 50
_NAME_MAX = 200
_TOPIC_METRICS = ("topic_messages", "dlq_arrived_messages", "dlq_retained_messages")
Names = Callable[[ToolContext], Iterable[str]]


def add_completion(server: MCPServer[ToolContext], context: ToolContext) -> None:
    """Complete the arguments of prompts and of resources, by their names."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(ref: Any, argument: Any, ctx: Any) -> Completion | None:
        sources = SOURCES.get(argument.name)
        if sources is None:
            return None
        return await run_sync(_completion, context, sources, argument.value)


def _completion(context: ToolContext, sources: tuple[Names, ...], begun: str) -> Completion:
    """What fits, from the first source that has anything: the later ones cost a look."""
    for names in sources:
        found = matching(names(context), begun)
        if found:
            shown = found[:VALUES_MAX]
            return Completion(values=shown, total=len(found), has_more=len(found) > len(shown))
    return Completion(values=[], total=0, has_more=False)


def matching(names: Iterable[str], begun: str) -> list[str]:
    """The names that begin so, then those that have it somewhere; unshowable ones are left out."""
    plain = sorted({n for n in names if n and clean(n, _NAME_MAX) == n})
    wanted = begun.strip().casefold()
    begins = [name for name in plain if name.casefold().startswith(wanted)]
    holds = [name for name in plain if wanted in name.casefold() and name not in begins]
    return begins + holds


def _subjects(context: ToolContext, *metrics: str) -> list[str]:
    with context.read() as tx:
        names = [name for _, name in series_names(tx)]
    parts = [name.partition("{") for name in names]
    return [rest.removesuffix("}") for metric, _, rest in parts if metric in metrics and rest]


def _merchants_told(context: ToolContext) -> list[str]:
    with context.read() as tx:
        subjects = alert_subjects(tx, "rate_limits")
    return [subject.partition("/")[2] for subject in subjects]


def _merchants_now(context: ToolContext) -> list[str]:
    uses = context.app.runner.platform.redis.rate_uses()
    return [] if isinstance(uses, Unavailable) else [use.merchant_id for use in uses]


def _topics_now(context: ToolContext) -> list[str]:
    ends = context.app.runner.platform.kafka.topic_ends()
    return [] if isinstance(ends, Unavailable) else [each.topic for each in ends]


def _groups_now(context: ToolContext) -> list[str]:
    groups = context.app.runner.platform.kafka.groups()
    return [] if isinstance(groups, Unavailable) else [group.group_id for group in groups]


def _metrics_known(context: ToolContext) -> list[str]:
    with context.read() as tx:
        return [name.partition("{")[0] for _, name in series_names(tx)]


SOURCES: dict[str, tuple[Names, ...]] = {
    "merchant_id": (_merchants_told, _merchants_now),
    "topic": (lambda context: _subjects(context, *_TOPIC_METRICS), _topics_now),
    "group_id": (lambda context: _subjects(context, "lag_messages"), _groups_now),
    "metric": (_metrics_known, lambda context: METRICS),
    "scenario": (lambda context: _subjects(context, "load_test_p95_ms"),),
}
