"""The sections of a report: their lines, the troubles that most of them list, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.domain.report import Gap, Report, Trouble
from monitor.text.catalog import Catalog
from monitor.text.filters import cut, day_text
from monitor.text.impact import impact_beside
from monitor.text.messages.report_figures import FigureRow
from monitor.text.symbols import DOTS

_LINES_MAX = 10
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


def part(key: str, catalog: Catalog, lines: Sequence[Line], **params: Any) -> Part:
    """A section with its heading, its lines cut to length."""
    shown = tuple(Line(cut(line.text, 400), line.tone) for line in lines)
    return Part(key, catalog.say(f"report.{key}_heading", **params), shown)


def trouble_lines(
    troubles: Sequence[Trouble], key: str, report: Report, catalog: Catalog
) -> list[Line]:
    """A line for each trouble, in the words of a key, and how many are left out."""
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
        seconds=lasted_seconds(trouble, report),
        consequences=trouble.consequences,
        _now=report.as_of,
    )
    impact = impact_beside(trouble.impact, trouble.params, catalog)
    return Line(f"{text}. {impact}" if impact else text, trouble.status.value)


def since_sentence(key: str, report: Report, catalog: Catalog) -> str:
    """A sentence about the time since which nothing was seen."""
    since = report.unseen_since or report.as_of
    seconds = (report.as_of - since).total_seconds()
    return catalog.say(key, since=since, seconds=seconds, _now=report.as_of)


def lasted_seconds(trouble: Trouble, report: Report) -> float:
    """How long a trouble lasted, or has lasted so far."""
    return ((trouble.ended_at or report.as_of) - trouble.since).total_seconds()


def gap_sentence(key: str, gap: Gap, report: Report, catalog: Catalog) -> str:
    """A sentence about a time in which nobody looked."""
    seconds = (gap.end - gap.start).total_seconds()
    return catalog.say(key, since=gap.start, until=gap.end, seconds=seconds, _now=report.as_of)


def coverage_part(report: Report, catalog: Catalog) -> Sequence[Part]:
    """How many of the passes ran that should have, and which reports did not come."""
    if not report.expected:
        return [part("coverage", catalog, [Line(catalog.say("report.coverage_none"))])]
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
        days = ", ".join(day_text(day, catalog.language) for day in report.skipped[-_SKIPPED_MAX:])
        if len(report.skipped) > _SKIPPED_MAX:
            days += " " + catalog.say("message.more", count=len(report.skipped) - _SKIPPED_MAX)
        lines.append(Line(catalog.say("report.skipped", days=days)))
    lines += [
        Line(catalog.say("report.note", at=note.at, text=cut(note.text, 300), _now=report.as_of))
        for note in report.notes
    ]
    return [part("coverage", catalog, lines)]


def unseen_part(report: Report, catalog: Catalog) -> Sequence[Part]:
    """What could not be seen, and when nobody looked at all."""
    live = [t for t in report.unseen if t.ended_at is None]
    over = [t for t in report.unseen if t.ended_at is not None]
    lines = trouble_lines(live, "report.trouble_live", report, catalog)
    lines += trouble_lines(over, "report.trouble_over", report, catalog)
    if report.unseen_since:
        lines.insert(0, Line(since_sentence("report.unseen_since", report, catalog), "unknown"))
    lines += [Line(gap_sentence("report.unseen_gap", g, report, catalog)) for g in report.gaps]
    if not report.unseen_since and report.ran < _COVERED_FULLY * report.expected:
        missed = report.expected - report.ran
        lines.append(Line(catalog.say("report.unseen_gaps", missed=missed)))
    often = sorted((c for c in report.coverage if c.unknown), key=lambda c: -c.unknown / c.ran)
    for item in often[:5]:
        name = catalog.name("check", item.check)
        lines.append(Line(catalog.say("report.unseen_passes", name=name, item=item)))
    if not lines and report.ran:
        lines = [Line(catalog.say("report.unseen_none"))]
    return [part("unseen", catalog, lines)] if lines else []
