"""When jobs are due: across DST changes, nights off and restarts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitor.scheduling.timetable import Timetable, due

DAILY = timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "cron", "day", "local"),
    [
        pytest.param("Europe/Berlin", "30 2 * * *", "2026-03-29", "03:00", id="berlin, spring gap"),
        pytest.param(
            "Europe/Berlin", "30 2 * * *", "2026-10-25", "02:30", id="berlin, autumn twice"
        ),
        pytest.param("America/New_York", "0 0 * * *", "2026-03-08", "00:00", id="new york, spring"),
        pytest.param("America/New_York", "0 0 * * *", "2026-11-01", "00:00", id="new york, autumn"),
        pytest.param(
            "America/Santiago", "0 0 * * *", "2026-09-06", "01:00", id="santiago, spring gap"
        ),
        pytest.param("America/Santiago", "0 0 * * *", "2026-04-05", "00:00", id="santiago, autumn"),
        pytest.param("Asia/Seoul", "30 8 * * *", "2026-10-25", "08:30", id="seoul, no changes"),
    ],
)
def test_a_daily_slot_takes_place_exactly_once_on_the_day_of_a_change(zone, cron, day, local):
    tz = ZoneInfo(zone)
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=tz)
    table = Timetable(cron=cron, zone=zone)
    around = table.between(noon - 3 * DAILY, noon + 3 * DAILY)
    by_day = [slot.astimezone(tz).date().isoformat() for slot in around]
    assert sorted(set(by_day)) == by_day
    assert len(by_day) in (5, 6, 7)
    [slot] = [s for s in around if s.astimezone(tz).date().isoformat() == day]
    assert slot.astimezone(tz).strftime("%H:%M") == local


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago"])
def test_a_year_has_every_day_once(zone):
    tz = ZoneInfo(zone)
    start = datetime(2026, 1, 1, 12, tzinfo=tz)
    end = datetime(2027, 1, 1, 12, tzinfo=tz)
    slots = Timetable(cron="30 2 * * *", zone=zone).between(start, end)
    days = [slot.astimezone(tz).date() for slot in slots]
    assert len(days) == len(set(days)) == 365


def test_stepping_and_asking_from_anywhere_agree_over_the_repeated_hour():
    table = Timetable(cron="30 2 * * *", zone="Europe/Berlin")
    day = datetime(2026, 10, 25, tzinfo=UTC)
    slot = day + timedelta(minutes=30)
    for minute in range(31, 180):
        at = day + timedelta(minutes=minute)
        assert table.latest(at) == slot
        assert table.next(at) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_intervals_are_counted_in_utc_and_do_not_notice_dst():
    table = Timetable(every=timedelta(minutes=15))
    start = datetime(2026, 3, 28, tzinfo=UTC)
    slots = table.between(start, start + 2 * DAILY)
    assert {b - a for a, b in pairwise(slots)} == {timedelta(minutes=15)}


MORNING = Timetable(cron="30 8 * * *", zone="Asia/Seoul")
LATE = timedelta(hours=3.5)


def seoul(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Seoul")).astimezone(UTC)


@pytest.mark.parametrize(
    ("last", "now", "slot", "missed", "skipped"),
    [
        ("2026-11-01 08:30", "2026-11-02 08:29", None, 0, []),
        ("2026-11-01 08:30", "2026-11-02 08:30", "2026-11-02 08:30", 0, []),
        ("2026-11-01 08:30", "2026-11-02 11:59", "2026-11-02 08:30", 0, []),
        ("2026-11-01 08:30", "2026-11-02 12:01", None, 0, ["2026-11-02 08:30"]),
        (
            "2026-11-01 08:30",
            "2026-11-04 09:00",
            "2026-11-04 08:30",
            2,
            ["2026-11-02 08:30", "2026-11-03 08:30"],
        ),
        ("2026-11-01 08:30", "2026-11-03 15:00", None, 1, ["2026-11-02 08:30", "2026-11-03 08:30"]),
        ("2026-11-02 08:30", "2026-11-02 09:00", None, 0, []),
    ],
    ids=[
        "before the hour",
        "on the hour",
        "late, still morning",
        "too late: skipped",
        "after three nights off only today's, and the others are named",
        "after two nights off and a morning none",
        "done is done",
    ],
)
def test_what_a_morning_report_owes(last, now, slot, missed, skipped):
    owed = due(MORNING, seoul(last), LATE, seoul(now))
    assert owed.slot == (seoul(slot) if slot else None)
    assert owed.missed == missed
    assert list(owed.skipped) == [seoul(s) for s in skipped]


def test_a_check_that_never_ran_is_due_at_once_and_missed_passes_are_counted():
    table = Timetable(every=timedelta(minutes=1))
    now = datetime(2026, 11, 2, 3, 0, 30, tzinfo=UTC)
    assert due(table, None, None, now).slot == now.replace(second=0)
    owed = due(table, now.replace(second=0) - timedelta(minutes=10), None, now)
    assert (owed.slot, owed.missed) == (now.replace(second=0), 9)


def test_what_is_named_after_a_long_time_off_has_an_end():
    owed = due(MORNING, seoul("2026-01-01 08:30"), LATE, seoul("2026-11-04 09:00"))
    assert len(owed.skipped) == 31
    assert owed.skipped[-1] == seoul("2026-11-03 08:30")
    hourly = Timetable(every=timedelta(hours=1))
    now = datetime(2026, 11, 2, 3, tzinfo=UTC)
    assert due(hourly, now - 5 * DAILY, timedelta(hours=1), now).skipped == ()


def test_a_report_that_never_ran_waits_for_its_next_slot():
    assert due(MORNING, None, LATE, seoul("2026-11-02 08:31")).slot is None
