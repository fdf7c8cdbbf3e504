"""Periods as people name them: by the calendar of a zone, lasting in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from math import ceil

from monitor.domain.interval import Interval

_DAY = timedelta(days=1)


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


def period(name: str, now: datetime, zone: tzinfo) -> Interval:
    """The interval behind a name; `last_7_days` and its like are local days back from now."""
    today = _midnight(now, zone)
    monday = days_before(today, today.astimezone(zone).weekday(), zone)
    bounds = {
        "last_hour": lambda: (now - timedelta(hours=1), now),
        "last_24_hours": lambda: (days_before(now, 1, zone), now),
        "last_7_days": lambda: (days_before(now, 7, zone), now),
        "last_30_days": lambda: (days_before(now, 30, zone), now),
        "today": lambda: (today, now),
        "yesterday": lambda: (days_before(today, 1, zone), today),
        "this_week": lambda: (monday, now),
        "last_week": lambda: (days_before(monday, 7, zone), monday),
    }
    return Interval(*bounds[name]())


def shifted(interval: Interval, against: str, zone: tzinfo) -> Interval:
    """The same local hours so many whole days or weeks (`day`, `week`) before, without overlap."""
    unit = {"day": 1, "week": 7}[against]
    local = _wall(interval.end, zone) - _wall(interval.start, zone)
    days = unit * max(ceil(local / (unit * _DAY)), 1)
    return Interval(days_before(interval.start, days, zone), days_before(interval.end, days, zone))


YEARS = range(1970, 2200)


def instant(text: str, zone: tzinfo) -> datetime:
    """An ISO-8601 date or time as aware UTC; without an offset it is in the zone.

    ValueError for what is none, and for years with which nobody can reckon.
    """
    at = datetime.fromisoformat(text.strip())
    if not YEARS[0] <= at.year <= YEARS[-1]:
        raise ValueError(text)
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
