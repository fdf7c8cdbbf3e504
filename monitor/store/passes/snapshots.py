"""Snapshots: one pass of one check each, with its findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.alert import Alert
from monitor.domain.check import Finding, OtherFinding, Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.codec import from_micros, to_json, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One pass of one check, as it was stored."""

    id: int
    check: str
    at: datetime
    slot_at: datetime
    took_ms: float
    status: Status
    findings: tuple[Finding, ...] = ()


_COLUMNS = 'id, "check", at, slot_at, took_ms, status'
_HISTORY = (
    f"SELECT {_COLUMNS} FROM snapshots WHERE at >= ? AND at < ? AND status IN"
    " (SELECT value FROM json_each(?)) ORDER BY at DESC, id DESC LIMIT ?"
)
_CHECK_HISTORY = _HISTORY.replace("WHERE", 'WHERE "check" = ? AND')
_LATEST = (  # steps from check to check through the index, however many passes there are
    'WITH RECURSIVE checks(name) AS (SELECT min("check") FROM snapshots UNION ALL'
    ' SELECT (SELECT min("check") FROM snapshots WHERE "check" > name) FROM checks'
    " WHERE name IS NOT NULL)"
    f" SELECT {_COLUMNS} FROM checks CROSS JOIN snapshots ON id = (SELECT id FROM snapshots"
    ' WHERE "check" = name ORDER BY at DESC, id DESC LIMIT 1) WHERE name IS NOT NULL'
)
_CHANGES = (
    f'SELECT {_COLUMNS} FROM (SELECT {_COLUMNS}, lag(status) OVER (PARTITION BY "check"'
    " ORDER BY at, id) AS before FROM snapshots WHERE at >= ? AND at < ?)"
    " WHERE before IS NULL OR before <> status ORDER BY at, id LIMIT ?"
)
_FINDINGS = (
    "SELECT snapshot_id, code, status, subject, params, evidence FROM findings"
    " WHERE snapshot_id IN (SELECT value FROM json_each(?)) ORDER BY snapshot_id, code, subject"
)
_SEEN = 'SELECT 1 FROM snapshots WHERE "check" = ? AND at = ?'
_ADD = 'INSERT INTO snapshots ("check", at, slot_at, took_ms, status) VALUES (?, ?, ?, ?, ?)'
_ADD_FINDING = (
    "INSERT INTO findings (snapshot_id, code, subject, status, params, evidence)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


def has_snapshot(tx: Connection, check: str, at: datetime) -> bool:
    """Whether a check has recorded a pass of this moment."""
    return tx.exec_driver_sql(_SEEN, (check, to_micros(at))).first() is not None


def save_snapshot(tx: Connection, seen: Observed, slot_at: datetime) -> int:
    """Store a pass with its findings; gives back the id of the snapshot."""
    times = to_micros(seen.at), to_micros(slot_at)
    row = (seen.name, *times, seen.took_ms, seen.verdict.status.value)
    snapshot_id = int(tx.exec_driver_sql(_ADD, row).lastrowid)
    _save_findings(tx, seen.verdict, snapshot_id)
    return snapshot_id


def _save_findings(tx: Connection, verdict: Verdict, snapshot_id: int) -> None:
    rows = [
        (
            *(snapshot_id, finding.code, finding.subject, finding.status.value),
            to_json(dict(finding.params)),
            to_json([dict(row) for row in finding.evidence]),
        )
        for finding in {finding.key: finding for finding in verdict.findings}.values()
    ]
    if rows:
        tx.exec_driver_sql(_ADD_FINDING, rows)


def snapshots(
    tx: Connection,
    start: datetime,
    end: datetime,
    check: str = "",
    statuses: Iterable[Status] = tuple(Status),
    limit: int = 100,
) -> list[Snapshot]:
    """The passes of a span, newest first, with their findings."""
    span = (to_micros(start), to_micros(end), to_json([s.value for s in statuses]), limit)
    if check:
        return _with_findings(tx, tx.exec_driver_sql(_CHECK_HISTORY, (check, *span)))
    return _with_findings(tx, tx.exec_driver_sql(_HISTORY, span))


def latest_snapshots(tx: Connection) -> dict[str, Snapshot]:
    """The latest pass of every check that ever ran, with its findings."""
    return {s.check: s for s in _with_findings(tx, tx.exec_driver_sql(_LATEST))}


def status_changes(
    tx: Connection, start: datetime, end: datetime, limit: int = 1000
) -> list[Snapshot]:
    """The first pass of each check in a span, and those whose status was another than before."""
    rows = tx.exec_driver_sql(_CHANGES, (to_micros(start), to_micros(end), limit))
    return _with_findings(tx, rows)


def latest_findings(tx: Connection) -> tuple[OtherFinding, ...]:
    """What every check last saw, and since when: its alert's beginning, else this pass."""
    alerts = {alert.identity: alert for alert in all_live_alerts(tx).values()}
    return tuple(
        other_finding
        for snapshot in latest_snapshots(tx).values()
        for other_finding in _other_findings(snapshot, alerts)
    )


def _with_findings(tx: Connection, rows: Iterable[Sequence[Any]]) -> list[Snapshot]:
    found = [tuple(row) for row in rows]
    findings: dict[int, list[Finding]] = {}
    for row in tx.exec_driver_sql(_FINDINGS, (to_json([row[0] for row in found]),)):
        findings.setdefault(row[0], []).append(_finding_of(row))
    return [_snapshot_of(row, tuple(findings.get(row[0], ()))) for row in found]


def _finding_of(row: Sequence[Any]) -> Finding:
    _, code, status, subject, params, evidence = row
    rows = tuple(json.loads(evidence))
    return Finding(code, Status(status), subject, json.loads(params), rows)


def _snapshot_of(row: Sequence[Any], findings: tuple[Finding, ...]) -> Snapshot:
    snapshot_id, check, at, slot_at, took_ms, status = row
    times = (from_micros(at), from_micros(slot_at))
    return Snapshot(snapshot_id, check, *times, took_ms, Status(status), findings)


def _other_findings(
    snapshot: Snapshot, alerts: dict[tuple[str, str], Alert]
) -> Iterable[OtherFinding]:
    if not snapshot.findings:
        yield OtherFinding(snapshot.check, snapshot.status, snapshot.at)
    for finding in snapshot.findings:
        alert = alerts.get((snapshot.check, finding.key))
        since = alert.since if alert else snapshot.at
        yield OtherFinding(snapshot.check, finding.status, snapshot.at, finding, since)
