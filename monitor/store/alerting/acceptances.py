"""What somebody accepted as known: added, ended, and what holds now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.incident.model import Acceptance
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_COLUMNS = "id, pattern, sizes, at, until, author, reason"
_HELD = (
    f"SELECT {_COLUMNS} FROM acceptances WHERE at <= ?1 AND (ended_at IS NULL OR ended_at > ?1)"
    " AND (until IS NULL OR until > ?1) ORDER BY id"
)
_INSERT = (
    "INSERT INTO acceptances (pattern, sizes, at, until, author, reason) VALUES (?, ?, ?, ?, ?, ?)"
)
_END = (
    "UPDATE acceptances SET ended_at = ?1 WHERE id = ?2 AND ended_at IS NULL"
    " AND (until IS NULL OR until > ?1)"
)
_REPLACE = "UPDATE acceptances SET ended_at = ? WHERE pattern = ? AND ended_at IS NULL"


def active_acceptances(tx: Connection, now: datetime) -> list[Acceptance]:
    """What is or was accepted at a time, oldest first."""
    return [_acceptance_of(row) for row in tx.exec_driver_sql(_HELD, (to_micros(now),))]


def add_acceptance(store: Store, one: Acceptance) -> int:
    """Accept, instead of what was accepted by the same pattern; gives back its number."""
    with store.write() as tx:
        return put_acceptance(tx, one)


def put_acceptance(tx: Connection, one: Acceptance) -> int:
    """The same within a transaction."""
    row = (one.pattern, to_json(dict(one.sizes)), to_micros(one.at), to_micros(one.until))
    tx.exec_driver_sql(_REPLACE, (to_micros(one.at), one.pattern))
    return int(tx.exec_driver_sql(_INSERT, (*row, one.author, one.reason)).lastrowid or 0)


def end_acceptance(store: Store, number: int, now: datetime) -> bool:
    """Accept no longer; False if it does not hold."""
    with store.write() as tx:
        return tx.exec_driver_sql(_END, (to_micros(now), number)).rowcount == 1


def _acceptance_of(row: Sequence[Any]) -> Acceptance:
    number, pattern, sizes, at, until, author, reason = row
    return Acceptance(
        pattern, author, reason, from_micros(at), json.loads(sizes), from_micros(until), number
    )
