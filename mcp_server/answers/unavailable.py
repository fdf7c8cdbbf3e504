"""What a source could not show, in words: part, why, and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.context import ToolContext
from monitor.domain.check import Status

T = TypeVar("T")


def parted(facts: Iterable[Fact[T]]) -> tuple[list[T], list[Unavailable]]:
    """What was seen, and what was not."""
    seen: list[T] = []
    unavailable: list[Unavailable] = []
    for fact in facts:
        if isinstance(fact, Unavailable):
            unavailable.append(fact)
        else:
            seen.append(fact)
    return seen, unavailable


def unavailable_rows(
    context: ToolContext, unavailable: Iterable[Unavailable]
) -> list[dict[str, Any]]:
    """One row for each part and reason."""
    once = {(one.part, one.reason): one for one in unavailable}
    return [
        {"part_text": one.part, "why": one.why.value, "reason_text": reason(context, one)}
        for one in once.values()
    ]


def reason(context: ToolContext, unavailable: Unavailable) -> str:
    """Why something is unavailable, in a sentence."""
    params = {"part": unavailable.part, **unavailable.params}
    return context.catalog.say(f"reason.{unavailable.reason}.text", **params)


def parts_text(unavailable: Iterable[Unavailable]) -> str:
    """The parts that were not seen, for a summary."""
    return ", ".join(dict.fromkeys(one.part for one in unavailable))


def seen_whole(unavailable: Iterable[Unavailable]) -> Status:
    """ok if everything was looked at; else nobody knows."""
    return Status.UNKNOWN if any(True for _ in unavailable) else Status.OK
