"""The grade of a load test, with the reasons that hold it down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.domain.ddsketch import Comparison
from monitor.domain.load_test.history import MAIN, Judged
from monitor.domain.load_test.result import dropped_share

BEST, GOOD, SLOWER, CROSSED, FAILING = "A", "B", "C", "D", "F"
_DROPPED_MAX = 0.001
_FAILURES = ("http_req_failed", "checks", "payment_errors")


@dataclass(frozen=True, slots=True)
class GradeReason:
    """Why a grade is not better than `at_best`: a code of [load_grade] with its figures."""

    code: str
    at_best: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grade:
    """A (all kept, nothing worse), B, C (slower than before), D, F; reasons worst first.

    D: a limit on times was crossed, or more requests fail. F: a limit on failures was crossed.
    """

    letter: str
    reasons: tuple[GradeReason, ...]


def grade(judged: Judged) -> Grade | None:
    """The grade of a run; None of one that measured nothing."""
    result = judged.run.result
    if not judged.run.is_valid or result is None:
        return None
    reasons = sorted(_reasons(judged), key=lambda reason: reason.at_best, reverse=True)
    if all(reason.at_best == BEST for reason in reasons):
        kept = sum(1 for _ in result.thresholds)
        reasons.append(GradeReason("all_kept" if kept else "nothing_worse", BEST, {"count": kept}))
    return Grade(max(reason.at_best for reason in reasons), tuple(reasons))


def _reasons(judged: Judged) -> Iterator[GradeReason]:
    yield from _thresholds(judged)
    yield from _compared(judged)
    assert judged.run.result is not None  # noqa: S101  (asked before)
    dropped = dropped_share(judged.run.result)
    if dropped > _DROPPED_MAX:
        yield GradeReason("dropped", GOOD, {"percent": round(100 * dropped, 2)})


def _thresholds(judged: Judged) -> Iterator[GradeReason]:
    assert judged.run.result is not None  # noqa: S101  (asked before)
    for measure, threshold in judged.run.result.thresholds:
        if not threshold.kept:
            fails = measure.base.endswith(_FAILURES)
            params = {"rule": f"{measure.name} {threshold.rule}", "value": threshold.value}
            yield GradeReason("crossed", FAILING if fails else CROSSED, params)


def _compared(judged: Judged) -> Iterator[GradeReason]:
    main = judged.rulings.get(MAIN[0], {}).get(MAIN[1])
    if main is None or main.word is Comparison.NOT_ENOUGH_HISTORY:
        yield GradeReason("unjudged", GOOD, {"needed": main.needs_more if main else 0})
        return
    for metric, statistics in sorted(judged.rulings.items()):
        ruling = statistics.get("rate" if metric == "http_req_failed" else MAIN[1])
        if ruling is None or not metric.startswith(("http_req_duration", "http_req_failed")):
            continue
        change = None if ruling.change is None else round(100 * ruling.change, 1)
        params = {"metric": metric, "change_percent": change, "shape": ruling.shape}
        if ruling.word is Comparison.REGRESSION:
            fails = metric == "http_req_failed"
            yield GradeReason(
                "fails_more" if fails else "slower", CROSSED if fails else SLOWER, params
            )
        elif ruling.word is Comparison.SAME and ruling.needs_more:
            yield GradeReason("suspected", GOOD, params)
    if main.word is Comparison.IMPROVEMENT and main.change is not None:
        yield GradeReason("faster", BEST, {"change_percent": round(100 * main.change, 1)})
