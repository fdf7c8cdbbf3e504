"""What `paypulse loadtest` prints of runs: the list of them, and one whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.domain.load_test.history import Judged, unit_of
from monitor.domain.load_test.result import COUNTER, Measure, Threshold
from monitor.domain.load_test.rules import statistic_of
from monitor.domain.load_test.run import LoadTestRun
from monitor.text.catalog import Words
from monitor.text.filters import clean, percent
from monitor.text.load_test_values import amount, changed, difference_text, doubt_text, verdict_text
from monitor.text.terminal.columns import columns, wrapped


def list_lines(runs: Sequence[Judged], words: Words) -> list[str]:
    """The runs in a table; below an invalid one, why."""
    heads = ("id", "at", "scenario", "state", "p95", "failed", "rate", "verdict")
    rows = [[words.say(f"loadtest.column_{head}") for head in heads]]
    rows += [_list_row(each, words) for each in runs]
    lines = columns(rows, "rlflrrrl")
    found = [lines[0]]
    for line, each in zip(lines[1:], runs, strict=True):
        found.append(line)
        if each.run.doubts:
            found += wrapped(doubt_text(each.run.doubts, words), indent="      ")
    return found


def _list_row(each: Judged, words: Words) -> list[str]:
    run, figures = each.run, each.run.figures
    return [
        str(run.id),
        words.say("loadtest.time", at=run.started_at),
        str(clean(run.scenario)),
        words.say(f"loadtest.state.{run.state}"),
        amount(figures.get("p95_ms"), "ms", words),
        amount(_share(figures.get("failed_percent")), "share", words),
        amount(figures.get("requests_per_second"), "", words),
        words.say(f"loadtest.verdict.{each.word}")
        if each.word in ("regression", "improvement", "same", "not_enough_history")
        else "–",
    ]


def _share(of_hundred: float | None) -> float | None:
    return None if of_hundred is None else of_hundred / 100


def run_lines(each: Judged, words: Words, kept: int | None) -> list[str]:
    """One run whole: what it was, what it measured, how it stands against those before it."""
    run = each.run
    return [
        *_head(run, words, kept),
        *_figures(each, words),
        *_endpoints(each, words),
        *_thresholds(run, words),
        *_checks(run, words),
        *_versus_notes(each, words),
    ]


def _head(run: LoadTestRun, words: Words, kept: int | None) -> Iterator[str]:
    state = words.say(f"loadtest.state.{run.state}")
    params = {"number": run.id, "scenario": clean(run.scenario), "at": run.started_at}
    yield words.say("loadtest.heading", state=state, **params)
    for number_, doubt in enumerate(run.doubts):
        key = "and_because" if number_ else "invalid_because"
        yield from wrapped(words.say(f"loadtest.{key}", text=words.doubt(doubt.code, doubt.params)))
    crossed = ", ".join(run.result.crossed) if run.result else ""
    if crossed:
        yield from wrapped(words.say("loadtest.crossed", crossed=clean(crossed)))
    if run.log:
        yield from wrapped(words.say("loadtest.log", log=clean(run.log[-300:], 300)))
    yield ""
    rows = [[words.say(f"loadtest.{key}"), text] for key, text in _about(run, words, kept) if text]
    yield from columns(rows)


def _about(run: LoadTestRun, words: Words, kept: int | None) -> Iterator[tuple[str, str]]:
    options = {key: run.options.get(key) for key in ("rate", "vus", "seconds")}
    yield "target", str(clean(run.target))
    ended = words.say("loadtest.time", at=run.ended_at) if run.ended_at else "…"
    yield "span", f"{words.say('loadtest.time', at=run.started_at)} – {ended}"
    yield "load", words.say("loadtest.load_text", **options) if any(options.values()) else ""
    yield "k6", str(clean(run.k6_version))
    yield "script", run.script_hash[:12]
    if run.result:
        about = {"shape": run.result.shape, "file": clean(run.file), "kept": kept}
        yield "shape", words.say("loadtest.shape_text", **about)
    if {"load_before", "load_after", "cpus"} <= run.host.keys():
        host = {key: run.host[f"load_{key}"] for key in ("before", "after")}
        yield "host", words.say("loadtest.host_text", cpus=run.host["cpus"], **host)


def _figures(each: Judged, words: Words) -> Iterator[str]:
    if not each.run.figures:
        return
    yield from ("", words.say("loadtest.figures_title"))
    rows = [
        [f"  {words.say(f'loadtest.figure.{name}')}", _figure(name, value, words)]
        for name, value in each.run.figures.items()
        if words.has(f"loadtest.figure.{name}")
    ]
    yield from columns(rows, "lr")


def _figure(name: str, value: float, words: Words) -> str:
    if name.endswith("_percent"):
        return percent(value, words.language)
    return amount(value, "ms" if name.endswith("_ms") else "", words)


def _endpoints(each: Judged, words: Words) -> Iterator[str]:
    """Every endpoint, and all of them together, beside earlier runs."""
    result = each.run.result
    if result is None or not each.run.is_valid:
        return
    names = ["http_req_duration", *sorted(m.name for m in result.endpoints.values())]
    measures = [result.measures[name] for name in names if name in result.measures]
    versus = [a.name for a in each.against]
    head = ["", "med", "p(95)", *(words.say(f"loadtest.versus_{name}") for name in versus), ""]
    rows = [head, *(_endpoint(m, each, versus, words) for m in measures)]
    yield from ("", words.say("loadtest.endpoints_title"))
    yield from columns(rows, "lrr" + "r" * len(versus) + "l")
    if result.left_out:
        yield words.say("loadtest.left_out", count=result.left_out)


def _endpoint(measure: Measure, each: Judged, versus: Sequence[str], words: Words) -> list[str]:
    ruling = each.rulings.get(measure.name, {}).get("p(95)")
    name = measure.tags.get("name", "*")
    return [
        f"  {clean(name)}",
        amount(measure.values.get("med"), "ms", words),
        amount(measure.values.get("p(95)"), "ms", words),
        *(changed(each.change(other, measure.name, "p(95)"), words) for other in versus),
        verdict_text(ruling, words),
    ]


def _thresholds(run: LoadTestRun, words: Words) -> Iterator[str]:
    pairs = list(run.result.thresholds) if run.result else []
    if not pairs:
        return
    yield from ("", words.say("loadtest.thresholds_title"))
    yield from columns([_threshold(measure, t, words) for measure, t in pairs], "lrl")


def _threshold(measure: Measure, limit: Threshold, words: Words) -> list[str]:
    """A limit; k6 calls one on something that never happened kept, and that is no news."""
    name = f"  {clean(measure.name)} {limit.rule}"
    if not measure.has_data and measure.kind != COUNTER:
        return [name, "–", words.say("loadtest.no_data")]
    unit = unit_of(measure, statistic_of(limit.rule) or "")
    word = "kept" if limit.kept else "crossed_word"
    return [name, amount(limit.value, unit, words), words.say(f"loadtest.{word}")]


def _checks(run: LoadTestRun, words: Words) -> Iterator[str]:
    if not run.result or not run.result.checks:
        return
    yield from ("", words.say("loadtest.checks_title"))
    told = run.result.checks[:30]
    rows = [
        [
            f"  {clean(tally.path)}",
            words.say("loadtest.checks_row", passes=tally.passes, fails=tally.fails),
        ]
        for tally in told
    ]
    yield from columns(rows)


def _versus_notes(each: Judged, words: Words) -> Iterator[str]:
    if not each.run.is_valid:
        return
    yield ""
    if each.last_differs:
        text = difference_text(each.last_differs, words)
        yield from wrapped(words.say("loadtest.versus_last_differs", text=text))
    recent = next((a for a in each.against if a.name == "recent"), None)
    if recent is None:
        yield words.say("loadtest.versus_nothing")
    else:
        yield from wrapped(words.say("loadtest.versus_note", runs=recent.runs))
