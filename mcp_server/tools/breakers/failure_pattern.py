"""What the breakers did in a span, from Prometheus and from the stored history, and what else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.prometheus import Turn
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from mcp_server.answers.answer import short, stamp
from mcp_server.answers.live import platform
from mcp_server.answers.rows import incident_row, root_of, run_row
from mcp_server.context import ToolContext
from monitor.domain.alert import Alert
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.interval import Interval
from monitor.reports.compare import Events, events
from monitor.store.alerting.alerts import alerts_between
from monitor.store.series.history import metric_history as stored_history
from monitor.store.series.history import series_names

CHECK = "breakers"
OPEN_CODES = ("breaker_open", "breaker_forced")
ROWS_MAX = 12
_POINTS = 12
_STEP_MIN, _STEP_MAX = timedelta(seconds=1), timedelta(seconds=15)
_SERIES_MAX = 8
_COUNTS = ("breaker_failed_calls", "breaker_not_permitted_calls", "breaker_failure_percent")
_EVENTS_MAX = 6
_SEEN_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Counted:
    """One stored figure of one breaker in a span: its readings, and its highest with its time."""

    metric: str
    subject: str
    readings: int
    highest: float
    highest_at: datetime | None
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """All that is known of a span; `turns` None: no Prometheus is configured."""

    span: Interval
    turns: Fact[tuple[Turn, ...]] | None
    alerts: tuple[Alert, ...]
    counts: tuple[Counted, ...]
    meanwhile: Events

    @property
    def openings(self) -> list[tuple[datetime, str]]:
        """When which breaker opened: as Prometheus saw it, else as the monitor did."""
        if self.turns and not isinstance(self.turns, Unavailable):
            opened = [t for t in self.turns if t.after in ("OPEN", "FORCED_OPEN")]
            if opened:
                return [(t.at, f"{t.instance}/{t.name}") for t in opened if t.before != "HALF_OPEN"]
        return sorted(opened for opened in self._alerted if opened[0] >= self.span.start)

    @property
    def open_before(self) -> tuple[datetime, str] | None:
        """Which breaker was open already as the span began, and since when."""
        return min((o for o in self._alerted if o[0] < self.span.start), default=None)

    @property
    def _alerted(self) -> list[tuple[datetime, str]]:
        return [(a.since, a.subject) for a in self.alerts if a.code in OPEN_CODES]

    @property
    def is_open(self) -> bool:
        """Whether the span ends with a breaker that is open, as far as the monitor knows."""
        return any(a.code in OPEN_CODES and a.ended_at is None for a in self.alerts)

    @property
    def was_watched(self) -> bool:
        """Whether anybody looked at the breakers in this span."""
        by_prometheus = self.turns is not None and not isinstance(self.turns, Unavailable)
        return by_prometheus or any(count.readings for count in self.counts)

    @property
    def cause(self) -> IncidentStory | None:
        """The incident in which a breaker's alert was folded: its root is the cause.

        Of several, that of the first opening, which is the one that is told.
        """
        stories = [s for s in self.meanwhile.incidents if self.is_of_breaker(s)]
        if not self.openings:
            return stories[0] if stories else None
        opened_at = self.openings[0][0]
        return next((s for s in reversed(stories) if _may_have_caused(s, opened_at)), None)

    def is_of_breaker(self, story: IncidentStory) -> bool:
        """Whether an incident holds an alert of these breakers."""
        return bool({alert.id for alert in self.alerts} & {a.id for a in story.alerts})


def _may_have_caused(story: IncidentStory, opened_at: datetime) -> bool:
    """Whether it went on when the breaker opened; its first sighting may come a little later."""
    root = root_of(story)
    ended_at = story.incident.ended_at
    began_by_then = root is not None and root.since <= opened_at + _SEEN_WITHIN
    return began_by_then and (ended_at is None or ended_at >= opened_at)


def pattern(context: ToolContext, span: Interval) -> Pattern:
    """Ask Prometheus, where there is one, and the history."""
    scraped = platform(context).scraped
    step = max(min(_STEP_MAX, span.length / 360), _STEP_MIN)
    turns = None if scraped is None else scraped.turns(span.start, span.end, step)
    with context.read() as tx:
        alerts = alerts_between(tx, span.start, span.end, pending=True)
        return Pattern(
            span,
            turns,
            tuple(a for a in alerts if a.check == CHECK),
            tuple(_counts(tx, span)),
            events(tx, span),
        )


def _counts(tx: Any, span: Interval) -> list[Counted]:
    names = [name for check, name in series_names(tx) if check == CHECK]
    wanted = [name for name in names if name.partition("{")[0] in _COUNTS]
    found = [_counted(tx, name, span) for name in wanted]
    return sorted((c for c in found if c.readings), key=lambda c: (-c.highest, c.subject))


def _counted(tx: Any, name: str, span: Interval) -> Counted:
    points = stored_history(tx, CHECK, name, span.start, span.end, 500).points
    top = max(points, key=lambda p: p.p95, default=None)
    each = max(1, -(-len(points) // _POINTS))
    groups = [points[i : i + each] for i in range(0, len(points), each)]
    metric, _, subject = name.partition("{")
    return Counted(
        metric,
        subject.removesuffix("}"),
        sum(p.count for p in points),
        top.p95 if top else 0.0,
        top.at if top else None,
        tuple((group[0].at, max(p.p95 for p in group)) for group in groups),
    )


def pattern_rows(context: ToolContext, found: Pattern) -> dict[str, Any]:
    """The evidence, the breakers' own first."""
    turns = () if found.turns is None or isinstance(found.turns, Unavailable) else found.turns
    return {
        "transitions": [_turn_row(turn) for turn in turns[:ROWS_MAX]],
        "alerts": [alert_row(context, alert) for alert in found.alerts[:ROWS_MAX]],
        "columns": ["at", "highest"],
        "counts": [_count_row(count) for count in found.counts[:_SERIES_MAX]],
        "meanwhile": _meanwhile(context, found),
    }


