"""What `paypulse loadtest backtest` shows: a line a run, and each endpoint over the runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from monitor.domain.ddsketch import Comparison
from monitor.domain.detection.rule import Ruling
from monitor.text.catalog import Words
from monitor.text.filters import clean
from monitor.text.load_test_values import amount, changed, difference_text, doubt_text
from monitor.text.symbols import ARROW, DOWN, EVEN, UP, bars
from monitor.text.terminal.columns import columns, wrapped

if TYPE_CHECKING:
    from monitor.domain.load_test.files import Backtested

_DRAWN = ("p(95)", "med", "avg")
_SIGNS = {
    Comparison.REGRESSION: UP,
    Comparison.IMPROVEMENT: DOWN,
    Comparison.SAME: EVEN,
    Comparison.NOT_ENOUGH_HISTORY: " ",
}


def backtest_json(each: Backtested, words: Words) -> dict[str, Any]:
    """One run: whether it is valid, and the verdict on each statistic of each metric."""
    rulings = each.judged.rulings if each.judged is not None else {}
    return {
        "file": str(each.path),
        "valid": each.is_valid,
        "reason": _reason(each, words) or None,
        "verdicts": {
            metric: {statistic: ruling.word.value for statistic, ruling in told.items()}
            for metric, told in rulings.items()
        },
    }


def _reason(each: Backtested, words: Words) -> str:
    """Why it is not valid, or why it is not compared with the run before it."""
    if each.error is not None:
        text = words.say(f"load_file.{each.error.code}", detail=clean(each.error.detail))
        return f"{text} ({each.error.line})" if each.error.line else text
    if each.judged is None or each.is_valid:
        return difference_text(each.judged.last_differs, words) if each.judged else ""
    return doubt_text(each.judged.run.doubts, words)


def backtest_lines(runs: Sequence[Backtested], words: Words) -> list[str]:
    """What is wrong with files, then each response time over the valid runs."""
    lines: list[str] = []
    for each in runs:
        reason = _reason(each, words)
        if reason:
            lines += wrapped(words.say("detection.run_reason", file=each.path.name, text=reason))
    for metric in _drawn(runs):
        lines += ["", *_drawing(metric, runs, words)]
    valid = sum(each.is_valid for each in runs)
    counts = {"runs": len(runs), "valid": valid, "worse": sum(map(_is_worse, runs))}
    return [*lines, "", words.say("detection.runs_judged", **counts)]


def _drawn(runs: Sequence[Backtested]) -> list[str]:
    """The response times, of each endpoint if they are told apart."""
    names = dict.fromkeys(m for each in runs if each.judged for m in each.judged.rulings)
    times = [name for name in names if name.partition("{")[0] == "http_req_duration"]
    parts = [name for name in times if "{name:" in name]
    return sorted(parts) or times[:1]


def _drawing(metric: str, runs: Sequence[Backtested], words: Words) -> Iterator[str]:
    """One statistic of a metric as bars, what is said of each below, and when that changed."""
    told = [each.judged.rulings.get(metric, {}) for each in runs if each.judged and each.is_valid]
    statistic = next((s for s in _DRAWN if any(s in one for one in told)), "")
    rulings = [one.get(statistic) for one in told]
    yield words.say("detection.drawn", metric=clean(metric), statistic=statistic)
    values = [_now(each, metric, statistic) for each in runs if each.is_valid]
    yield "  " + bars(values, 0.0, max((v for v in values if v is not None), default=0.0))
    yield "  " + "".join(_SIGNS[ruling.word] if ruling else " " for ruling in rulings)
    names = [each.path.name for each in runs if each.is_valid]
    yield from columns(list(_turns(names, rulings, words)), "llrrrl")


def _now(each: Backtested, metric: str, statistic: str) -> float | None:
    result = each.judged.run.result if each.judged else None
    return result.value(metric, statistic) if result else None


def _turns(
    names: Sequence[str], rulings: Sequence[Ruling | None], words: Words
) -> Iterator[list[str]]:
    """The runs at which the verdict changed for better or worse."""
    last = Comparison.SAME
    for name, ruling in zip(names, rulings, strict=True):
        if ruling is None or ruling.word is Comparison.NOT_ENOUGH_HISTORY:
            continue
        if ruling.word is not last:
            shape = words.say(f"shape.{ruling.shape}") if ruling.shape else ""
            yield [
                f"  {clean(name)}",
                words.say(f"loadtest.verdict.{ruling.word}"),
                amount(ruling.before, "ms", words),
                f"{ARROW} {amount(ruling.now, 'ms', words)}",
                changed(ruling.change, words),
                shape,
            ]
        last = ruling.word


def _is_worse(each: Backtested) -> bool:
    rulings = each.judged.rulings if each.judged else {}
    return any(r.word is Comparison.REGRESSION for told in rulings.values() for r in told.values())
