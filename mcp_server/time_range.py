"""A stretch of time as people say it: "1h", "14:00", "오후 2시", "yesterday 13:00 to 15:00"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.desk import Desk
from mcp_server.sentence.rest import TAKEN, Rest
from mcp_server.sentence.times import Calendar, Stretch, stretches
from monitor.periods import PERIODS, Span, instant, period

AROUND = timedelta(hours=1)
LONGEST = timedelta(days=31)
_LENGTH = re.compile(r"(\d{1,4})\s*(m|min|h|d)", re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_AT = re.compile(r"(?:at|around|about)?\s*(.+?)\s*(?:쯤|경|무렵)?(?:에)?", re.IGNORECASE)
_LEFT = re.compile(rf"[{TAKEN}\s.,?!]*")
_RIGHT = (
    "right would be 1h, 30m, 24h, 'last 3 hours', 'today', '14:00' (an hour before to an hour "
    "after), '2026-11-22T14:00', '13:00 to 15:00'"
)


def time_range(desk: Desk, text: str) -> Span:
    """The span that is meant, up to now; a moment stands for the hour before and after it."""
    found = _span(desk, text.strip())
    if found is None:
        raise ToolError(f"time_range is not understood; {_RIGHT}")
    span = Span(found.start, min(found.end, desk.now))
    if span.start >= span.end:
        raise ToolError(f"time_range lies in the future; {_RIGHT}")
    if span.length > LONGEST:
        raise ToolError(f"time_range: at most {LONGEST.days} days at once")
    return span


def _span(desk: Desk, text: str) -> Span | None:
    now, zone = desk.now, desk.app.config.zone
    length = _LENGTH.fullmatch(text)
    if length:
        return Span(now - timedelta(**{_UNITS[length[2].lower()]: int(length[1])}), now)
    name = text.lower().replace(" ", "_")
    if name in PERIODS:
        return period(name, now, zone)
    moment = _moment(text, Calendar(now, zone))
    if moment is not None:
        return Span(moment - AROUND, moment + AROUND)
    calendar = Calendar(now, zone)
    said = said_stretch(text, calendar) or said_stretch(f"from {text}", calendar)
    if said is None or said.start is None:
        return None
    return Span(said.start, said.end or now)


def said_stretch(text: str, calendar: Calendar) -> Stretch | None:
    """The one stretch that a text is about; None if it says anything else, or several."""
    rest = Rest(text)
    try:
        found = list(stretches(rest, calendar))
    except ValueError:
        return None
    return found[0] if len(found) == 1 and _LEFT.fullmatch(rest.text) else None


def _moment(text: str, calendar: Calendar) -> datetime | None:
    """A clock or a time with its date; a clock that is still to come was yesterday's."""
    try:
        if re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text):
            return instant(text, calendar.zone)
    except ValueError:
        return None
    match = _AT.fullmatch(text)
    if match is None or not re.search(
        r"\d\s*(?::|시|[ap]\.?m)|noon|정오|자정|midnight", text, re.I
    ):
        return None
    said = said_stretch("since " + re.sub(r"\b([ap])\.m\.?", r"\1m", match[1]), calendar)
    if said is None or said.start is None or said.end is not None:
        return None
    return said.start if said.start <= calendar.now else said.start - timedelta(days=1)
