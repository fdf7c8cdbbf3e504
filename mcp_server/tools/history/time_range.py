"""A period of time as people say it: "1h", "14:00", "오후 2시", "yesterday 13:00 to 15:00"."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.context import ToolContext
from mcp_server.sentence.read import read_moment, read_stretch
from mcp_server.sentence.times import Calendar
from monitor.domain.interval import Interval, length_of
from monitor.reports.periods import PERIODS, instant, period

AROUND = timedelta(hours=1)
LONGEST = timedelta(days=31)
_RIGHT = (
    "right would be 1h, 30m, 24h, 'last 3 hours', 'today', '14:00' (an hour before to an hour "
    "after), '2026-11-22T14:00', '13:00 to 15:00'"
)


def time_range(context: ToolContext, text: str) -> Interval:
    """The span that is meant, up to now; a moment stands for the hour before and after it."""
    found = _span(context, text.strip())
    if found is None:
        raise ToolError(f"time_range is not understood; {_RIGHT}")
    span = Interval(found.start, min(found.end, context.now))
    if span.start >= span.end:
        raise ToolError(f"time_range lies in the future; {_RIGHT}")
    if span.length > LONGEST:
        raise ToolError(f"time_range: at most {LONGEST.days} days at once")
    return span


def _span(context: ToolContext, text: str) -> Interval | None:
    now, zone = context.now, context.app.config.zone
    length = length_of(text)
    if length is not None:
        return Interval(now - length, now)
    name = text.lower().replace(" ", "_")
    if name in PERIODS:
        return period(name, now, zone)
    calendar = Calendar(now, zone)
    moment = _moment(text, calendar)
    if moment is not None:
        return Interval(moment - AROUND, moment + AROUND)
    said = read_stretch(text, calendar)
    return Interval(said.start, said.end or now) if said and said.start else None


def _moment(text: str, calendar: Calendar) -> datetime | None:
    """A clock or a time with its date; a clock that is still to come was yesterday's."""
    for reader in (_iso, read_moment):
        with suppress(ValueError, OverflowError):
            return reader(text, calendar)
    return None


def _iso(text: str, calendar: Calendar) -> datetime:
    if len(text) <= len("2026-11-22"):  # a day is no moment
        raise ValueError(text)
    return instant(text, calendar.zone)
