"""The figures of a report: those that say the same agree, those that matter are marked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from monitor.domain.check import Metric, Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.domain.detection.periods import PeriodLimits
from monitor.domain.report import Figure
from monitor.reports.figures import Spans, figures
from monitor.store.database import Store, migrate, open_store
from monitor.store.passes.record import record_pass
from monitor.text.catalog import Catalog
from monitor.text.daily_chart import HEIGHT, WIDTH, chart_of
from monitor.text.messages.report_figures import figure_rows

DAY = date(2026, 3, 10)
START = datetime(2026, 3, 9, tzinfo=UTC)
ENGLISH = Catalog("en", UTC, strict=True)


@pytest.fixture
def store(tmp_path: Path):
    migrate(tmp_path / "p.db")
    opened = open_store(tmp_path / "p.db")
    yield opened
    opened.close()


def traffic(store: Store, day: datetime, rates: list[float], count: float) -> float:
    """A day with a pass every quarter of an hour; the rates come in turn."""
    with store.write() as tx:
        for i in range(96):
            at, rate = day + timedelta(minutes=15 * i), rates[i % len(rates)]
            count += 15 * rate
            metrics = [Metric("payments_created", count), Metric("payments_per_minute", rate)]
            seen = Observed("traffic", at, 1.0, Verdict(Status.OK, (), tuple(metrics)), {})
            record_pass(tx, seen, at)
    return count


@pytest.mark.parametrize(
    ("before", "now"),
    [([10.0], [13.0]), ([10.0, 10.0, 40.0], [12.0, 12.0, 90.0]), ([5.0, 1.0], [1.0, 2.0])],
    ids=["even", "peaks", "fewer"],
)
def test_payments_and_payments_a_minute_change_alike(store, before, now):
    count = traffic(store, START - timedelta(days=2), [10.0], 0.0)
    count = traffic(store, START - timedelta(days=1), before, count)
    traffic(store, START, now, count)
    with store.read() as tx:
        made = figures(Spans(tx), "daily", DAY, UTC, PeriodLimits())
    found = {f.series: f for f in made}
    rate, total = found["payments_per_minute"], found["payments_created"]
    assert total.change is not None
    assert rate.change == total.change
    assert rate.now == pytest.approx(total.now / 1440)
    rows = figure_rows([total, rate], "daily", ENGLISH)
    assert rows[0].change == rows[1].change


def test_a_total_is_not_compared_with_a_day_that_is_on_record_only_in_part(store):
    count = 0.0
    with store.write() as tx:
        for i in range(20):
            at = START - timedelta(hours=5) + timedelta(minutes=15 * i)
            count += 150
            metrics = (Metric("payments_created", count),)
            record_pass(tx, Observed("traffic", at, 1.0, Verdict(Status.OK, (), metrics), {}), at)
    traffic(store, START, [10.0], count)
    with store.read() as tx:
        found = figures(Spans(tx), "daily", DAY, UTC, PeriodLimits())
    [total] = [f for f in found if f.series == "payments_created"]
    assert total.before
    assert total.change is None


def figure(word: str, change: float, series: str = "response_ms{redis}", **more) -> Figure:
    told = {"trend": (1.0, 2.0, None, 4.0), "change_earlier": None, **more}
    return Figure(
        *("services", series, "p95", "ms", 60.0, 58.0, None),
        **{"change": change, "word": word, "word_earlier": "not_enough_history", **told},
    )


def test_a_change_that_matters_is_marked_and_one_that_does_not_is_no_number():
    worse, same = figure_rows([figure("regression", 0.9), figure("same", 0.02)], "daily", ENGLISH)
    assert worse.line.startswith("🟠")
    assert "+90 %" in worse.line
    assert same.line[0] not in "🟠🟢"
    assert "2 %" not in same.line
    assert "about the same" in same.line


def test_a_large_change_is_not_called_the_same_because_few_hours_bear_it():
    [row] = figure_rows([figure("same", 0.5)], "daily", ENGLISH)
    assert "+50 %" in row.line


def test_a_chart_stays_within_its_frame_and_begins_at_zero():
    chart = chart_of(figure("same", 0.0, trend=(58.0, None, 60.0, 59.0)), ENGLISH)
    assert chart is not None
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in chart.dots)
    heights = [y for _, y in chart.dots]
    assert max(heights) - min(heights) < HEIGHT / 10
    assert len(chart.lines) == 2
    assert ElementTree.fromstring(f'<svg><polyline points="{chart.lines[0]}"/></svg>') is not None


@pytest.mark.parametrize("trend", [(), (1.0, None, 2.0), (None,) * 14])
def test_too_few_days_are_no_chart(trend):
    assert chart_of(figure("same", 0.0, trend=trend), ENGLISH) is None
