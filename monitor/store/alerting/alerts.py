"""Alerts: as the engine reads and writes them at every pass, and as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.store.codec import from_micros, to_json, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = (
    'id, "check", code, subject, phase, status, since, last_seen_at,'
    " params, evidence, passes, worst, peak, fired_at, rose_at, ended_at"
)
_LIVE = f"SELECT {_COLUMNS} FROM alerts WHERE ended_at IS NULL"
_BY_ID = f"SELECT {_COLUMNS} FROM alerts WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_ENDED_SINCE = (
    f"SELECT {_COLUMNS} FROM alerts WHERE ended_at >= ? AND fired_at IS NOT NULL ORDER BY id"
)
_INSERT = (
    'INSERT INTO alerts ("check", code, subject, phase, status, since, last_seen_at, params,'
    " evidence, passes, worst, peak, fired_at, rose_at, ended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE alerts SET phase = ?, status = ?, last_seen_at = ?, params = ?, evidence = ?,"
    " passes = ?, worst = ?, peak = ?, fired_at = ?, rose_at = ?, ended_at = ? WHERE id = ?"
)
_BETWEEN = (
    f"SELECT {_COLUMNS} FROM alerts WHERE ended_at IS NULL AND since < ? AND"
    " (? OR fired_at < ?) UNION ALL"
    f" SELECT {_COLUMNS} FROM alerts WHERE ended_at >= ? AND since < ? AND"
    " (? OR fired_at < ?) ORDER BY since DESC, id DESC LIMIT ?"
)
_SUBJECTS = (
    'SELECT subject FROM alerts WHERE "check" = ? GROUP BY subject ORDER BY max(since) DESC LIMIT ?'
)


def live_alerts(tx: Connection, check: str) -> dict[str, Alert]:
    """The pending and firing alerts of one check, by their key."""
    rows = tx.exec_driver_sql(f'{_LIVE} AND "check" = ? ORDER BY id', (check,))
    return {alert.key: alert for alert in map(_alert, rows)}


def all_live_alerts(tx: Connection) -> dict[int, Alert]:
    """All pending and firing alerts, by id."""
    return {row[0]: _alert(row) for row in tx.exec_driver_sql(f"{_LIVE} ORDER BY id")}


def alerts_by_id(tx: Connection, ids: Iterable[int]) -> dict[int, Alert]:
    """These alerts, live or ended; those that are gone are left out."""
    rows = tx.exec_driver_sql(_BY_ID, (to_json(sorted(ids)),))
    return {row[0]: _alert(row) for row in rows}


def alerts_between(
    tx: Connection, start: datetime, end: datetime, pending: bool = False, limit: int = 1000
) -> list[Alert]:
    """The alerts that were live at some time of a span, newest first.

    Only those that fired before its end, unless `pending` ones are wanted too.
    """
    low, high = to_micros(start), to_micros(end)
    row = (high, pending, high, low, high, pending, high, limit)
    return [_alert(found) for found in tx.exec_driver_sql(_BETWEEN, row)]


def alert_subjects(tx: Connection, check: str, limit: int = 1000) -> list[str]:
    """What the alerts of a check were about, the latest first."""
    return [row[0] for row in tx.exec_driver_sql(_SUBJECTS, (check, limit))]


def alerts_ended_since(tx: Connection, since: datetime) -> dict[int, Alert]:
    """The alerts that fired and ended since then, by id."""
    rows = tx.exec_driver_sql(_ENDED_SINCE, (to_micros(since),))
    return {row[0]: _alert(row) for row in rows}


def save_alerts(tx: Connection, alerts: Iterable[Alert]) -> list[Alert]:
    """Store changed alerts and give them back, in the same order, with their ids.

    What cleared before it fired leaves no trace.
    """
    changed = list(alerts)
    cleared = [(a.id,) for a in changed if a.phase is Phase.CLEARED and a.id is not None]
    if cleared:
        tx.exec_driver_sql("DELETE FROM transitions WHERE alert_id = ?", cleared)
        tx.exec_driver_sql("DELETE FROM alerts WHERE id = ?", cleared)
    kept = [a for a in changed if a.phase is not Phase.CLEARED and a.id is not None]
    if kept:
        tx.exec_driver_sql(_UPDATE, [(*_state(a), a.id) for a in kept])
    is_new = [a.phase is not Phase.CLEARED and a.id is None for a in changed]
    return [_insert(tx, a) if new else a for a, new in zip(changed, is_new, strict=True)]


def _alert(row: Sequence[Any]) -> Alert:
    """The alert behind a row of _COLUMNS."""
    return Alert(
        id=row[0],
        check=row[1],
        code=row[2],
        subject=row[3],
        phase=Phase(row[4]),
        status=Status(row[5]),
        since=from_micros(row[6]),
        last_seen_at=from_micros(row[7]),
        params=json.loads(row[8]),
        evidence=tuple(json.loads(row[9])),
        passes=row[10],
        worst=Status(row[11]),
        peak=json.loads(row[12]),
        fired_at=from_micros(row[13]),
        rose_at=from_micros(row[14]),
        ended_at=from_micros(row[15]),
    )


def _insert(tx: Connection, alert: Alert) -> Alert:
    phase, status, last_seen_at, *rest = _state(alert)
    row = (alert.check, alert.code, alert.subject, phase, status, to_micros(alert.since))
    return replace(alert, id=tx.exec_driver_sql(_INSERT, (*row, last_seen_at, *rest)).lastrowid)


def _state(alert: Alert) -> tuple[Any, ...]:
    """The columns that change during an episode."""
    return (
        *(alert.phase.value, alert.status.value, to_micros(alert.last_seen_at)),
        to_json(dict(alert.params)),
        to_json([dict(row) for row in alert.evidence]),
        *(alert.passes, alert.worst.value, to_json(dict(alert.peak))),
        *(to_micros(at) for at in (alert.fired_at, alert.rose_at, alert.ended_at)),
    )
