"""A report in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from monitor.domain.report import AcceptedTrouble, Drift, Report, Trouble
from monitor.text.catalog import Catalog
from monitor.text.filters import capital, clean, cut, day_text, metric_value
from monitor.text.impact import impact_line
from monitor.text.messages.report_figures import (
    FigureRow,
    change_text,
    figure_rows,
    load_test_lines,
)
from monitor.text.symbols import DOTS

_LINES_MAX = 10
_LABELS = ("figure", "change", "trend")
_COVERAGE_LOW = 0.95
_COVERED_FULLY = 0.99
_SKIPPED_MAX = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section; `tone` is a status word, or empty."""

    text: str
    tone: str = ""

    def __str__(self) -> str:
        return f"{DOTS[self.tone]} {self.text}" if self.tone else self.text


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a report; `figures` are the rows of the table of key figures."""

    key: str
    heading: str
    lines: tuple[Line, ...] = ()
    figures: tuple[FigureRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportView:
    """Sentences and headings; no text in here is escaped, and all of it is bounded."""

    language: str
    symbol: str
    tone: str
    title: str
    headline: str
    summary: str
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    labels: Mapping[str, str]
    context: tuple[str, ...]


def report_view(payload: Mapping[str, Any], catalog: Catalog) -> ReportView:
    """What a report says, in one language."""
    report = Report.from_dict(payload)
    title = catalog.say(f"report.title_{report.kind}", day=_day(report.day, catalog))
    headline = cut(_headline(report, catalog), 300)
    symbol = DOTS[report.status]
    return ReportView(
        language=catalog.language,
        symbol=symbol,
        tone=report.status.value,
        title=title,
        headline=headline,
        summary=f"{symbol} {title} – {headline}",
        parts=tuple(part for make in _PARTS for part in make(report, catalog)),
        columns=_columns(report, catalog),
        labels={name: catalog.say(f"report.column_{name}") for name in _LABELS},
        context=_context(report, catalog),
    )


def _headline(report: Report, catalog: Catalog) -> str:
    """The verdict on one line: what is wrong now, else what is over, else that all is well."""
    said = _verdict(report, catalog)
    share = report.ran / report.expected if report.expected else 1.0
    if report.ran and share < _COVERAGE_LOW:
        said += " " + catalog.say("report.headline_coverage", share=100 * share)
    return said


def _verdict(report: Report, catalog: Catalog) -> str:
    if report.unseen_since:
        said = _since("report.headline_unseen_since", report, catalog)
        return said + _last_known(report, catalog)
    if not report.ran:
        return catalog.say("report.headline_no_passes")
    blind = [t for t in report.unseen if t.ended_at is None]
    for key, troubles in (("wrong", report.wrong), ("unseen", blind)):
        if troubles:
            title = cut(catalog.finding(troubles[0], report.as_of).title, 120)
            return catalog.say(f"report.headline_{key}", count=len(troubles), title=title)
    if report.recovered:
        longest = max(_seconds(t, report) for t in report.recovered)
        return catalog.say(
            "report.headline_recovered", count=len(report.recovered), longest_seconds=longest
        )
    return catalog.say("report.headline_well", kind=report.kind)


def _last_known(report: Report, catalog: Catalog) -> str:
    """What was wrong when the monitor last looked; nothing if nothing was."""
    if not report.wrong:
        return ""
    title = cut(catalog.finding(report.wrong[0], report.as_of).title, 120)
    return " " + catalog.say("report.headline_last_known", count=len(report.wrong), title=title)


def _since(key: str, report: Report, catalog: Catalog) -> str:
    """A sentence about the time since which nothing was seen."""
    since = report.unseen_since or report.as_of
    seconds = (report.as_of - since).total_seconds()
    return catalog.say(key, since=since, seconds=seconds, _now=report.as_of)


def _seconds(trouble: Trouble, report: Report) -> float:
    return ((trouble.ended_at or report.as_of) - trouble.since).total_seconds()


def _wrong(report: Report, catalog: Catalog) -> Sequence[Part]:
    lines = _troubles(report.wrong, "report.trouble_live", report, catalog)
    return [_part("wrong", catalog, lines or [Line(_nothing("wrong", report, catalog))])]


def _nothing(key: str, report: Report, catalog: Catalog) -> str:
    """That there is nothing to tell, as far as that can be known."""
    if report.unseen_since:
        return _since("report.nothing_known_since", report, catalog)
    return catalog.say(f"report.{key}_none" if report.ran else "report.nothing_known")


def _recovered(report: Report, catalog: Catalog) -> Sequence[Part]:
    lines = _troubles(report.recovered, "report.trouble_over", report, catalog)
    heading = {"start": report.start, "_now": report.as_of}
    lines = lines or [Line(_nothing("recovered", report, catalog))]
    return [_part("recovered", catalog, lines, **heading)]


def _troubles(
    troubles: Sequence[Trouble], key: str, report: Report, catalog: Catalog
) -> list[Line]:
    lines = [_trouble(trouble, key, report, catalog) for trouble in troubles[:_LINES_MAX]]
    if len(troubles) > _LINES_MAX:
        lines.append(Line(catalog.say("message.more", count=len(troubles) - _LINES_MAX)))
    return lines


def _trouble(trouble: Trouble, key: str, report: Report, catalog: Catalog) -> Line:
    over = trouble.ended_at is not None
    text = catalog.say(
        key,
        title=cut(catalog.finding(trouble, report.as_of, over=over).title, 160),
        since=trouble.since,
        until=trouble.ended_at,
        seconds=_seconds(trouble, report),
        consequences=trouble.consequences,
        _now=report.as_of,
    )
    impact = impact_line(trouble.impact, catalog)
    return Line(f"{text}. {impact}" if impact else text, trouble.status.value)


def _accepted(report: Report, catalog: Catalog) -> Sequence[Part]:
    """What is wrong, but known; nothing is said where nothing is."""
    lines = [Line(_accepted_line(one, report, catalog)) for one in report.accepted[:_LINES_MAX]]
    if len(report.accepted) > _LINES_MAX:
        lines.append(Line(catalog.say("message.more", count=len(report.accepted) - _LINES_MAX)))
    return [_part("accepted", catalog, lines)] if lines else []


def _accepted_line(one: AcceptedTrouble, report: Report, catalog: Catalog) -> str:
    trouble = one.trouble
    return catalog.say(
        "report.accepted_line",
        title=cut(catalog.finding(trouble, report.as_of).title, 160) if trouble else "",
        more=one.count - 1 if trouble else 0,
        pattern=clean(one.pattern),
        reason=clean(one.reason),
        author=clean(one.author),
        since=one.since,
        until=one.until,
        _now=report.as_of,
    )


def _alerts(report: Report, catalog: Catalog) -> Sequence[Part]:
    counts = report.alerts
    lines = [Line(catalog.say("report.alerts_counts", counts=counts))]
    if counts.messages_sent or counts.messages_waiting or counts.messages_dead:
        lines.append(Line(catalog.say("report.alerts_messages", counts=counts)))
    return [_part("alerts", catalog, lines)]


def _figures(report: Report, catalog: Catalog) -> Sequence[Part]:
    telling = [figure for figure in report.figures if not figure.is_still_zero]
    rows = figure_rows(telling, catalog)
    if not report.figures:
        return [_part("figures", catalog, [Line(catalog.say("report.figures_none"))])]
    now, before, earlier = _columns(report, catalog)
    said = catalog.say("report.figures_columns", now=now, before=before, earlier=earlier)
    lines = [Line(said)] if rows else []
    if len(rows) < len(report.figures):
        lines.append(
            Line(catalog.say("report.figures_zero", count=len(report.figures) - len(rows)))
        )
    return [Part("figures", catalog.say("report.figures_heading"), tuple(lines), rows)]


def _drifts(report: Report, catalog: Catalog) -> Sequence[Part]:
    if not report.drifts:
        return []
    return [_part("drifts", catalog, [_drift(drift, catalog) for drift in report.drifts])]


def _drift(drift: Drift, catalog: Catalog) -> Line:
    text = catalog.say(
        "report.drift",
        label=capital(catalog.series(drift.series)),
        now=metric_value(drift.now, drift.unit, catalog.language),
        before=metric_value(drift.before, drift.unit, catalog.language),
        change=change_text(drift.change, catalog),
    )
    return Line(text, "warn")


def _load_test(report: Report, catalog: Catalog) -> Sequence[Part]:
    if report.load_test is None:
        return []
    lines = load_test_lines(report.load_test, report.as_of, catalog)
    return [_part("load_test", catalog, [Line(text, tone) for text, tone in lines])]


def _coverage(report: Report, catalog: Catalog) -> Sequence[Part]:
    if not report.expected:
        return [_part("coverage", catalog, [Line(catalog.say("report.coverage_none"))])]
    share = 100 * report.ran / report.expected
    said = catalog.say("report.coverage", share=share, ran=report.ran, expected=report.expected)
    low = sorted((c for c in report.coverage if c.expected), key=lambda c: c.ran / c.expected)
    lines = [Line(said)]
    for item in low[:3]:
        if item.ran < _COVERED_FULLY * item.expected:
            name = catalog.name("check", item.check)
            share = 100 * item.ran / item.expected
            lines.append(Line(catalog.say("report.coverage_check", name=name, share=share)))
    if report.skipped:
        days = ", ".join(_day(day, catalog) for day in report.skipped[-_SKIPPED_MAX:])
        if len(report.skipped) > _SKIPPED_MAX:
            days += " " + catalog.say("message.more", count=len(report.skipped) - _SKIPPED_MAX)
        lines.append(Line(catalog.say("report.skipped", days=days)))
    return [_part("coverage", catalog, lines)]


def _unseen(report: Report, catalog: Catalog) -> Sequence[Part]:
    live = [t for t in report.unseen if t.ended_at is None]
    over = [t for t in report.unseen if t.ended_at is not None]
    lines = _troubles(live, "report.trouble_live", report, catalog)
    lines += _troubles(over, "report.trouble_over", report, catalog)
    if report.unseen_since:
        lines.insert(0, Line(_since("report.unseen_since", report, catalog), "unknown"))
    elif report.ran < _COVERED_FULLY * report.expected:
        missed = report.expected - report.ran
        lines.append(Line(catalog.say("report.unseen_gaps", missed=missed)))
    often = sorted((c for c in report.coverage if c.unknown), key=lambda c: -c.unknown / c.ran)
    for item in often[:5]:
        name = catalog.name("check", item.check)
        lines.append(Line(catalog.say("report.unseen_passes", name=name, item=item)))
    if not lines and report.ran:
        lines = [Line(catalog.say("report.unseen_none"))]
    return [_part("unseen", catalog, lines)] if lines else []


def _part(key: str, catalog: Catalog, lines: Sequence[Line], **params: Any) -> Part:
    shown = tuple(Line(cut(line.text, 400), line.tone) for line in lines)
    return Part(key, catalog.say(f"report.{key}_heading", **params), shown)


_PARTS: tuple[Callable[[Report, Catalog], Sequence[Part]], ...] = (
    *(_wrong, _accepted, _recovered, _alerts, _figures, _drifts, _load_test, _coverage, _unseen),
)


def _columns(report: Report, catalog: Catalog) -> tuple[str, ...]:
    """The dates of the three periods: this one, the one before, the earlier one."""
    days, back = (1, 7) if report.kind == "daily" else (7, 28)
    return tuple(
        _span(report.day - timedelta(days=offset + days), days, catalog)
        for offset in (0, days, back)
    )


def _span(first: date, days: int, catalog: Catalog) -> str:
    last = first + timedelta(days=days - 1)
    return _day(first, catalog) if days == 1 else f"{_day(first, catalog)} – {_day(last, catalog)}"


def _day(day: date, catalog: Catalog) -> str:
    return day_text(day, catalog.language)


def _context(report: Report, catalog: Catalog) -> tuple[str, ...]:
    local = report.as_of.astimezone(catalog.zone)
    lines = [catalog.say("report.as_of", at=local.strftime("%Y-%m-%d %H:%M %Z"))]
    if report.simulated:
        lines.append(catalog.say("message.simulated"))
    return tuple(lines)
