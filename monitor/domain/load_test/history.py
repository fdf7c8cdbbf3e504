"""A run among the runs before it: which of them are like it, and how it stands against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.rule import Ruling, relative
from monitor.domain.detection.runs import Rulings, judge_run
from monitor.domain.load_test.result import COUNTER, RATE, TREND, LoadResult, Measure
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import differences
from monitor.domain.metrics import Worse
from monitor.domain.statement import Statement

RECENT = 5
MAIN = ("http_req_duration", "p(95)")
_WORSE = {
    "checks": Worse.LOWER,
    "http_reqs": Worse.LOWER,
    "iterations": Worse.LOWER,
    "dropped_iterations": Worse.HIGHER,
    "http_req_failed": Worse.HIGHER,
    "payment_errors": Worse.HIGHER,
    "pg_refused": Worse.HIGHER,
}
NOTICED = 0.03  # a smaller change of one value alone is told as none,
NOTICED_MS = 0.5  # and so is one of less than this
_TIMES = ("_duration", "_waiting", "_time", "_ms", "_blocked", "_connecting", "_receiving")

_OF_FIGURES = {  # figure of a run -> the metric and the statistic that it is
    "p95_ms": MAIN,
    "median_ms": ("http_req_duration", "med"),
    "requests_per_second": ("http_reqs", "rate"),
    "failed_percent": ("http_req_failed", "rate"),
}

_DECIDING = ("http_req_duration", "http_req_failed", "checks")

Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is held against: `name` is last, recent (median of the last five) or best."""

    name: str
    values: Values
    run: LoadTestRun | None = None
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A run with its verdicts; an invalid one has none.

    `earlier`: the valid runs like it, oldest first. `last_differs`: why the run right before it
    was none of them. `rulings`: metric -> statistic -> Ruling, named as in k6.
    """

    run: LoadTestRun
    earlier: tuple[LoadTestRun, ...] = ()
    last_differs: tuple[Statement, ...] = ()
    rulings: Rulings = field(default_factory=dict)
    against: tuple[Against, ...] = ()

    @property
    def word(self) -> str:
        """The whole in one word: the gravest that is said of the requests' times and failures."""
        if not self.run.is_valid:
            return self.run.state
        said = {
            ruling.word.value
            for metric, statistics in self.rulings.items()
            if metric.partition("{")[0] in _DECIDING
            for ruling in statistics.values()
        }
        order = ("regression", "improvement", "same")
        return next((word for word in order if word in said), "not_enough_history")

    @property
    def figure_verdicts(self) -> dict[str, str]:
        """Of each figure that has a verdict its word."""
        rulings = {
            figure: self.rulings.get(metric, {}).get(statistic)
            for figure, (metric, statistic) in _OF_FIGURES.items()
        }
        return {figure: ruling.word.value for figure, ruling in rulings.items() if ruling}

    def change(self, name: str, metric: str, statistic: str) -> float | None:
        """How a value changed against the last, the recent or the best run, relatively."""
        for each in self.against:
            if each.name == name:
                now = values_of(self.run.result).get(metric, {}).get(statistic)
                return relative(now, each.values.get(metric, {}).get(statistic))
        return None


def judge(run: LoadTestRun, before: Sequence[LoadTestRun]) -> Judged:
    """A run against those before it (oldest first), of which only the valid and like ones count."""
    if not run.is_valid:
        return Judged(run)
    valid = [other for other in before if other.is_valid and other.result is not None]
    same = [other for other in valid if other.kind == run.kind]
    like = tuple(other for other in same if not differences(run, other))
    last_differs = differences(run, same[-1]) if same and same[-1] not in like else ()
    known = [values_of(other.result) for other in like]
    rulings = judge_run(values_of(run.result), known)
    return Judged(run, like, last_differs, rulings, _against(like))


def judge_all(runs: Sequence[LoadTestRun]) -> list[Judged]:
    """Each of some runs (oldest first) against those before it."""
    return [judge(run, runs[:number]) for number, run in enumerate(runs)]


