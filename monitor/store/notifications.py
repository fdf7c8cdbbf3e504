"""The outbox: messages owed to receivers, claimed with a lease and marked after they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.domain.delivery import Message
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


_COLUMNS = (
    "id, key, receiver, kind, thread, payload, state, created_at, due_at, lease_until, attempts,"
    " error, sent_at, reference, priority"
)
_ADD = (
    "INSERT INTO notifications (key, receiver, kind, thread, payload, state, created_at, due_at,"
    " lease_until, attempts, error, sent_at, reference, priority)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_DUE = (
    f"SELECT {_COLUMNS} FROM notifications AS n WHERE state = 'waiting' AND due_at <= ?"
    " AND (lease_until IS NULL OR lease_until <= ?) AND (thread = '' OR NOT EXISTS ("
    " SELECT 1 FROM notifications AS e WHERE e.thread = n.thread AND e.receiver = n.receiver"
    " AND e.state = 'waiting' AND e.id < n.id)) ORDER BY priority, due_at, id LIMIT ?"
)
_LEASE = "UPDATE notifications SET lease_until = ?, attempts = attempts + 1 WHERE id = ?"
_SENT = (
    "UPDATE notifications SET state = 'sent', sent_at = ?, reference = ?, error = '',"
    " lease_until = NULL WHERE id = ?"
)
_RETRY = (
    "UPDATE notifications SET due_at = ?, error = ?, lease_until = NULL"
    " WHERE id = ? AND state = 'waiting'"
)
_UNSENT = (
    "UPDATE notifications SET due_at = ?, attempts = max(attempts - 1, 0), lease_until = NULL"
    " WHERE id = ? AND state = 'waiting'"
)
_DEAD = (
    "UPDATE notifications SET state = 'dead', error = ?, lease_until = NULL"
    " WHERE id = ? AND state = 'waiting'"
)
_REVIVE = (
    "UPDATE notifications SET state = 'waiting', due_at = ?, attempts = 0"
    " WHERE id = ? AND state = 'dead' AND (thread = '' OR NOT EXISTS ("
    " SELECT 1 FROM notifications AS l WHERE l.thread = notifications.thread"
    " AND l.receiver = notifications.receiver AND l.state = 'sent' AND l.id > notifications.id))"
)
_REFERENCE = (
    "SELECT reference FROM notifications WHERE thread = ? AND receiver = ? AND state = 'sent'"
    " AND reference <> '{}' ORDER BY id LIMIT 1"
)
_KNOWN = "SELECT key FROM notifications WHERE key IN (SELECT value FROM json_each(?))"


def add_notifications(tx: Connection, messages: Iterable[Message]) -> int:
    """Owe these messages; what is owed already stays as it is. Gives back how many were new."""
    rows = [_row(message) for message in messages]
    return tx.exec_driver_sql(_ADD, rows).rowcount if rows else 0


def claim(store: Store, now: datetime, lease: timedelta, limit: int) -> list[Message]:
    """Take due messages, longest due first, for so long; of a thread only the next one.

    Whoever dies while holding them loses them to the next claim after the lease.
    """
    micros = to_micros(now)
    with store.read() as tx:  # mostly nothing is due, and then no writer is held up
        if not tx.exec_driver_sql(_DUE, (micros, micros, 1)).all():
            return []
    with store.write() as tx:
        due = [message_of(row) for row in tx.exec_driver_sql(_DUE, (micros, micros, limit))]
        if due:
            tx.exec_driver_sql(_LEASE, [(to_micros(now + lease), m.id) for m in due])
    return [replace(m, attempts=m.attempts + 1, lease_until=now + lease) for m in due]


def mark_sent(
    store: Store, message_id: int, now: datetime, reference: Mapping[str, Any] | None = None
) -> None:
    """It arrived; `reference` is what the receiver gave back."""
    _mark(store, _SENT, (to_micros(now), to_json(dict(reference or {})), message_id))


def mark_retry(store: Store, message_id: int, due_at: datetime, error: str) -> None:
    """It did not arrive, and is due again later."""
    _mark(store, _RETRY, (to_micros(due_at), error, message_id))


def mark_unsent(store: Store, message_id: int, due_at: datetime) -> None:
    """It was claimed but not tried: it is due again later, and that was no attempt."""
    _mark(store, _UNSENT, (to_micros(due_at), message_id))


def mark_dead(store: Store, message_id: int, error: str) -> None:
    """It will never arrive; it stays visible, and holds up its thread no longer."""
    _mark(store, _DEAD, (error, message_id))


def revive(store: Store, message_id: int, now: datetime) -> bool:
    """Owe a dead message again; False if it is not dead, or its thread has gone on without it."""
    with store.write() as tx:
        return tx.exec_driver_sql(_REVIVE, (to_micros(now), message_id)).rowcount == 1


def thread_reference(store: Store, thread: str, receiver: str) -> Mapping[str, Any] | None:
    """What the receiver gave back for the first message of a thread; None if none arrived."""
    with store.read() as tx:
        row = tx.exec_driver_sql(_REFERENCE, (thread, receiver)).first()
    return None if row is None else json.loads(row[0])


def notifications(
    tx: Connection, start: datetime, end: datetime, state: str = "", limit: int = 1000
) -> list[Message]:
    """The journal of delivery: messages created in a span, newest first, of one state or all."""
    rows = tx.exec_driver_sql(
        f"SELECT {_COLUMNS} FROM notifications WHERE created_at >= ? AND created_at < ?"
        " AND (? = '' OR state = ?) ORDER BY id DESC LIMIT ?",
        (to_micros(start), to_micros(end), state, state, limit),
    )
    return [message_of(row) for row in rows]


def messages_with_key(tx: Connection, prefix: str, limit: int) -> list[Message]:
    """The messages whose key begins so, newest first."""
    rows = tx.exec_driver_sql(
        f"SELECT {_COLUMNS} FROM notifications WHERE key >= ? AND key < ? ORDER BY id DESC LIMIT ?",
        (prefix, f"{prefix}\U0010ffff", limit),
    )
    return [message_of(row) for row in rows]


def known_keys(tx: Connection, keys: Iterable[str]) -> set[str]:
    """Those of some keys that a message has, whatever became of it."""
    return {key for (key,) in tx.exec_driver_sql(_KNOWN, (to_json(list(keys)),))}


def waiting_and_dead(tx: Connection, limit: int = 1000) -> list[Message]:
    """All messages that have not arrived, oldest first."""
    rows = tx.exec_driver_sql(
        f"SELECT {_COLUMNS} FROM notifications WHERE state IN ('waiting', 'dead')"
        " ORDER BY id LIMIT ?",
        (limit,),
    )
    return [message_of(row) for row in rows]


def message_of(row: Sequence[Any]) -> Message:
    """The message behind a row."""
    return Message(
        id=row[0],
        key=row[1],
        receiver=row[2],
        kind=row[3],
        thread=row[4],
        payload=json.loads(row[5]),
        state=row[6],
        created_at=from_micros(row[7]),
        due_at=from_micros(row[8]),
        lease_until=from_micros(row[9]),
        attempts=row[10],
        error=row[11],
        sent_at=from_micros(row[12]),
        reference=json.loads(row[13]),
        priority=row[14],
    )


def _row(message: Message) -> tuple[Any, ...]:
    return (
        *(message.key, message.receiver, message.kind, message.thread),
        *(to_json(dict(message.payload)), message.state, to_micros(message.created_at)),
        *(to_micros(message.due_at), to_micros(message.lease_until), message.attempts),
        *(message.error, to_micros(message.sent_at), to_json(dict(message.reference))),
        message.priority,
    )


def _mark(store: Store, statement: str, row: tuple[Any, ...]) -> None:
    with store.write() as tx:
        tx.exec_driver_sql(statement, row)


def pull_back(store: Store, now: datetime, by: timedelta) -> None:
    """After the clock was set back by so much: what waits for a time ahead keeps its pace."""
    with store.write() as tx:
        for column in ("due_at", "lease_until"):
            tx.exec_driver_sql(
                f"UPDATE notifications SET {column} = max({column} - ?, ?)"
                f" WHERE state = 'waiting' AND {column} > ?",
                (by // timedelta(microseconds=1), to_micros(now), to_micros(now)),
            )
