"""What the commands print: incidents, silences and acts, in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.alert import Phase
from monitor.domain.audit import Approval, AuditEntry
from monitor.domain.check import Status
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.incident.model import Acceptance, Silence
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.impact import impact_line
from monitor.text.symbols import DOTS

_RECENT = timedelta(minutes=15)  # whoever looked within it looks now
_QUESTION_MAX = 600  # all that would be written stands in it


@dataclass(frozen=True, slots=True)
class Looked:
    """The passes of a span: those that saw, those that saw nothing; the last of all, if any."""

    sighted: int
    blind: int
    last_at: datetime | None


def incident_lines(stories: Sequence[IncidentStory], catalog: Catalog, now: datetime) -> list[str]:
    """The incidents, newest first, each with its cause and its consequences."""
    return [line for story in stories for line in _incident(story, catalog, now)]


def no_incidents_line(catalog: Catalog, start: datetime, end: datetime, looked: Looked) -> str:
    """That a span has none; well is only what somebody looked at until now."""
    is_now = looked.last_at is not None and looked.last_at >= end - _RECENT
    told = {"since": start, "sighted": looked.sighted, "blind": looked.blind}
    said = catalog.say("show.no_incidents", **told, last=looked.last_at, is_now=is_now)
    return f"{DOTS[Status.OK if looked.sighted and is_now else Status.UNKNOWN]} {said}"


def _incident(story: IncidentStory, catalog: Catalog, now: datetime) -> list[str]:
    incident = story.incident
    root = next((a for a in story.alerts if a.key == incident.root), None)
    root = root or (story.alerts[0] if story.alerts else None)
    if root is None:
        return []
    over = incident.ended_at is not None
    symbol = DOTS[Status.OK if over else incident.status]
    lines = [f"{symbol} #{incident.id} {catalog.finding(root, now, over=over).title}"]
    since = min(a.since for a in story.alerts)
    end = incident.ended_at or now
    span = catalog.say("message.lasted" if over else "message.since", **_span(since, end))
    pattern = f"{root.check}/{root.key}"
    owner = catalog.say("message.acked", name=clean(incident.acked_by)) if incident.acked_by else ""
    lines.append(f"   {span} {owner}".rstrip() + f"  [{clean(pattern)}]")
    impact = impact_line(incident.impact, catalog)
    lines += [f"   {impact}"] if impact else []
    told = {root.key}
    for alert in story.alerts:
        if alert.key not in told and alert.phase is not Phase.PENDING:
            told.add(alert.key)
            is_over = alert.phase is Phase.RESOLVED
            lines.append(f"   └ {catalog.finding(alert, now, over=is_over).title}")
    return lines


def _span(since: datetime, end: datetime) -> dict[str, Any]:
    return {"since": since, "until": end, "seconds": (end - since).total_seconds(), "_now": end}


def silence_lines(silences: Sequence[Silence], catalog: Catalog) -> list[str]:
    """The silences that hold."""
    return [
        catalog.say(
            "show.silence",
            number=s.id,
            pattern=clean(s.pattern),
            until=s.until,
            author=clean(s.author),
            comment=clean(s.comment),
        )
        for s in silences
    ]


def accepted_lines(accepted: Sequence[Acceptance], catalog: Catalog) -> list[str]:
    """What is taken as known."""
    return [
        catalog.say(
            "show.accepted",
            number=a.id,
            pattern=clean(a.pattern),
            until=a.until,
            since=a.at,
            author=clean(a.author),
            reason=clean(a.reason),
        )
        for a in accepted
    ]


def audit_lines(entries: Sequence[AuditEntry], catalog: Catalog, since: datetime) -> list[str]:
    """Every act that was asked for over MCP, newest first."""
    if not entries:
        return [catalog.say("show.audit_none", since=since)]
    return [
        catalog.say(
            "show.audit",
            at=entry.at,
            tool=clean(entry.tool),
            caller=clean(entry.caller),
            outcome=entry.outcome,
            arguments=clean(json.dumps(dict(entry.arguments), ensure_ascii=False)),
            confirmed_by=entry.confirmed_by,
            approved_by=clean(entry.confirmed_by.partition("approval:")[2]),
            said=clean(entry.said),
            repeats=entry.repeats,
        )
        for entry in entries
    ]


def approval_lines(waiting: Sequence[Approval], catalog: Catalog) -> list[str]:
    """What waits for a person, or was approved and not done yet."""
    if not waiting:
        return [catalog.say("approval.none")]
    return [
        catalog.say(
            "approval.waiting",
            code=each.code,
            question=clean(each.question, _QUESTION_MAX),
            caller=clean(each.caller),
            asked=each.asked_at,
            tool=clean(each.tool),
            arguments=clean(json.dumps(dict(each.arguments), ensure_ascii=False), _QUESTION_MAX),
            until=each.expires_at,
            by=clean(each.approved_by),
        )
        for each in waiting
    ]
