"""Approvals: acts that models asked for, each approved by a person and taken by its caller once."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.audit import Approval
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

OPEN_MAX = 100
_COLUMNS = "code, digest, tool, caller, question, asked_at, expires_at, arguments, approved_by"
_ADD = (
    f"INSERT INTO approvals ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"
    " WHERE (SELECT count(*) FROM approvals) < ?"
)
_SAME = f"SELECT {_COLUMNS} FROM approvals WHERE digest = ? AND approved_by = ''"
_OPEN = f"SELECT {_COLUMNS} FROM approvals WHERE expires_at > ? ORDER BY asked_at, code"
_APPROVE = (
    "UPDATE approvals SET approved_by = ? WHERE code = ? AND expires_at > ? AND approved_by = ''"
)
_TAKE = (
    "DELETE FROM approvals WHERE code = (SELECT code FROM approvals WHERE digest = ?"
    " AND approved_by <> '' AND expires_at > ? ORDER BY asked_at LIMIT 1) RETURNING approved_by"
)
_REJECT = "DELETE FROM approvals WHERE code = ?"
_FORGET = "DELETE FROM approvals WHERE expires_at <= ?"


def ask_approval(store: Store, wanted: Approval) -> Approval | None:
    """Let an act wait for a person; the same act waits once. None where too many wait already."""
    now = to_micros(wanted.asked_at)
    row = (
        *(wanted.code, wanted.digest, wanted.tool, wanted.caller, wanted.question, now),
        *(to_micros(wanted.expires_at), to_json(dict(wanted.arguments)), "", OPEN_MAX),
    )
    with store.write() as tx:
        tx.exec_driver_sql(_FORGET, (now,))
        same = tx.exec_driver_sql(_SAME, (wanted.digest,)).first()
        if same is not None:
            return _approval(same)
        return wanted if tx.exec_driver_sql(_ADD, row).rowcount else None


def open_approvals(tx: Connection, now: datetime) -> list[Approval]:
    """What waits for a person or was approved and not done yet, the oldest first."""
    return [_approval(row) for row in tx.exec_driver_sql(_OPEN, (to_micros(now),))]


def approve(store: Store, code: str, by: str, now: datetime) -> bool:
    """Let the act with this code be done once; False if it does not wait any more."""
    with store.write() as tx:
        return tx.exec_driver_sql(_APPROVE, (by, code, to_micros(now))).rowcount == 1


def reject(store: Store, code: str) -> bool:
    """Let the act with this code never be done; False if there is none."""
    with store.write() as tx:
        return tx.exec_driver_sql(_REJECT, (code,)).rowcount == 1


def take_approval(store: Store, digest: str, now: datetime) -> str:
    """Who approved this act; it is used up by that. "" if nobody did."""
    with store.write() as tx:
        found = tx.exec_driver_sql(_TAKE, (digest, to_micros(now))).first()
    return found[0] if found else ""


def _approval(row: Any) -> Approval:
    code, digest, tool, caller, question, asked, expires, arguments, by = row
    asked_at, expires_at = from_micros(asked), from_micros(expires)
    given = json.loads(arguments)
    return Approval(code, digest, tool, caller, question, asked_at, expires_at, given, by)
