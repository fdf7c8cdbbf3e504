"""The report of a load test in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.domain.check import Status
from monitor.domain.load_test.report import LoadFigure, LoadReport, PlatformFigure
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.filters import capital, clean, cut, metric_value
from monitor.text.messages.report_figures import change_text
from monitor.text.symbols import DOTS, TONES, bars

_GRADES = {"A": Status.OK, "B": Status.OK, "C": Status.WARN, "D": Status.WARN, "F": Status.CRIT}
_DOUBTS_MAX = 5
_REASONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadView:
    """Sentences and headings; `chart_line` stands in where no picture can be sent."""

    language: str
    symbol: str
    tone: str
    title: str
    headline: str
    summary: str
    sections: tuple[Section, ...]
    chart_title: str
    chart_line: str
    context: tuple[str, ...]


def load_view(payload: Mapping[str, Any], catalog: Catalog) -> LoadView:
    """What is said of a load test, in one language."""
    report = LoadReport.from_dict(payload)
    status = _GRADES.get(report.grade, Status.UNKNOWN)
    symbol = DOTS[status]
    title = catalog.say("load_report.title", **_about(report))
    headline = cut(_headline(report, catalog), 400)
    return LoadView(
        language=catalog.language,
        symbol=symbol,
        tone=status.value,
        title=title,
        headline=headline,
        summary=f"{symbol} {title} – {headline}",
        sections=tuple(section for section in _sections(report, catalog) if section.lines),
        chart_title=catalog.say("load_report.chart_title", **_about(report)),
        chart_line=_chart_line(report, catalog),
        context=_context(report, catalog),
    )


def _about(report: LoadReport) -> dict[str, Any]:
    return {
        "scenario": clean(report.scenario, 60),
        "at": report.started_at,
        "grade": report.grade,
        "_now": report.made_at,
    }


def _headline(report: LoadReport, catalog: Catalog) -> str:
    """The one line that tells most: the p95 against the recent runs, or why there is none."""
    if report.state == "invalid":
        said = [catalog.doubt(doubt.code, doubt.params) for doubt in report.doubts[:1]]
        return catalog.say("load_report.headline_invalid", reason=said[0] if said else "")
    p95 = next((f for f in report.figures if f.statistic == "p(95)"), None)
    if p95 is None:
        return catalog.say("load_report.headline_plain", grade=report.grade)
    figure = _figure_text(p95, catalog) if p95.before is not None else _alone(p95, catalog)
    return catalog.say("load_report.headline", grade=report.grade, figure=figure)


def _figure_text(figure: LoadFigure, catalog: Catalog) -> str:
    return catalog.say(
        "load_report.change",
        label=_label(figure, catalog),
        before=_value(figure.before, figure.unit, catalog),
        now=_value(figure.now, figure.unit, catalog),
        change=change_text(figure.change, catalog),
        word=figure.word,
    )


def _alone(figure: LoadFigure, catalog: Catalog) -> str:
    return f"{_label(figure, catalog)} {_value(figure.now, figure.unit, catalog)}"


def _label(figure: LoadFigure, catalog: Catalog) -> str:
    return catalog.say(
        "load_report.label." + _LABELS[figure.metric.partition("{")[0], figure.statistic]
    )


_LABELS = {
    ("http_req_duration", "p(95)"): "p95",
    ("http_req_duration", "med"): "median",
    ("http_req_failed", "rate"): "failed",
    ("http_reqs", "rate"): "requests",
}


def _value(value: float | None, unit: str, catalog: Catalog) -> str:
    if value is None:
        return "–"
    if unit == "share":
        return metric_value(100 * value, "%", catalog.language)
    return metric_value(value, {"per_second": "requests/s"}.get(unit, unit), catalog.language)


def _sections(report: LoadReport, catalog: Catalog) -> Iterator[Section]:
    yield _section("invalid", _doubts(report.doubts, catalog), catalog)
    yield _section("grade", _reasons(report.reasons, catalog), catalog, grade=report.grade)
    yield _section("figures", _figures(report, catalog), catalog)
    yield _section("endpoints", [_endpoint(f, catalog) for f in report.endpoints], catalog)
    yield _section("platform", [_platform(f, catalog) for f in report.platform], catalog)
    yield _section("advice", [_advice(told, catalog) for told in report.advice], catalog)


def _section(key: str, lines: Sequence[str], catalog: Catalog, **params: Any) -> Section:
    heading = catalog.say(f"load_report.{key}_heading", **params)
    return Section(heading, tuple(cut(line, 400) for line in lines))


def _doubts(doubts: Sequence[Statement], catalog: Catalog) -> list[str]:
    said = [capital(catalog.doubt(doubt.code, doubt.params)) for doubt in doubts[:_DOUBTS_MAX]]
    return [*said, catalog.say("load_report.nothing_compared")] if said else []


def _reasons(reasons: Sequence[Statement], catalog: Catalog) -> list[str]:
    return [_reason(reason, catalog) for reason in reasons[:_REASONS_MAX]]


def _reason(reason: Statement, catalog: Catalog) -> str:
    params = {key: clean(value, 120) for key, value in reason.params.items()}
    if "metric" in params:
        params["metric"] = _endpoint_name(params["metric"], catalog)
    return catalog.say(f"load_grade.{reason.code}", **params)


def _endpoint_name(metric: str, catalog: Catalog) -> str:
    """`authorize` of `http_req_duration{name:authorize}`; without a name all requests are meant."""
    name = metric.partition("{name:")[2].removesuffix("}")
    return name or catalog.say("load_report.all_requests")


def _figures(report: LoadReport, catalog: Catalog) -> list[str]:
    lines = [_beside(figure, report.recent_runs, catalog) for figure in report.figures]
    if report.figures and not report.recent_runs:
        lines.append(catalog.say("load_report.first"))
    for told in report.unlike[:_DOUBTS_MAX]:
        text = catalog.say(f"load_difference.{told.code}", **told.params)
        lines.append(catalog.say("load_report.unlike", text=text))
    return lines


def _beside(figure: LoadFigure, runs: int, catalog: Catalog) -> str:
    if figure.before is None:
        return _alone(figure, catalog)
    others = {
        n: _value(getattr(figure, n), figure.unit, catalog) for n in ("last", "recent", "best")
    }
    said = _figure_text(figure, catalog)
    return catalog.say("load_report.beside", figure=said, runs=runs, **others)


def _endpoint(figure: LoadFigure, catalog: Catalog) -> str:
    said = _alone(figure, catalog) if figure.before is None else _figure_text(figure, catalog)
    tone = TONES.get(figure.word, "")
    symbol = f"{DOTS[tone]} " if tone == "warn" else ""
    return f"{symbol}{clean(figure.name, 60)}: {said}"


def _platform(figure: PlatformFigure, catalog: Catalog) -> str:
    return catalog.say(
        "load_report.platform",
        label=capital(catalog.series(figure.series)),
        before=None if figure.before is None else _value(figure.before, figure.unit, catalog),
        worst=_value(figure.worst, figure.unit, catalog),
    )


def _advice(told: Statement, catalog: Catalog) -> str:
    params = {key: clean(value, 120) for key, value in told.params.items()}
    return catalog.say(f"load_advice.{told.code}", **params)


def _chart_line(report: LoadReport, catalog: Catalog) -> str:
    """The p95 of the last runs as a row of bars, oldest first."""
    known = [point.p95_ms for point in report.trend if point.p95_ms is not None]
    if not known:
        return catalog.say("load_report.chart_empty")
    low, high = min(known), max(known)
    drawn = bars([point.p95_ms for point in report.trend], low, high, gap="×")
    ends = {n: metric_value(v, "ms", catalog.language) for n, v in (("low", low), ("high", high))}
    return catalog.say("load_report.chart_line", bars=drawn, runs=len(report.trend), **ends)


def _context(report: LoadReport, catalog: Catalog) -> tuple[str, ...]:
    lines = [catalog.say("load_report.of", run=report.run_id, target=clean(report.target, 100))]
    if report.simulated:
        lines.append(catalog.say("message.simulated"))
    return tuple(lines)
