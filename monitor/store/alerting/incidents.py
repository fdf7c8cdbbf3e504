"""Incidents: as the engine reads and writes them at every pass, and as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.check import Status
from monitor.domain.incident import Change, Incident
from monitor.domain.journal import IncidentStory
from monitor.store.alerting.alerts import alerts_by_id
from monitor.store.alerting.transitions import notices_of, save_notice
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = (
    "id, root, status, opened_at, ended_at, closed, told, told_members, told_root, told_at,"
    " acked_by, members"
)
_OPEN = f"SELECT {_COLUMNS} FROM incidents WHERE closed = 0 ORDER BY id"
_INSERT = (
    "INSERT INTO incidents (root, status, opened_at, ended_at, closed, told, told_members,"
    " told_root, told_at, acked_by, members) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE incidents SET root = ?, status = ?, opened_at = ?, ended_at = ?, closed = ?, told = ?,"
    " told_members = ?, told_root = ?, told_at = ?, acked_by = ?, members = ? WHERE id = ?"
)
_BETWEEN = (
    f"SELECT {_COLUMNS} FROM incidents WHERE opened_at < ? AND members <> '[]'"
    " AND (ended_at IS NULL OR ended_at >= ?) ORDER BY opened_at DESC, id DESC LIMIT ?"
)
_BY_ID = f"SELECT {_COLUMNS} FROM incidents WHERE id = ?"
_ACKNOWLEDGE = "UPDATE incidents SET acked_by = ? WHERE id = ? AND closed = 0"


def open_incidents(tx: Connection) -> list[Incident]:
    """The incidents that are not closed, oldest first."""
    return [_incident(row) for row in tx.exec_driver_sql(_OPEN)]


def save_incidents(tx: Connection, changes: Iterable[Change], at: datetime) -> list[Incident]:
    """Store changed incidents and journal their notices; gives them back with their ids."""
    saved = []
    for change in changes:
        incident = _save(tx, change.incident)
        saved.append(incident)
        if change.notice is not None:
            save_notice(tx, incident, change.notice, at)
    return saved


def incidents_between(
    tx: Connection, start: datetime, end: datetime, limit: int = 200
) -> list[IncidentStory]:
    """The incidents that were open at some time of a span, newest first."""
    rows = tx.exec_driver_sql(_BETWEEN, (to_micros(end), to_micros(start), limit))
    return [_story(tx, _incident(row)) for row in rows.all()]


def incident_by_id(tx: Connection, incident_id: int) -> IncidentStory | None:
    """One incident with all that belongs to it."""
    row = tx.exec_driver_sql(_BY_ID, (incident_id,)).first()
    return None if row is None else _story(tx, _incident(row))


def acknowledge(store: Store, incident_id: int, who: str) -> bool:
    """Note who takes care of an incident; False if it is not open."""
    with store.write() as tx:
        return tx.exec_driver_sql(_ACKNOWLEDGE, (who, incident_id)).rowcount == 1


def _incident(row: Sequence[Any]) -> Incident:
    """The incident behind a row of _COLUMNS."""
    return Incident(
        id=row[0],
        root=row[1],
        status=Status(row[2]),
        opened_at=from_micros(row[3]),
        ended_at=from_micros(row[4]),
        closed=bool(row[5]),
        told=None if row[6] is None else Status(row[6]),
        told_members=tuple(json.loads(row[7])),
        told_root=row[8],
        told_at=from_micros(row[9]),
        acked_by=row[10],
        members=tuple(json.loads(row[11])),
    )


def _story(tx: Connection, found: Incident) -> IncidentStory:
    alerts = alerts_by_id(tx, found.members)
    members = tuple(alerts[member] for member in found.members if member in alerts)
    notices = tuple(notices_of(tx, found))
    return IncidentStory(found, members, notices)


def _save(tx: Connection, incident: Incident) -> Incident:
    if incident.id is None:
        return replace(incident, id=tx.exec_driver_sql(_INSERT, _row(incident)).lastrowid)
    tx.exec_driver_sql(_UPDATE, (*_row(incident), incident.id))
    return incident


def _row(incident: Incident) -> tuple[Any, ...]:
    told = None if incident.told is None else incident.told.value
    return (
        *(incident.root, incident.status.value, to_micros(incident.opened_at)),
        *(to_micros(incident.ended_at), incident.closed, told, to_json(incident.told_members)),
        *(incident.told_root, to_micros(incident.told_at), incident.acked_by),
        to_json(incident.members),
    )
