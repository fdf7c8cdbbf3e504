"""What a source could not show, in words: part, why, and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from checks.sources.facts.unavailable import Fact, Unseen
from mcp_server.context import ToolContext
from monitor.domain.check import Status

T = TypeVar("T")


def parted(facts: Iterable[Fact[T]]) -> tuple[list[T], list[Unseen]]:
    """What was seen, and what was not."""
    seen: list[T] = []
    unseen: list[Unseen] = []
    for fact in facts:
        if isinstance(fact, Unseen):
            unseen.append(fact)
        else:
            seen.append(fact)
    return seen, unseen


def unseen_rows(context: ToolContext, unseen: Iterable[Unseen]) -> list[dict[str, Any]]:
    """One row for each part and reason."""
    once = {(one.part, one.reason): one for one in unseen}
    return [
        {"part_text": one.part, "why": one.why.value, "reason_text": reason(context, one)}
        for one in once.values()
    ]


def reason(context: ToolContext, unseen: Unseen) -> str:
    """Why something stays unseen, in a sentence."""
    params = {"part": unseen.part, **unseen.params}
    return context.words.say(f"reason.{unseen.reason}.text", **params)


def parts_text(unseen: Iterable[Unseen]) -> str:
    """The parts that were not seen, for a summary."""
    return ", ".join(dict.fromkeys(one.part for one in unseen))


def seen_whole(unseen: Iterable[Unseen]) -> Status:
    """ok if everything was looked at; else nobody knows."""
    return Status.UNKNOWN if any(True for _ in unseen) else Status.OK
