"""Circuit breakers as rows of evidence and as a few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from checks.sources.facts.platform import Breaker
from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.answers.answer import age, short, stamp
from mcp_server.answers.live import shown
from mcp_server.context import ToolContext

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed

PUBLISHER = "kafka-publisher"


def flat(facts: Mapping[str, Fact[tuple[Breaker, ...]]]) -> list[Breaker]:
    """Every breaker that was seen."""
    return [b for fact in facts.values() if not isinstance(fact, Unavailable) for b in fact]


def breaker_rows(
    breakers: Iterable[Breaker], seen: Observed | None, context: ToolContext
) -> list[dict[str, Any]]:
    """Each breaker with its counts, and since when the monitor knows its state."""
    return [_row(breaker, seen, context) for breaker in breakers]


def _row(breaker: Breaker, seen: Observed | None, context: ToolContext) -> dict[str, Any]:
    key = f"{breaker.instance}/{breaker.name}"
    since = _since(seen, key, breaker.state)
    return {
        "instance_text": breaker.instance,
        "name_text": breaker.name,
        "state": breaker.state,
        "since": stamp(since),
        "for_seconds": age(since, context.now),
        "failure_percent": short(breaker.failure_percent),
        "slow_percent": short(breaker.slow_percent),
        "failed_calls": breaker.failed_calls,
        "counted_calls": breaker.buffered_calls,
        "not_permitted_calls": breaker.not_permitted_calls,
    }


def _since(seen: Observed | None, key: str, state: str) -> datetime | None:
    """Since when it is so, if a pass before this look has seen it; else nobody knows."""
    record = seen.memory.get(key, {}) if seen else {}
    if seen is None or record.get("state") != state:
        return None
    since = datetime.fromisoformat(record["since"])
    return since if since < seen.at else None


def states_text(breakers: Sequence[Breaker]) -> str:
    """Which breaker is in which state on how many instances: `kafka-publisher CLOSED (2)`."""
    told = []
    for name in dict.fromkeys(b.name for b in breakers):
        counts = Counter(b.state for b in breakers if b.name == name)
        several = sum(counts.values()) > 1
        states = ", ".join(f"{s} ({n})" if several else s for s, n in sorted(counts.items()))
        told.append(f"{shown(name)} {states}")
    return "; ".join(told)