def cuts(found: Pattern) -> bool:
    """Whether there is more of anything than the evidence shows."""
    meanwhile = found.meanwhile
    kinds = (meanwhile.incidents, meanwhile.notes, meanwhile.load_tests)
    return len(found.counts) > _SERIES_MAX or any(len(kind) > _EVENTS_MAX for kind in kinds)


def _turn_row(turn: Turn) -> dict[str, Any]:
    return {
        "at": stamp(turn.at),
        "breaker_text": f"{turn.instance}/{turn.name}",
        "before": turn.before,
        "after": turn.after,
    }


def alert_row(context: ToolContext, alert: Alert) -> dict[str, Any]:
    """What the monitor saw of a breaker, from when to when."""
    lasted = (alert.ended_at or context.now) - alert.since
    return {
        "code": alert.code,
        "breaker_text": alert.subject,
        "since": stamp(alert.since),
        "ended_at": stamp(alert.ended_at),
        "lasted_seconds": round(lasted.total_seconds()),
        "title_text": context.catalog.finding(alert, context.now).title,
    }


def _count_row(count: Counted) -> dict[str, Any]:
    return {
        "metric": count.metric,
        "breaker_text": count.subject,
        "readings": count.readings,
        "highest": short(count.highest),
        "highest_at": stamp(count.highest_at),
        "points": [[stamp(at), short(value)] for at, value in count.points if count.highest],
    }


def _meanwhile(context: ToolContext, pattern: Pattern) -> dict[str, Any]:
    """What else happened: incidents (the breakers' own first), notes, load tests."""
    found = pattern.meanwhile
    names = ("incident", "status", "title_text", "since", "ended_at", "consequence_titles_text")
    stories = sorted(found.incidents, key=pattern.is_of_breaker, reverse=True)[:_EVENTS_MAX]
    rows = [incident_row(context, story) for story in stories]
    runs = [run_row(run, context.now) for run in found.load_tests[:_EVENTS_MAX]]
    shown = ("scenario", "state", "started_at", "ended_at")
    return {
        "incidents": [{name: row[name] for name in names} for row in rows],
        "notes": [
            {"at": stamp(note.at), "kind": note.kind, "note_text": note.text}
            for note in found.notes[:_EVENTS_MAX]
        ],
        "load_tests": [{name: row[name] for name in shown} for row in runs],
    }


def unavailable_of(found: Pattern) -> Sequence[Unavailable]:
    """What is unavailable: Prometheus, where it is not there or did not answer."""
    if isinstance(found.turns, Unavailable):
        return [found.turns]
    if found.turns is None:
        return [no_prometheus()]
    return []


def no_prometheus() -> Unavailable:
    """Nobody said where Prometheus is."""
    params: dict[str, Any] = {"path": "", "got": "", "expected": "platform.prometheus.url"}
    return Unavailable("prometheus", Why.NOT_VISIBLE, "prometheus_not_configured", params)


def cause_told(context: ToolContext, found: Pattern) -> tuple[str, datetime | None]:
    """The cause in words and since when, if it is another thing than the breaker itself."""
    root = root_of(found.cause) if found.cause else None
    if root is None or root.check == CHECK:
        return "", None
    return context.catalog.finding(root, context.now).title, root.since
