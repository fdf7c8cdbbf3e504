"""Times as the platform writes them: in rows, in events and in the bodies of its API."""

from __future__ import annotations

from datetime import UTC, datetime


def row_text(at: datetime) -> str:
    """`2025-12-05 07:00:55.123456`, in UTC: as rows keep it; sorts and compares."""
    return at.isoformat(" ", "microseconds")[:26]


def row_time(text: str) -> datetime:
    """The aware time behind a row's text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instant(at: datetime) -> str:
    """`2025-12-05T07:00:55.123456Z`: as events and ingest's answers carry it."""
    return at.isoformat("T", "microseconds")[:26] + "Z"


def offset_text(row: str) -> str:
    """`2025-12-05T07:00:55.123+00:00` from a row's text: as Boot prints a time."""
    return f"{row[:10]}T{row[11:23]}+00:00"


def boot_text(at: datetime) -> str:
    """The same from an aware time."""
    return offset_text(row_text(at))


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return int(at.timestamp() * 1000)
