"""What `paypulse loadtest` prints of one run, of the list of them, and of files read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.files import Imported
from monitor.domain.load_test.history import Judged, unit_of
from monitor.domain.load_test.result import COUNTER, UNKNOWN_RULE, Measure, Threshold
from monitor.domain.load_test.rules import statistic_of
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, metric_value, percent
from monitor.text.load_test_values import (
    advice_text,
    amount,
    changed,
    difference_text,
    doubt_text,
    file_error_text,
    verdict_text,
)
from monitor.text.symbols import ARROW
from monitor.text.terminal.output import indented, table

_CHECKS_MAX = 30
_PASSED_OVER_MAX = 5


def list_parts(runs: Sequence[Judged], catalog: Catalog) -> Iterator[RenderableType]:
    """The runs in a table; below it, why those that are invalid are so."""
    heads = ("id", "at", "scenario", "state", "p95", "failed", "rate", "verdict")
    rows = [_list_row(each, catalog) for each in runs]
    yield table(rows, "rlflrrrl", [catalog.say(f"loadtest.column_{head}") for head in heads])
    for each in runs:
        if each.run.doubts:
            yield Text(f"#{each.run.id}: {doubt_text(each.run.doubts, catalog)}")


def _list_row(each: Judged, catalog: Catalog) -> list[str]:
    run, figures = each.run, each.run.figures
    return [
        str(run.id),
        catalog.say("loadtest.time", at=run.started_at),
        str(clean(run.scenario)),
        catalog.say(f"loadtest.state.{run.state}"),
        amount(figures.get("p95_ms"), "ms", catalog),
        amount(_share(figures.get("failed_percent")), "share", catalog),
        amount(figures.get("requests_per_second"), "", catalog),
        catalog.say(f"loadtest.verdict.{each.word}")
        if each.word in ("regression", "improvement", "same", "not_enough_history")
        else "–",
    ]


def _share(of_hundred: float | None) -> float | None:
    return None if of_hundred is None else of_hundred / 100


def run_parts(each: Judged, catalog: Catalog, kept: int | None) -> Iterator[RenderableType]:
    """One run whole: what it was, what it measured, how it stands against those before it."""
    run = each.run
    yield from _head(run, catalog)
    rows = [
        (catalog.say(f"loadtest.{key}"), text) for key, text in _about(run, catalog, kept) if text
    ]
    yield from ("", table(rows, "lf"))
    yield from _titled("figures", _figures(run, catalog), "lr", catalog)
    yield from _endpoints(each, catalog)
    yield from _titled("thresholds", _thresholds(run, catalog), "frl", catalog)
    yield from _titled("checks", _checks(run, catalog), "fl", catalog)
    yield from _versus_notes(each, catalog)


def _titled(
    title: str,
    rows: Iterable[Sequence[str]],
    sides: str,
    catalog: Catalog,
    heads: Sequence[str] = (),
) -> Iterator[RenderableType]:
    """A table under its title; nothing where it has no rows."""
    held = list(rows)
    if held:
        yield from ("", catalog.say(f"loadtest.{title}_title"))
        yield indented(table(held, sides, heads), 2)


def _head(run: LoadTestRun, catalog: Catalog) -> Iterator[RenderableType]:
    state = catalog.say(f"loadtest.state.{run.state}")
    params = {"number": run.id, "scenario": clean(run.scenario), "at": run.started_at}
    yield catalog.say("loadtest.heading", state=state, **params)
    for number_, doubt in enumerate(run.doubts):
        key = "and_because" if number_ else "invalid_because"
        yield Text(catalog.say(f"loadtest.{key}", text=catalog.doubt(doubt.code, doubt.params)))
    crossed = ", ".join(run.result.crossed) if run.result else ""
    if crossed:
        yield Text(catalog.say("loadtest.crossed", crossed=clean(crossed)))
    yield from (Text(line) for line in _open_limits(run, catalog))
    if run.log:
        yield Text(catalog.say("loadtest.log", log=clean(run.log[-300:], 300)))


def _about(run: LoadTestRun, catalog: Catalog, kept: int | None) -> Iterator[tuple[str, str]]:
    options = {key: run.options.get(key) for key in ("rate", "vus", "seconds")}
    yield "target", str(clean(run.target))
    ended = catalog.say("loadtest.time", at=run.ended_at) if run.ended_at else "…"
    yield "span", f"{catalog.say('loadtest.time', at=run.started_at)} – {ended}"
    yield "load", catalog.say("loadtest.load_text", **options) if any(options.values()) else ""
    yield "k6", str(clean(run.k6_version))
    yield "script", run.script_hash[:12]
    if run.result:
        about = {"shape": run.result.shape, "file": clean(run.file), "kept": kept}
        yield "shape", catalog.say("loadtest.shape_text", **about)
    if {"load_before", "load_after", "cpus"} <= run.host.keys():
        host = {key: run.host[f"load_{key}"] for key in ("before", "after")}
        yield "host", catalog.say("loadtest.host_text", cpus=run.host["cpus"], **host)


def _figures(run: LoadTestRun, catalog: Catalog) -> Iterator[tuple[str, str]]:
    for name, value in run.figures.items():
        if catalog.has(f"loadtest.figure.{name}"):
            yield catalog.say(f"loadtest.figure.{name}"), _figure(name, value, catalog)


def _figure(name: str, value: float, catalog: Catalog) -> str:
    if name.endswith("_percent"):
        return percent(value, catalog.language)
    return amount(value, "ms" if name.endswith("_ms") else "", catalog)


def _endpoints(each: Judged, catalog: Catalog) -> Iterator[RenderableType]:
    """Every endpoint, and all of them together, beside earlier runs."""
    result = each.run.result
    if result is None or not each.run.is_valid:
        return
    names = ["http_req_duration", *sorted(m.name for m in result.endpoints.values())]
    measures = [result.measures[name] for name in names if name in result.measures]
    versus = [a.name for a in each.against]
    heads = ["", "med", "p(95)", *(catalog.say(f"loadtest.versus_{name}") for name in versus), ""]
    rows = [_endpoint(measure, each, versus, catalog) for measure in measures]
    yield from _titled("endpoints", rows, "frr" + "r" * len(versus) + "l", catalog, heads)
    if result.left_out:
        yield catalog.say("loadtest.left_out", count=result.left_out)


def _endpoint(measure: Measure, each: Judged, versus: Sequence[str], catalog: Catalog) -> list[str]:
    ruling = each.rulings.get(measure.name, {}).get("p(95)")
    return [
        str(clean(measure.tags.get("name", "*"))),
        amount(measure.values.get("med"), "ms", catalog),
        amount(measure.values.get("p(95)"), "ms", catalog),
        *(changed(each.change(other, measure.name, "p(95)"), catalog) for other in versus),
        verdict_text(ruling, catalog),
    ]


def _thresholds(run: LoadTestRun, catalog: Catalog) -> Iterator[list[str]]:
    for measure, limit in run.result.thresholds if run.result else ():
        yield _threshold(measure, limit, catalog)


def _threshold(measure: Measure, limit: Threshold, catalog: Catalog) -> list[str]:
    """A limit; k6 calls one on something that never happened kept, and that is no news."""
    name = f"{clean(measure.name)} {limit.rule}"
    if not measure.has_data and measure.kind != COUNTER:
        return [name, "–", catalog.say("loadtest.no_data")]
    unit = unit_of(measure, statistic_of(limit.rule) or "")
    word = {True: "kept", False: "crossed_word", None: "not_judged"}[limit.kept]
    return [name, amount(limit.value, unit, catalog), catalog.say(f"loadtest.{word}")]


def _open_limits(run: LoadTestRun, catalog: Catalog) -> list[str]:
    """Which limits of the run were not judged, in a sentence; nothing if all were."""
    named = [clean(limit, 80) for limit in run.unjudged if limit != UNKNOWN_RULE]
    said = [catalog.say("loadtest.limits_open", limits=", ".join(named))] if named else []
    if UNKNOWN_RULE in run.unjudged:
        said.append(catalog.say("loadtest.limits_absent"))
    return said


def _checks(run: LoadTestRun, catalog: Catalog) -> Iterator[tuple[str, str]]:
    for tally in run.result.checks[:_CHECKS_MAX] if run.result else ():
        counts = {"passes": tally.passes, "fails": tally.fails}
        yield str(clean(tally.path)), catalog.say("loadtest.checks_row", **counts)


def _versus_notes(each: Judged, catalog: Catalog) -> Iterator[RenderableType]:
    if not each.run.is_valid:
        return
    yield ""
    if each.last_differs:
        text = difference_text(each.last_differs, catalog)
        yield Text(catalog.say("loadtest.versus_last_differs", text=text))
    recent = next((a for a in each.against if a.name == "recent"), None)
    key = "nothing" if recent is None else "note"
    yield Text(catalog.say(f"loadtest.versus_{key}", runs=recent.runs if recent else 0))


def platform_parts(found: Sequence[Meanwhile], catalog: Catalog) -> Iterator[RenderableType]:
    """Each series of the platform with its worst value during the run and its usual one before."""
    heads = ["", *(catalog.say(f"loadtest.{key}") for key in ("column_before", "column_worst"))]
    rows = [
        (
            catalog.series(each.series),
            metric_value(each.before, each.unit, catalog.language),
            metric_value(each.worst, each.unit, catalog.language),
        )
        for each in found
    ]
    yield from _titled("platform", rows, "frr", catalog, heads)


def advice_parts(found: Sequence[Statement], catalog: Catalog) -> Iterator[RenderableType]:
    """What to look at after a run."""
    if found:
        yield from ("", catalog.say("loadtest.advice_title"))
    for advice in found:
        yield indented(f"{ARROW} {advice_text(advice, catalog)}", 2)


def import_lines(outcome: Imported, catalog: Catalog) -> list[str]:
    """What became of a file."""
    file = clean(str(outcome.path))
    if outcome.error is not None:
        text = file_error_text(outcome.error, catalog)
        return [catalog.say("loadtest.refused", file=file, line=outcome.error.line, text=text)]
    run = outcome.run
    if run is None:
        return [catalog.say("loadtest.duplicate", file=file, number=outcome.duplicate_of)]
    p95 = run.figures.get("p95_ms")
    told = {
        "number": run.id,
        "file": clean(outcome.path.name),
        "scenario": clean(run.scenario),
        "at": run.started_at,
        "state": catalog.say(f"loadtest.state.{run.state}"),
        "p95": "" if p95 is None else amount(p95, "ms", catalog),
    }
    why = [catalog.doubt(doubt.code, doubt.params) for doubt in run.doubts]
    why += _open_limits(run, catalog)
    said = [catalog.say("loadtest.imported_doubt", text=text) for text in why]
    return [catalog.say("loadtest.imported", **told), *(f"   {text}" for text in said)]


def import_total(
    outcomes: Sequence[Imported], passed_over: Sequence[Path], catalog: Catalog
) -> list[str]:
    """How many files became what, and what would help."""
    refused = [outcome.error for outcome in outcomes if outcome.error is not None]
    counts = {
        "imported": sum(outcome.run is not None for outcome in outcomes),
        "duplicates": sum(outcome.duplicate_of is not None for outcome in outcomes),
        "refused": len(refused),
    }
    lines = [catalog.say("loadtest.imported_all", **counts)]
    if passed_over:
        names = ", ".join(str(clean(path.name, 60)) for path in passed_over[:_PASSED_OVER_MAX])
        lines.append(catalog.say("loadtest.passed_over", count=len(passed_over), names=names))
    if any(error.code == "undated" for error in refused):
        lines.append(catalog.say("loadtest.undated_hint"))
    return lines
