"""The journal: each change of an alert and each notice of an incident, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert, Phase, Transition
from monitor.domain.incident.journal import JournalEntry
from monitor.domain.incident.model import Incident, Joined, Notice
from monitor.store.codec import from_micros, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TRANSITION = (
    "INSERT INTO transitions (at, kind, reason, alert_id, snapshot_id) VALUES (?, ?, ?, ?, ?)"
)
_LIVE_ID = (
    'SELECT max(id) FROM alerts WHERE "check" = ? AND ended_at IS NULL AND code = ? AND subject = ?'
)
_NOTICE = "INSERT INTO transitions (at, kind, reason, incident_id) VALUES (?, ?, ?, ?)"
_SILENT = "INSERT INTO transitions (at, kind, reason, incident_id) VALUES (?, 'silent', ?, ?)"
_JOINED = (
    "INSERT INTO transitions (at, kind, reason, alert_id, incident_id)"
    " VALUES (?, 'joined', ?, ?, ?)"
)
_NOTICES = (
    "SELECT at, kind, reason FROM transitions WHERE incident_id = ? AND alert_id IS NULL"
    " AND kind <> 'silent' ORDER BY id"
)
_SILENCES = (
    "SELECT at, kind, reason FROM transitions WHERE incident_id = ? AND kind = 'silent' ORDER BY id"
)
_JOINS = (
    "SELECT at, alert_id, reason FROM transitions WHERE incident_id = ? AND kind = 'joined'"
    " ORDER BY id"
)
_COUNT = (
    "SELECT count(*) FROM transitions WHERE incident_id = ? AND alert_id IS NULL"
    " AND kind <> 'silent'"
)


def save_transitions(
    tx: Connection, transitions: Iterable[Transition], snapshot_id: int | None
) -> None:
    """Write changes of alerts (saved before) into the journal; what cleared is left out."""
    rows = [
        (to_micros(t.at), t.kind, t.reason, _id_of(tx, t.alert), snapshot_id)
        for t in transitions
        if t.alert.phase is not Phase.CLEARED
    ]
    if rows:
        tx.exec_driver_sql(_TRANSITION, rows)


def save_notice(tx: Connection, incident: Incident, notice: Notice, at: datetime) -> None:
    """Write a notice of an incident (saved before) into the journal."""
    tx.exec_driver_sql(_NOTICE, (to_micros(at), notice.kind, notice.reason, incident.id))


def save_silence(tx: Connection, incident: Incident, reason: str, at: datetime) -> None:
    """Write into the journal why an incident (saved before) is silent from now on."""
    tx.exec_driver_sql(_SILENT, (to_micros(at), reason, incident.id))


def save_joined(tx: Connection, incident: Incident, joined: Iterable[Joined], at: datetime) -> None:
    """Write into the journal which alerts belong to an incident from now on, and why."""
    rows = [
        (to_micros(at), f"{each.reason} {each.cause}".strip(), each.alert_id, incident.id)
        for each in joined
    ]
    if rows:
        tx.exec_driver_sql(_JOINED, rows)


def joins_of(tx: Connection, incident: Incident) -> list[tuple[datetime, int, str]]:
    """When which alert joined an incident, and why (a code, and the key of the cause)."""
    rows = tx.exec_driver_sql(_JOINS, (incident.id,))
    return [(from_micros(at), alert_id, reason) for at, alert_id, reason in rows]


def silences_of(tx: Connection, incident: Incident) -> list[JournalEntry]:
    """When an incident fell silent and why, oldest first."""
    rows = tx.exec_driver_sql(_SILENCES, (incident.id,))
    return [JournalEntry(from_micros(at), kind, reason) for at, kind, reason in rows]


def notices_said(tx: Connection, incident: Incident) -> int:
    """How many notices of an incident the journal holds: the number of its latest."""
    return int(tx.exec_driver_sql(_COUNT, (incident.id,)).scalar_one())


def notices_of(tx: Connection, incident: Incident) -> list[JournalEntry]:
    """All notices of an incident, oldest first."""
    rows = tx.exec_driver_sql(_NOTICES, (incident.id,))
    return [JournalEntry(from_micros(at), kind, reason) for at, kind, reason in rows]


def _id_of(tx: Connection, alert: Alert) -> int | None:
    if alert.id is not None:
        return alert.id
    row = (alert.check, alert.code, alert.subject)
    found: int | None = tx.exec_driver_sql(_LIVE_ID, row).scalar_one()
    return found
