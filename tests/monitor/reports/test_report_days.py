"""Each local day has exactly one report, in every zone and at every minute around a change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from store_case import fresh_store, rows

from monitor.config.models import ReportSection, parse
from monitor.reports.job import enqueue_report
from monitor.scheduling.timetable import Timetable

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SPANS = (  # years of which the rules are still in force, and of which two days were left out
    (datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    (datetime(2011, 12, 1, tzinfo=UTC), datetime(2012, 1, 31, tzinfo=UTC)),
)


@dataclass(frozen=True)
class Change:
    """The clocks of a zone go from one time to another."""

    zone: str
    at: datetime
    was: datetime  # what the clocks would have shown, and what they do
    shows: datetime

    @property
    def kind(self) -> tuple[time, timedelta]:
        return self.was.time(), self.shows - self.was

    def __str__(self) -> str:
        return f"{self.zone}: {self.was:%Y-%m-%d %H:%M} is {self.shows:%Y-%m-%d %H:%M}"


@cache
def changes() -> tuple[Change, ...]:
    """One change of each kind that is found in any zone."""
    found: dict[tuple[time, timedelta], Change] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for start, end in SPANS:
            for days in range((end - start).days):
                before = start + days * DAY
                if (
                    before.astimezone(zone).utcoffset()
                    != (before + DAY).astimezone(zone).utcoffset()
                ):
                    change = located(name, before)
                    found.setdefault(change.kind, change)
    return tuple(found.values())


def offset_of(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def located(name: str, before: datetime) -> Change:
    zone = ZoneInfo(name)
    offset = offset_of(zone, before)
    low, high = before, before + DAY
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (
            (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        )
    at = high.replace(second=0, microsecond=0)
    shows = at.astimezone(zone)
    return Change(name, at, (at + offset).replace(tzinfo=None), shows.replace(tzinfo=None))


def around(change: Change) -> list[time]:
    """The edges of what is left out or comes twice, with their neighbours, and some between."""
    low, high = sorted((change.was, change.shows))
    high = min(high, low + DAY)
    edges = [edge + n * MINUTE for edge in (low, high) for n in (-1, 0, 1, 30)]
    steps = [low + n * 17 * MINUTE for n in range(int((high - low) / (17 * MINUTE)))]
    return sorted({moment.time() for moment in (*edges, *steps)})


def days_of(change: Change, at: time, kind: str = "daily") -> Counter[date]:
    section = ReportSection(daily=f"{at:%H:%M}", weekly=f"{at:%H:%M}", weekday="sat")
    zone = ZoneInfo(change.zone)
    timetable = Timetable(cron=section.cron(kind), zone=change.zone)
    reach = 3 * DAY if kind == "daily" else 10 * DAY
    slots = timetable.between(change.at - reach, change.at + reach)
    return Counter(section.day(kind, slot, zone) for slot in slots)


def local_days(change: Change) -> set[date]:
    """The days that are there, but for those at the ends."""
    zone = ZoneInfo(change.zone)
    moments = (change.at + n * HOUR for n in range(-36, 36))
    return {moment.astimezone(zone).date() for moment in moments}


def wrong(change: Change, at: time) -> list[str]:
    found = days_of(change, at)
    missing = local_days(change) - found.keys()
    twice = [day for day, count in found.items() if count > 1]
    return [f"{change} at {at:%H:%M}: missing {missing}, twice {twice}"] if missing or twice else []


def test_all_kinds_of_changes_are_there():
    kinds = {change.kind for change in changes()}
    assert len(kinds) >= 15
    assert (time(23), HOUR) in kinds  # America/Scoresbysund
    assert (time(0), DAY) in kinds  # Pacific/Apia


def test_each_local_day_has_one_report_at_the_minutes_around_a_change():
    assert [w for change in changes() for at in around(change) for w in wrong(change, at)] == []


@pytest.mark.slow
def test_each_local_day_has_one_report_at_every_minute():
    minutes = [time(n // 60, n % 60) for n in range(24 * 60)]
    assert [w for change in changes() for at in minutes for w in wrong(change, at)] == []


def test_the_weekly_report_is_of_its_weekday():
    for change in changes():
        for at in around(change):
            days = days_of(change, at, "weekly")
            assert {day.weekday() for day in days} == {5}, (str(change), at)
            assert set(days.values()) == {1}, (str(change), at)


@pytest.mark.parametrize("at", ["23:00", "23:30", "23:59", "00:00", "08:30"])
def test_the_reports_of_scoresbysund_are_all_owed(tmp_path: Path, at: str):
    config = parse(
        f'timezone = "America/Scoresbysund"\ndatabase = "x.db"\n[report]\ndaily = "{at}"', {}
    )
    store = fresh_store(tmp_path)
    timetable = Timetable(cron=config.report.cron("daily"), zone=config.timezone)
    start = datetime(2025, 3, 28, 2, tzinfo=UTC)
    for slot in timetable.between(start, start + 4 * DAY):
        enqueue_report(store, config, "daily", slot, slot, ["slack"])
    keys = [str(key) for (key,) in rows(store, "SELECT key FROM notifications ORDER BY id")]
    store.close()
    assert len(keys) == 4
    days = [date.fromisoformat(key.rpartition(":")[2]) for key in keys]
    assert [later - earlier for later, earlier in zip(days[1:], days, strict=False)] == [DAY] * 3
