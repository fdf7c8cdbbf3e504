"""One incident whole: what it is, why it was announced or not, and who was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.domain.alert import Alert
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.journal import IncidentStory, JournalEntry
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.symbols import DOTS
from monitor.text.terminal.deliveries import delivery_lines

Join = tuple[datetime, int, str]  # when which alert joined, and why


def incident_page(
    story: IncidentStory,
    joins: Sequence[Join],
    silences: Sequence[JournalEntry],
    messages: Sequence[Message],
    catalog: Catalog,
    now: datetime,
) -> list[str]:
    """Its title, its length, why each alert was told or not, its journal, and its deliveries."""
    return [
        *_head(story, catalog, now),
        "",
        catalog.say("show.heading_alerts"),
        *(f"  {_alert(alert, story, joins, catalog, now)}" for alert in story.alerts),
        "",
        catalog.say("show.heading_journal"),
        *(f"  {line}" for line in _journal(story, joins, silences, catalog, now)),
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
        why = incident.silent_reason
        return [*lines, catalog.say("show.silent", why=catalog.name("why", why) if why else "")]
    return [*lines, catalog.say("show.announced", at=incident.announced_at)]


def _alert(
    alert: Alert, story: IncidentStory, joins: Sequence[Join], catalog: Catalog, now: datetime
) -> str:
    """Why an alert belongs to the incident, and when it was told or why not."""
    joined = [(at, why) for at, alert_id, why in joins if alert_id == alert.id]
    at, why = joined[-1] if joined else (alert.fired_at or alert.since, "")
    return catalog.say(
        "show.alert",
        title=catalog.finding(alert, now).title,
        reason=_reason(why, catalog) if why else "",
        at=_announced_at(alert, story, at),
        why=catalog.name("why", story.incident.silent_reason or "no_news"),
    )


def _announced_at(alert: Alert, story: IncidentStory, since: datetime) -> datetime | None:
    """When an alert was first told with its incident; None if it never was."""
    if alert.id not in story.incident.announced_members:
        return None
    return next((n.at for n in story.notices if n.at >= since), story.incident.announced_at)


def _journal(
    story: IncidentStory,
    joins: Sequence[Join],
    silences: Sequence[JournalEntry],
    catalog: Catalog,
    now: datetime,
) -> list[str]:
    alerts = {alert.id: alert for alert in story.alerts}
    entries = [(at, _joined(alerts.get(i), why, catalog, now)) for at, i, why in joins]
    entries += [
        (n.at, f"{catalog.name('delivery_kind', n.kind)}: {catalog.name('why', n.reason)}")
        for n in (*silences, *story.notices)
    ]
    return [
        catalog.say("show.entry", at=at, text=text)
        for at, text in sorted(entries, key=lambda entry: entry[0])
    ]


def _joined(alert: Alert | None, why: str, catalog: Catalog, now: datetime) -> str:
    title = catalog.finding(alert, now).title if alert else ""
    return catalog.say("show.joined", title=title, reason=_reason(why, catalog))


def _reason(why: str, catalog: Catalog) -> str:
    code, _, cause = why.partition(" ")
    return catalog.name("why_joined", code) + (f" {clean(cause)}" if cause else "")
