"""Reading history: snapshots, coverage, series, comparable figures of any period."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store, record, rows

from monitor.domain.check import Finding, Metric, Status
from monitor.domain.detection.ddsketch import SKETCH_RELATIVE_ERROR
from monitor.store.codec import to_micros
from monitor.store.database import Store
from monitor.store.passes.counts import PassCounts, pass_counts
from monitor.store.passes.snapshots import latest_snapshots, snapshots, status_changes
from monitor.store.series.history import (
    metric_history,
    series_names,
)
from monitor.store.series.summaries import summaries

_SERIES = "response_ms{ingest}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Three days with a reading each 7 minutes and 13 seconds."""
    opened = fresh_store(tmp_path_factory.mktemp("lived"))
    draw = random.Random(3)
    at = T0
    while at < T0 + DAY * 3:
        value = draw.lognormvariate(4, 1)
        record(opened, at, Metric("response_ms", value, "ingest"), check="services")
        at += timedelta(minutes=7, seconds=13)
    yield opened
    opened.close()


def _exact(store: Store, start: datetime, end: datetime) -> list[float]:
    query = "SELECT value FROM metric_values WHERE at >= ? AND at < ? ORDER BY value"
    return [v for (v,) in rows(store, query, to_micros(start), to_micros(end))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (timedelta(), DAY * 3),
        (timedelta(minutes=31), DAY * 2 + HOUR * 5 + timedelta(seconds=17)),
        (HOUR * 5, HOUR * 20),
        (timedelta(hours=5, minutes=59, seconds=59), timedelta(hours=7, microseconds=1)),
        (timedelta(hours=23, minutes=30), timedelta(days=1, minutes=30)),
        (timedelta(minutes=10), timedelta(minutes=50)),
        (DAY, DAY * 2),
        (-DAY, DAY * 9),
    ],
    ids=["whole", "ragged", "hours", "one hour", "midnight", "in an hour", "a day", "beyond"],
)
def test_figures_of_any_stretch_count_exactly_and_err_by_one_percent_at_most(
    lived: Store, start: timedelta, end: timedelta
) -> None:
    with lived.read() as tx:
        found = summaries(tx, T0 + start, T0 + end)
    exact = _exact(lived, T0 + start, T0 + end)
    summary = found["services", _SERIES]
    assert summary.count == len(exact)
    assert summary.total == pytest.approx(sum(exact))
    for value, share in ((summary.median, 0.5), (summary.p95, 0.95)):
        nearest = exact[int(share * (len(exact) - 1))]
        assert value == pytest.approx(nearest, rel=SKETCH_RELATIVE_ERROR * 1.001)
    assert SKETCH_RELATIVE_ERROR <= 0.01


def test_a_stretch_without_readings_has_no_figures(lived: Store) -> None:
    with lived.read() as tx:
        assert summaries(tx, T0 - DAY, T0) == {}
        assert summaries(tx, T0, T0) == {}
        assert summaries(tx, T0 + DAY, T0) == {}


def test_an_empty_store_has_no_figures(store: Store) -> None:
    with store.read() as tx:
        assert summaries(tx, T0 + MINUTE, T0 + DAY) == {}


def test_where_readings_were_pruned_an_edge_moves_to_the_nearest_hour(store: Store) -> None:
    for minute in range(0, 180, 10):
        record(store, T0 + MINUTE * minute, Metric("breaks", 1.0))
    with store.write() as tx:
        tx.exec_driver_sql("DELETE FROM metric_values WHERE at < ?", (to_micros(T0 + HOUR),))

    def count(start: int, end: int) -> int:
        with store.read() as tx:
            found = summaries(tx, T0 + MINUTE * start, T0 + MINUTE * end)
        return found["outbox_age", "breaks"].count

    assert [count(20, 180), count(40, 180), count(70, 180), count(20, 90)] == [18, 12, 11, 9]


def test_a_series_over_a_short_span_is_its_readings(lived: Store) -> None:
    with lived.read() as tx:
        history = metric_history(tx, "services", _SERIES, T0 + HOUR, T0 + HOUR * 2)
    assert history.step_seconds == 0
    assert sorted(p.value for p in history.points) == _exact(lived, T0 + HOUR, T0 + HOUR * 2)
    assert all(T0 + HOUR <= p.at < T0 + HOUR * 2 for p in history.points)


