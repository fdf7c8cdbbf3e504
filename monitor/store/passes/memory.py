"""What a check left behind, to be handed in again at its next pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitor.domain.check import Memory
from monitor.store.codec import to_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MEMORY = (
    'INSERT INTO check_memory ("check", memory) VALUES (?, ?) ON CONFLICT DO UPDATE'
    " SET memory = excluded.memory WHERE memory <> excluded.memory"
)
_RECALL = 'SELECT memory FROM check_memory WHERE "check" = ?'


def remember(tx: Connection, check: str, memory: Memory) -> None:
    """Store a check's memory, if it changed."""
    tx.exec_driver_sql(_MEMORY, (check, to_json(dict(memory), sort=True)))


def memory_of(tx: Connection, check: str) -> Memory:
    """What the check left to be found again; empty at its first pass."""
    row = tx.exec_driver_sql(_RECALL, (check,)).first()
    return {} if row is None else json.loads(row[0])
