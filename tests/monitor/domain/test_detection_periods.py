"""One period beside an earlier one: large enough, and borne by most of its parts."""

from __future__ import annotations

from operator import attrgetter

import pytest

from monitor.domain.detection.ddsketch import Comparison, Summary
from monitor.domain.detection.periods import Period, PeriodLimits, judge, strongest
from monitor.domain.metrics import METRICS

LIMITS = PeriodLimits()
REGRESSION, IMPROVEMENT = Comparison.REGRESSION, Comparison.IMPROVEMENT
SAME, FEW = Comparison.SAME, Comparison.NOT_ENOUGH_HISTORY


def flat(value: float, count: int = 100) -> Summary:
    return Summary(count, value * count, value, value)


def period(whole: float, parts: list[float]) -> Period:
    return Period(flat(whole), {number: flat(value, 20) for number, value in enumerate(parts)})


def word(metric, now, before, limits=LIMITS):
    return judge(now, before, attrgetter("median"), METRICS[metric], limits)


@pytest.mark.parametrize(
    ("metric", "before", "now", "expected"),
    [
        ("response_ms", 1000, 1300, REGRESSION),
        ("response_ms", 1000, 700, IMPROVEMENT),
        ("response_ms", 1000, 1190, SAME),  # too little of what was
        ("response_ms", 50, 200, SAME),  # too little for anybody
        ("response_ms", 0, 300, REGRESSION),
        ("payments_per_minute", 100, 70, REGRESSION),
        ("payments_per_minute", 100, 130, IMPROVEMENT),
        ("settlement_success_percent", 99.0, 95.0, REGRESSION),  # a share has no relative floor
        ("settlement_success_percent", 99.0, 97.5, SAME),
        ("redis_keys", 10, 10_000, SAME),  # neither way is worse
    ],
)
def test_a_lasting_change_counts_if_it_is_large_enough(metric, before, now, expected):
    assert word(metric, period(now, 7 * [now]), period(before, 7 * [before])) is expected


@pytest.mark.parametrize(("bad_days", "expected"), [(1, SAME), (4, SAME), (5, REGRESSION)])
def test_a_change_counts_if_most_of_the_days_bear_it(bad_days, expected):
    days = bad_days * [3000.0] + (7 - bad_days) * [1000.0]
    assert word("response_ms", period(1500, days), period(1000, 7 * [1000.0])) is expected


def test_days_that_moved_a_little_the_same_way_bear_it_too():
    before = period(1000, 7 * [1000.0])
    assert word("response_ms", period(1250, 7 * [1120.0]), before) is REGRESSION
    assert word("response_ms", period(1250, 7 * [1080.0]), before) is SAME


def test_only_parts_that_both_periods_have_are_compared():
    now = Period(flat(2000), {0: flat(1000), 1: flat(3000), 2: flat(3000), 3: flat(3000)})
    before = Period(flat(1000), {1: flat(1000), 2: flat(1000), 3: flat(1000), 4: flat(9000)})
    assert word("response_ms", now, before) is REGRESSION


def test_too_few_readings_or_parts_are_not_compared():
    much, little = period(3000, 5 * [3000.0]), period(1000, 2 * [1000.0])
    assert word("response_ms", much, little) is FEW
    thin = Period(flat(1000, 11), period(1000, 5 * [1000.0]).parts)
    assert word("response_ms", much, thin) is FEW


def test_a_counter_is_compared_as_a_whole():
    """Dead letters of one bad hour are no fewer for the good ones."""
    assert word("dlq_arrived_messages", Period(flat(5)), Period(flat(0))) is REGRESSION


def test_small_changes_count_where_they_are_looked_for():
    limits = PeriodLimits(change_min=0.1, effect_share=0.1)
    now, before = period(260, 7 * [260.0]), period(200, 7 * [200.0])
    assert word("response_ms", now, before) is SAME
    assert word("response_ms", now, before, limits) is REGRESSION


def test_the_worst_figure_speaks_for_the_series():
    assert strongest((SAME, REGRESSION, IMPROVEMENT)) is REGRESSION
    assert strongest((SAME, IMPROVEMENT)) is IMPROVEMENT
    assert strongest((FEW, FEW)) is FEW
