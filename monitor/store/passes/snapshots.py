"""Reads of what was seen: snapshots with their findings, pass counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from monitor.domain.alert import Alert
from monitor.domain.check import Finding, Sighting, Status
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.rollup import HOUR

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


@dataclass(frozen=True, slots=True)
class PassCounts:
    """How the passes of a check ended; `missed` are slots that passed unused."""

    ok: int
    warn: int
    crit: int
    unknown: int
    missed: int

    @property
    def passes(self) -> int:
        """How many passes there were, however they ended."""
        return self.ok + self.warn + self.crit + self.unknown


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The last slot of a check at a moment, and the usual distance of its slots, if known.

    `went_on`: it ran after that moment too, so that what it missed before is counted already.
    """

    last_at: datetime
    every: timedelta | None
    went_on: bool

    def open_slots(self, start: datetime, end: datetime) -> int:
        """The slots of a span that passed unused since the last one; the newest may still run."""
        if self.went_on or self.every is None:
            return 0
        passed = (end - self.last_at) // self.every - 1
        earlier = max(0, -((self.last_at - start) // self.every) - 1)
        return max(0, passed - earlier)


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
_COUNTS = (
    'SELECT "check", sum(ok), sum(warn), sum(crit), sum(unknown), sum(missed) FROM pass_counts'
    ' WHERE start >= ? AND start < ? GROUP BY "check"'
)
_CHECKS = (  # as in _LATEST
    'WITH RECURSIVE checks(name) AS (SELECT min("check") FROM snapshots UNION ALL'
    ' SELECT (SELECT min("check") FROM snapshots WHERE "check" > name) FROM checks'
    " WHERE name IS NOT NULL) SELECT name FROM checks WHERE name IS NOT NULL"
)
_LAST_SLOTS = (
    'SELECT slot_at FROM snapshots WHERE "check" = ? AND at <= ? ORDER BY at DESC, id DESC LIMIT ?'
)
_LATER = 'SELECT 1 FROM snapshots WHERE "check" = ? AND at > ? LIMIT 1'
_SEEN = "SELECT status, count(*) FROM snapshots WHERE at >= ? AND at < ? GROUP BY status"
_HOUR_LONG, _MOMENT = timedelta(hours=1), timedelta(microseconds=1)
_SLOTS_LEARNED = 9
_KEPT = (
    "SELECT (SELECT coalesce(sum(ok + warn + crit + unknown), 0) FROM pass_counts"
    " WHERE start >= ? AND start < ?) <= (SELECT count(*) FROM snapshots"
    " WHERE at >= ? AND at < ? AND slot_at >= ? AND slot_at < ?)"
)


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


def latest_sightings(tx: Connection) -> tuple[Sighting, ...]:
    """What every check last saw, and since when: its alert's beginning, else this pass."""
    alerts = {alert.identity: alert for alert in all_live_alerts(tx).values()}
    return tuple(
        sighting
        for snapshot in latest_snapshots(tx).values()
        for sighting in _sightings(snapshot, alerts)
    )


def pass_counts(tx: Connection, start: datetime, end: datetime) -> dict[str, PassCounts]:
    """By check, the passes whose slot lies in the whole hours that begin in a span."""
    hours = (_next_hour(start), _next_hour(end))
    return {check: PassCounts(*counts) for check, *counts in tx.exec_driver_sql(_COUNTS, hours)}


def counts_between(tx: Connection, start: datetime, end: datetime) -> PassCounts:
    """The passes of all checks in a span, to the second while every pass has its snapshot.

    What is older is only known by the hour: then those of its whole hours. Missed slots always are.
    """
    whole = pass_counts(tx, start, end - _HOUR_LONG + _MOMENT).values()
    missed = sum(each.missed for each in whole)
    if is_kept_whole(tx, start, end):
        rows = tx.exec_driver_sql(_SEEN, (to_micros(start), to_micros(end))).all()
        seen = {str(status): int(count) for status, count in rows}
    else:
        seen = {s.value: sum(getattr(one, s.value) for one in whole) for s in Status}
    return PassCounts(**{s.value: seen.get(s.value, 0) for s in Status}, missed=missed)


def rhythms(tx: Connection, at: datetime) -> dict[str, Rhythm]:
    """How often each check was looking, and its last slot, as far as known at a moment."""
    micros = to_micros(at)
    found = {}
    for (check,) in tx.exec_driver_sql(_CHECKS).all():
        rows = tx.exec_driver_sql(_LAST_SLOTS, (check, micros, _SLOTS_LEARNED))
        slots = [from_micros(slot) for (slot,) in rows]
        if slots:
            is_later = tx.exec_driver_sql(_LATER, (check, micros)).first() is not None
            apart = [later - earlier for later, earlier in pairwise(slots) if later > earlier]
            every = sorted(apart)[(len(apart) - 1) // 2] if apart else None
            found[check] = Rhythm(slots[0], every, is_later)
    return found


def is_kept_whole(tx: Connection, start: datetime, end: datetime) -> bool:
    """Whether every pass of a span's whole hours still has its snapshot: old ones are thinned."""
    first, last = to_micros(start) // (HOUR * 1_000_000) * HOUR, _next_hour(end)
    slots = (first * 1_000_000, last * 1_000_000)
    row = (first, last, slots[0], slots[1] + HOUR * 1_000_000, *slots)
    return bool(tx.exec_driver_sql(_KEPT, row).scalar_one())


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


def _sightings(snapshot: Snapshot, alerts: dict[tuple[str, str], Alert]) -> Iterable[Sighting]:
    if not snapshot.findings:
        yield Sighting(snapshot.check, snapshot.status, snapshot.at)
    for finding in snapshot.findings:
        alert = alerts.get((snapshot.check, finding.key))
        since = alert.since if alert else snapshot.at
        yield Sighting(snapshot.check, finding.status, snapshot.at, finding, since)


def _next_hour(at: datetime) -> int:
    return -(-to_micros(at) // (HOUR * 1_000_000)) * HOUR
