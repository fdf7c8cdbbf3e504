"""The time ranges that a request may name."""

from __future__ import annotations

from datetime import datetime, timedelta

from demo.api.wire import BadRequestError
from demo.platform.times import row_text
from demo.queries.statistics import start_of_day

_BEGINNING = "1970-01-02"


def since_of(time_range: str, now: datetime, day_offset: timedelta) -> str:
    """The row text at which a range begins; the day begins at midnight of an offset to UTC."""
    if time_range == "all":
        return _BEGINNING
    if time_range == "last_hour":
        return row_text(now - timedelta(hours=1))
    if time_range == "last_24h":
        return row_text(now - timedelta(hours=24))
    if time_range == "today":
        return row_text(start_of_day(now, day_offset))
    raise BadRequestError(time_range)
