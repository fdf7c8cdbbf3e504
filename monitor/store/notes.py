"""Notes: what people and the monitor add to the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.store.codec import from_micros, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Note:
    """Something to see in the history. kind: deployment, operation, other, monitor, demo."""

    at: datetime
    kind: str
    text: str
    author: str = ""
    id: int | None = None


_NOTE = "INSERT INTO notes (at, kind, text, author) VALUES (?, ?, ?, ?)"
_NOTES_OF = "SELECT at, kind, text, author, id FROM notes WHERE at >= ? AND at < ?"
_NOTES = f"{_NOTES_OF} ORDER BY at, id LIMIT ?"
_NEWEST_NOTES = f"{_NOTES_OF} ORDER BY at DESC, id DESC LIMIT ?"


def add_note(store: Store, note: Note) -> int:
    """Write something into the history; gives back its id."""
    with store.write() as tx:
        row = (to_micros(note.at), note.kind, note.text, note.author)
        return int(tx.exec_driver_sql(_NOTE, row).lastrowid)


def newest_notes(tx: Connection, start: datetime, end: datetime, limit: int = 1000) -> list[Note]:
    """The notes of a span, newest first."""
    rows = tx.exec_driver_sql(_NEWEST_NOTES, (to_micros(start), to_micros(end), limit))
    return [Note(from_micros(at), *rest) for at, *rest in rows]


def notes(tx: Connection, start: datetime, end: datetime, limit: int = 1000) -> list[Note]:
    """The notes of a span, oldest first."""
    rows = tx.exec_driver_sql(_NOTES, (to_micros(start), to_micros(end), limit))
    return [Note(from_micros(at), *rest) for at, *rest in rows]
