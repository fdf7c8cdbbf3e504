"""Regressions of live metrics: what a pass says of its readings, and what it learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from monitor.domain.check import Metric, Status, Verdict
from monitor.domain.detection.past import Hour, LiveLimits
from monitor.domain.detection.regressions import Baselines
from monitor.store.series.past import Unusual

SEOUL = ZoneInfo("Asia/Seoul")
FRIDAY = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)  # noon in Seoul
SATURDAY = FRIDAY + timedelta(days=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SERIES = "payments_per_minute"


class Past:
    """A store: the level of every hour, the readings of late, and what was not usual."""

    def __init__(self, level: Callable[[datetime], float | None], days: int = 28) -> None:
        self.level = level
        self.days = days
        self.latest: list[tuple[datetime, float]] = []
        self.told: list[tuple[datetime, datetime | None]] = []
        self.spans: list[Unusual] = []
        self.since: dict[str, datetime] = {}

    def hours(self, check: str, names: Sequence[str], start: datetime, end: datetime):
        first = max(start, end - self.days * DAY)
        at = [first + n * HOUR for n in range(int((end - first) / HOUR))]
        levels = [(hour, self.level(hour)) for hour in at]
        found = [(hour, Hour(0.9 * v, v, 1.1 * v)) for hour, v in levels if v is not None]
        return dict.fromkeys(names, found)

    def readings(self, check: str, names: Sequence[str], since: datetime):
        return {name: [r for r in self.latest if r[0] >= since] for name in names}

    def regressions(self, check: str, since: datetime):
        return {SERIES: self.told}

    def unusual(self, start: datetime, end: datetime):
        return [s for s in self.spans if s.start < end and (s.end is None or s.end > start)]

    def accepted(self, check: str):
        return dict(self.since)


def baselines(past: Past, zone: tzinfo = SEOUL) -> Baselines:
    return Baselines(LiveLimits(), past, zone)


def passes(
    judge: Baselines,
    start: datetime,
    values: Iterable[float],
    every: timedelta = MINUTE,
    series: str = SERIES,
):
    """The regressions of the last of some passes."""
    found = []
    name, _, subject = series.rstrip("}").partition("{")
    for number, value in enumerate(values):
        verdict = Verdict(Status.OK, metrics=(Metric(name, value, subject),))
        found = judge.regressions("traffic", verdict, start + number * every)
    return [finding.subject for finding in found]


def weekly(hour: datetime) -> float:
    """A shop that is busy on working days: 100 payments a minute, 20 at the weekend."""
    return 20.0 if hour.astimezone(SEOUL).weekday() >= 5 else 100.0


@pytest.mark.parametrize(
    ("level", "minutes"),
    [(lambda hour: 100.0, 4), (weekly, 5)],  # where nights or weekends are low, one more must agree
    ids=["steady", "weekly"],
)
def test_a_fall_to_nothing_is_told_as_soon_as_enough_readings_agree_on_it(level, minutes):
    judge = baselines(Past(level))
    assert passes(judge, FRIDAY, [0] * minutes) == []  # three readings, three times
    assert passes(judge, FRIDAY + minutes * MINUTE, [0]) == [SERIES]
    assert judge.unjudged("traffic") == frozenset()


def test_a_working_day_that_is_like_a_weekend_is_told_within_the_hour():
    assert passes(baselines(Past(weekly)), FRIDAY, [20] * 61) == [SERIES]


def test_a_weekend_that_is_as_weekends_are_is_no_regression():
    assert passes(baselines(Past(weekly)), SATURDAY, [20] * 120) == []


def test_a_weekend_that_is_worse_than_weekends_are_is_a_regression():
    assert passes(baselines(Past(weekly)), SATURDAY, [2] * 61) == [SERIES]


def test_a_finding_tells_the_figures_and_the_shape():
    judge = baselines(Past(lambda hour: 100.0))
    passes(judge, FRIDAY, [10] * 9)
    verdict = Verdict(Status.OK, metrics=(Metric(SERIES, 10.0),))
    (finding,) = judge.regressions("traffic", verdict, FRIDAY + 9 * MINUTE)
    assert finding.params["before"] == pytest.approx(100)
    assert finding.params["change_percent"] == pytest.approx(-90)
    assert (finding.params["now"], finding.params["shape"]) == (10.0, "spike")


def test_a_rise_of_what_should_be_high_is_no_regression():
    assert passes(baselines(Past(lambda hour: 100.0)), FRIDAY, [900] * 90) == []


def test_it_is_over_when_it_is():
    judge = baselines(Past(lambda hour: 100.0))
    assert passes(judge, FRIDAY, [0] * 10) == [SERIES]
    assert passes(judge, FRIDAY + 10 * MINUTE, [100] * 5) == []


def test_a_series_without_history_is_told_as_unjudged():
    judge = baselines(Past(lambda hour: None))
    assert passes(judge, FRIDAY, [20] * 9) == []
    assert judge.unjudged("traffic") == {SERIES}
    assert judge.unjudged("another") == frozenset()


def test_a_day_of_history_is_enough():
    judge = baselines(Past(lambda hour: 100.0, days=2))
    assert passes(judge, FRIDAY, [0] * 9) == [SERIES]


def test_after_a_start_a_series_is_unjudged_until_it_was_read_often_enough():
    judge = baselines(Past(weekly))
    passes(judge, FRIDAY, [100, 100])
    assert judge.unjudged("traffic") == {SERIES}
    passes(judge, FRIDAY + 2 * MINUTE, [100])
    assert judge.unjudged("traffic") == frozenset()


def test_after_a_long_pause_the_readings_before_it_count_no_more():
    judge = baselines(Past(lambda hour: 100.0))
    assert passes(judge, FRIDAY, [0] * 8) == [SERIES]
    passes(judge, FRIDAY + 3 * HOUR, [100])
    assert judge.unjudged("traffic") == {SERIES}


@pytest.mark.parametrize("every", [MINUTE, 20 * MINUTE, HOUR, 6 * HOUR, DAY], ids=str)
def test_readings_that_come_seldom_are_judged_by_themselves(every):
    judge = baselines(Past(lambda hour: 100.0))
    passes(judge, FRIDAY - 6 * every, [100] * 6, every)
    assert passes(judge, FRIDAY, [0] * 6, every) == [SERIES]


@pytest.mark.parametrize("every", [MINUTE, 40 * MINUTE, 6 * HOUR], ids=str)
def test_a_restart_goes_on_with_the_readings_that_are_stored(every):
    past = Past(lambda hour: 100.0)
    past.latest = [(FRIDAY - n * every, 0.0) for n in range(6, 0, -1)]
    assert passes(baselines(past), FRIDAY, [0]) == [SERIES]


def poisoned(hour: datetime) -> float:
    """Four weeks at 100, and for the last ten days 1."""
    return 1.0 if hour >= FRIDAY - 10 * DAY else 100.0


def test_a_lasting_regression_is_never_learnt_not_even_over_a_restart():
    past = Past(poisoned)
    past.told = [(FRIDAY - 10 * DAY, None)]
    assert passes(baselines(past), FRIDAY, [1] * 9) == [SERIES]


def test_without_an_alert_what_lasts_for_ten_days_is_usual():
    assert passes(baselines(Past(poisoned)), FRIDAY, [1] * 9) == []


def test_a_new_normal_that_somebody_accepted_is_what_counts():
    past = Past(poisoned)
    past.told = [(FRIDAY - 10 * DAY, None)]
    judge = baselines(past)
    assert passes(judge, FRIDAY, [1] * 9) == [SERIES]
    past.since = {SERIES: FRIDAY - 10 * DAY}
    assert passes(judge, FRIDAY + 9 * MINUTE, [1] * 9) == []
    assert judge.unjudged("traffic") == frozenset()


def test_a_new_normal_younger_than_a_day_must_be_learnt_first():
    past = Past(poisoned)
    past.since = {SERIES: FRIDAY - 10 * HOUR}
    judge = baselines(past)
    passes(judge, FRIDAY, [1] * 9)
    assert judge.unjudged("traffic") == {SERIES}


@pytest.mark.parametrize(
    ("pattern", "is_left_out"),
    [("*", True), ("traffic/*", True), (f"traffic/regression:{SERIES}", True), ("redis/*", False)],
    ids=str,
)
def test_hours_that_were_not_usual_are_not_learnt(pattern, is_left_out):
    past = Past(poisoned)
    past.spans = [Unusual(FRIDAY - 11 * DAY, None, pattern)]
    assert passes(baselines(past), FRIDAY, [1] * 9) == ([SERIES] if is_left_out else [])


def test_an_hour_that_turns_out_unusual_is_not_learnt_either():
    found = []
    for spans in ([], [Unusual(FRIDAY, FRIDAY + 40 * HOUR)]):
        past = Past(lambda hour: 100.0, days=2)
        past.spans = spans
        judge = baselines(past)
        hours = int(30 * HOUR / (20 * MINUTE))
        passes(judge, FRIDAY, [64] * hours, 20 * MINUTE)  # too little to be told
        found.append(judge._series["traffic", SERIES].past.frame(FRIDAY).whole.low)
    assert found[0] < found[1] == pytest.approx(90)


def test_a_metric_that_nobody_watches_is_not_looked_at():
    judge = baselines(Past(lambda hour: 100.0))
    assert passes(judge, FRIDAY, [1e9] * 9, series="redis_keys") == []
    assert judge._series == {}


@pytest.mark.parametrize(
    ("metric", "usual", "now", "is_told"),
    [
        ("settlement_success_percent", 99.0, 95.0, True),
        ("settlement_success_percent", 99.0, 98.0, False),
        ("request_ms", 2000.0, 4000.0, True),
        ("request_ms", 20.0, 60.0, False),  # three times as long, but nobody waits for 40 ms
        ("lag_messages{payment-consumer}", 0.0, 500.0, True),
        ("lag_messages{payment-consumer}", 0.0, 50.0, False),
        ("outbox_oldest_age_seconds{shard1}", 2.0, 60.0, True),
        ("refused_percent", 1.0, 9.0, True),
    ],
    ids=str,
)
def test_each_metric_has_its_smallest_change_that_matters(metric, usual, now, is_told):
    judge = baselines(Past(lambda hour: usual))
    assert passes(judge, FRIDAY, [now] * 9, series=metric) == ([metric] if is_told else [])
