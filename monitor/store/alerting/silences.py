"""Silences: until when nobody is told about which alerts, by whom and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.incident.model import Silence
from monitor.store.codec import from_micros, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SILENCE = (
    "INSERT INTO silences (pattern, until, created_at, author, comment) VALUES (?, ?, ?, ?, ?)"
)
_SAME = "SELECT max(id) FROM silences WHERE pattern = ? AND until > ?"
_AGAIN = "UPDATE silences SET until = ?, author = ?, comment = ? WHERE id = ?"
_UNSILENCE = "UPDATE silences SET until = ? WHERE id = ? AND until > ?"
_SILENCES = (
    "SELECT pattern, until, id, author, comment FROM silences WHERE until > ? ORDER BY until, id"
)


def add_silence(
    store: Store, pattern: str, until: datetime, now: datetime, author: str = "", comment: str = ""
) -> int:
    """Keep quiet about alerts whose `check/code:subject` matches; gives back its id.

    One that holds with the same pattern is given the new end, author and comment.
    """
    with store.write() as tx:
        return put_silence(tx, pattern, until, now, author, comment)


def put_silence(
    tx: Connection, pattern: str, until: datetime, now: datetime, author: str, comment: str
) -> int:
    """The same within a transaction."""
    same = tx.exec_driver_sql(_SAME, (pattern, to_micros(now))).scalar_one()
    if same is not None:
        tx.exec_driver_sql(_AGAIN, (to_micros(until), author, comment, same))
        return int(same)
    row = (pattern, to_micros(until), to_micros(now), author, comment)
    return int(tx.exec_driver_sql(_SILENCE, row).lastrowid)


def end_silence(store: Store, silence_id: int, now: datetime) -> bool:
    """Speak again from now on; False if it does not hold any more."""
    with store.write() as tx:
        row = (to_micros(now), silence_id, to_micros(now))
        return tx.exec_driver_sql(_UNSILENCE, row).rowcount == 1


def silences(tx: Connection, now: datetime) -> list[Silence]:
    """The silences that hold now, the first to end first."""
    rows = tx.exec_driver_sql(_SILENCES, (to_micros(now),))
    return [Silence(pattern, from_micros(until), *rest) for pattern, until, *rest in rows]
