"""A report in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from monitor.domain.report import AcceptedTrouble, Drift, Report, Trouble
from monitor.text.catalog import Words
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


def report_view(payload: Mapping[str, Any], words: Words) -> ReportView:
    """What a report says, in one language."""
    report = Report.from_dict(payload)
    title = words.say(f"report.title_{report.kind}", day=_day(report.day, words))
    headline = cut(_headline(report, words), 300)
    symbol = DOTS[report.status]
    return ReportView(
        language=words.language,
        symbol=symbol,
        tone=report.status.value,
        title=title,
        headline=headline,
        summary=f"{symbol} {title} – {headline}",
        parts=tuple(part for make in _PARTS for part in make(report, words)),
        columns=_columns(report, words),
        labels={name: words.say(f"report.column_{name}") for name in _LABELS},
        context=_context(report, words),
    )


def _headline(report: Report, words: Words) -> str:
    """The verdict on one line: what is wrong now, else what is over, else that all is well."""
    said = _verdict(report, words)
    share = report.ran / report.expected if report.expected else 1.0
    if report.ran and share < _COVERAGE_LOW:
        said += " " + words.say("report.headline_coverage", share=100 * share)
    return said


def _verdict(report: Report, words: Words) -> str:
    if report.unseen_since:
        said = _since("report.headline_unseen_since", report, words)
        return said + _last_known(report, words)
    if not report.ran:
        return words.say("report.headline_no_passes")
    blind = [t for t in report.unseen if t.ended_at is None]
    for key, troubles in (("wrong", report.wrong), ("unseen", blind)):
        if troubles:
            title = cut(words.finding(troubles[0], report.as_of).title, 120)
            return words.say(f"report.headline_{key}", count=len(troubles), title=title)
    if report.recovered:
        longest = max(_seconds(t, report) for t in report.recovered)
        return words.say(
            "report.headline_recovered", count=len(report.recovered), longest_seconds=longest
        )
    return words.say("report.headline_well", kind=report.kind)


def _last_known(report: Report, words: Words) -> str:
    """What was wrong when the monitor last looked; nothing if nothing was."""
    if not report.wrong:
        return ""
    title = cut(words.finding(report.wrong[0], report.as_of).title, 120)
    return " " + words.say("report.headline_last_known", count=len(report.wrong), title=title)


def _since(key: str, report: Report, words: Words) -> str:
    """A sentence about the time since which nothing was seen."""
    since = report.unseen_since or report.as_of
    seconds = (report.as_of - since).total_seconds()
    return words.say(key, since=since, seconds=seconds, _now=report.as_of)


def _seconds(trouble: Trouble, report: Report) -> float:
    return ((trouble.ended_at or report.as_of) - trouble.since).total_seconds()


def _wrong(report: Report, words: Words) -> Sequence[Part]:
    lines = _troubles(report.wrong, "report.trouble_live", report, words)
    return [_part("wrong", words, lines or [Line(_nothing("wrong", report, words))])]


def _nothing(key: str, report: Report, words: Words) -> str:
    """That there is nothing to tell, as far as that can be known."""
    if report.unseen_since:
        return _since("report.nothing_known_since", report, words)
    return words.say(f"report.{key}_none" if report.ran else "report.nothing_known")


def _recovered(report: Report, words: Words) -> Sequence[Part]:
    lines = _troubles(report.recovered, "report.trouble_over", report, words)
    heading = {"start": report.start, "_now": report.as_of}
    lines = lines or [Line(_nothing("recovered", report, words))]
    return [_part("recovered", words, lines, **heading)]


def _troubles(troubles: Sequence[Trouble], key: str, report: Report, words: Words) -> list[Line]:
    lines = [_trouble(trouble, key, report, words) for trouble in troubles[:_LINES_MAX]]
    if len(troubles) > _LINES_MAX:
        lines.append(Line(words.say("message.more", count=len(troubles) - _LINES_MAX)))
    return lines


def _trouble(trouble: Trouble, key: str, report: Report, words: Words) -> Line:
    over = trouble.ended_at is not None
    text = words.say(
        key,
        title=cut(words.finding(trouble, report.as_of, over=over).title, 160),
        since=trouble.since,
        until=trouble.ended_at,
        seconds=_seconds(trouble, report),
        consequences=trouble.consequences,
        _now=report.as_of,
    )
    impact = impact_line(trouble.impact, words)
    return Line(f"{text}. {impact}" if impact else text, trouble.status.value)


def _accepted(report: Report, words: Words) -> Sequence[Part]:
    """What is wrong, but known; nothing is said where nothing is."""
    lines = [Line(_accepted_line(one, report, words)) for one in report.accepted[:_LINES_MAX]]
    if len(report.accepted) > _LINES_MAX:
        lines.append(Line(words.say("message.more", count=len(report.accepted) - _LINES_MAX)))
    return [_part("accepted", words, lines)] if lines else []


def _accepted_line(one: AcceptedTrouble, report: Report, words: Words) -> str:
    trouble = one.trouble
    return words.say(
        "report.accepted_line",
        title=cut(words.finding(trouble, report.as_of).title, 160) if trouble else "",
        more=one.count - 1 if trouble else 0,
        pattern=clean(one.pattern),
        reason=clean(one.reason),
        author=clean(one.author),
        since=one.since,
        until=one.until,
        _now=report.as_of,
    )


def _alerts(report: Report, words: Words) -> Sequence[Part]:
    counts = report.alerts
    lines = [Line(words.say("report.alerts_counts", counts=counts))]
    if counts.messages_sent or counts.messages_waiting or counts.messages_dead:
        lines.append(Line(words.say("report.alerts_messages", counts=counts)))
    return [_part("alerts", words, lines)]


def _figures(report: Report, words: Words) -> Sequence[Part]:
    telling = [figure for figure in report.figures if not figure.is_still_zero]
    rows = figure_rows(telling, words)
    if not report.figures:
        return [_part("figures", words, [Line(words.say("report.figures_none"))])]
    now, before, earlier = _columns(report, words)
    said = words.say("report.figures_columns", now=now, before=before, earlier=earlier)
    lines = [Line(said)] if rows else []
    if len(rows) < len(report.figures):
        lines.append(Line(words.say("report.figures_zero", count=len(report.figures) - len(rows))))
    return [Part("figures", words.say("report.figures_heading"), tuple(lines), rows)]


def _drifts(report: Report, words: Words) -> Sequence[Part]:
    if not report.drifts:
        return []
    return [_part("drifts", words, [_drift(drift, words) for drift in report.drifts])]


def _drift(drift: Drift, words: Words) -> Line:
    text = words.say(
        "report.drift",
        label=capital(words.series(drift.series)),
        now=metric_value(drift.now, drift.unit, words.language),
        before=metric_value(drift.before, drift.unit, words.language),
        change=change_text(drift.change, words),
    )
    return Line(text, "warn")


def _load_test(report: Report, words: Words) -> Sequence[Part]:
    if report.load_test is None:
        return []
    lines = load_test_lines(report.load_test, report.as_of, words)
    return [_part("load_test", words, [Line(text, tone) for text, tone in lines])]


def _coverage(report: Report, words: Words) -> Sequence[Part]:
    if not report.expected:
        return [_part("coverage", words, [Line(words.say("report.coverage_none"))])]
    share = 100 * report.ran / report.expected
    said = words.say("report.coverage", share=share, ran=report.ran, expected=report.expected)
    low = sorted((c for c in report.coverage if c.expected), key=lambda c: c.ran / c.expected)
    lines = [Line(said)]
    for item in low[:3]:
        if item.ran < _COVERED_FULLY * item.expected:
            name = words.name("check", item.check)
            share = 100 * item.ran / item.expected
            lines.append(Line(words.say("report.coverage_check", name=name, share=share)))
    if report.skipped:
        days = ", ".join(_day(day, words) for day in report.skipped[-_SKIPPED_MAX:])
        if len(report.skipped) > _SKIPPED_MAX:
            days += " " + words.say("message.more", count=len(report.skipped) - _SKIPPED_MAX)
        lines.append(Line(words.say("report.skipped", days=days)))
    return [_part("coverage", words, lines)]


def _unseen(report: Report, words: Words) -> Sequence[Part]:
    live = [t for t in report.unseen if t.ended_at is None]
    over = [t for t in report.unseen if t.ended_at is not None]
    lines = _troubles(live, "report.trouble_live", report, words)
    lines += _troubles(over, "report.trouble_over", report, words)
    if report.unseen_since:
        lines.insert(0, Line(_since("report.unseen_since", report, words), "unknown"))
    elif report.ran < _COVERED_FULLY * report.expected:
        missed = report.expected - report.ran
        lines.append(Line(words.say("report.unseen_gaps", missed=missed)))
    often = sorted((c for c in report.coverage if c.unknown), key=lambda c: -c.unknown / c.ran)
    for item in often[:5]:
        name = words.name("check", item.check)
        lines.append(Line(words.say("report.unseen_passes", name=name, item=item)))
    if not lines and report.ran:
        lines = [Line(words.say("report.unseen_none"))]
    return [_part("unseen", words, lines)] if lines else []


def _part(key: str, words: Words, lines: Sequence[Line], **params: Any) -> Part:
    shown = tuple(Line(cut(line.text, 400), line.tone) for line in lines)
    return Part(key, words.say(f"report.{key}_heading", **params), shown)


_PARTS: tuple[Callable[[Report, Words], Sequence[Part]], ...] = (
    *(_wrong, _accepted, _recovered, _alerts, _figures, _drifts, _load_test, _coverage, _unseen),
)


def _columns(report: Report, words: Words) -> tuple[str, ...]:
    """The dates of the three periods: this one, the one before, the earlier one."""
    days, back = (1, 7) if report.kind == "daily" else (7, 28)
    return tuple(
        _span(report.day - timedelta(days=offset + days), days, words) for offset in (0, days, back)
    )


def _span(first: date, days: int, words: Words) -> str:
    last = first + timedelta(days=days - 1)
    return _day(first, words) if days == 1 else f"{_day(first, words)} – {_day(last, words)}"


def _day(day: date, words: Words) -> str:
    return day_text(day, words.language)


def _context(report: Report, words: Words) -> tuple[str, ...]:
    local = report.as_of.astimezone(words.zone)
    lines = [words.say("report.as_of", at=local.strftime("%Y-%m-%d %H:%M %Z"))]
    if report.simulated:
        lines.append(words.say("message.simulated"))
    return tuple(lines)
