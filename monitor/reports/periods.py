"""Stretches of time as people name them: by the calendar of a zone, lasting in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from math import ceil

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, aware UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


PERIODS = (
    "last_hour",
    "last_24_hours",
    "last_7_days",
    "last_30_days",
    "today",
    "yesterday",
    "this_week",
    "last_week",
)


def period(name: str, now: datetime, zone: tzinfo) -> Span:
    """The span behind a name; `last_7_days` and its like are local days back from now."""
    today = _midnight(now, zone)
    monday = days_before(today, today.astimezone(zone).weekday(), zone)
    spans = {
        "last_hour": lambda: (now - timedelta(hours=1), now),
        "last_24_hours": lambda: (days_before(now, 1, zone), now),
        "last_7_days": lambda: (days_before(now, 7, zone), now),
        "last_30_days": lambda: (days_before(now, 30, zone), now),
        "today": lambda: (today, now),
        "yesterday": lambda: (days_before(today, 1, zone), today),
        "this_week": lambda: (monday, now),
        "last_week": lambda: (days_before(monday, 7, zone), monday),
    }
    return Span(*spans[name]())


def shifted(span: Span, against: str, zone: tzinfo) -> Span:
    """The same local hours so many whole days or weeks (`day`, `week`) before, without overlap."""
    unit = {"day": 1, "week": 7}[against]
    local = _wall(span.end, zone) - _wall(span.start, zone)
    days = unit * max(ceil(local / (unit * _DAY)), 1)
    return Span(days_before(span.start, days, zone), days_before(span.end, days, zone))


def instant(text: str, zone: tzinfo) -> datetime:
    """An ISO-8601 date or time as aware UTC; without an offset it is in the zone."""
    at = datetime.fromisoformat(text.strip())
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def days_before(at: datetime, days: int, zone: tzinfo) -> datetime:
    """The same time on the clock so many local days before."""
    local = at.astimezone(zone)
    earlier = (local.replace(tzinfo=None) - days * _DAY).replace(tzinfo=zone, fold=local.fold)
    return earlier.astimezone(UTC)


def _wall(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _midnight(at: datetime, zone: tzinfo) -> datetime:
    return datetime.combine(at.astimezone(zone), time(), zone).astimezone(UTC)
