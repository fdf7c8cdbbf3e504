"""How well regressions are found: `benchmarks/detection --data DIR [--folds] [--sensitivity]`.

Prints precision, recall, F1, false alerts and delay of our rules and of plain ones, on labelled
series (DIR/cloud-monitoring) and runs (DIR/k6-runs), and on series and runs of our own making.
Ours are asked as `paypulse backtest` and `paypulse loadtest backtest` ask them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from detection_made import PLANTED, made_runs, planted_series, quiet_series  # noqa: E402
from detection_plain import RUN_RULES, SERIES_RULES, Reading  # noqa: E402
from detection_scores import (  # noqa: E402
    Labelled,
    LabelledRuns,
    Score,
    labelled_series,
    run_files,
    score_runs,
    score_series,
    total,
    truth_of,
)

from monitor.cli.loadtest.backtest import backtested  # noqa: E402
from monitor.domain.detection.ddsketch import Comparison  # noqa: E402
from monitor.domain.detection.past import LiveLimits  # noqa: E402
from monitor.domain.detection.replay import replay  # noqa: E402
from monitor.domain.detection.runs import LEVELS, judge_runs  # noqa: E402
from monitor.domain.detection.series import SeriesLimits  # noqa: E402

OURS = "ours"
MADE_RUNS = 400
_BENT = (0.7, 1.3)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="labelled data")
    parser.add_argument("--folds", action="store_true", help="also leave each group out once")
    parser.add_argument("--sensitivity", action="store_true", help="also bend each constant")
    asked = parser.parse_args()
    if asked.data:
        series, runs = labelled_series(asked.data / "cloud-monitoring"), read_runs(asked.data)
        print_series(series)
        print_runs("planted k6 runs", runs)
        if asked.folds:
            print_folds(series, runs)
        if asked.sensitivity:
            print_sensitivity(series, runs)
    print_made()


def ours(readings: Sequence[Reading], limits: LiveLimits | None = None) -> list[datetime]:
    """Where our live rule alerts."""
    return [readings[alarm.started][0] for alarm in replay(readings, limits=limits).alarms]


def read_runs(data: Path) -> list[LabelledRuns]:
    """The labelled runs, read as the product reads them."""
    folder, found = data / "k6-runs", []
    for group, files in run_files(folder).items():
        read = [each.judged.run.result for each in backtested(files) if each.judged]
        for key, truth in truth_of(folder).items():
            number, _, endpoint = key.partition("_")
            if int(number) == int(group[1:]):
                name = f"http_req_duration{{name:ep{endpoint}}}"
                runs = [result.measures[name].values for result in read if result]
                change: Any = truth["change"]
                found.append(LabelledRuns(key, group, runs, str(truth["kind"]), change))
    return found


def flagged(runs: LabelledRuns, limits: SeriesLimits = LEVELS) -> list[bool]:
    """The runs of which our rule calls the p95 a regression."""
    return _flagged(runs, lambda told: told["p(95)"].word is Comparison.REGRESSION, limits)


def flagged_anywhere(runs: LabelledRuns) -> list[bool]:
    """The runs of which our rule calls any statistic a regression."""
    worse = Comparison.REGRESSION
    return _flagged(runs, lambda told: any(r.word is worse for r in told.values()), LEVELS)


def _flagged(
    runs: LabelledRuns, is_worse: Callable[[Any], bool], limits: SeriesLimits
) -> list[bool]:
    found = judge_runs([{"http_req_duration": run} for run in runs.runs], limits)
    return [is_worse(rulings["http_req_duration"]) for rulings in found]


def print_series(series: Sequence[Labelled]) -> None:
    """The table of the labelled series."""
    segments = sum(len(each.segments) for each in series)
    heading("cloud-monitoring", f"{len(series)} series, {segments} segments", "series-week", "h")
    for name, rule in {OURS: ours, **SERIES_RULES}.items():
        row(name, total(score_series(each, rule(each.readings)) for each in series))


def print_runs(title: str, runs: Sequence[LabelledRuns]) -> None:
    """The table of labelled runs."""
    regressions = sum(each.is_regression for each in runs)
    counted = f"{len(runs)} series of runs, {regressions} regressions"
    heading(title, counted, "100 series-runs", "runs")
    row(OURS, total(score_runs(each, flagged(each)) for each in runs))
    row("ours, any statistic", total(score_runs(each, flagged_anywhere(each)) for each in runs))
    for name, rule in RUN_RULES.items():
        row(name, total(score_runs(each, rule([run["p(95)"] for run in each.runs]))
                        for each in runs))  # fmt: skip
    kinds = dict.fromkeys(sorted(each.kind for each in runs if each.is_regression))
    for kind in kinds:
        found = total(score_runs(e, flagged(e)) for e in runs if e.kind == kind)
        print(f"    {kind:<8} found {found.found} of {found.found + found.missed},"
              f" median delay {found.delay:.1f} runs")  # fmt: skip


def print_made() -> None:
    """The tables of what we made ourselves."""
    print("\nseries of our own making, nothing planted: false alerts a series-week")
    print("  ours; hourly also the plain rules in the order above")
    quiet = list(quiet_series())
    for kind in dict.fromkeys(each.name for each in quiet):
        alike = [each for each in quiet if each.name == kind]
        rules = (ours, *SERIES_RULES.values()) if kind.endswith("60 min") else (ours,)
        scores = [total(score_series(e, rule(e.readings)) for e in alike) for rule in rules]
        print(f"  {kind:<28}" + "".join(f"{score.false_rate:9.2f}" for score in scores))
    started, points = time.process_time(), sum(len(each.points) for each in quiet)
    for each in quiet:
        ours(each.readings)
    took = time.process_time() - started
    print(f"  all of them: {points:,} points, {1e6 * took / points:.0f} µs CPU a point")
    for minutes in (60, 5, 1):
        heading(f"planted, every {minutes} min", "22 series each", "series-week", "h")
        for planted in PLANTED:
            series = planted_series(planted, minutes)
            row(planted.name, total(score_series(e, ours(e.readings)) for e in series))
    print_runs("runs of our own making", list(made_runs(MADE_RUNS)))


def print_folds(series: Sequence[Labelled], runs: Sequence[LabelledRuns]) -> None:
    """Each group left out once: the main constant chosen on the others, scored on this one."""
    print("\nleave one group out: far_min chosen on the other groups")
    grid = {far: {each.name: score_series(each, ours(each.readings, LiveLimits(far_min=far)))
                  for each in series} for far in (1.2, 1.4, 1.6, 1.8, 2.0)}  # fmt: skip
    _print_folds([(each.name, each.group) for each in series], grid)
    print("leave one group out: the runs' smallest sum chosen on the other groups")
    runs_grid = {}
    for least in (2.0, 2.5, 3.0, 3.5, 4.0):
        limits = replace(LEVELS, sum_min=least)
        runs_grid[least] = {each.name: score_runs(each, flagged(each, limits)) for each in runs}
    _print_folds([(each.name, each.group) for each in runs], runs_grid)


def _print_folds(
    names: Sequence[tuple[str, str]], grid: Mapping[float, Mapping[str, Score]]
) -> None:
    pooled = Score()
    for group in dict.fromkeys(group for _, group in names):
        others = [name for name, of in names if of != group]
        best = max(grid, key=lambda value: total(grid[value][name] for name in others).f1)
        score = total(grid[best][name] for name, of in names if of == group)
        row(f"{group} ({best:g})", score)
        pooled += score
    row("pooled", pooled)


def print_sensitivity(series: Sequence[Labelled], runs: Sequence[LabelledRuns]) -> None:
    """Every constant 30 % smaller and larger."""
    print("\nconstants of the live rule bent by -30 % and +30 %: F1 (false alerts)")
    for known in fields(LiveLimits):
        value = getattr(LiveLimits(), known.name)
        found = [total(score_series(each, ours(each.readings, _bent(known.name, value, by)))
                       for each in series) for by in _BENT]  # fmt: skip
        print(f"  {known.name:<18}{value:>8g}" + _shown(found))
    print("constants of the rule for runs bent by -30 % and +30 %: F1 (false alerts)")
    for known in fields(LEVELS):
        value = getattr(LEVELS, known.name)
        bent = [replace(LEVELS, **{known.name: type(value)(value * by)}) for by in _BENT]
        found = [total(score_runs(e, flagged(e, limits)) for e in runs) for limits in bent]
        print(f"  {known.name:<18}{value:>8.3g}" + _shown(found))


def _bent(name: str, value: float, by: float) -> LiveLimits:
    bent = type(value)(value * by)
    given: dict[str, Any] = {name: min(bent, 0.99) if name.endswith("share") else bent}
    return LiveLimits(**given)


def _shown(scores: Iterable[Score]) -> str:
    return "".join(f"   {score.f1:.2f} ({score.false_rate:.2f})" for score in scores)


def heading(title: str, counted: str, per: str, unit: str) -> None:
    """The head of a table."""
    print(f"\n{title}: {counted}; false alerts per {per}, median delay in {unit}")
    print(f"  {'':<40}precision  recall      F1   false   delay")


def row(name: str, score: Score) -> None:
    """A row of a table."""
    print(
        f"  {name:<40}{score.precision:9.2f}{score.recall:8.2f}{score.f1:8.2f}"
        f"{score.false_rate:8.2f}{score.delay:8.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
