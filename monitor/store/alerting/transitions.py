"""Reads of what was wrong: alerts, incidents with their members, transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert
from monitor.domain.incident import Incident
from monitor.domain.journal import IncidentStory, JournalEntry
from monitor.store.alerting.alerts import ALERT_COLUMNS, alert_of, alerts_by_id
from monitor.store.alerting.incidents import INCIDENT_COLUMNS, incident_of
from monitor.store.codec import from_micros, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection


_ALERTS = (
    f"SELECT {ALERT_COLUMNS} FROM alerts WHERE ended_at IS NULL AND since < ? AND"
    " (? OR fired_at < ?) UNION ALL"
    f" SELECT {ALERT_COLUMNS} FROM alerts WHERE ended_at >= ? AND since < ? AND"
    " (? OR fired_at < ?) ORDER BY since DESC, id DESC LIMIT ?"
)
_INCIDENTS = (
    f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE opened_at < ? AND members <> '[]'"
    " AND (ended_at IS NULL OR ended_at >= ?) ORDER BY opened_at DESC, id DESC LIMIT ?"
)
_INCIDENT = f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE id = ?"
_ENTRY = "at, kind, reason, alert_id, incident_id, snapshot_id"
_JOURNAL = (
    f"SELECT {_ENTRY} FROM transitions WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?"
)
_NOTICES = f"SELECT {_ENTRY} FROM transitions WHERE incident_id = ? ORDER BY id"
_OF_ALERT = f"SELECT {_ENTRY} FROM transitions WHERE alert_id = ? ORDER BY id"


def alerts_between(
    tx: Connection, start: datetime, end: datetime, pending: bool = False, limit: int = 1000
) -> list[Alert]:
    """The alerts that were live at some time of a span, newest first.

    Only those that fired before its end, unless `pending` ones are wanted too.
    """
    low, high = to_micros(start), to_micros(end)
    row = (high, pending, high, low, high, pending, high, limit)
    return [alert_of(found) for found in tx.exec_driver_sql(_ALERTS, row)]


def incidents_between(
    tx: Connection, start: datetime, end: datetime, limit: int = 200
) -> list[IncidentStory]:
    """The incidents that were open at some time of a span, newest first."""
    rows = tx.exec_driver_sql(_INCIDENTS, (to_micros(end), to_micros(start), limit))
    return [_story(tx, incident_of(row)) for row in rows.all()]


def incident(tx: Connection, incident_id: int) -> IncidentStory | None:
    """One incident with all that belongs to it."""
    row = tx.exec_driver_sql(_INCIDENT, (incident_id,)).first()
    return None if row is None else _story(tx, incident_of(row))


def journal(
    tx: Connection, start: datetime, end: datetime, limit: int = 1000
) -> list[JournalEntry]:
    """What changed in a span, newest first, each with its alert as it is now."""
    rows = tx.exec_driver_sql(_JOURNAL, (to_micros(start), to_micros(end), limit))
    entries = [_entry(*row) for row in rows]
    alerts = alerts_by_id(tx, {e.alert_id for e in entries if e.alert_id is not None})
    return [_with_alert(entry, alerts) for entry in entries]


def transitions_of(tx: Connection, alert_id: int) -> list[JournalEntry]:
    """The whole course of one alert, oldest first."""
    return [_entry(*row) for row in tx.exec_driver_sql(_OF_ALERT, (alert_id,))]


def _story(tx: Connection, found: Incident) -> IncidentStory:
    alerts = alerts_by_id(tx, found.members)
    members = tuple(alerts[member] for member in found.members if member in alerts)
    notices = tuple(_entry(*row) for row in tx.exec_driver_sql(_NOTICES, (found.id,)))
    return IncidentStory(found, members, notices)


def _entry(at: int, kind: str, reason: str, *ids: int | None) -> JournalEntry:
    alert_id, incident_id, snapshot_id = ids
    return JournalEntry(from_micros(at), kind, reason, alert_id, incident_id, snapshot_id)


def _with_alert(entry: JournalEntry, alerts: Mapping[int, Alert]) -> JournalEntry:
    if entry.alert_id is None:
        return entry
    return replace(entry, alert=alerts.get(entry.alert_id))