def compared_of(judged: Judged) -> dict[str, str | int | float | None]:
    """The verdict on a run in plain figures: of what got worst, if anything did."""
    found: dict[str, str | int | float | None] = {"word": judged.word, "runs": len(judged.earlier)}
    result = judged.run.result
    worse = [
        (metric, statistic, ruling)
        for metric, statistics in judged.rulings.items()
        if metric.partition("{")[0] in _DECIDING
        for statistic, ruling in statistics.items()
        if ruling.word is Comparison.REGRESSION
    ]
    if not worse or result is None:
        return found
    metric, statistic, ruling = max(worse, key=_gravity)
    unit = unit_of(result.measures[metric], statistic)
    names = {result.measures[m].tags.get("name", "") for m, _, _ in worse} - {""}
    return found | {
        "metric": metric,
        "statistic": statistic,
        "unit": unit,
        "now": ruling.now,
        "before": ruling.before,
        "change_percent": None if ruling.change is None else 100 * ruling.change,
        "shape": ruling.shape.value if ruling.shape else "",
        "endpoints": ", ".join(sorted(names))[:200],
    }


def _gravity(told: tuple[str, str, Ruling]) -> tuple[bool, bool, float]:
    """Failures before times, the usual figure before others, then by how much it changed."""
    metric, statistic, ruling = told
    is_failure = not metric.startswith("http_req_duration")
    return is_failure, (metric, statistic) == MAIN, abs(ruling.change or 0.0)


def values_of(result: LoadResult | None) -> dict[str, dict[str, float]]:
    """Metric -> statistic -> value, of all that can be compared."""
    if result is None:
        return {}
    measured = (m for m in result.measures.values() if m.has_data and m.kind in _COMPARED)
    return {m.name: {k: v for k, v in m.values.items() if k in _COMPARED[m.kind]
                     or k.startswith("p(")} for m in measured}  # fmt: skip


_COMPARED: Mapping[str, tuple[str, ...]] = {
    TREND: ("avg", "min", "med", "max"),
    RATE: ("rate",),
    COUNTER: ("rate", "count"),
}


def _against(like: Sequence[LoadTestRun]) -> tuple[Against, ...]:
    if not like:
        return ()
    last, recent = like[-1], like[-RECENT:]
    found = [Against("last", values_of(last.result), last)]
    found.append(
        Against("recent", _medians([values_of(r.result) for r in recent]), None, len(recent))
    )
    metric, statistic = MAIN
    timed = [r for r in like if statistic in values_of(r.result).get(metric, {})]
    if timed:
        best = min(timed, key=lambda r: values_of(r.result)[metric][statistic])
        found.append(Against("best", values_of(best.result), best, len(timed)))
    return tuple(found)


def _medians(runs: Sequence[Values]) -> Values:
    names = {(metric, s) for run in runs for metric, told in run.items() for s in told}
    found: dict[str, dict[str, float]] = {}
    for metric, statistic in names:
        known = [run[metric][statistic] for run in runs if statistic in run.get(metric, {})]
        found.setdefault(metric, {})[statistic] = median(known)
    return found


def worse_of(measure: Measure) -> Worse:
    """Which direction of a metric is bad."""
    if measure.base in _WORSE:
        return _WORSE[measure.base]
    return Worse.HIGHER if unit_of(measure, "avg") == "ms" else Worse.NEITHER


def word_of(difference: float, change: float | None, worse: Worse, unit: str = "") -> str:
    """better, worse or like_before, of two values alone."""
    is_small = (change is not None and abs(change) < NOTICED) or (
        unit == "ms" and abs(difference) < NOTICED_MS
    )
    if not difference or is_small:
        return "like_before"
    if worse is Worse.NEITHER:
        return ""
    return "worse" if (difference > 0) == (worse is Worse.HIGHER) else "better"


def unit_of(measure: Measure, statistic: str) -> str:
    """The unit of a statistic: ms, share (0 to 1), a second, or none."""
    if measure.kind == RATE:
        return "share" if statistic == "rate" else ""
    if measure.kind == COUNTER:
        return "per_second" if statistic == "rate" else ""
    if measure.kind != TREND or statistic == "count":
        return ""
    is_time = measure.contains == "time" or measure.base.endswith(_TIMES)
    return "ms" if is_time or measure.base.startswith("http_req_") else ""
