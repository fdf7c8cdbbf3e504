"""Figures in words: rows of the table with their changes, sparklines, the last load test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.detection.rule import relative
from monitor.domain.metrics import METRICS, Worse
from monitor.domain.report import Figure, LoadTest
from monitor.text.catalog import Catalog
from monitor.text.daily_chart import DailyChart, chart_of
from monitor.text.filters import capital, metric_value, percent
from monitor.text.symbols import DOTS, TONES, polylines

_WIDTH, _HEIGHT = 96, 22
_TELLING = 0.2  # a smaller change that was judged the same is no news
_TEST_FIGURES = {  # figure of a run -> metric that names it and gives its unit
    "p95_ms": "load_test_p95_ms",
    "median_ms": "load_test_median_ms",
    "requests_per_second": "load_test_requests_per_second",
    "failed_percent": "load_test_failed_percent",
}
_STATES = {"passed": "ok", "failed": "crit", "invalid": "unknown", "unjudged": "unknown"}


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A row of key figures; `sparks` are the point lists of an SVG polyline, broken at gaps."""

    label: str
    now: str
    before: str
    change: str
    tone: str
    earlier: str
    change_earlier: str
    tone_earlier: str
    sparks: tuple[str, ...]
    chart: DailyChart | None
    line: str


def figure_rows(figures: Sequence[Figure], kind: str, catalog: Catalog) -> tuple[FigureRow, ...]:
    """The rows of the table; what did not exist stays blank."""
    return tuple(_row(figure, kind, catalog) for figure in figures)


def _row(figure: Figure, kind: str, catalog: Catalog) -> FigureRow:
    label = capital(catalog.series(figure.series))
    if figure.statistic in ("p95", "mean"):
        label = catalog.say(f"report.statistic_{figure.statistic}", label=label)
    now, before, earlier = (
        "" if value is None else metric_value(value, figure.unit, catalog.language)
        for value in (figure.now, figure.before, figure.earlier)
    )
    change = _told_change(figure.change, figure.word, figure, catalog)
    change_earlier = _told_change(figure.change_earlier, figure.word_earlier, figure, catalog)
    tone = TONES.get(figure.word) or TONES.get(figure.word_earlier, "")
    line = _line(label, now, (before, change), (earlier, change_earlier), kind, catalog)
    return FigureRow(
        label=label,
        now=now,
        before=before,
        change=change,
        tone=TONES.get(figure.word, ""),
        earlier=earlier,
        change_earlier=change_earlier,
        tone_earlier=TONES.get(figure.word_earlier, ""),
        sparks=tuple(_sparks(figure.trend)),
        chart=chart_of(figure, catalog),
        line=f"{DOTS[tone]} {line}" if tone else line,
    )


def _told_change(change: float | None, word: str, figure: Figure, catalog: Catalog) -> str:
    """A change; one that was judged not to matter is said as that and not as a number."""
    is_counted = figure.series == "payments_per_minute"  # says the same as the payments do
    is_judged = METRICS[figure.series.partition("{")[0]].worse is not Worse.NEITHER
    is_judged = is_judged and not is_counted
    is_small = change is not None and abs(change) < _TELLING
    if is_judged and word == "same" and is_small:
        return catalog.say("report.about_same")
    return change_text(change, catalog)


def _line(
    label: str,
    now: str,
    before: tuple[str, str],
    earlier: tuple[str, str],
    kind: str,
    catalog: Catalog,
) -> str:
    """A row as one line of text, for where there are no tables."""
    return catalog.say(
        "report.figure_line",
        kind=kind,
        label=label,
        now=now,
        before=before[0],
        change=before[1],
        earlier=earlier[0],
        change_earlier=earlier[1],
    )


def change_text(change: float | None, catalog: Catalog) -> str:
    """A relative change as `+12.3 %`; blank where there is none to tell."""
    if change is None:
        return ""
    if abs(change) < 0.0005:
        return catalog.say("report.unchanged")
    if abs(change) >= 10:
        return f"×{1 + change:,.0f}" if change > 0 else percent(100 * change, catalog.language)
    return percent(100 * change, catalog.language, signed=True)


def _sparks(trend: Sequence[float | None]) -> Iterator[str]:
    known = [value for value in trend if value is not None]
    if len(known) < 2:
        return iter(())
    low, span = min(known), max(known) - min(known)
    step = _WIDTH / max(len(trend) - 1, 1)

    def height(value: float) -> float:
        return _HEIGHT - 1 - ((value - low) / span if span else 0.5) * (_HEIGHT - 2)

    return polylines(
        [(i * step + 1, None if v is None else height(v)) for i, v in enumerate(trend)]
    )


def load_test_lines(run: LoadTest, now: datetime, catalog: Catalog) -> list[tuple[str, str]]:
    """The last load test: its outcome, and each figure beside that of the run before."""
    said = catalog.say(
        "report.load_test_run",
        scenario=catalog.name("scenario", run.scenario),
        state=catalog.name("load_state", run.state),
        at=run.started_at,
        target=run.target,
        before_at=run.before_at,
        _now=now,
    )
    lines = [(said, _STATES.get(run.state, ""))]
    if run.state != "invalid":
        lines += [_test_figure(name, run, catalog) for name in _TEST_FIGURES if name in run.figures]
    return lines


def _test_figure(name: str, run: LoadTest, catalog: Catalog) -> tuple[str, str]:
    spec = METRICS[_TEST_FIGURES[name]]
    now, before = run.figures[name], run.before.get(name)
    change = relative(now, before)
    said = catalog.say(
        "report.load_test_figure",
        label=capital(catalog.series(spec.name)),
        now=metric_value(now, spec.unit, catalog.language),
        before="" if before is None else metric_value(before, spec.unit, catalog.language),
        change=change_text(change, catalog),
    )
    return said, TONES.get(run.verdicts.get(name, ""), "")
