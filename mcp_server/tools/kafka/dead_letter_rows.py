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


def newest_first(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """All partitions merged by time; within a partition the order is that of the offsets."""
    by_partition: dict[int, list[DeadLetter]] = {}
    for letter in letters:
        by_partition.setdefault(letter.partition, []).append(letter)
    ordered = (sorted(own, key=lambda one: -one.offset) for own in by_partition.values())
    return list(heapq.merge(*ordered, key=lambda one: -one.at.timestamp()))


def places_after(
    letters: Sequence[DeadLetter], before: Mapping[int, int]
) -> list[tuple[str]] | None:
    """Behind each letter, the offsets that come before what is left; None: too many to hold."""
    at = dict(before)
    places = []
    for letter in letters:
        at[letter.partition] = letter.offset
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


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """A letter with what it says of itself, all of it data."""
    told = {
        "payment_id": letter.payment_id,
        "original_topic": letter.original_topic,
        "error": letter.error,
        "message": letter.message if letter.message != letter.error else "",
        "key": letter.key if letter.key != "null" else "",
        "value": letter.value,
    }
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "at": stamp(letter.at),
        "data": data({name: value for name, value in told.items() if value not in (None, "")}),
    }


@dataclass(frozen=True, slots=True)
class Cause:
    """Letters of one topic that were given up for the same reason, newest first."""

    topic: str
    original_topic: str
    error: str
    letters: tuple[DeadLetter, ...]

    @property
    def payments(self) -> list[int]:
        """The payments they are about, each once."""
        found = (one.payment_id for one in self.letters if one.payment_id is not None)
        return list(dict.fromkeys(found))


def causes(letters: Iterable[DeadLetter]) -> list[Cause]:
    """Grouped by topic, original topic and kind of error; the most frequent first."""
    groups: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for letter in sorted(letters, key=lambda one: one.at, reverse=True):
        key = (letter.topic, letter.original_topic, letter.error)
        groups.setdefault(key, []).append(letter)
    found = [Cause(*key, tuple(own)) for key, own in groups.items()]
    return sorted(found, key=lambda cause: -len(cause.letters))


def cause_row(cause: Cause) -> dict[str, Any]:
    """A cause with how often, since when, whose payments, and one message as an example."""
    newest, oldest = cause.letters[0], cause.letters[-1]
    told = {"original_topic": cause.original_topic, "error": cause.error}
    example = newest.message or newest.value
    return {
        "topic_text": cause.topic,
        "letters": len(cause.letters),
        "first_at": stamp(oldest.at),
        "last_at": stamp(newest.at),
        "payments": len(cause.payments),
        "payment_ids": cause.payments[:_PAYMENTS_MAX],
        "data": data({k: v for k, v in told.items() if v} | {"example": example}),
    }


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many of the letters that were read arrived since then; `at_least`: there may be more."""

    count: int
    at_least: bool


def arrivals(letters: Sequence[DeadLetter], retained: int, since: datetime) -> Arrivals:
    """Counted over the newest letters; all of them if the oldest that was read is older."""
    count = sum(letter.at >= since for letter in letters)
    whole = len(letters) >= retained or count < len(letters)
    return Arrivals(count, at_least=not whole)
