"""Stretches of time: "last hour", "since yesterday 14:00", "지난 3일", "오늘 오후 2시부터"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from monitor.reports.periods import days_before, period

_SECONDS = {"m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7, "M": 30}
_JUST_NOW = timedelta(minutes=5)
_PARTS = {"dawn": (0, 6), "am": (0, 12), "pm": (12, 24), "night": (18, 24)}  # hours of a day


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to before `end`; None: open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A day, a clock, or both."""

    day: date | None = None
    clock: time | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Now, and the zone whose midnights and clocks are meant."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The local date."""
        return self.now.astimezone(self.zone).date()

    def day(self, ago: int) -> date:
        """The local date so many days ago."""
        return self.today - timedelta(days=ago)

    def latest(self, day: date) -> date:
        """The day, or that of the year before if it is still to come."""
        return day if day <= self.today else day.replace(year=day.year - 1)

    def at(self, day: date, clock: time = time()) -> datetime:
        """A local time as UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def ago(self, length: tuple[int, str]) -> datetime:
        """So long before now; days are days of the calendar."""
        count, unit = length
        if unit in _SECONDS:
            return self.now - timedelta(seconds=count * _SECONDS[unit])
        return days_before(self.now, count * _DAYS[unit], self.zone)


Fact = tuple[str, Sequence[Any]]  # a rule of rules.py and the values it found


def stretches(facts: Sequence[Fact], calendar: Calendar) -> list[Stretch]:
    """The stretches that are meant; a day that is said apart is the day of the clocks."""
    found = [_simple(rule, values, calendar) for rule, values in facts if rule in _SIMPLE]
    days = [values[0].day for rule, values in facts if rule == "day"]
    day = days[0] if len(days) == 1 else calendar.today
    ranges = [values for rule, values in facts if rule == "range"]
    found += [_between(a, b, day, calendar) for a, b in ranges]
    ends = [(rule, values[0]) for rule, values in facts if rule in ("since", "until", "before")]
    open_ended = [_open_ended(rule, point, day, calendar) for rule, point in ends]
    has_clock_alone = any(point.day is None for _, point in (*ends, *ranges))
    whole = [_whole(one, calendar) for one in days]
    if len(days) != 1 or not has_clock_alone:
        return [*found, *whole, *open_ended]
    return [*found, _within(whole[0], open_ended)] if ends else found


_SIMPLE = ("past", "older", "ago", "just", "period", "part")


def _simple(rule: str, values: Sequence[Any], calendar: Calendar) -> Stretch:
    """A stretch that needs no other word of the sentence."""
    match rule:
        case "older":
            return Stretch(end=calendar.ago(values[0]))
        case "ago":
            return Stretch(calendar.ago(values[0]))
        case "past":
            length = values[0] if isinstance(values[0], tuple) else (1, values[0])
            return Stretch(calendar.ago(length), calendar.now)
        case "just":
            return Stretch(calendar.now - _JUST_NOW, calendar.now)
        case "part":
            return _hours(values[0].day, values[1], calendar)
    return _period(values[0], calendar)


def _period(name: str, calendar: Calendar) -> Stretch:
    first = calendar.today.replace(day=1)
    match name:
        case "early_today":
            return _hours(calendar.today, "dawn", calendar)
        case "this_month":
            return Stretch(calendar.at(first), calendar.now)
        case "last_month":
            before = (first - timedelta(days=1)).replace(day=1)
            return Stretch(calendar.at(before), calendar.at(first))
    span = period(name, calendar.now, calendar.zone)
    return Stretch(span.start, span.end)


def _hours(day: date, part: str, calendar: Calendar) -> Stretch:
    first, last = _PARTS[part]
    end = calendar.at(day, time(last)) if last < 24 else calendar.at(day + timedelta(days=1))
    return Stretch(calendar.at(day, time(first)), min(end, calendar.now))


def _between(a: Point, b: Point, day: date, calendar: Calendar) -> Stretch:
    first = a.day or b.day or day
    start = calendar.at(first, a.clock or time())
    if b.clock is None:
        return Stretch(start, calendar.at((b.day or first) + timedelta(days=1)))
    end = calendar.at(b.day or first, b.clock)
    if end <= start and b.day is None and b.clock.hour < 12:  # 2 p.m. to 3: the later 3
        end += timedelta(hours=12)
    return Stretch(start, end)


def _open_ended(rule: str, point: Point, day: date, calendar: Calendar) -> Stretch:
    if rule == "until" and point.clock is None:
        return Stretch(end=calendar.at((point.day or day) + timedelta(days=1)))
    at = calendar.at(point.day or day, point.clock or time())
    return Stretch(start=at) if rule == "since" else Stretch(end=at)


def _whole(day: date, calendar: Calendar) -> Stretch:
    """A day; today goes until now."""
    end = calendar.at(day + timedelta(days=1))
    return Stretch(calendar.at(day), calendar.now if day == calendar.today else end)


def _within(day: Stretch, parts: Sequence[Stretch]) -> Stretch:
    """The part of a day that is meant."""
    starts = [s.start for s in (day, *parts) if s.start]
    ends = [s.end for s in (day, *parts) if s.end]
    return Stretch(max(starts), min(ends))
