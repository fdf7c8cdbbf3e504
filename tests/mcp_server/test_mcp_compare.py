"""Comparing periods: the right figures, the right spans, what counts and what leads."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from store_case import DAY, HOUR, MINUTE, fresh_store, record, rows

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Metric, Status
from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.periods import PeriodLimits
from monitor.domain.interval import Interval
from monitor.domain.load_test.run import LoadTestRun
from monitor.reports.compare import compare
from monitor.reports.periods import PERIODS, instant, period, shifted
from monitor.store.alerting.alerts import save_alerts
from monitor.store.notes import Note, add_note
from monitor.store.series.parts import parts

NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Interval(NOW - 7 * DAY, NOW)
BEFORE = Interval(NOW - 14 * DAY, NOW - 7 * DAY)
STEP = 2 * HOUR


@pytest.fixture
def store(tmp_path):
    made = fresh_store(tmp_path)
    yield made
    made.close()


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def live_through(store, span, metrics_at, step=STEP, check="outbox_age", missed=0):
    moment = span.start
    while moment < span.end:
        record(store, moment, *metrics_at(moment), check=check, missed=missed)
        moment += step


def one(found, series):
    return next(item for item in found.series if item.series == series)


def test_the_figures_are_those_of_sql_over_the_readings(store):
    random.seed(7)
    live_through(
        store,
        Interval(BEFORE.start, WEEK.end),
        lambda _: [Metric("response_ms", random.lognormvariate(4, 0.5), "ingest")],
        HOUR,
        "services",
    )
    found = compare(store, WEEK, BEFORE, PeriodLimits())
    item = one(found, "response_ms{ingest}")
    for span, figures in ((WEEK, item.now), (BEFORE, item.before)):
        micros = [int(edge.timestamp()) * 1_000_000 for edge in (span.start, span.end)]
        sql = "SELECT value FROM metric_values WHERE at >= ? AND at < ? ORDER BY value"
        values = [row[0] for row in rows(store, sql, *micros)]
        assert figures.summary.count == len(values) == 168
        assert figures.summary.total == pytest.approx(sum(values))
        assert figures.summary.median == pytest.approx(median(values), rel=0.02)
        assert figures.summary.p95 == pytest.approx(values[round(0.95 * 167 - 0.5)], rel=0.01)
    assert item.change == pytest.approx(item.now.summary.median / item.before.summary.median - 1)
    assert found.quantile_error_percent < 1


def test_the_most_telling_comes_first(store):
    past = {"a": 100, "b": 100, "c": 1000, "d": 100, "e": 0}
    present = {"a": 5000, "b": 900, "c": 200, "d": 101, "e": 400}

    def metrics(values):
        return lambda _: [Metric("response_ms", value, name) for name, value in values.items()]

    live_through(store, BEFORE, metrics(past), check="services")
    live_through(store, WEEK, metrics(present), check="services")
    record(store, NOW - MINUTE, Metric("brokers", 3), check="kafka_cluster")
    found = compare(store, WEEK, BEFORE, PeriodLimits())
    assert [(i.series.partition("{")[2][:1], i.word) for i in found.series] == [
        ("e", Comparison.REGRESSION),  # from nothing
        ("a", Comparison.REGRESSION),
        ("b", Comparison.REGRESSION),
        ("c", Comparison.IMPROVEMENT),
        ("d", Comparison.SAME),
        ("", Comparison.NOT_ENOUGH_HISTORY),
    ]


def test_what_stayed_at_zero_is_not_telling(store):
    def metrics(moment):
        is_rare = moment == WEEK.start + DAY
        return [Metric("lag_messages", 5 * is_rare, "a"), Metric("lag_messages", 7, "b")]

    live_through(store, Interval(BEFORE.start, WEEK.end), metrics, check="consumer_lag")
    assert one(compare(store, WEEK, BEFORE, PeriodLimits()), "lag_messages{a}").size == 0


def test_a_counter_is_compared_by_its_rate_however_often_it_was_read(store):
    def metrics(moment):
        return [Metric("breaker_not_permitted_calls", (moment - BEFORE.start) / MINUTE, "ingest")]

    live_through(store, BEFORE, metrics, 4 * HOUR, "breakers")
    live_through(store, WEEK, metrics, HOUR, "breakers")
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "breaker_not_permitted_calls{ingest}")
    assert item.now.per_hour == pytest.approx(60, rel=0.03)
    assert item.before.per_hour == pytest.approx(60, rel=0.03)
    assert item.word is Comparison.SAME
    assert item.before.summary.count < item.now.summary.count / 3.5


def test_one_bad_day_makes_no_bad_week(store):
    def slow_on(days):
        def metrics(moment):
            is_slow = (moment - WEEK.start) // DAY in days
            return [Metric("response_ms", 3000 if is_slow else 1000, "ingest")]

        return metrics

    live_through(store, BEFORE, slow_on(()), HOUR, "services")
    live_through(store, WEEK, slow_on((2,)), HOUR, "services")
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "response_ms{ingest}")
    assert item.p95_change == pytest.approx(2, rel=0.02)
    assert item.word is Comparison.SAME


def test_what_the_live_rule_holds_for_worse_as_the_period_ends_is_a_regression(store):
    live_through(
        store,
        Interval(BEFORE.start, WEEK.end),
        lambda _: [Metric("response_ms", 9, "x")],
        HOUR,
        "a",
    )
    told = Alert(
        *("a", "regression", "response_ms{x}", Phase.FIRING, Status.WARN, NOW - DAY, NOW),
        fired_at=NOW - DAY,
    )
    with store.write() as tx:
        save_alerts(tx, [told])
    found = compare(store, WEEK, BEFORE, PeriodLimits())
    assert one(found, "response_ms{x}").word is Comparison.REGRESSION
    earlier = Interval(WEEK.start, NOW - 2 * DAY), Interval(BEFORE.start, BEFORE.end - 2 * DAY)
    found = compare(store, *earlier, PeriodLimits())
    assert one(found, "response_ms{x}").word is Comparison.SAME


@pytest.mark.parametrize(("length", "step"), [(HOUR, MINUTE), (DAY, 10 * MINUTE), (7 * DAY, HOUR)])
def test_a_period_of_any_length_is_compared_part_by_part(store, length, step):
    now, before = Interval(NOW - length, NOW), Interval(NOW - length - 7 * DAY, NOW - 7 * DAY)
    for span, value in ((before, 1000), (now, 1500)):
        live_through(store, span, lambda _, v=value: [Metric("request_ms", v, "p95")], step)
    item = one(compare(store, now, before, PeriodLimits()), "request_ms{p95}")
    assert item.word is Comparison.REGRESSION


def test_the_days_of_two_weeks_meet_across_a_change_of_clocks(store):
    now = Interval(at("2026-10-26 00:00", BERLIN), at("2026-11-02 00:00", BERLIN))
    before = shifted(now, "week", BERLIN)
    for span in (before, now):
        live_through(store, span, lambda m: [Metric("breaks", m.timestamp() // 86_400)], HOUR)
    with store.read() as tx:
        cut = [parts(tx, span.start, span.end)["outbox_age", "breaks"] for span in (now, before)]
    assert [sorted(each) for each in cut] == [[*range(6)], [*range(6)]]
    assert {round(cut[0][n].mean - cut[1][n].mean) for n in range(6)} == {7}


def test_only_the_metrics_that_were_asked_for_are_compared(store):
    live_through(
        store, WEEK, lambda _: [Metric("response_ms", 1, "x"), Metric("brokers", 3)], 12 * HOUR
    )
    found = compare(store, WEEK, BEFORE, PeriodLimits(), ("brokers",))
    assert [item.series for item in found.series] == ["brokers"]


def test_coverage_counts_missed_passes_and_the_time_before_the_first(store):
    half = Interval(BEFORE.start + 3.5 * DAY, BEFORE.end)
    live_through(store, half, lambda _: [Metric("brokers", 3)], check="kafka_cluster")
    live_through(store, WEEK, lambda _: [Metric("brokers", 3)], check="kafka_cluster", missed=1)
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "brokers")
    assert item.now.coverage.seen == pytest.approx(0.5, abs=0.01)
    assert item.before.coverage.seen == pytest.approx(0.5, abs=0.01)


def test_a_monitor_that_stopped_covers_only_what_it_saw(store):
    ran = Interval(WEEK.start + HOUR, WEEK.start + 3.5 * DAY)
    live_through(store, ran, lambda _: [Metric("brokers", 3)], check="kafka_cluster")
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "brokers")
    assert item.now.coverage.seen == pytest.approx(0.5, abs=0.01)
    assert (item.before.coverage.seen, item.before.coverage.passes) == (0.0, 0)


def test_a_check_that_was_not_due_in_a_period_has_no_coverage_to_speak_of(store):
    record(store, BEFORE.start + DAY, Metric("load_test_p95_ms", 80, "short"), check="load_test")
    record(store, NOW - MINUTE, check="services")
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "load_test_p95_ms{short}")
    assert (item.now.coverage.seen, item.now.coverage.passes) == (None, 0)
    assert item.before.coverage.passes == 1


def test_passes_that_could_not_look_are_counted_apart(store):
    record(store, NOW - 2 * HOUR, Metric("brokers", 3), check="kafka_cluster")
    record(store, NOW - HOUR, check="kafka_cluster", status=Status.UNKNOWN)
    item = one(compare(store, WEEK, BEFORE, PeriodLimits()), "brokers")
    assert (item.now.coverage.passes, item.now.coverage.unknown) == (2, 1)


def test_the_events_of_both_periods_stand_beside_them(store):
    for days in (1, 8, 20):
        add_note(store, Note(NOW - days * DAY, "deployment", f"release {days}"))
    found = compare(store, WEEK, BEFORE, PeriodLimits())
    assert [n.text for n in found.events_now.notes] == ["release 1"]
    assert [n.text for n in found.events_before.notes] == ["release 8"]
    assert LoadTestRun not in map(type, found.events_now.load_tests)


@pytest.mark.parametrize("name", PERIODS)
def test_every_period_is_a_span_with_an_earlier_one_of_the_same_clock(name):
    now = period(name, NOW, SEOUL)
    before = shifted(now, "week", SEOUL)
    assert now.start < now.end <= NOW
    assert before.end <= now.start and before.length == now.length
    assert before.start.astimezone(SEOUL).weekday() == now.start.astimezone(SEOUL).weekday()


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("today", "2026-11-22 00:00", "2026-11-22 14:30"),
        ("yesterday", "2026-11-21 00:00", "2026-11-22 00:00"),
        ("this_week", "2026-11-16 00:00", "2026-11-22 14:30"),
        ("last_week", "2026-11-09 00:00", "2026-11-16 00:00"),
        ("last_7_days", "2026-11-15 14:30", "2026-11-22 14:30"),
        ("last_hour", "2026-11-22 13:30", "2026-11-22 14:30"),
    ],
)
def test_a_period_follows_the_local_calendar(name, start, end):
    assert period(name, NOW, SEOUL) == Interval(at(start, SEOUL), at(end, SEOUL))


@pytest.mark.parametrize(
    ("start", "end", "against", "before_start", "before_end"),
    [
        # Berlin left summer time on 25 October 2026 and entered it on 29 March.
        ("2026-10-27 09:00", "2026-10-27 12:00", "week", "2026-10-20 09:00", "2026-10-20 12:00"),
        ("2026-10-25 00:00", "2026-10-26 00:00", "day", "2026-10-24 00:00", "2026-10-25 00:00"),
        ("2026-03-30 02:30", "2026-03-30 03:30", "day", "2026-03-29 02:30", "2026-03-29 03:30"),
        ("2026-04-01 00:00", "2026-05-01 00:00", "week", "2026-02-25 00:00", "2026-03-27 00:00"),
        ("2026-06-01 10:00", "2026-06-03 10:00", "day", "2026-05-30 10:00", "2026-06-01 10:00"),
    ],
    ids=["week-over-autumn", "day-of-25-hours", "hour-that-is-not", "month", "two-days"],
)
def test_the_same_local_hours_are_compared_across_a_change_of_clocks(
    start, end, against, before_start, before_end
):
    before = shifted(Interval(at(start, BERLIN), at(end, BERLIN)), against, BERLIN)
    assert before == Interval(at(before_start, BERLIN), at(before_end, BERLIN))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", "2026-11-21T15:00:00+00:00"),
        ("2026-11-22T09:00", "2026-11-22T00:00:00+00:00"),
        ("2026-11-22T09:00Z", "2026-11-22T09:00:00+00:00"),
        (" 2026-11-22T09:00+02:00 ", "2026-11-22T07:00:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_local(text, expected):
    assert instant(text, SEOUL) == datetime.fromisoformat(expected)


def test_the_default_is_the_seven_days_before():
    now = period("last_7_days", NOW, SEOUL)
    assert shifted(now, "week", SEOUL) == Interval(
        NOW - timedelta(days=14), NOW - timedelta(days=7)
    )
