"""How times are stored: as microseconds since 1970, which sort, compare and stay exact."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {at!r}")
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The aware UTC time behind microseconds since 1970."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def time_of(micros: int | None) -> datetime | None:
    """A stored time that may be missing."""
    return None if micros is None else from_micros(micros)


def micros_of(at: datetime | None) -> int | None:
    """How a time that may be missing is stored."""
    return None if at is None else to_micros(at)
