"""Regressions: a pass against the same hours of earlier days, and what cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.domain.baseline import Comparison, Limits, Summary, compare, judge
from monitor.domain.check import Metric, Status, Verdict
from monitor.domain.metrics import METRICS
from monitor.regressions import Baselines, same_hours

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)  # noon in Seoul
SATURDAY = FRIDAY + timedelta(days=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SERIES = "payments_per_minute"


class Past:
    """A store: a median for every hour, and dated readings of the time before."""

    def __init__(self, median: Callable[[datetime], float | None]) -> None:
        self.median = median
        self.readings: list[tuple[datetime, float]] = []

    def hour_medians(self, check: str, series: Sequence[str], hours: Sequence[datetime]):
        found = [self.median(hour) for hour in hours]
        return {name: [value for value in found if value is not None] for name in series}

    def recent_values(self, check: str, series: Sequence[str], since: datetime):
        return {name: [v for at, v in self.readings if at >= since] for name in series}


def baselines(past: Past, days: int = 14, **given: object) -> Baselines:
    limits = Limits(history_min=12)
    return Baselines(limits, days, past.hour_medians, past.recent_values, **given)


def passes(judge: Baselines, start: datetime, values: Sequence[float], every: timedelta = MINUTE):
    """The regressions of the last of some passes."""
    found = []
    for number, value in enumerate(values):
        verdict = Verdict(Status.OK, metrics=(Metric(SERIES, value),))
        found = judge.regressions("traffic", verdict, start + number * every)
    return [finding.subject for finding in found]


def weekly(hour: datetime) -> float:
    """A shop that is busy on working days: 100 payments a minute, 20 at the weekend."""
    return 20.0 if hour.astimezone(SEOUL).weekday() >= 5 else 100.0


def test_a_fall_below_the_same_hours_of_all_days_is_a_regression():
    judge = baselines(Past(weekly), zone=SEOUL)
    assert passes(judge, FRIDAY, [20, 20, 20]) == [SERIES]
    assert judge.unjudged("traffic") == frozenset()


def test_a_weekend_that_is_as_weekends_are_is_no_regression():
    assert passes(baselines(Past(weekly), zone=SEOUL), SATURDAY, [20, 20, 20]) == []


def test_a_weekend_that_is_worse_than_weekends_are_is_a_regression():
    assert passes(baselines(Past(weekly), zone=SEOUL), SATURDAY, [5, 5, 5]) == [SERIES]


def test_without_enough_of_the_weekday_all_days_decide():
    judge = baselines(Past(weekly), days=6, zone=SEOUL)
    assert passes(judge, SATURDAY, [20, 20, 20]) == [SERIES]


def test_a_series_without_history_is_told_as_unjudged():
    judge = baselines(Past(lambda hour: None))
    assert passes(judge, FRIDAY, [20, 20, 20]) == []
    assert judge.unjudged("traffic") == {SERIES}
    assert judge.unjudged("another") == frozenset()


def test_after_a_start_a_series_is_unjudged_until_it_was_read_often_enough():
    judge = baselines(Past(weekly), zone=SEOUL)
    passes(judge, FRIDAY, [20, 20])
    assert judge.unjudged("traffic") == {SERIES}
    passes(judge, FRIDAY + 2 * MINUTE, [20])
    assert judge.unjudged("traffic") == frozenset()


def test_after_a_long_pause_the_readings_before_it_count_no_more():
    judge = baselines(Past(weekly), zone=SEOUL)
    assert passes(judge, FRIDAY, [20] * 8) == [SERIES]
    assert passes(judge, FRIDAY + 2 * HOUR, [20]) == []
    assert judge.unjudged("traffic") == {SERIES}


@pytest.mark.parametrize("every", [MINUTE, HOUR, 6 * HOUR, DAY], ids=str)
def test_readings_that_come_seldom_still_count_as_recent(every):
    judge = baselines(Past(lambda hour: 100.0))
    assert passes(judge, FRIDAY, [20] * 4, every) == [SERIES]
    assert judge.unjudged("traffic") == frozenset()


@pytest.mark.parametrize("every", [MINUTE, 40 * MINUTE, 6 * HOUR], ids=str)
def test_a_restart_goes_on_with_the_readings_that_are_stored(every):
    past = Past(lambda hour: 100.0)
    past.readings = [(FRIDAY - n * every, 20.0) for n in range(6, 0, -1)]
    judge = baselines(past)
    assert passes(judge, FRIDAY, [20]) == [SERIES]


def test_a_restart_after_a_long_pause_begins_anew():
    past = Past(lambda hour: 100.0)
    past.readings = [(FRIDAY - 20 * HOUR - n * MINUTE, 20.0) for n in range(200, 0, -1)]
    judge = baselines(past)
    assert passes(judge, FRIDAY, [20]) == []
    assert judge.unjudged("traffic") == {SERIES}


def test_the_same_hours_are_those_of_the_wall_clock_across_a_change_of_time():
    hour = datetime(2026, 10, 26, 8, tzinfo=UTC)  # 9:00 in Berlin, the day after summer time
    clock = [at.astimezone(BERLIN).hour for at in same_hours(hour, range(1, 15), BERLIN)]
    assert clock == [8, 9, 10] * 14


def test_a_percentage_has_no_relative_floor():
    spec = METRICS["settlement_success_percent"]
    assert judge([95.0] * 3, [99.0] * 30, spec, Limits()).word is Comparison.REGRESSION
    assert judge([97.5] * 3, [99.0] * 30, spec, Limits()).word is Comparison.SAME
    before, now = (Summary(100, 100 * m, m, m) for m in (99.0, 95.0))
    assert compare(now, before, spec, Limits()).word is Comparison.REGRESSION


def test_other_units_keep_their_relative_floor():
    spec = METRICS["request_ms"]
    assert judge([2200.0] * 3, [2000.0] * 30, spec, Limits()).word is Comparison.SAME
    assert judge([2800.0] * 3, [2000.0] * 30, spec, Limits()).word is Comparison.REGRESSION
