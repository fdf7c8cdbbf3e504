"""One incident whole: what it is, why it was announced or not, and who was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.journal import IncidentStory
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.symbols import DOTS
from monitor.text.terminal.deliveries import delivery_lines

Join = tuple[datetime, int, str]  # when which alert joined, and why


def incident_page(
    story: IncidentStory,
    joins: Sequence[Join],
    messages: Sequence[Message],
    catalog: Catalog,
    now: datetime,
) -> list[str]:
    """Its title, its length, its journal, and its deliveries."""
    return [
        *_head(story, catalog, now),
        "",
        catalog.say("show.heading_journal"),
        *(f"  {line}" for line in _journal(story, joins, catalog, now)),
        "",
        catalog.say("show.heading_delivery"),
        *(f"  {line}" for line in delivery_lines(messages, catalog)),
    ]


def _head(story: IncidentStory, catalog: Catalog, now: datetime) -> list[str]:
    incident = story.incident
    root = next((a for a in story.alerts if a.key == incident.root), None)
    root = root or (story.alerts[0] if story.alerts else None)
    title = catalog.finding(root, now).title if root else clean(incident.root)
    began = root.since if root else incident.opened_at
    end = incident.ended_at
    seconds = ((end or now) - began).total_seconds()
    lines = [
        f"{DOTS[Status.OK if end else incident.status]} #{incident.id} {title}",
        catalog.say("show.began", at=began),
        catalog.say("show.ended" if end else "show.goes_on", at=end, seconds=seconds),
    ]
    if incident.acked_by:
        lines.append(catalog.say("message.acked", name=clean(incident.acked_by, 60)))
    if incident.announced_at is None:
        return [*lines, catalog.say("show.silent")]
    return [*lines, catalog.say("show.announced", at=incident.announced_at)]


def _journal(
    story: IncidentStory, joins: Sequence[Join], catalog: Catalog, now: datetime
) -> list[str]:
    alerts = {alert.id: alert for alert in story.alerts}
    entries = [(at, _joined(alerts.get(i), why, catalog, now)) for at, i, why in joins]
    entries += [
        (n.at, f"{catalog.name('delivery_kind', n.kind)}: {catalog.name('why', n.reason)}")
        for n in story.notices
    ]
    return [
        catalog.say("show.entry", at=at, text=text)
        for at, text in sorted(entries, key=lambda entry: entry[0])
    ]


def _joined(alert: Alert | None, why: str, catalog: Catalog, now: datetime) -> str:
    code, _, cause = why.partition(" ")
    title = catalog.finding(alert, now).title if alert else ""
    reason = catalog.name("why_joined", code) + (f" {clean(cause)}" if cause else "")
    return catalog.say("show.joined", title=title, reason=reason)
