"""Messages as plain text: for the console, and for receivers that know no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.text.messages.delivery import DeliveryView
from monitor.text.messages.incident import IncidentView
from monitor.text.messages.load_test import LoadView
from monitor.text.messages.monitor import MonitorView
from monitor.text.messages.report import ReportView


def incident_text(view: IncidentView) -> str:
    """An incident: what it is and since when, what follows from it, what to do, its data."""
    sections = (
        (view.remaining_heading, view.remaining),
        (view.consequences_heading, view.consequences),
        (view.action_heading, [view.action] if view.action else []),
        (view.evidence_heading, view.evidence),
    )
    held = [(heading, lines) for heading, lines in sections if lines]
    foot = (" · ".join(view.context), view.url)
    return _text(
        filter(None, (view.header, view.when, view.impact, view.text, *view.links)), held, foot
    )


def monitor_text(view: MonitorView) -> str:
    """News of the monitor itself: what it is, and what to do."""
    held = [(view.action_heading, [view.action])] if view.action else []
    return _text((view.header, view.text), held, ())


def report_text(view: ReportView) -> str:
    """A daily or weekly report, part by part."""
    parts = [
        (part.heading, [*map(str, part.lines), *(row.line for row in part.figures)])
        for part in view.parts
    ]
    return _text(_opening(view), parts, (" · ".join(view.context),))


def load_test_text(view: LoadView) -> str:
    """The report of a load test, section by section."""
    sections = [(section.heading, section.lines) for section in view.sections]
    return _text(_opening(view), sections, (" · ".join(view.context),))


def load_chart_text(view: LoadView) -> str:
    """The chart of a load test as a line of bars."""
    return f"{view.chart_title}\n{view.chart_line}\n"


def delivery_text(view: DeliveryView) -> str:
    """The news of a receiver: what it is, and what to do."""
    action = [(view.action_heading, [view.action])] if view.action else []
    return _text((view.header, view.text), action, view.context)


def _opening(view: ReportView | LoadView) -> tuple[str, str]:
    return f"{view.symbol} {view.title}", view.headline


def _text(
    first: Iterable[str], sections: Iterable[tuple[str, Sequence[str]]], last: Iterable[str]
) -> str:
    lines = [*first]
    for heading, body in sections:
        lines += ["", heading, *(f"  {line}" for line in body)]
    return "\n".join([*lines, "", *filter(None, last)]).strip() + "\n"
