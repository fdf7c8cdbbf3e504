"""Findings, passes, incidents and runs as rows of evidence.

Keys that end in `_text`, and all under `data`, may quote the platform: they are data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcp_server.answers.answer import age, data, short, stamp
from mcp_server.context import ToolContext
from monitor.domain.check import WORST_FIRST, Finding, Metric, Status
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.metrics import METRICS
from monitor.text.catalog import FindingLike
from monitor.text.filters import clean
from monitor.text.impact import impact_line

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed
    from monitor.domain.delivery import Message
    from monitor.domain.incident.journal import IncidentStory

_ROWS_MAX = 3
_CONSEQUENCES_MAX = 8


def check_rows(context: ToolContext, seen: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """The live checks, worst first; beside one that could not look, what it last saw."""
    ordered = sorted(seen.values(), key=lambda each: each.verdict.status.rank)
    return [_check_row(context, each) for each in ordered]


def _check_row(context: ToolContext, each: Observed) -> dict[str, Any]:
    row: dict[str, Any] = {
        "check": each.name,
        "verdict": each.verdict.status.value,
        "took_ms": short(each.took_ms),
    }
    if each.verdict.status is Status.UNKNOWN:
        row["last_seen"] = last_seen(context, each.name)
    return row


def last_seen(context: ToolContext, check: str) -> dict[str, Any] | None:
    """The latest stored pass of a check that could look, with its age."""
    snapshot = context.last_seen(check)
    if snapshot is None:
        return None
    return {
        "origin": "stored",
        "verdict": snapshot.status.value,
        "measured_at": stamp(snapshot.at),
        "age_seconds": age(snapshot.at, context.now),
        "findings": [_title(context, f) for f in worst_first(snapshot.findings)[:_ROWS_MAX]],
    }


def _title(context: ToolContext, finding: FindingLike) -> dict[str, Any]:
    return {
        "status": finding.status.value,
        "title_text": context.catalog.finding(finding, context.now).title,
    }


def findings_of(seen: Mapping[str, Observed]) -> list[tuple[str, Finding]]:
    """What some passes found, each thing once with the check that saw it worst, worst first."""
    found = [(each.name, finding) for each in seen.values() for finding in each.verdict.findings]
    once: dict[str, tuple[str, Finding]] = {}
    for check, finding in sorted(found, key=lambda pair: pair[1].status.rank):
        once.setdefault(finding.key, (check, finding))
    return list(once.values())


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings, worst first."""
    return sorted(findings, key=lambda finding: finding.status.rank)


def finding_row(
    context: ToolContext, check: str, finding: FindingLike, full: bool = True
) -> dict[str, Any]:
    """A finding in words, with the figures behind it."""
    sentence = context.catalog.finding(finding, context.now)
    row: dict[str, Any] = {
        "check": check,
        "status": finding.status.value,
        "code": finding.code,
        "about_text": finding.subject,
        "title_text": sentence.title,
    }
    if full:
        row |= {"meaning_text": sentence.text, "action_text": sentence.action}
        row |= {"data": data(finding.params)}
        rows = [data(each) for each in finding.evidence[:_ROWS_MAX]]
        row |= {"data_rows": rows} if rows else {}
    return row


def metric_rows(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """Live readings with their units."""
    return [
        {"metric": m.name, "subject_text": m.subject, "value": short(m.value), "unit": _unit(m)}
        for m in metrics
    ]


def _unit(metric: Metric) -> str:
    spec = METRICS.get(metric.name)
    return spec.unit if spec else ""


def delivery_rows(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Who was told of an incident: of each receiver the last message, and whether it arrived."""
    last = {m.receiver: m for m in messages if m.state != "merged"}
    return [_delivery_row(message) for message in last.values()]


def _delivery_row(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {
        "receiver": message.receiver,
        "kind": message.payload.get("kind"),
        "state": message.state,
        "at": stamp(message.sent_at or message.created_at),
    }
    if message.state == "sent":
        return row
    row |= {"attempts": message.attempts, "error_text": clean(message.error, 120) or None}
    return row | ({"next_try": stamp(message.due_at)} if message.state == "waiting" else {})


def incident_row(context: ToolContext, story: IncidentStory) -> dict[str, Any]:
    """An incident: its cause in words, how long it lasts, what follows from it."""
    incident, now = story.incident, context.now
    root = root_of(story)
    others = [a for a in story.alerts if a is not root]
    over = incident.ended_at is not None
    return {
        "incident": incident.id,
        "status": incident.status.value,
        "state": "over" if incident.ended_at else "open",
        "title_text": context.catalog.finding(root, now, over=over).title
        if root
        else incident.root,
        "since": stamp(_began(story)),
        "ended_at": stamp(incident.ended_at),
        "lasted_seconds": round(((incident.ended_at or now) - _began(story)).total_seconds()),
        "announced": incident.announced is not None,
        "acknowledged_by": incident.acked_by or None,
        "impact": incident.impact or None,
        "impact_text": impact_line(incident.impact, context.catalog) or None,
        "consequences": len(others),
        "consequence_titles_text": [
            context.catalog.finding(a, now).title for a in others[:_CONSEQUENCES_MAX]
        ],
    }


def root_of(story: IncidentStory) -> Any:
    """The alert that an incident is about; None if none is on record any more."""
    named = (a for a in story.alerts if a.key == story.incident.root)
    return next(named, story.alerts[0] if story.alerts else None)


def _began(story: IncidentStory) -> datetime:
    return min([story.incident.opened_at, *(a.since for a in story.alerts)])


def run_row(run: LoadTestRun, now: datetime) -> dict[str, Any]:
    """A load test: its outcome and figures."""
    return {
        "scenario": run.scenario,
        "target_text": run.target,
        "state": run.state,
        "started_at": stamp(run.started_at),
        "ended_at": stamp(run.ended_at),
        "age_seconds": age(run.ended_at or run.started_at, now),
        "reason": clean(run.reason),
        "figures": data(run.figures),
    }


def count_by_status(findings: Sequence[tuple[str, Finding]]) -> dict[str, int]:
    """How many findings have each status."""
    statuses = [finding.status for _, finding in findings]
    return {status.value: statuses.count(status) for status in WORST_FIRST[:3]}
