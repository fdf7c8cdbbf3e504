"""Times as people and machines write them in files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_FORMATS = (
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S %Z",
)
_SECONDS_MAX = 1e11
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_COMPACT_DAY = re.compile(r"(19|20)\d{6}")
_ZONE_NAMES = re.compile(r"(?<!\s)\s*+(UTC|GMT)$")


@dataclass(slots=True)
class TimeReader:
    """Reads the times of one file: what fitted the row before is tried first.

    A time without a zone counts as it stands; all become aware, without a zone as if in UTC.
    """

    _format: str = ""

    def read(self, text: str) -> datetime | None:
        """The time, None for what is none."""
        text = text.strip().strip("\"'")
        if not text or len(text) > 64:
            return None
        try:
            return self._read(text)
        except (ValueError, OverflowError, OSError):
            return None

    def _read(self, text: str) -> datetime | None:
        if _NUMBER.fullmatch(text) and not _COMPACT_DAY.fullmatch(text):
            return _from_epoch(float(text))
        try:
            return _aware(datetime.fromisoformat(_ZONE_NAMES.sub("+00:00", text)))
        except ValueError:
            return self._by_format(text)

    def _by_format(self, text: str) -> datetime | None:
        formats = (self._format, *_FORMATS) if self._format else _FORMATS
        for known in formats:
            try:
                at = datetime.strptime(text, known)  # noqa: DTZ007 (the zone is added below)
            except ValueError:
                continue
            self._format = known
            return _aware(at)
        return None


def _from_epoch(number: float) -> datetime | None:
    """Seconds since 1970, or milli-, micro- or nanoseconds by their size."""
    for unit in (1, 1e3, 1e6, 1e9):
        if abs(number) < _SECONDS_MAX * unit:
            return datetime.fromtimestamp(number / unit, UTC)
    return None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
