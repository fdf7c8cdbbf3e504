"""An incident's message in words, before any receiver's form is given to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.domain.check import Status
from monitor.domain.incident.message import AlertSummary, IncidentMessage, Link
from monitor.domain.incident.model import MANY
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, cut, dated
from monitor.text.impact import impact_beside
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
    remaining: tuple[str, ...]
    remaining_heading: str
    links: tuple[str, ...]
    evidence: tuple[str, ...]
    evidence_heading: str
    context: tuple[str, ...]
    url: str
    url_text: str


def incident_view(payload: Mapping[str, Any], catalog: Catalog) -> IncidentView:
    """What is said about an incident, in one language."""
    message = IncidentMessage.from_dict(payload)
    over = _is_over(message)
    root = catalog.finding(message.root, message.made_at)
    header = cut(_header(message, _title(message, catalog), catalog), 148)
    followed, remaining = _parted(once(message.root, message.consequences), over)
    when = _when(message, catalog)
    symbol = DOTS[Status.OK if over else message.status]
    return IncidentView(
        symbol=symbol,
        header=f"{symbol} {header}",
        summary=cut(f"{symbol} {header} – {when}", 400),
        text="" if over or _is_many(message) else cut(root.text, 1500),
        when=when,
        impact=cut(impact_beside(message.impact, message.root.params, catalog), 600),
        action="" if over else cut(root.action, 1500),
        action_heading=catalog.say("message.action_heading"),
        consequences=_consequences(message, followed, catalog),
        consequences_heading=_consequences_heading(message, len(followed), catalog),
        remaining=tuple(_consequence(one, message.made_at, catalog) for one in remaining),
        remaining_heading=catalog.say("message.remaining_heading", count=len(remaining)),
        links=tuple(_link(link, message, catalog) for link in message.links),
        evidence=() if over else evidence_lines(message.root.evidence, catalog, message.made_at),
        evidence_heading=catalog.say("message.evidence_heading"),
        context=_context(message, catalog),
        url=message.url,
        url_text=catalog.say("message.url_text"),
    )


def _is_over(message: IncidentMessage) -> bool:
    """Whether the trouble is over; what somebody accepted as known ends here, but goes on."""
    return message.kind in _OVER and message.reason != "accepted"


def _is_many(message: IncidentMessage) -> bool:
    """Whether its root is only one of many alike, of which nothing is to be told alone."""
    return message.count > 1 or message.root.subject == MANY


def _is_never_visible(message: IncidentMessage) -> bool:
    """Whether all that it lists is what this set-up can never check."""
    alerts = (message.root, *message.consequences)
    return len(alerts) > 1 and all(
        alert.code == "monitoring_gap" and alert.params.get("why") == "not_visible"
        for alert in alerts
    )


def _title(message: IncidentMessage, catalog: Catalog) -> str:
    """What it is about; of many alike how many there are."""
    root = message.root
    if _is_never_visible(message):
        return catalog.say(
            "message.never_visible", count=1 + len(message.consequences) + message.more
        )
    if _is_many(message):
        return catalog.say(f"many.{root.code}", count=message.count)
    over = _is_over(message) or root.ended_at is not None
    return catalog.finding(root, message.made_at, over=over).title


def _header(message: IncidentMessage, title: str, catalog: Catalog) -> str:
    status = catalog.name("verdict", message.status.value)
    key = f"message.header_{message.kind}"
    if message.kind in ("update", "resolved") and catalog.has(f"message.header_{message.reason}"):
        key = f"message.header_{message.reason}"
    return catalog.say(key, verdict=status, title=title)


def _when(message: IncidentMessage, catalog: Catalog) -> str:
    end = message.ended_at if _is_over(message) else None
    spoken = {
        "since": message.began_at,
        "until": end or message.made_at,
        "seconds": ((end or message.made_at) - message.began_at).total_seconds(),
        "_now": message.made_at,
    }
    if message.kind == "unsteady":
        return catalog.say("message.unsteady", **spoken)
    return catalog.say("message.lasted" if end else "message.since", **spoken)


def _link(link: Link, message: IncidentMessage, catalog: Catalog) -> str:
    """Another incident that has to do with this one, in a sentence."""
    title = _short(link.alert, message.made_at, catalog)
    return catalog.say(
        f"message.link_{link.relation}",
        title=title,
        since=link.alert.since,
        until=link.alert.ended_at,
        number=link.incident_id,
        _now=message.made_at,
    )


def _parted(
    others: Sequence[AlertSummary], over: bool
) -> tuple[Sequence[AlertSummary], Sequence[AlertSummary]]:
    """What is listed with the root; apart from it, of what is over, the rest that still goes on."""
    if not over:
        return others, ()
    ended = [alert for alert in others if alert.ended_at is not None]
    return ended, [alert for alert in others if alert.ended_at is None]


def _consequences(
    message: IncidentMessage, others: Sequence[AlertSummary], catalog: Catalog
) -> tuple[str, ...]:
    lines = [_consequence(alert, message.made_at, catalog) for alert in others]
    if message.more:
        lines.append(catalog.say("message.more", count=message.more))
    return tuple(lines)


def _consequence(told: AlertSummary, now: datetime, catalog: Catalog) -> str:
    title = _short(told, now, catalog)
    key = "message.consequence_over" if told.ended_at else "message.consequence"
    symbol = DOTS[Status.OK if told.ended_at else told.status]
    return f"{symbol} " + catalog.say(
        key, title=title, since=told.since, until=told.ended_at, _now=now
    )


def _short(told: AlertSummary, now: datetime, catalog: Catalog) -> str:
    """The title of one alert among others, in the past tense once it is over."""
    return cut(catalog.finding(told, now, over=told.ended_at is not None).title, 180)


def _consequences_heading(message: IncidentMessage, shown: int, catalog: Catalog) -> str:
    count = shown + message.more
    if message.count > 1:
        return catalog.say("message.many_heading")
    if _is_never_visible(message):
        return catalog.say("message.never_visible_heading", count=count)
    key = "with_it_heading" if _is_over(message) else "consequences_heading"
    return catalog.say(f"message.{key}", count=count)


def _context(message: IncidentMessage, catalog: Catalog) -> tuple[str, ...]:
    local = message.made_at.astimezone(catalog.zone)
    lines = [
        catalog.say("message.as_of", at=dated(local, catalog.language)),
        catalog.say("message.check", name=catalog.name("check", message.root.check)),
    ]
    if message.incident_id is not None:
        lines.append(catalog.say("message.incident", number=message.incident_id))
    if message.acked_by:
        lines.append(catalog.say("message.acked", name=clean(message.acked_by, 60)))
    if message.simulated:
        lines.append(catalog.say("message.simulated"))
    return tuple(cut(line, 200) for line in lines)
