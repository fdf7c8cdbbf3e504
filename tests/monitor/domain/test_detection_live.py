"""The live rule on series of our own making: what it finds, how soon, and what leaves it quiet."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.detection.live import Effect, Pace, Reading
from monitor.domain.detection.replay import Alarm, replay
from monitor.domain.detection.rule import Shape
from monitor.domain.metrics import Worse

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Make = Callable[[random.Random, datetime], float]


def busy(at: datetime) -> float:
    """0 in the small hours, 1 in the afternoon."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * (at.hour + at.minute / 60 - 3) / 24)


def steady(noise: random.Random, at: datetime) -> float:
    return 100 * (1 + 0.05 * noise.gauss(0, 1))


def daily(noise: random.Random, at: datetime) -> float:
    return (40 + 60 * busy(at)) * (1 + 0.05 * noise.gauss(0, 1))


def weekly(noise: random.Random, at: datetime) -> float:
    share = 0.4 if at.weekday() >= 5 else 1.0
    return (20 + 180 * busy(at)) * share * (1 + 0.05 * noise.gauss(0, 1))


def counts(noise: random.Random, at: datetime) -> float:
    return float(sum(noise.random() < 0.1 for _ in range(20)))


def zeros(noise: random.Random, at: datetime) -> float:
    return float(noise.random() < 0.03)


def growing(noise: random.Random, at: datetime) -> float:
    return steady(noise, at) * (1 + (at - START).days / 50)


def constant(noise: random.Random, at: datetime) -> float:
    return 7.0


def series(make: Make, every: timedelta = HOUR, days: int = 28, seed: int = 1) -> list[Reading]:
    noise = random.Random(seed)
    times = [START + number * every for number in range(days * 24 * 3600 // every.seconds)]
    return [(at, make(noise, at)) for at in times]


def changed(
    readings: list[Reading], at: datetime, change: Callable[[float], float], hours: float = 1e9
) -> list[Reading]:
    end = at + timedelta(hours=min(hours, 1e6))
    return [(when, change(value) if at <= when < end else value) for when, value in readings]


def fired(readings: list[Reading], alarms: tuple[Alarm, ...]) -> list[datetime]:
    return [readings[alarm.started][0] for alarm in alarms]


ALL = [steady, daily, weekly, counts, zeros, growing, constant]


@pytest.mark.parametrize("every", [HOUR, 5 * MINUTE], ids=["hourly", "5 min"])
@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_a_series_that_is_as_it_always_was_stays_quiet(make, every):
    assert len(replay(series(make, every)).alarms) <= 1


@pytest.mark.parametrize("every", [HOUR, 5 * MINUTE, MINUTE], ids=["hourly", "5 min", "1 min"])
@pytest.mark.parametrize("make", [steady, daily, weekly], ids=lambda make: make.__name__)
@pytest.mark.parametrize("change", [lambda v: 4 * v, lambda v: 0.0], ids=["fourfold", "nothing"])
def test_what_goes_wrong_is_found_within_the_hour(make, every, change):
    days = 28 if every > MINUTE else 17
    at = START + timedelta(days=days - 4, hours=13)
    readings = changed(series(make, every, days), at, change, 3)
    found = [when for when in fired(readings, replay(readings).alarms) if when >= at]
    assert at <= found[0] <= at + HOUR


def test_a_single_odd_reading_among_many_is_no_alert():
    readings = series(steady, MINUTE, 7)
    at = START + timedelta(days=6)
    assert not replay(changed(readings, at, lambda v: 20 * v, 1 / 60)).alarms


def test_a_third_more_is_found_by_its_level_within_the_hour():
    readings = series(steady, 5 * MINUTE)
    at = START + timedelta(days=20)
    found = replay(changed(readings, at, lambda v: 1.3 * v)).alarms
    assert at < fired(readings, found)[0] <= at + HOUR


def test_a_lasting_change_is_one_alert_that_goes_on_and_is_never_learnt():
    readings = series(daily)
    at = START + timedelta(days=14)
    (alarm,) = replay(changed(readings, at, lambda v: 2 * v)).alarms
    assert (alarm.ended, alarm.side, alarm.shape) == (None, 1, Shape.STEP)


def test_a_spike_is_over_when_it_is():
    at = START + timedelta(days=20)
    readings = changed(series(steady), at, lambda v: 5 * v, 2)
    (alarm,) = replay(readings).alarms
    assert alarm.shape is Shape.SPIKE
    assert (readings[alarm.started][0], readings[alarm.ended][0]) == (at, at + 2 * HOUR)


def test_a_slow_rise_is_a_drift():
    begun = START + timedelta(days=20)
    readings = [
        (at, value * (1 + max(0.0, (at - begun) / timedelta(days=2))))
        for at, value in series(steady)
    ]
    shapes = [alarm.shape for alarm in replay(readings).alarms]
    assert shapes[-1] is Shape.DRIFT
    assert Shape.STEP not in shapes


def test_a_spike_that_keeps_coming_becomes_usual():
    readings = series(steady)
    for day in range(5, 28):
        at = START + timedelta(days=day, hours=day % 24)
        readings = changed(readings, at, lambda v: 2 * v, 1)
    found = fired(readings, replay(readings).alarms)
    assert found
    assert max(found) < START + timedelta(days=20)


@pytest.mark.parametrize(
    ("worse", "up", "down"),
    [(Worse.HIGHER, 1, 0), (Worse.LOWER, 0, 1), (Worse.EITHER, 1, 1), (Worse.NEITHER, 0, 0)],
    ids=str,
)
def test_only_the_bad_direction_is_an_alert(worse, up, down):
    at = START + timedelta(days=20)
    for change, expected in ((5.0, up), (0.0, down)):
        readings = changed(series(steady), at, lambda v, by=change: by * v, 2)
        assert len(replay(readings, worse).alarms) == expected


def test_changes_below_the_smallest_that_matters_are_none():
    at = START + timedelta(days=20)
    readings = changed(series(steady), at, lambda v: v + 200, 3)
    assert replay(readings, effect=Effect(150)).alarms
    assert not replay(readings, effect=Effect(250)).alarms


def test_a_share_of_a_percentage_does_not_count_but_points_do():
    readings = changed(series(lambda n, at: 99.0), START + timedelta(days=20), lambda v: 95.0)
    assert not replay(readings).alarms
    assert replay(readings, effect=Effect(2, is_relative=False)).alarms


def test_the_first_day_is_only_learnt():
    readings = series(steady, days=2)
    judged = replay(readings).judged
    assert judged == 48 - 30  # a day of hours, learnt six hours late
    assert replay(readings[:20]).judged == 0


def test_missing_hours_and_pauses_leave_it_quiet():
    noise = random.Random(3)
    readings = [each for each in series(daily) if noise.random() > 0.2]
    pause = START + timedelta(days=15), START + timedelta(days=17)
    assert not replay([r for r in readings if not pause[0] <= r[0] < pause[1]]).alarms


@pytest.mark.parametrize(
    ("every", "together"),
    [(15, 3), (60, 3), (300, 3), (600, 2), (900, 1), (3600, 1), (86400, 1)],
    ids=str,
)
def test_readings_that_come_often_are_taken_together(every, together):
    readings = [(START + n * timedelta(seconds=every), 1.0) for n in range(5)]
    pace = Pace.of(readings)
    assert pace is not None
    assert pace.together == together