@pytest.mark.parametrize(
    ("points_max", "step", "points"), [(80, 3600, 72), (10, 86_400, 3), (2, 172_800, 2)]
)
def test_a_series_over_a_long_span_is_medians_of_hours_days_or_several_days(
    lived: Store, points_max: int, step: int, points: int
) -> None:
    with lived.read() as tx:
        history = metric_history(tx, "services", _SERIES, T0, T0 + DAY * 3, points_max)
    assert (history.step_seconds, len(history.points)) == (step, points)
    first = history.points[0]
    exact = _exact(lived, T0, T0 + timedelta(seconds=step))
    assert (first.at, first.count) == (T0, len(exact))
    assert first.mean == pytest.approx(sum(exact) / len(exact))
    assert exact[0] * 0.99 <= first.value <= first.p95 <= exact[-1] * 1.01


def test_a_span_whose_readings_were_pruned_is_told_by_hours(store: Store) -> None:
    for minute in range(0, 180, 10):
        record(store, T0 + MINUTE * minute, Metric("breaks", 1.0))
    with store.write() as tx:
        tx.exec_driver_sql("DELETE FROM metric_values WHERE at < ?", (to_micros(T0 + HOUR),))
    with store.read() as tx:
        history = metric_history(tx, "outbox_age", "breaks", T0, T0 + HOUR * 3)
    assert (history.step_seconds, len(history.points)) == (3600, 3)


def test_an_unknown_series_has_no_history(lived: Store) -> None:
    with lived.read() as tx:
        assert metric_history(tx, "services", "nothing", T0, T0 + DAY).points == ()
        assert series_names(tx) == [("services", _SERIES)]


def test_snapshots_come_newest_first_by_check_and_status(store: Store) -> None:
    finding = Finding("outbox_old", Status.WARN, "shard1", {"n": 1}, ({"id": 1},))
    record(store, T0)
    record(store, T0 + MINUTE, findings=(finding,))
    record(store, T0 + MINUTE * 2, check="services")
    with store.read() as tx:
        everything = snapshots(tx, T0, T0 + DAY)
        ours = snapshots(tx, T0, T0 + DAY, "outbox_age", limit=1)
        bad = snapshots(tx, T0, T0 + DAY, statuses=[Status.WARN])
        assert [s.at for s in snapshots(tx, T0, T0 + MINUTE)] == [T0]  # its end is left out
        assert snapshots(tx, T0 + DAY, T0 + DAY * 2) == []
    assert [s.at for s in everything] == [T0 + MINUTE * 2, T0 + MINUTE, T0]
    assert ours == bad == [everything[1]]
    assert bad[0].findings == (finding,)


def test_the_latest_pass_of_every_check_is_found(store: Store) -> None:
    with store.read() as tx:
        assert latest_snapshots(tx) == {}
    for minute in range(3):
        for check in ("a", "b", "c"):
            record(store, T0 + MINUTE * minute, check=check)
    record(store, T0 + HOUR, check="b", status=Status.CRIT)
    with store.read() as tx:
        found = latest_snapshots(tx)
    assert {c: (s.at - T0, s.status) for c, s in found.items()} == {
        "a": (MINUTE * 2, Status.OK),
        "b": (HOUR, Status.CRIT),
        "c": (MINUTE * 2, Status.OK),
    }


def test_only_changes_of_status_are_listed_as_changes(store: Store) -> None:
    course = (Status.OK, Status.OK, Status.CRIT, Status.CRIT, Status.UNKNOWN, Status.OK)
    for minute, status in enumerate(course):
        record(store, T0 + MINUTE * minute, status=status)
        record(store, T0 + MINUTE * minute, check="steady")
    with store.read() as tx:
        changes = [s for s in status_changes(tx, T0, T0 + DAY) if s.check == "outbox_age"]
    assert [(s.at - T0) // MINUTE for s in changes] == [0, 2, 4, 5]


def test_coverage_counts_passes_and_misses_of_whole_hours(store: Store) -> None:
    record(store, T0 + MINUTE * 59, missed=3)
    record(store, T0 + MINUTE * 60, status=Status.UNKNOWN)
    record(store, T0 + MINUTE * 120)
    with store.read() as tx:
        found = pass_counts(tx, T0, T0 + HOUR * 2)
    assert found == {"outbox_age": PassCounts(1, 0, 0, 1, 3)}
    assert found["outbox_age"].passes == 2
