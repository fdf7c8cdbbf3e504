"""What a pass of the engine costs, and a fortnight of simulated life.

Run it as `python benchmarks/engine.py [--days N]`.

A pass is measured on checks that answer at once, so that neither the platform's latency nor its
databases count: look, judge, compare with the past, and record snapshot, readings, histograms,
alerts, incidents and notifications in one durable transaction.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.stand_in import StandIn
from monitor import app as application
from monitor.app import App
from monitor.cli.demo.config import history_toml
from monitor.cli.demo.life import InProcess, Kept, Life, SimulatedClock
from monitor.config.models import parse
from monitor.domain.alert import Rule
from monitor.domain.check import Check, Finding, Memory, Metric, ProbeContext, Status, Verdict
from monitor.domain.check_pass import Planned
from monitor.store.database import open_store

PASSES = 1000
NOW = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Nothing:
    """Options of a check that has none."""


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=14)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        _passes(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _fortnight(Path(folder), days)


def _passes(folder: Path) -> None:
    app = _app(folder, Kept())
    healthy = _planned("services", lambda n: Verdict.of([], _metrics(n)))
    ill = _planned("breakers", lambda n: Verdict.of([_finding()], _metrics(n)))
    print(f"one pass with 10 readings, durable, {PASSES} passes each, interleaved:")
    times: dict[str, list[tuple[float, float]]] = {"healthy": [], "with a firing alert": []}
    for number in range(PASSES):
        for name, planned in zip(times, (healthy, ill), strict=True):
            now = NOW + timedelta(seconds=15 * number)
            times[name].append(_timed(lambda p=planned, n=now: app.runner.run(p, n, n)))
    for name, found in times.items():
        cpu, wall = (median(column) * 1000 for column in zip(*found, strict=True))
        print(f"  {name:<22} {cpu:6.2f} ms CPU  {wall:6.2f} ms wall (medians)")
    ratio = median(c for c, _ in times["with a firing alert"]) / median(
        c for c, _ in times["healthy"]
    )
    print(f"  a firing alert costs {ratio:.2f} times a healthy pass")
    app.close()


def _fortnight(folder: Path, days: float) -> None:
    start = NOW - timedelta(days=days)
    standin = StandIn(folder / "platform", start=start, payments_per_minute=0.4)
    clock = SimulatedClock(start)
    config = parse(history_toml(folder, "http://platform.test", "en", False, ""), {})
    app = application.build(
        config,
        clock=clock,
        transport=InProcess(standin),
        senders={"kept": Kept()},
        is_simulated=True,
        is_durable=False,
        deliver_every=timedelta(minutes=15),
    )
    life = Life(standin, app, clock)
    cpu, wall = _timed(lambda: life.live(NOW))
    with app.store.read() as tx:
        passes = tx.exec_driver_sql("SELECT count(*) FROM snapshots").scalar_one()
    print(f"{days:g} days of simulated life: {wall:.1f} s wall, {cpu:.1f} s CPU, {passes} passes")
    print(f"  {cpu / passes * 1000:.2f} ms CPU a pass, the stand-in platform included")
    app.close()


def _app(folder: Path, kept: Kept) -> App:
    config = parse(f'database = "{folder}/paypulse.db"', {})
    application.migrate(config.database)
    store = open_store(config.database)
    return application.build(config, store=store, senders={"kept": kept})


def _planned(name: str, verdict: Callable[[int], Verdict]) -> Planned:
    def evaluate(facts: Any, context: ProbeContext) -> tuple[Verdict, Memory]:
        count = context.memory.get("count", 0) + 1
        return verdict(count), {"count": count}

    check = Check(name, Nothing, probe=lambda context: None, evaluate=evaluate)
    minute = timedelta(minutes=1)
    return Planned(check, Nothing(), minute, "", minute, Rule())


def _metrics(number: int) -> list[Metric]:
    return [
        Metric("response_ms", 20 + (number * 7 + part) % 13, f"part{part}") for part in range(10)
    ]


def _finding() -> Finding:
    return Finding("breaker_open", Status.CRIT, "ingest/kafka-publisher", {"state": "OPEN"})


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
