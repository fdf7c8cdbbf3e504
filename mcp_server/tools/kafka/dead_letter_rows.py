"""Dead letters as rows: paged from the newest back, and grouped by what caused them."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from checks.sources.facts.platform import DeadLetter
from mcp_server.answers.answer import data, stamp

_PLACES_MAX = 500  # characters: a cursor holds the place in every partition that was shown
_PAYMENTS_MAX = 5


def newest_first(dead_letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """All partitions merged by time; within a partition the order is that of the offsets."""
    by_partition: dict[int, list[DeadLetter]] = {}
    for dead_letter in dead_letters:
        by_partition.setdefault(dead_letter.partition, []).append(dead_letter)
    ordered = (sorted(own, key=lambda one: -one.offset) for own in by_partition.values())
    return list(heapq.merge(*ordered, key=lambda one: -one.at.timestamp()))


def places_after(
    dead_letters: Sequence[DeadLetter], before: Mapping[int, int]
) -> list[tuple[str]] | None:
    """Behind each dead letter, the offsets that come before what is left; None: too many to
    hold."""
    at = dict(before)
    places = []
    for dead_letter in dead_letters:
        at[dead_letter.partition] = dead_letter.offset
        places.append((",".join(f"{p}:{o}" for p, o in sorted(at.items())),))
    return None if any(len(text) > _PLACES_MAX for (text,) in places) else places


def places_of(position: tuple[int | str | None, ...] | None) -> dict[int, int]:
    """The offsets that a cursor holds."""
    if position is None:
        return {}
    text = position[0] if len(position) == 1 else None
    if not isinstance(text, str) or not re.fullmatch(r"\d{1,9}:\d{1,18}(,\d{1,9}:\d{1,18})*", text):
        raise ToolError("cursor is altered; repeat the call without cursor")
    pairs = (part.split(":") for part in text.split(","))
    return {int(partition): int(offset) for partition, offset in pairs}


def dead_letter_row(dead_letter: DeadLetter) -> dict[str, Any]:
    """A dead letter with what it says of itself, all of it data."""
    told = {
        "payment_id": dead_letter.payment_id,
        "original_topic": dead_letter.original_topic,
        "error": dead_letter.error,
        "message": dead_letter.message if dead_letter.message != dead_letter.error else "",
        "key": dead_letter.key if dead_letter.key != "null" else "",
        "value": dead_letter.value,
    }
    return {
        "partition": dead_letter.partition,
        "offset": dead_letter.offset,
        "at": stamp(dead_letter.at),
        "data": data({name: value for name, value in told.items() if value not in (None, "")}),
    }


@dataclass(frozen=True, slots=True)
class Cause:
    """Dead letters of one topic that were given up for the same reason, newest first."""

    topic: str
    original_topic: str
    error: str
    dead_letters: tuple[DeadLetter, ...]

    @property
    def payments(self) -> list[int]:
        """The payments they are about, each once."""
        found = (one.payment_id for one in self.dead_letters if one.payment_id is not None)
        return list(dict.fromkeys(found))


def causes(dead_letters: Iterable[DeadLetter]) -> list[Cause]:
    """Grouped by topic, original topic and kind of error; the most frequent first."""
    groups: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for dead_letter in sorted(dead_letters, key=lambda one: one.at, reverse=True):
        key = (dead_letter.topic, dead_letter.original_topic, dead_letter.error)
        groups.setdefault(key, []).append(dead_letter)
    found = [Cause(*key, tuple(own)) for key, own in groups.items()]
    return sorted(found, key=lambda cause: -len(cause.dead_letters))


def cause_row(cause: Cause) -> dict[str, Any]:
    """A cause with how often, since when, whose payments, and one message as an example."""
    newest, oldest = cause.dead_letters[0], cause.dead_letters[-1]
    told = {"original_topic": cause.original_topic, "error": cause.error}
    example = newest.message or newest.value
    return {
        "topic_text": cause.topic,
        "dead_letters": len(cause.dead_letters),
        "first_at": stamp(oldest.at),
        "last_at": stamp(newest.at),
        "payments": len(cause.payments),
        "payment_ids": cause.payments[:_PAYMENTS_MAX],
        "data": data({k: v for k, v in told.items() if v} | {"example": example}),
    }


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many of the dead letters read arrived since then; `at_least`: there may be more."""

    count: int
    at_least: bool


def arrivals(dead_letters: Sequence[DeadLetter], retained: int, since: datetime) -> Arrivals:
    """Counted over the newest dead letters; all of them if the oldest that was read is older."""
    count = sum(dead_letter.at >= since for dead_letter in dead_letters)
    whole = len(dead_letters) >= retained or count < len(dead_letters)
    return Arrivals(count, at_least=not whole)
