"""A report in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from monitor.domain.report import AcceptedTrouble, Drift, Report
from monitor.text.catalog import Catalog
from monitor.text.filters import capital, clean, cut, dated, day_text, metric_value
from monitor.text.messages.report_figures import (
    change_text,
    figure_rows,
    load_test_lines,
)
from monitor.text.messages.sections import (
    Line,
    Part,
    coverage_part,
    gap_sentence,
    lasted_seconds,
    part,
    since_sentence,
    trouble_lines,
    unseen_part,
)
from monitor.text.symbols import DOTS

_LINES_MAX = 10
_LABELS = ("figure", "change", "trend")
_COVERAGE_LOW = 0.95
_ALWAYS_SHOWN = (
    "payments_created",
    "payments_per_minute",
    "payment_amount_krw_avg",
    "refused_percent",
    "request_ms{authorize}",
)


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
        parts=tuple(each for make in _PARTS for each in make(report, catalog)),
        columns=_columns(report, catalog),
        labels={name: catalog.say(f"report.column_{name}") for name in _LABELS},
        context=_context(report, catalog),
    )


def _headline(report: Report, catalog: Catalog) -> str:
    """The verdict on one line: what is wrong now, else what is over, else that all is well."""
    said = _verdict(report, catalog)
    if report.ran and report.share < _COVERAGE_LOW:
        said += " " + catalog.say("report.headline_coverage", share=100 * report.share)
    return said


def _verdict(report: Report, catalog: Catalog) -> str:
    if report.unseen_since:
        said = since_sentence("report.headline_unseen_since", report, catalog)
        return said + _last_known(report, catalog)
    if not report.ran:
        return catalog.say("report.headline_no_passes")
    blind = [t for t in report.unseen if t.ended_at is None]
    found = (("wrong", report.wrong), ("pending", report.pending), ("unseen", blind))
    for key, troubles in found:
        if troubles:
            title = cut(catalog.finding(troubles[0], report.as_of).title, 120)
            return catalog.say(f"report.headline_{key}", count=len(troubles), title=title)
    if report.recovered:
        longest = max(lasted_seconds(t, report) for t in report.recovered)
        return catalog.say(
            "report.headline_recovered", count=len(report.recovered), longest_seconds=longest
        )
    if report.gaps:
        longest_gap = max(report.gaps, key=lambda gap: gap.end - gap.start)
        return gap_sentence("report.headline_gap", longest_gap, report, catalog)
    if report.share < _COVERAGE_LOW:
        return catalog.say("report.headline_partly")
    return catalog.say("report.headline_well", kind=report.kind)


def _last_known(report: Report, catalog: Catalog) -> str:
    """What was wrong when the monitor last looked; nothing if nothing was."""
    if not report.wrong:
        return ""
    title = cut(catalog.finding(report.wrong[0], report.as_of).title, 120)
    return " " + catalog.say("report.headline_last_known", count=len(report.wrong), title=title)


def _wrong(report: Report, catalog: Catalog) -> Sequence[Part]:
    lines = trouble_lines(report.wrong, "report.trouble_live", report, catalog)
    lines += trouble_lines(report.pending, "report.trouble_pending", report, catalog)
    return [part("wrong", catalog, lines or [Line(_nothing("wrong", report, catalog))])]


def _nothing(key: str, report: Report, catalog: Catalog) -> str:
    """That there is nothing to tell, as far as that can be known."""
    if report.unseen_since:
        return since_sentence("report.nothing_known_since", report, catalog)
    if not report.ran:
        return catalog.say("report.nothing_known")
    is_partly = key == "recovered" and (report.gaps or report.share < _COVERAGE_LOW)
    return catalog.say("report.recovered_partly" if is_partly else f"report.{key}_none")


def _recovered(report: Report, catalog: Catalog) -> Sequence[Part]:
    lines = trouble_lines(report.recovered, "report.trouble_over", report, catalog)
    heading = {"start": report.start, "_now": report.as_of}
    lines = lines or [Line(_nothing("recovered", report, catalog))]
    return [part("recovered", catalog, lines, **heading)]


def _accepted(report: Report, catalog: Catalog) -> Sequence[Part]:
    """What is wrong, but known; nothing is said where nothing is."""
    lines = [Line(_accepted_line(one, report, catalog)) for one in report.accepted[:_LINES_MAX]]
    if len(report.accepted) > _LINES_MAX:
        lines.append(Line(catalog.say("message.more", count=len(report.accepted) - _LINES_MAX)))
    return [part("accepted", catalog, lines)] if lines else []


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
    return [part("alerts", catalog, lines)]


def _figures(report: Report, catalog: Catalog) -> Sequence[Part]:
    known = [figure for figure in report.figures if not figure.is_still_zero]
    telling = [f for f in known if not f.is_usual or f.series in _ALWAYS_SHOWN]
    usual = [figure for figure in known if figure not in telling]
    rows = figure_rows(telling, report.kind, catalog)
    if not report.figures:
        return [part("figures", catalog, [Line(catalog.say("report.figures_none"))])]
    now, before, earlier = _columns(report, catalog)
    said = catalog.say(
        "report.figures_columns", kind=report.kind, now=now, before=before, earlier=earlier
    )
    lines = [Line(said)] if rows else []
    if usual:
        names = "; ".join(
            f"{row.label} {row.now}" for row in figure_rows(usual, report.kind, catalog)
        )
        lines.append(Line(catalog.say("report.figures_usual", count=len(usual), names=names)))
    if zeros := len(report.figures) - len(known):
        lines.append(Line(catalog.say("report.figures_zero", count=zeros)))
    return [Part("figures", catalog.say("report.figures_heading"), tuple(lines), rows)]


def _drifts(report: Report, catalog: Catalog) -> Sequence[Part]:
    if not report.drifts:
        return []
    return [part("drifts", catalog, [_drift(drift, catalog) for drift in report.drifts])]


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
    return [part("load_test", catalog, [Line(text, tone) for text, tone in lines])]


_PARTS: tuple[Callable[[Report, Catalog], Sequence[Part]], ...] = (
    *(
        _wrong,
        _accepted,
        _recovered,
        _alerts,
        _figures,
        _drifts,
        _load_test,
        coverage_part,
        unseen_part,
    ),
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
    lines = [catalog.say("report.as_of", at=dated(local, catalog.language))]
    if report.simulated:
        lines.append(catalog.say("message.simulated"))
    return tuple(lines)
