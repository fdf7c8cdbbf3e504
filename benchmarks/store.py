"""What the store costs: a pass, a comparison of two weeks, growth over the years.

Run it as `python benchmarks/store.py [--years N]`; it needs about a minute and 200 MB of disk.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from monitor.domain.check import Metric, Verdict
from monitor.domain.check_pass import Observed
from monitor.store.codec import to_micros
from monitor.store.database import Store, migrate, open_store
from monitor.store.passes.counts import pass_counts
from monitor.store.passes.record import record_pass
from monitor.store.passes.snapshots import latest_findings
from monitor.store.rollup import DAY, HOUR, bucket, pack
from monitor.store.series.history import metric_history
from monitor.store.series.summaries import summaries
from monitor.store.upkeep.prune import prune
from monitor.store.upkeep.stats import stats

NOW = datetime(2026, 11, 19, 15, 30, 20, tzinfo=UTC)  # in mid-hour: the ragged case
SERIES, PASSES, WEEK = 100, 2000, timedelta(days=7)
_HISTOGRAM = "INSERT INTO histograms VALUES (?, ?, ?, ?, ?, ?)"


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=3)
    years = parser.parse_args().years
    with _store() as store:
        _passes(store)
    with _store() as store:
        filled = 0
        for upto in sorted({1, years}):
            _fill(store, filled * 365, upto * 365)
            if not filled:
                _fill_readings(store)
            filled = upto
            _reads(store, upto)
        _sizes(store, years)
        _pruning(store)


@contextmanager
def _store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        migrate(path)
        store = open_store(path)
        yield store
        store.close()


def _passes(store: Store) -> None:
    draw = random.Random(1)
    records = [_record(draw, i) for i in range(PASSES)]
    cpu, wall = time.process_time(), time.perf_counter()
    for record in records:
        with store.write() as tx:
            record_pass(tx, record, record.at)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    _say("record a pass with 10 metrics, durable", f"{cpu / PASSES * 1e3:.2f} ms CPU")
    _say("", f"{wall / PASSES * 1e3:.2f} ms wall")


def _record(draw: random.Random, number: int) -> Observed:
    at = NOW + timedelta(minutes=number)
    metrics = [Metric("response_ms", draw.lognormvariate(4, 0.5), f"s{i}") for i in range(9)]
    metrics.append(Metric("payments_created", number * 10))
    return Observed("services", at, 10.0, Verdict.of((), metrics), {"seen": number})


def _fill(store: Store, from_days: int, to_days: int) -> None:
    """Histograms of readings each minute, written as rows; days further back come last."""
    draw = random.Random(2)
    stock = [_day(draw) for _ in range(50)]
    today = int(NOW.timestamp()) // DAY * DAY
    with store.write() as tx:
        for series in range(1, SERIES + 1):
            name = ("services", f"response_ms{{s{series}}}")
            tx.exec_driver_sql(
                "INSERT OR IGNORE INTO series VALUES (?, ?, ?, NULL)", (series, *name)
            )
            rows = [
                (series, span, today - day * DAY + start, *rest)
                for day in range(from_days, to_days)
                for span, start, *rest in stock[draw.randrange(50)]
            ]
            tx.exec_driver_sql(_HISTOGRAM, rows)


def _day(draw: random.Random) -> list[tuple[int, int, int, float, bytes]]:
    """One day of one series: 24 histograms of an hour, and that of the day."""
    hours = [[draw.lognormvariate(4, 0.5) for _ in range(60)] for _ in range(24)]
    whole = _packed([value for hour in hours for value in hour])
    return [(HOUR, i * HOUR, *_packed(hour)) for i, hour in enumerate(hours)] + [(DAY, 0, *whole)]


def _packed(values: list[float]) -> tuple[int, float, bytes]:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket(value)] = counts.get(bucket(value), 0) + 1
    return len(values), sum(values), pack(counts)


def _fill_readings(store: Store) -> None:
    """The last 30 days minute by minute."""
    draw = random.Random(3)
    values = [draw.lognormvariate(4, 0.5) for _ in range(997)]
    first, step = to_micros(NOW - timedelta(days=30)), 60_000_000
    with store.write() as tx:
        for series in range(1, SERIES + 1):
            rows = [(series, first + i * step, values[i % 997]) for i in range(30 * 1440)]
            tx.exec_driver_sql("INSERT INTO metric_values VALUES (?, ?, ?)", rows)


def _reads(store: Store, years: int) -> None:
    name = "response_ms{s1}"

    def week_against_week() -> None:
        with store.read() as tx:
            summaries(tx, NOW - WEEK, NOW)
            summaries(tx, NOW - 2 * WEEK, NOW - WEEK)

    def others() -> None:
        with store.read() as tx:
            metric_history(tx, "services", name, NOW - WEEK, NOW)
            pass_counts(tx, NOW - WEEK, NOW)
            latest_findings(tx)

    title = f"{years} year(s), {SERIES} series: "
    _say(title + "week against week", f"{_best_ms(week_against_week):.1f} ms")
    _say(title + "a series over a week, coverage, sightings", f"{_best_ms(others):.2f} ms")


def _best_ms(work: Callable[[], None]) -> float:
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1e3


def _sizes(store: Store, years: int) -> None:
    tables = stats(store).tables
    size = tables["histograms"].bytes or 0
    _say("histograms, bytes per series and year", f"{size / SERIES / years:,.0f}")
    raw = tables["metric_values"]
    _say("readings, bytes each", f"{(raw.bytes or 0) / raw.rows:.1f}")


def _pruning(store: Store) -> None:
    begun = time.perf_counter()
    pruned = prune(store, NOW + timedelta(days=1))
    wall = time.perf_counter() - begun
    rows = sum(pruned.rows.values())
    _say("forgetting a day", f"{wall:.2f} s for {rows:,} rows")


def _say(what: str, figure: str) -> None:
    print(f"{what:<62}{figure:>18}", flush=True)


if __name__ == "__main__":
    main()
