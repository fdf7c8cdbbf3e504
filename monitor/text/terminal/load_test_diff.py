"""What `paypulse loadtest` prints of several runs: one against another, a value over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from monitor.domain.detection.rule import relative
from monitor.domain.load_test.history import Judged, unit_of, values_of, word_of, worse_of
from monitor.domain.load_test.result import LoadResult, Measure
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import differences
from monitor.domain.metrics import Worse
from monitor.text.catalog import Words
from monitor.text.filters import clean
from monitor.text.load_test_values import amount, changed, difference_text, doubt_text, verdict_text
from monitor.text.symbols import FULL
from monitor.text.terminal.columns import columns, wrapped

_DIFFED = ("p(95)", "med", "rate")
_DIFFED_ALL = ("p(95)", "med", "p(99)", "avg", "rate", "count")
_PHASES = (
    *("http_req_blocked", "http_req_connecting", "http_req_tls_handshaking"),
    *("http_req_sending", "http_req_waiting", "http_req_receiving", "group_duration"),
)


def diff_lines(
    now: LoadTestRun, before: LoadTestRun, words: Words, everything: bool = False
) -> list[str]:
    """One run against another: the values that both have; nothing of an invalid one."""
    times = {"before_at": before.started_at, "now_at": now.started_at}
    lines = [words.say("loadtest.diff_heading", before=before.id, now=now.id, **times)]
    invalid = [run for run in (before, now) if not run.is_valid]
    for run in invalid:
        text = doubt_text(run.doubts, words) or words.say(f"loadtest.state.{run.state}")
        lines += wrapped(words.say("loadtest.diff_invalid", number=run.id, text=text))
    if invalid or now.result is None or before.result is None:
        return lines
    unlike = differences(now, before)
    if unlike:
        text = difference_text(unlike, words)
        lines += wrapped(words.say("loadtest.diff_unlike", text=text))
    values = diff_values(now.result, before.result, everything)
    lines += ["", *columns(_diff_rows(values, words), "frrrl")]
    return [*lines, "", *wrapped(words.say("loadtest.diff_note"))]


def diff_values(
    now: LoadResult, before: LoadResult, everything: bool = False
) -> list[dict[str, Any]]:
    """The values that both results have, the responses' times first.

    Unless `everything` is asked for, without the phases of a request and finer statistics.
    """
    old, new = values_of(before), values_of(now)
    found = [
        _diff_value(now.measures[metric], statistic, new[metric][statistic], old[metric][statistic])
        for metric in sorted(new, key=lambda name: (not name.startswith("http_req_duration"), name))
        if everything or _is_telling(now.measures[metric])
        for statistic in (_DIFFED_ALL if everything else _DIFFED)
        if statistic in new[metric] and statistic in old.get(metric, {})
    ]
    return [row for row in found if row["worse"] is not Worse.NEITHER]


def _is_telling(measure: Measure) -> bool:
    return measure.base not in _PHASES and "expected_response" not in measure.tags


def _diff_value(measure: Measure, statistic: str, now: float, before: float) -> dict[str, Any]:
    change = relative(now, before)
    return {
        "metric": measure.name,
        "statistic": statistic,
        "unit": unit_of(measure, statistic),
        "before": before,
        "now": now,
        "change": change,
        "worse": worse_of(measure),
        "word": word_of(now - before, change, worse_of(measure), unit_of(measure, statistic)),
    }


def _diff_rows(values: Iterable[dict[str, Any]], words: Words) -> list[list[str]]:
    heads = ("metric", "before", "now", "change")
    rows = [[*(words.say(f"loadtest.column_{head}") for head in heads), ""]]
    for row in values:
        unit = row["unit"]
        rows.append(
            [
                f"{clean(row['metric'])} {row['statistic']}",
                amount(row["before"], unit, words),
                amount(row["now"], unit, words),
                changed(row["change"], words),
                words.say(f"loadtest.{row['word']}") if row["word"] else "",
            ]
        )
    return rows


def usual_statistic(runs: Sequence[Judged], metric: str) -> str:
    """The statistic that a metric is told by: p(95) of times, the rate of the rest."""
    told = {s for each in runs for s in values_of(each.run.result).get(metric, {})}
    return next((s for s in (*_DIFFED, "count") if s in told), "p(95)")


def trend_values(runs: Sequence[Judged], metric: str, statistic: str) -> list[tuple[Judged, float]]:
    """The valid runs that have a value, each with it."""
    values = [(each, values_of(each.run.result).get(metric, {})) for each in runs]
    return [(e, v[statistic]) for e, v in values if statistic in v and e.run.is_valid]


def trend_lines(runs: Sequence[Judged], metric: str, statistic: str, words: Words) -> list[str]:
    """A value over the runs that have it, oldest first, with a bar each."""
    told = trend_values(runs, metric, statistic)
    if not told:
        known = sorted({name for each in runs for name in values_of(each.run.result)})
        params = {"metric": clean(metric), "statistic": clean(statistic)}
        return [words.say("loadtest.trend_none", known=", ".join(known[:12]), **params)]
    results = [each.run.result for each, _ in told]
    unit = unit_of(results[0].measures[metric], statistic) if results[0] else ""
    highest = max(value for _, value in told) or 1.0
    rows, before = [], None
    for each, value in told:
        ruling = each.rulings.get(metric, {}).get(statistic)
        rows.append(
            [
                str(each.run.id),
                words.say("loadtest.time", at=each.run.started_at),
                amount(value, unit, words),
                changed(relative(value, before), words),
                FULL * max(1, round(16 * value / highest)),
                verdict_text(ruling, words),
            ]
        )
        before = value
    scenario = clean(told[0][0].run.scenario)
    heading = words.say("loadtest.trend_heading", metric=metric, statistic=statistic,
                        scenario=scenario)  # fmt: skip
    return [heading, *columns(rows, "rlrrll")]
