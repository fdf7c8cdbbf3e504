"""Labelled series and runs, and how a rule's alerts are scored on them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from monitor.cli.detection.series.file import read_series
from monitor.domain.detection.replay import Point

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
WARM_UP = timedelta(hours=48)
RUNS_WARM_UP = 6
LATE_RUNS, LATE_RUNS_DRIFT = 3, 9


@dataclass
class Score:
    """Found, missed and false alerts, over so many series-weeks or judged series-runs."""

    found: int = 0
    missed: int = 0
    false: int = 0
    weight: float = 0.0
    delays: list[float] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        """Both together."""
        return Score(
            self.found + other.found,
            self.missed + other.missed,
            self.false + other.false,
            self.weight + other.weight,
            self.delays + other.delays,
        )

    @property
    def precision(self) -> float:
        """The share of the alerts that was right."""
        return self.found / (self.found + self.false) if self.found + self.false else 0.0

    @property
    def recall(self) -> float:
        """The share of what was there that was found."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def false_rate(self) -> float:
        """False alerts a series-week, or 100 judged series-runs."""
        return self.false / self.weight if self.weight else 0.0

    @property
    def delay(self) -> float:
        """Of half of what was found, not more than this: hours or runs."""
        return median(self.delays) if self.delays else float("nan")


def total(scores: Iterable[Score]) -> Score:
    """All together."""
    return sum(scores, Score())


@dataclass(frozen=True)
class Labelled:
    """A series, and the spans in which something was wrong."""

    name: str
    group: str
    points: Sequence[Point]
    segments: Sequence[tuple[datetime, datetime]]

    @property
    def readings(self) -> list[tuple[datetime, float]]:
        """Times and values."""
        return [(point.at, point.value) for point in self.points]


def labelled_series(folder: Path) -> list[Labelled]:
    """The series of cloud-monitoring/, by group."""
    found = []
    for path in sorted(folder.glob("*/*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        labels = {row["TimeStamp"]: row["Label"] == "1" for row in rows}
        points = read_series(path).series[0].points
        marked = [point.at for point in points if labels[point.text]]
        found.append(Labelled(path.stem, path.parent.name, points, segments_of(marked)))
    return found


def segments_of(marked: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Marked hours, those in a row as one."""
    found: list[tuple[datetime, datetime]] = []
    for at in marked:
        if found and at - found[-1][1] <= HOUR:
            found[-1] = found[-1][0], at
        else:
            found.append((at, at))
    return found


def score_series(series: Labelled, starts: Sequence[datetime]) -> Score:
    """A segment is found by an alert that starts in it or up to 2 h later.

    Alerts up to 3 h apart are one episode; it is false if it starts outside 1 h before to 6 h
    after every segment. The first 48 h do not count.
    """
    begun = series.points[0].at + WARM_UP
    score = Score(weight=(series.points[-1].at - begun) / WEEK)
    starts = [at for at in starts if at >= begun]
    for first, last in series.segments:
        if last < begun:
            continue
        inside = [at for at in starts if first <= at <= last + 2 * HOUR]
        score.found += bool(inside)
        score.missed += not inside
        score.delays += [(inside[0] - first) / HOUR] if inside else []
    for number, at in enumerate(starts):
        is_new = not number or at - starts[number - 1] > 3 * HOUR
        near = any(a - HOUR <= at <= b + 6 * HOUR for a, b in series.segments)
        score.false += is_new and not near
    return score


@dataclass(frozen=True)
class LabelledRuns:
    """A series of runs of one endpoint: their statistics, and where what was planted."""

    name: str
    group: str
    runs: Sequence[Mapping[str, float]]
    kind: str
    change: int | None

    @property
    def is_regression(self) -> bool:
        """Whether it became slower."""
        return self.kind.startswith("up") or self.kind == "drift"


def run_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each group, in order."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("g*_r*.json")):
        groups.setdefault(path.stem.partition("_")[0], []).append(path)
    return groups


def truth_of(folder: Path) -> Mapping[str, Mapping[str, object]]:
    """What was planted, by `group_endpoint`."""
    found: Mapping[str, Mapping[str, object]] = json.loads((folder / "truth.json").read_text())
    return found


def score_runs(runs: LabelledRuns, flagged: Sequence[bool]) -> Score:
    """A regression is found if one of its first 4 runs (drift: 10) is flagged.

    Every run that is flagged before it, or at all where there is none, is a false alert.
    The first 6 runs do not count.
    """
    count = len(runs.runs)
    score = Score(weight=(count - RUNS_WARM_UP) / 100)
    start = runs.change if runs.is_regression and runs.change is not None else count
    score.false = sum(flagged[RUNS_WARM_UP:start])
    if runs.is_regression:
        late = LATE_RUNS_DRIFT if runs.kind == "drift" else LATE_RUNS
        inside = [place - start for place in range(start, min(count, start + late + 1))
                  if flagged[place]]  # fmt: skip
        score.found, score.missed = int(bool(inside)), int(not inside)
        score.delays = inside[:1]
    return score
