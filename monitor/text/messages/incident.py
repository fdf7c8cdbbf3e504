"""An incident's message in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.domain.check import Params, Status
from monitor.domain.incident.message import AlertSummary, IncidentMessage, Link
from monitor.text.catalog import Words
from monitor.text.filters import clean, cut
from monitor.text.symbols import DOTS

_EVIDENCE_MAX = 3
_OVER = ("resolved", "brief")


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Sentences and headings; no text in here is escaped, and all of it is bounded."""

    symbol: str
    header: str
    summary: str
    text: str
    when: str
    action: str
    action_heading: str
    consequences: tuple[str, ...]
    consequences_heading: str
    links: tuple[str, ...]
    evidence: tuple[str, ...]
    evidence_heading: str
    context: tuple[str, ...]
    url: str
    url_text: str


def incident_view(payload: Mapping[str, Any], words: Words) -> IncidentView:
    """What is said about an incident, in one language."""
    message = IncidentMessage.from_dict(payload)
    over = message.kind in _OVER
    root = words.finding(message.root, message.made_at)
    header = cut(_header(message, _title(message, root.title, words), words), 148)
    when = _when(message, words)
    symbol = DOTS[Status.OK if over else message.status]
    return IncidentView(
        symbol=symbol,
        header=f"{symbol} {header}",
        summary=cut(f"{symbol} {header} – {when}", 400),
        text="" if over else cut(root.text, 1500),
        when=when,
        action="" if over else cut(root.action, 1500),
        action_heading=words.say("message.action_heading"),
        consequences=_consequences(message, words),
        consequences_heading=_consequences_heading(message, words),
        links=tuple(_link(link, message, words) for link in message.links),
        evidence=() if over else _evidence(message.root.evidence),
        evidence_heading=words.say("message.evidence_heading"),
        context=_context(message, words),
        url=message.url,
        url_text=words.say("message.url_text"),
    )


def _title(message: IncidentMessage, title: str, words: Words) -> str:
    """What it is about; of many alike how many there are, and one of them."""
    if message.count == 1 and message.root.subject != "*":
        return title
    kind = words.name("many", message.root.code)
    return words.say("message.many", count=message.count, kind=kind)


def _header(message: IncidentMessage, title: str, words: Words) -> str:
    status = words.name("verdict", message.status.value)
    key = f"message.header_{message.kind}"
    if message.kind == "update" and words.has(f"message.header_{message.reason}"):
        key = f"message.header_{message.reason}"
    return words.say(key, verdict=status, title=title)


def _when(message: IncidentMessage, words: Words) -> str:
    end = message.ended_at if message.kind in _OVER else None
    spoken = {
        "since": message.began_at,
        "until": end or message.made_at,
        "seconds": ((end or message.made_at) - message.began_at).total_seconds(),
        "_now": message.made_at,
    }
    if message.kind == "unsteady":
        return words.say("message.unsteady", **spoken)
    return words.say("message.lasted" if end else "message.since", **spoken)


def _link(link: Link, message: IncidentMessage, words: Words) -> str:
    """Another incident that has to do with this one, in a sentence."""
    title = cut(words.finding(link.alert, message.made_at).title, 180)
    return words.say(
        f"message.link_{link.relation}",
        title=title,
        since=link.alert.since,
        until=link.alert.ended_at,
        number=link.incident_id,
        _now=message.made_at,
    )


def _consequences(message: IncidentMessage, words: Words) -> tuple[str, ...]:
    lines = [_consequence(alert, message.made_at, words) for alert in message.consequences]
    if message.more:
        lines.append(words.say("message.more", count=message.more))
    return tuple(lines)


def _consequence(told: AlertSummary, now: datetime, words: Words) -> str:
    title = cut(words.finding(told, now).title, 180)
    key = "message.consequence_over" if told.ended_at else "message.consequence"
    symbol = DOTS[Status.OK if told.ended_at else told.status]
    return f"{symbol} " + words.say(
        key, title=title, since=told.since, until=told.ended_at, _now=now
    )


def _consequences_heading(message: IncidentMessage, words: Words) -> str:
    count = len(message.consequences) + message.more
    if message.count > 1:
        return words.say("message.many_heading", count=count)
    key = "with_it_heading" if message.kind in _OVER else "consequences_heading"
    return words.say(f"message.{key}", count=count)


def _evidence(rows: tuple[Params, ...]) -> tuple[str, ...]:
    """The first rows of the platform's own data, as `column value, column value`."""
    lines = (
        ", ".join(f"{clean(name, 40)} {clean(_shown(value), 80)}" for name, value in row.items())
        for row in rows[:_EVIDENCE_MAX]
    )
    return tuple(cut(line, 300) for line in lines if line)


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)


def _context(message: IncidentMessage, words: Words) -> tuple[str, ...]:
    began = message.began_at.astimezone(words.zone)
    lines = [
        words.say("message.first_seen", at=began.strftime("%Y-%m-%d %H:%M:%S %Z")),
        words.say("message.check", name=words.name("check", message.root.check)),
    ]
    if message.incident_id is not None:
        lines.append(words.say("message.incident", number=message.incident_id))
    if message.acked_by:
        lines.append(words.say("message.acked", name=clean(message.acked_by, 60)))
    if message.simulated:
        lines.append(words.say("message.simulated"))
    return tuple(cut(line, 200) for line in lines)
