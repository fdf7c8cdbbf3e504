"""An incident's message in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.domain.check import Status
from monitor.domain.incident.message import AlertSummary, IncidentMessage, Link
from monitor.domain.incident.model import MANY
from monitor.text.catalog import Words
from monitor.text.filters import clean, cut
from monitor.text.impact import impact_line
from monitor.text.messages.evidence import evidence_lines, once
from monitor.text.symbols import DOTS

_OVER = ("resolved", "brief")


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Sentences and headings; no text in here is escaped, and all of it is bounded."""

    symbol: str
    header: str
    summary: str
    text: str
    when: str
    impact: str
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
    over = _is_over(message)
    root = words.finding(message.root, message.made_at)
    header = cut(_header(message, _title(message, words), words), 148)
    others = once(message.root, message.consequences)
    when = _when(message, words)
    symbol = DOTS[Status.OK if over else message.status]
    return IncidentView(
        symbol=symbol,
        header=f"{symbol} {header}",
        summary=cut(f"{symbol} {header} – {when}", 400),
        text="" if over else cut(root.text, 1500),
        when=when,
        impact=cut(impact_line(message.impact, words), 600),
        action="" if over else cut(root.action, 1500),
        action_heading=words.say("message.action_heading"),
        consequences=_consequences(message, others, words),
        consequences_heading=_consequences_heading(message, len(others), words),
        links=tuple(_link(link, message, words) for link in message.links),
        evidence=() if over else evidence_lines(message.root.evidence, words, message.made_at),
        evidence_heading=words.say("message.evidence_heading"),
        context=_context(message, words),
        url=message.url,
        url_text=words.say("message.url_text"),
    )


def _is_over(message: IncidentMessage) -> bool:
    """Whether the trouble is over; what somebody accepted as known ends here, but goes on."""
    return message.kind in _OVER and message.reason != "accepted"


def _title(message: IncidentMessage, words: Words) -> str:
    """What it is about; of many alike how many there are."""
    root = message.root
    if message.count > 1 or root.subject == MANY:
        return words.say(f"many.{root.code}", count=message.count)
    over = _is_over(message) or root.ended_at is not None
    return words.finding(root, message.made_at, over=over).title


def _header(message: IncidentMessage, title: str, words: Words) -> str:
    status = words.name("verdict", message.status.value)
    key = f"message.header_{message.kind}"
    if message.kind in ("update", "resolved") and words.has(f"message.header_{message.reason}"):
        key = f"message.header_{message.reason}"
    return words.say(key, verdict=status, title=title)


def _when(message: IncidentMessage, words: Words) -> str:
    end = message.ended_at if _is_over(message) else None
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
    title = _short(link.alert, message.made_at, words)
    return words.say(
        f"message.link_{link.relation}",
        title=title,
        since=link.alert.since,
        until=link.alert.ended_at,
        number=link.incident_id,
        _now=message.made_at,
    )


def _consequences(
    message: IncidentMessage, others: Sequence[AlertSummary], words: Words
) -> tuple[str, ...]:
    lines = [_consequence(alert, message.made_at, words) for alert in others]
    if message.more:
        lines.append(words.say("message.more", count=message.more))
    return tuple(lines)


def _consequence(told: AlertSummary, now: datetime, words: Words) -> str:
    title = _short(told, now, words)
    key = "message.consequence_over" if told.ended_at else "message.consequence"
    symbol = DOTS[Status.OK if told.ended_at else told.status]
    return f"{symbol} " + words.say(
        key, title=title, since=told.since, until=told.ended_at, _now=now
    )


def _short(told: AlertSummary, now: datetime, words: Words) -> str:
    """The title of one alert among others, in the past tense once it is over."""
    return cut(words.finding(told, now, over=told.ended_at is not None).title, 180)


def _consequences_heading(message: IncidentMessage, shown: int, words: Words) -> str:
    count = shown + message.more
    if message.count > 1:
        return words.say("message.many_heading", count=count)
    key = "with_it_heading" if _is_over(message) else "consequences_heading"
    return words.say(f"message.{key}", count=count)


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
