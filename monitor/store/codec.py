"""How values are stored: plain data as JSON, times as whole numbers since 1970.

A time is microseconds, which sort, compare and stay exact; the start of an hour or a day that
readings are summed up by is seconds.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_json(value: Any, sort: bool = False) -> str:
    """Plain data as the text of a JSON column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)


@overload
def to_micros(at: datetime) -> int: ...
@overload
def to_micros(at: datetime | None) -> int | None: ...
def to_micros(at: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware time (ValueError: it is naive); None if it is missing."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {at!r}")
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: int | None) -> datetime | None: ...
def from_micros(micros: int | None) -> datetime | None:
    """The aware UTC time behind microseconds since 1970; None if it is missing."""
    if micros is None:
        return None
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def to_seconds(at: datetime) -> int:
    """Whole seconds since 1970 of an aware time."""
    return to_micros(at) // 1_000_000


def from_seconds(seconds: int) -> datetime:
    """The aware UTC time behind seconds since 1970."""
    return from_micros(seconds * 1_000_000)
