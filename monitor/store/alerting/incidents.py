"""Incidents: as the engine reads and writes them at every pass, and as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.check import Status
from monitor.domain.incident.impact import Impact, worse_of
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.incident.model import Change, Incident
from monitor.store.alerting.alerts import alerts_by_id
from monitor.store.alerting.transitions import (
    notices_of,
    save_joined,
    save_notice,
    save_silence,
)
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STORED = (
    *("root", "status", "opened_at", "ended_at", "closed", "announced", "announced_members"),
    *("announced_at", "announced_sizes", "worst", "left_by", "left_by_incident", "speak_at"),
    *("unsteady_at", "impact", "acked_by", "acked_members", "silent_reason", "members"),
)
_COLUMNS = f"id, {', '.join(_STORED)}"
_OPEN = f"SELECT {_COLUMNS} FROM incidents WHERE closed = 0 ORDER BY id"
_RECENT = (
    f"SELECT {_COLUMNS} FROM incidents WHERE closed = 1 AND opened_at >= ?"
    " AND ended_at >= ? AND announced IS NOT NULL ORDER BY id"
)
_BETWEEN = (
    f"SELECT {_COLUMNS} FROM incidents WHERE opened_at < ? AND members <> '[]'"
    " AND (ended_at IS NULL OR ended_at >= ?) ORDER BY opened_at DESC, id DESC LIMIT ?"
)
_BY_ID = f"SELECT {_COLUMNS} FROM incidents WHERE id = ?"
_INSERT = f"INSERT INTO incidents ({', '.join(_STORED)}) VALUES ({', '.join('?' * len(_STORED))})"
_UPDATE = f"UPDATE incidents SET {', '.join(f'{c} = ?' for c in _STORED)} WHERE id = ?"
_ACKNOWLEDGE = (
    "UPDATE incidents SET acked_by = ?, acked_members = members WHERE id = ? AND closed = 0"
)


def open_incidents(tx: Connection) -> list[Incident]:
    """The incidents that are not closed, oldest first."""
    return [_incident(row) for row in tx.exec_driver_sql(_OPEN)]


def incidents_ended_since(tx: Connection, since: datetime, opened: datetime) -> list[Incident]:
    """The announced incidents that ended since then, of those opened since `opened`."""
    rows = tx.exec_driver_sql(_RECENT, (to_micros(opened), to_micros(since)))
    return [_incident(row) for row in rows]


def save_incidents(tx: Connection, changes: Iterable[Change], at: datetime) -> list[Incident]:
    """Store changed incidents and journal who joined and what is said; gives them their ids."""
    saved = []
    for change in changes:
        incident = _save(tx, change.incident)
        saved.append(incident)
        save_joined(tx, incident, change.joined, at)
        if change.notice is not None:
            save_notice(tx, incident, change.notice, at)
        elif change.reason:
            save_silence(tx, incident, change.reason, at)
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


def add_impact(tx: Connection, incident_id: int, counted: Impact) -> None:
    """Note what an incident did to payments; of each kind the worst count is kept."""
    row = tx.exec_driver_sql("SELECT impact FROM incidents WHERE id = ?", (incident_id,)).first()
    if row is not None:
        impact = to_json(worse_of(json.loads(row[0]), counted))
        tx.exec_driver_sql("UPDATE incidents SET impact = ? WHERE id = ?", (impact, incident_id))


def acknowledge(store: Store, incident_id: int, who: str) -> bool:
    """Note who takes care of an incident, as it is now; False if it is not open."""
    with store.write() as tx:
        return put_acknowledgement(tx, incident_id, who)


def put_acknowledgement(tx: Connection, incident_id: int, who: str) -> bool:
    """The same within a transaction."""
    return tx.exec_driver_sql(_ACKNOWLEDGE, (who, incident_id)).rowcount == 1


def _story(tx: Connection, found: Incident) -> IncidentStory:
    alerts = alerts_by_id(tx, found.members)
    members = tuple(alerts[member] for member in found.members if member in alerts)
    return IncidentStory(found, members, tuple(notices_of(tx, found)))


def _incident(row: Sequence[Any]) -> Incident:
    found = dict(zip(("id", *_STORED), row, strict=True))
    for name in ("opened_at", "ended_at", "announced_at", "speak_at", "unsteady_at"):
        found[name] = from_micros(found[name])
    for name in ("announced_members", "acked_members", "members"):
        found[name] = tuple(json.loads(found[name]))
    return Incident(
        **{
            **found,
            "status": Status(found["status"]),
            "worst": Status(found["worst"]),
            "announced": None if found["announced"] is None else Status(found["announced"]),
            "announced_sizes": json.loads(found["announced_sizes"]),
            "impact": json.loads(found["impact"]),
            "closed": bool(found["closed"]),
        }
    )


def _save(tx: Connection, incident: Incident) -> Incident:
    if incident.id is None:
        return replace(incident, id=tx.exec_driver_sql(_INSERT, _row(incident)).lastrowid)
    tx.exec_driver_sql(_UPDATE, (*_row(incident), incident.id))
    return incident


def _row(incident: Incident) -> tuple[Any, ...]:
    return tuple(_stored(getattr(incident, name)) for name in _STORED)


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, Status):
        return value.value
    return to_json(value) if isinstance(value, (tuple, dict)) else value
