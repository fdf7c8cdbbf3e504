"""What `paypulse loadtest` prints of several runs: side by side, over time, judged in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.rule import Ruling, relative
from monitor.domain.load_test.files import Backtested
from monitor.domain.load_test.history import Judged, unit_of, values_of
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import differences
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.load_test_values import (
    amount,
    backtested_reason,
    changed,
    difference_text,
    doubt_text,
    verdict_text,
)
from monitor.text.plain.load_test import DIFFED, diff_values
from monitor.text.symbols import ARROW, DOWN, EVEN, FULL, UP, bars
from monitor.text.terminal.output import indented, table

_BAR_MAX = 16
_DRAWN = ("p(95)", "med", "avg")
_SIGNS = {
    Comparison.REGRESSION: UP,
    Comparison.IMPROVEMENT: DOWN,
    Comparison.SAME: EVEN,
    Comparison.NOT_ENOUGH_HISTORY: " ",
}


def diff_parts(
    now: LoadTestRun, before: LoadTestRun, catalog: Catalog, everything: bool = False
) -> Iterator[RenderableType]:
    """One run against another: the values that both have; nothing of an invalid one."""
    times = {"before_at": before.started_at, "now_at": now.started_at}
    yield Text(catalog.say("loadtest.diff_heading", before=before.id, now=now.id, **times))
    invalid = [run for run in (before, now) if not run.is_valid]
    for run in invalid:
        text = doubt_text(run.doubts, catalog) or catalog.say(f"loadtest.state.{run.state}")
        yield Text(catalog.say("loadtest.diff_invalid", number=run.id, text=text))
    if invalid or now.result is None or before.result is None:
        return
    unlike = differences(now, before)
    if unlike:
        text = difference_text(unlike, catalog)
        yield Text(catalog.say("loadtest.diff_unlike", text=text))
    heads = [
        catalog.say(f"loadtest.column_{head}") for head in ("metric", "before", "now", "change")
    ]
    values = diff_values(now.result, before.result, everything)
    yield from ("", table(_diff_rows(values, catalog), "frrrl", heads), "")
    yield Text(catalog.say("loadtest.diff_note"))


def _diff_rows(values: Iterable[dict[str, Any]], catalog: Catalog) -> Iterator[list[str]]:
    for row in values:
        unit = row["unit"]
        yield [
            f"{clean(row['metric'])} {row['statistic']}",
            amount(row["before"], unit, catalog),
            amount(row["now"], unit, catalog),
            changed(row["change"], catalog),
            catalog.say(f"loadtest.{row['word']}") if row["word"] else "",
        ]


def usual_statistic(runs: Sequence[Judged], metric: str) -> str:
    """The statistic that a metric is told by: p(95) of times, the rate of the rest."""
    told = {s for each in runs for s in values_of(each.run.result).get(metric, {})}
    return next((s for s in (*DIFFED, "count") if s in told), "p(95)")


def trend_values(runs: Sequence[Judged], metric: str, statistic: str) -> list[tuple[Judged, float]]:
    """The valid runs that have a value, each with it."""
    values = [(each, values_of(each.run.result).get(metric, {})) for each in runs]
    return [(e, v[statistic]) for e, v in values if statistic in v and e.run.is_valid]


def trend_parts(
    runs: Sequence[Judged], metric: str, statistic: str, catalog: Catalog
) -> Iterator[RenderableType]:
    """A value over the runs that have it, oldest first, with a bar each."""
    told = trend_values(runs, metric, statistic)
    if not told:
        known = sorted({name for each in runs for name in values_of(each.run.result)})
        params = {"metric": clean(metric), "statistic": clean(statistic)}
        yield catalog.say("loadtest.trend_none", known=", ".join(known[:12]), **params)
        return
    scenario = clean(told[0][0].run.scenario)
    about = {"metric": metric, "statistic": statistic, "scenario": scenario}
    yield catalog.say("loadtest.trend_heading", **about)
    yield table(_trend_rows(told, metric, statistic, catalog), "rlrrll")


def _trend_rows(
    told: Sequence[tuple[Judged, float]], metric: str, statistic: str, catalog: Catalog
) -> Iterator[list[str]]:
    result = told[0][0].run.result
    unit = unit_of(result.measures[metric], statistic) if result else ""
    highest = max(value for _, value in told) or 1.0
    before = None
    for each, value in told:
        yield [
            str(each.run.id),
            catalog.say("loadtest.time", at=each.run.started_at),
            amount(value, unit, catalog),
            changed(relative(value, before), catalog),
            FULL * max(1, round(_BAR_MAX * value / highest)),
            verdict_text(each.rulings.get(metric, {}).get(statistic), catalog),
        ]
        before = value


def backtest_parts(runs: Sequence[Backtested], catalog: Catalog) -> Iterator[RenderableType]:
    """What is wrong with files, then each response time over the valid runs."""
    for each in runs:
        reason = backtested_reason(each, catalog)
        if reason:
            yield Text(catalog.say("detection.run_reason", file=each.path.name, text=reason))
    for metric in _metrics_of(runs):
        yield ""
        yield from _metric_parts(metric, runs, catalog)
    valid = sum(each.is_valid for each in runs)
    counts = {"runs": len(runs), "valid": valid, "worse": sum(map(_is_worse, runs))}
    yield from ("", catalog.say("detection.runs_judged", **counts))


def _metrics_of(runs: Sequence[Backtested]) -> list[str]:
    """The response times, of each endpoint if they are told apart."""
    names = dict.fromkeys(m for each in runs if each.judged for m in each.judged.rulings)
    times = [name for name in names if name.partition("{")[0] == "http_req_duration"]
    parts = [name for name in times if "{name:" in name]
    return sorted(parts) or times[:1]


def _metric_parts(
    metric: str, runs: Sequence[Backtested], catalog: Catalog
) -> Iterator[RenderableType]:
    """One statistic of a metric as bars, what is said of each below, and when that changed."""
    told = [each.judged.rulings.get(metric, {}) for each in runs if each.judged and each.is_valid]
    statistic = next((s for s in _DRAWN if any(s in one for one in told)), "")
    rulings = [one.get(statistic) for one in told]
    yield catalog.say("detection.drawn", metric=clean(metric), statistic=statistic)
    values = [_now(each, metric, statistic) for each in runs if each.is_valid]
    high = max((value for value in values if value is not None), default=0.0)
    signs = "".join(_SIGNS[ruling.word] if ruling else " " for ruling in rulings)
    yield indented(f"{bars(values, 0.0, high)}\n{signs}", 2)
    names = [each.path.name for each in runs if each.is_valid]
    turns = list(_turns(names, rulings, catalog))
    if turns:
        yield indented(table(turns, "flrrrl"), 2)


def _now(each: Backtested, metric: str, statistic: str) -> float | None:
    result = each.judged.run.result if each.judged else None
    return result.value(metric, statistic) if result else None


def _turns(
    names: Sequence[str], rulings: Sequence[Ruling | None], catalog: Catalog
) -> Iterator[list[str]]:
    """The runs at which the verdict changed for better or worse."""
    last = Comparison.SAME
    for name, ruling in zip(names, rulings, strict=True):
        if ruling is None or ruling.word is Comparison.NOT_ENOUGH_HISTORY:
            continue
        if ruling.word is not last:
            shape = catalog.say(f"shape.{ruling.shape}") if ruling.shape else ""
            yield [
                str(clean(name)),
                catalog.say(f"loadtest.verdict.{ruling.word}"),
                amount(ruling.before, "ms", catalog),
                f"{ARROW} {amount(ruling.now, 'ms', catalog)}",
                changed(ruling.change, catalog),
                shape,
            ]
        last = ruling.word


def _is_worse(each: Backtested) -> bool:
    rulings = each.judged.rulings if each.judged else {}
    return any(r.word is Comparison.REGRESSION for told in rulings.values() for r in told.values())
