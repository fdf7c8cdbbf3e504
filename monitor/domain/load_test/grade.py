"""The grade of a load test, with the reasons that hold it down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.load_test.history import MAIN, Judged
from monitor.domain.load_test.result import dropped_share
from monitor.domain.statement import Statement

BEST, GOOD, SLOWER, CROSSED, FAILING = "A", "B", "C", "D", "F"
_DROPPED_MAX = 0.001
_UNJUDGED_MAX = 3
_FAILURES = ("http_req_failed", "checks", "payment_errors")


@dataclass(frozen=True, slots=True)
class Grade:
    """A (all kept, nothing worse), B, C (slower than before), D, F; reasons worst first.

    D: a limit on times was crossed, or more requests fail. F: a limit on failures was crossed.
    A reason is a code of [load_grade].
    """

    letter: str
    reasons: tuple[Statement, ...]


Reason = tuple[str, Statement]  # the best grade that it leaves possible


def grade(judged: Judged) -> Grade | None:
    """The grade of a run; None of one that measured nothing."""
    result = judged.run.result
    if not judged.run.is_valid or result is None:
        return None
    reasons = sorted(_reasons(judged), key=lambda reason: reason[0], reverse=True)
    if all(at_best == BEST for at_best, _ in reasons):
        kept = sum(1 for _, limit in result.thresholds if limit.kept)
        code = "all_kept" if kept else "nothing_worse"
        reasons.append((BEST, Statement(code, {"count": kept})))
    return Grade(reasons[0][0], tuple(reason for _, reason in reasons))


def _reasons(judged: Judged) -> Iterator[Reason]:
    yield from _thresholds(judged)
    yield from _compared(judged)
    for rule in judged.run.unjudged[:_UNJUDGED_MAX]:
        yield GOOD, Statement("not_judged", {"rule": rule})
    assert judged.run.result is not None  # noqa: S101  (asked before)
    dropped = dropped_share(judged.run.result)
    if dropped > _DROPPED_MAX:
        yield GOOD, Statement("dropped", {"percent": round(100 * dropped, 2)})


def _thresholds(judged: Judged) -> Iterator[Reason]:
    assert judged.run.result is not None  # noqa: S101  (asked before)
    for measure, threshold in judged.run.result.thresholds:
        if threshold.kept is False:
            fails = measure.base.endswith(_FAILURES)
            params = {"rule": f"{measure.name} {threshold.rule}", "value": threshold.value}
            yield FAILING if fails else CROSSED, Statement("crossed", params)


def _compared(judged: Judged) -> Iterator[Reason]:
    main = judged.rulings.get(MAIN[0], {}).get(MAIN[1])
    if main is None or main.word is Comparison.NOT_ENOUGH_HISTORY:
        yield GOOD, Statement("unjudged", {"needed": main.needs_more if main else 0})
        return
    for metric, statistics in sorted(judged.rulings.items()):
        ruling = statistics.get("rate" if metric == "http_req_failed" else MAIN[1])
        if ruling is None or not metric.startswith(("http_req_duration", "http_req_failed")):
            continue
        change = None if ruling.change is None else round(100 * ruling.change, 1)
        params = {"metric": metric, "change_percent": change, "shape": ruling.shape}
        if ruling.word is Comparison.REGRESSION:
            fails = metric == "http_req_failed"
            code = "fails_more" if fails else "slower"
            yield CROSSED if fails else SLOWER, Statement(code, params)
        elif ruling.word is Comparison.SAME and ruling.needs_more:
            yield GOOD, Statement("suspected", params)
    if main.word is Comparison.IMPROVEMENT and main.change is not None:
        yield BEST, Statement("faster", {"change_percent": round(100 * main.change, 1)})
