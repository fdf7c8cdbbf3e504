"""What was done, or refused, at somebody's word: who, what, with which arguments, how it ended."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.audit import AuditEntry
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

REFUSALS = ("refused", "declined")
ALIKE_PER_HOUR_MAX = 10  # lines of refusals of one tool for one caller
REFUSALS_PER_HOUR_MAX = 100  # for all: a caller may give itself many names
ANYBODY = "*"  # whose line counts what is beyond that

_BEGIN = (
    "INSERT INTO audit (at, tool, caller, arguments, confirmed_by, outcome, said, ended_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_REFUSED = (  # since then: the lines of refusals of one tool for one caller, the last, and all
    "SELECT count(*) FILTER (WHERE tool = ? AND caller = ?),"
    " max(id) FILTER (WHERE tool = ? AND caller = ?), count(*)"
    " FROM audit WHERE at >= ? AND outcome IN ('refused', 'declined')"
)
_AGAIN = "UPDATE audit SET repeats = repeats + 1, ended_at = ? WHERE id = ?"
_END = "UPDATE audit SET outcome = ?, said = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL"
_ENTRIES = (
    "SELECT at, tool, caller, arguments, confirmed_by, outcome, said, ended_at, id, repeats"
    " FROM audit WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?"
)


def begin_audit(store: Store, entry: AuditEntry) -> int:
    """Write an act down, before it is done; gives back its id.

    What is refused over and over is counted on the last line of it: nobody fills the disk by it.
    """
    with store.write() as tx:
        if entry.outcome not in REFUSALS:
            return _add(tx, entry)
        entry, line = _line_of(tx, entry)
        if line is None:
            return _add(tx, entry)
        tx.exec_driver_sql(_AGAIN, (to_micros(entry.ended_at), line))
        return line


def _add(tx: Connection, entry: AuditEntry) -> int:
    row = (
        *(to_micros(entry.at), entry.tool, entry.caller, to_json(dict(entry.arguments))),
        *(entry.confirmed_by, entry.outcome, entry.said, to_micros(entry.ended_at)),
    )
    return int(tx.exec_driver_sql(_BEGIN, row).lastrowid)


def _line_of(tx: Connection, entry: AuditEntry) -> tuple[AuditEntry, int | None]:
    """The refusal, and the line it is counted on; None: it gets one of its own."""
    alike, last, every = _refused(tx, entry)
    if alike >= ALIKE_PER_HOUR_MAX:
        return entry, last
    if every < REFUSALS_PER_HOUR_MAX:
        return entry, None
    anybody = replace(entry, tool=ANYBODY, caller=ANYBODY, arguments={}, said="")
    return anybody, _refused(tx, anybody)[1]


def _refused(tx: Connection, entry: AuditEntry) -> tuple[int, int | None, int]:
    alike = (entry.tool, entry.caller)
    since = to_micros(entry.at - timedelta(hours=1))
    return tuple(tx.exec_driver_sql(_REFUSED, (*alike, *alike, since)).one())


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
            from_micros(at), tool, caller, json.loads(args), by, how, said, from_micros(ended), i, n
        )
        for at, tool, caller, args, by, how, said, ended, i, n in rows
    ]
