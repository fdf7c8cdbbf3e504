"""What happened in a period of time, as one list in order: out of everything that is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from mcp_server.answers.rows import root_of
from mcp_server.context import ToolContext
from monitor.domain.check import Status, worst
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.interval import Interval
from monitor.store.alerting.alerts import alerts_between
from monitor.store.alerting.incidents import incidents_between
from monitor.store.load_tests import load_tests
from monitor.store.notes import notes
from monitor.store.passes.counts import counts_between
from monitor.store.passes.snapshots import Snapshot, snapshots, status_changes
from monitor.text.filters import clean
from monitor.text.impact import impact_line

if TYPE_CHECKING:
    from monitor.domain.alert import Alert
    from monitor.domain.load_test.run import LoadTestRun

_EACH_MAX = 500
_BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened. `kind` says what; `text` may quote the platform or people."""

    at: datetime
    kind: str
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Course:
    """All that is on record of a span, oldest first; `passes` says how well it was looked at.

    `is_cut`: of some kind there was more than is read. `worst` is the gravest incident.
    """

    span: Interval
    happened: tuple[Happened, ...]
    passes: int
    unknown: int
    missed: int
    is_cut: bool
    incidents: tuple[IncidentStory, ...]

    @property
    def worst(self) -> IncidentStory | None:
        """The incident with the most consequences, of equals the gravest and first."""
        ranked = sorted(
            self.incidents,
            key=lambda s: (
                -len(s.alerts),
                s.incident.status is not Status.CRIT,
                s.incident.opened_at,
            ),
        )
        return ranked[0] if ranked else None


def course(context: ToolContext, tx: Any, span: Interval) -> Course:
    """Everything that is stored of a span."""
    stories = incidents_between(tx, span.start, span.end, _EACH_MAX)
    alerts = alerts_between(tx, span.start, span.end, limit=_EACH_MAX)
    changes = status_changes(tx, span.start, span.end, _EACH_MAX)
    said = notes(tx, span.start, span.end, _EACH_MAX)
    runs = load_tests(tx, span.start - _BEFORE, span.end, limit=_EACH_MAX)
    found = chain(
        chain.from_iterable(_incident(context, story) for story in stories),
        chain.from_iterable(_alert(context, a) for a in alerts if a.id not in _roots(stories)),
        (_changed(context, *pair) for pair in _real_changes(tx, changes, span)),
        (Happened(n.at, f"note_{n.kind}", "", _by(n.text, n.author)) for n in said),
        chain.from_iterable(_run(context, run) for run in runs),
    )
    within = sorted((h for h in found if span.start <= h.at < span.end), key=lambda h: h.at)
    counts = counts_between(tx, span.start, span.end)
    return Course(
        span,
        tuple(within),
        counts.passes,
        counts.unknown,
        counts.missed,
        any(len(rows) >= _EACH_MAX for rows in (stories, alerts, changes, said, runs)),
        tuple(stories),
    )


def _roots(stories: list[IncidentStory]) -> set[int | None]:
    """The alerts that stand for their incident."""
    return {getattr(root_of(story), "id", None) for story in stories}


def _incident(context: ToolContext, story: IncidentStory) -> Iterator[Happened]:
    incident, root = story.incident, root_of(story)
    title = context.catalog.finding(root, None).title if root else clean(incident.root)
    status = worst([incident.status, *(a.status for a in story.alerts)]).value
    others = max(len(story.alerts) - 1, 0)
    began = min([incident.opened_at, *(a.since for a in story.alerts)])
    said = context.say("happened.incident", id=incident.id, title=title, others=others)
    impact = impact_line(incident.impact, context.catalog)
    yield Happened(began, "incident_began", status, f"{said}. {impact}" if impact else said)
    if incident.ended_at:
        seconds = (incident.ended_at - began).total_seconds()
        title = context.catalog.finding(root, None, over=True).title if root else title
        said = context.say("happened.ended", id=incident.id, title=title, seconds=seconds)
        yield Happened(incident.ended_at, "incident_ended", "ok", said)


def _alert(context: ToolContext, alert: Alert) -> Iterator[Happened]:
    title = context.catalog.finding(alert, None).title
    yield Happened(alert.since, "consequence_began", alert.status.value, title)
    if alert.ended_at:
        title = context.catalog.finding(alert, None, over=True).title
        yield Happened(alert.ended_at, "consequence_ended", "ok", title)


def _real_changes(
    tx: Any, changes: list[Snapshot], span: Interval
) -> Iterator[tuple[Snapshot, Status]]:
    """The passes whose status was another than that of the pass before, in the span or earlier."""
    before: dict[str, Status] = {}
    for change in changes:
        if change.check not in before:
            last = snapshots(tx, span.start - _BEFORE, span.start, change.check, limit=1)
            if last:
                before[change.check] = last[0].status
        was = before.get(change.check)
        before[change.check] = change.status
        if was is not None and was is not change.status:
            yield change, was


def _changed(context: ToolContext, change: Snapshot, was: Status) -> Happened:
    titles = [context.catalog.finding(f, None).title for f in change.findings[:1]]
    text = context.say(
        "happened.changed",
        check=context.catalog.name("check", change.check),
        before=was.value,
        now=change.status.value,
        title=titles[0] if titles else "",
        more=max(len(change.findings) - 1, 0),
    )
    return Happened(change.at, "check_changed", change.status.value, text)


def _run(context: ToolContext, run: LoadTestRun) -> Iterator[Happened]:
    scenario = clean(run.scenario, 60)
    text = context.say("happened.run", scenario=scenario)
    yield Happened(run.started_at, "load_test_began", "", text)
    if run.ended_at:
        state = context.say(f"load_state.{run.state}")
        text = context.say("happened.ran", scenario=scenario, state=state)
        yield Happened(run.ended_at, "load_test_ended", "", text)


def _by(text: str, author: str) -> str:
    said = clean(text, 160)
    return f"{said} ({clean(author, 40)})" if author else str(said)
