"""Intervals of time, and lengths of time as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_UNITS = {
    "seconds": "s sec secs second seconds 초",
    "minutes": "m min mins minute minutes 분",
    "hours": "h hour hours 시간",
    "days": "d day days 일",
    "weeks": "w week weeks 주",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_LENGTH = re.compile(r"(\d{1,5}) *([a-z초분시간일주]+)")
_LENGTH_MAX = timedelta(days=9999)
LENGTHS = "30s, 30m, 2h, 7d or 1w"


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` to before `end`, aware UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


def length_of(text: str) -> timedelta | None:
    """The span behind 30m, 2h, 7 days or 2시간; None if it is none, nothing, or for ever."""
    found = _LENGTH.fullmatch(text.strip().lower())
    unit = _UNIT_OF.get(found[2]) if found else None
    if found is None or unit is None:
        return None
    length = timedelta(**{unit: int(found[1])})
    return length if timedelta() < length <= _LENGTH_MAX else None
