"""Series and runs of our own making: noise, seasons, trends, gaps, and what is planted in them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from detection_scores import HOUR, Labelled, LabelledRuns

from monitor.domain.detection.replay import Point

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
RUNS = 32
_STATISTICS = {"min": 0.45, "med": 1.0, "avg": 1.05, "p(90)": 1.5, "p(95)": 1.7, "p(99)": 2.1}
_RUN_KINDS = (
    *(["none"] * 5 + ["up10"] * 3 + ["up20"] * 4 + ["up30"] * 2 + ["up50"] * 2),
    *(["up100"] + ["drift"] * 3 + ["improve"] * 4),
)
Value = Callable[[random.Random, datetime], float]


def _busy(at: datetime) -> float:
    return 0.5 - 0.5 * math.cos(2 * math.pi * (at.hour + at.minute / 60 - 3) / 24)


def _poisson(noise: random.Random, mean: float) -> float:
    if mean > 50:
        return max(0.0, round(noise.gauss(mean, math.sqrt(mean))))
    count, left = 0, math.exp(-mean)
    product = noise.random()
    while product > left:
        product *= noise.random()
        count += 1
    return float(count)


def _weekend(at: datetime) -> float:
    return 0.4 if at.weekday() >= 5 else 1.0


KINDS: Mapping[str, Value] = {
    "noise 10 %": lambda n, t: 100 * (1 + 0.1 * n.gauss(0, 1)),
    "noise 1 %": lambda n, t: 100 * (1 + 0.01 * n.gauss(0, 1)),
    "day and night": lambda n, t: (40 + 60 * _busy(t)) * (1 + 0.08 * n.gauss(0, 1)),
    "week": lambda n, t: (20 + 180 * _busy(t)) * _weekend(t) * (1 + 0.08 * n.gauss(0, 1)),
    "growing 2 % a day": lambda n, t: (100 + 2 * (t - START).days) * (1 + 0.05 * n.gauss(0, 1)),
    "heavy-tailed": lambda n, t: 50 * math.exp(0.5 * n.gauss(0, 1)),
    "Pareto": lambda n, t: 20 * n.paretovariate(2.5),
    "mostly zero": lambda n, t: _poisson(n, 0.05),
    "counts": lambda n, t: _poisson(n, 2 + 20 * _busy(t)),
    "constant": lambda n, t: 7.0,
    "percentage": lambda n, t: min(100.0, 99.2 + 0.4 * n.gauss(0, 1)),
}
_PACES = ((60, 42), (5, 28), (1, 16))  # minutes between readings, days


@dataclass(frozen=True)
class Planted:
    """What is planted: for how many hours (0: for good), and what becomes of a value."""

    name: str
    hours: float
    change: Callable[[float], float]


PLANTED = (
    Planted("three times as much for 2 h", 2, lambda v: 3 * v + 1),
    Planted("nothing for 2 h", 2, lambda v: 0.0),
    Planted("60 % more for good", 0, lambda v: 1.6 * v + 1),
    Planted("30 % more for good", 0, lambda v: 1.3 * v),
    Planted("40 % less for good", 0, lambda v: 0.6 * v),
)
_LASTING_FOUND_WITHIN = 12 * HOUR


def quiet_series(seeds: int = 3) -> Iterator[Labelled]:
    """Every kind at every pace with nothing wrong in it; the last seed has a tenth missing."""
    for kind in KINDS:
        for minutes, days in _PACES:
            for seed in range(seeds):
                missing = 0.1 if seed == seeds - 1 else 0.0
                yield _made(kind, minutes, days, seed, None, missing)


def planted_series(planted: Planted, minutes_wanted: int) -> Iterator[Labelled]:
    """Every kind at one pace, with one thing planted at three quarters of it."""
    days = dict(_PACES)[minutes_wanted]
    for kind in KINDS:
        for seed in range(2):
            yield _made(kind, minutes_wanted, days, seed, planted, 0.0)


def _made(
    kind: str, minutes: int, days: int, seed: int, planted: Planted | None, missing: float
) -> Labelled:
    noise, value = random.Random(f"{kind} {minutes} {seed}"), KINDS[kind]
    step = timedelta(minutes=minutes)
    begun = START + timedelta(hours=int(18 * days) + 12)
    end = begun + (timedelta(hours=planted.hours) if planted and planted.hours else WEEKS)
    points = []
    for number in range(days * 1440 // minutes):
        at = START + number * step
        made = value(noise, at)
        if planted and begun <= at < end:
            made = planted.change(made)
        if noise.random() >= missing:
            points.append(Point(at, made, at.isoformat()))
    last = end - step
    if planted and not planted.hours:  # what comes after is the same fault still
        last = begun + _LASTING_FOUND_WITHIN
        points = [point for point in points if point.at <= last]
    segments = [(begun, last)] if planted else []
    return Labelled(f"{kind}, {minutes} min", kind, points, segments)


WEEKS = timedelta(weeks=1000)


def made_runs(count: int) -> Iterator[LabelledRuns]:
    """Runs with noise of each run and endpoint, single spikes, and steps, drifts or nothing."""
    for number in range(count):
        noise = random.Random(number)
        kind, sigma = noise.choice(_RUN_KINDS), noise.choice((0.02, 0.05, 0.1))
        change = None if kind == "none" else noise.randint(10, 24)
        runs = [_made_run(noise, sigma, _slowed(kind, change, run)) for run in range(RUNS)]
        yield LabelledRuns(str(number), "made", runs, kind, change)


def _slowed(kind: str, change: int | None, run: int) -> float:
    if change is None or run < change:
        return 1.0
    if kind == "drift":
        return 1 + 0.04 * (run - change + 1)
    return 0.78 if kind == "improve" else 1 + int(kind.removeprefix("up")) / 100


def _made_run(noise: random.Random, sigma: float, slowed: float) -> Mapping[str, float]:
    spike = noise.uniform(1.4, 2.4) if noise.random() < 0.055 else 1.0
    level = 20 * slowed * spike * math.exp(noise.gauss(0, sigma) + noise.gauss(0, 0.02))
    return {name: level * at * math.exp(noise.gauss(0, 0.015)) for name, at in _STATISTICS.items()}
