"""Incidents and silences, as the engine reads and writes them at every pass."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.check import Status
from monitor.domain.incident import Change, Incident, Silence
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

INCIDENT_COLUMNS = (
    "id, root, status, opened_at, ended_at, closed, told, told_members, told_root, told_at,"
    " acked_by, members"
)
_OPEN = f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE closed = 0 ORDER BY id"
_INSERT = (
    "INSERT INTO incidents (root, status, opened_at, ended_at, closed, told, told_members,"
    " told_root, told_at, acked_by, members) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE incidents SET root = ?, status = ?, opened_at = ?, ended_at = ?, closed = ?, told = ?,"
    " told_members = ?, told_root = ?, told_at = ?, acked_by = ?, members = ? WHERE id = ?"
)
_NOTICE = "INSERT INTO transitions (at, kind, reason, incident_id) VALUES (?, ?, ?, ?)"
_NOTICES = "SELECT count(*) FROM transitions WHERE incident_id = ?"
_SILENCES = "SELECT id, pattern, until FROM silences WHERE until > ? ORDER BY id"
_ACKNOWLEDGE = "UPDATE incidents SET acked_by = ? WHERE id = ? AND closed = 0"


def open_incidents(tx: Connection) -> list[Incident]:
    """The incidents that are not closed, oldest first."""
    return [incident_of(row) for row in tx.exec_driver_sql(_OPEN)]


def save_incidents(tx: Connection, changes: Iterable[Change], at: datetime) -> list[Incident]:
    """Store changed incidents and journal their notices; gives them back with their ids."""
    saved = []
    for change in changes:
        incident = _save(tx, change.incident)
        saved.append(incident)
        if change.notice is not None:
            notice = (to_micros(at), change.notice.kind, change.notice.reason, incident.id)
            tx.exec_driver_sql(_NOTICE, notice)
    return saved


def active_silences(tx: Connection, now: datetime) -> list[Silence]:
    """The silences that hold now."""
    rows = tx.exec_driver_sql(_SILENCES, (to_micros(now),))
    return [Silence(pattern, from_micros(until), id=i) for i, pattern, until in rows]


def notices_told(tx: Connection, incident: Incident) -> int:
    """How many notices of an incident the journal holds: the number of its latest."""
    return int(tx.exec_driver_sql(_NOTICES, (incident.id,)).scalar_one())


def acknowledge(store: Store, incident_id: int, who: str) -> bool:
    """Note who takes care of an incident; False if it is not open."""
    with store.write() as tx:
        return tx.exec_driver_sql(_ACKNOWLEDGE, (who, incident_id)).rowcount == 1


def incident_of(row: Sequence[Any]) -> Incident:
    """The incident behind a row of INCIDENT_COLUMNS."""
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


def _save(tx: Connection, incident: Incident) -> Incident:
    if incident.id is None:
        return replace(incident, id=tx.exec_driver_sql(_INSERT, _columns(incident)).lastrowid)
    tx.exec_driver_sql(_UPDATE, (*_columns(incident), incident.id))
    return incident


def _columns(incident: Incident) -> tuple[Any, ...]:
    told = None if incident.told is None else incident.told.value
    return (
        *(incident.root, incident.status.value, to_micros(incident.opened_at)),
        *(to_micros(incident.ended_at), incident.closed, told, to_json(incident.told_members)),
        *(incident.told_root, to_micros(incident.told_at), incident.acked_by),
        to_json(incident.members),
    )
