"""What was done, or refused, at somebody's word: who, what, with which arguments, how it ended."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.audit import AuditEntry
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


_BEGIN = (
    "INSERT INTO audit (at, tool, caller, arguments, confirmed_by, outcome, said, ended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_END = "UPDATE audit SET outcome = ?, said = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL"
_ENTRIES = (
    "SELECT at, tool, caller, arguments, confirmed_by, outcome, said, ended_at, id FROM audit"
    " WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?"
)


def begin_audit(store: Store, entry: AuditEntry) -> int:
    """Write an act down, before it is done; gives back its id."""
    row = (
        *(to_micros(entry.at), entry.tool, entry.caller, to_json(dict(entry.arguments))),
        *(entry.confirmed_by, entry.outcome, entry.said, to_micros(entry.ended_at)),
    )
    with store.write() as tx:
        return int(tx.exec_driver_sql(_BEGIN, row).lastrowid)


def end_audit(store: Store, entry_id: int, outcome: str, said: str, at: datetime) -> None:
    """Write down how an act ended."""
    with store.write() as tx:
        tx.exec_driver_sql(_END, (outcome, said, to_micros(at), entry_id))


def audit_between(
    tx: Connection, start: datetime, end: datetime, limit: int = 1000
) -> list[AuditEntry]:
    """The acts of a span, newest first."""
    rows = tx.exec_driver_sql(_ENTRIES, (to_micros(start), to_micros(end), limit))
    return [
        AuditEntry(
            from_micros(at), tool, caller, json.loads(args), by, how, said, from_micros(ended), i
        )
        for at, tool, caller, args, by, how, said, ended, i in rows
    ]
