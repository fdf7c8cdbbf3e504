"""The outbox: messages owed to receivers, claimed with a lease and marked after they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.domain.delivery import Merged, Message
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


MESSAGE_COLUMNS = (
    "id, key, receiver, kind, thread, payload, state, created_at, due_at, lease_until, attempts,"
    " error, sent_at, reference, priority, first_tried_at"
)
_ADD = (
    "INSERT INTO notifications (key, receiver, kind, thread, payload, state, created_at, due_at,"
    " lease_until, attempts, error, sent_at, reference, priority, first_tried_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_URGENCY = (  # of a thread that of its most urgent message, since they go out together
    "CASE WHEN n.thread = '' THEN n.priority ELSE (SELECT min(s.priority) FROM notifications AS s"
    " WHERE s.thread = n.thread AND s.receiver = n.receiver AND s.state = 'waiting') END"
)
_DUE = (
    f"SELECT {MESSAGE_COLUMNS} FROM notifications AS n WHERE receiver = ? AND state = 'waiting'"
    " AND due_at <= ? AND (lease_until IS NULL OR lease_until <= ?) AND (thread = '' OR NOT EXISTS"
    " (SELECT 1 FROM notifications AS e WHERE e.thread = n.thread AND e.receiver = n.receiver"
    " AND e.state = 'waiting' AND e.id < n.id))"
    f" ORDER BY id = ?, {_URGENCY}, due_at, id LIMIT 1"
)
_WAITING_WITH = (
    f"SELECT {MESSAGE_COLUMNS} FROM notifications WHERE thread = ? AND receiver = ?"
    " AND state = 'waiting' ORDER BY id"
)
_CLAIM = (
    "UPDATE notifications SET lease_until = ?, attempts = attempts + 1, payload = ?, priority = ?,"
    " first_tried_at = ? WHERE id = ?"
)
_MERGE = (
    "UPDATE notifications SET state = 'merged', reference = ?, lease_until = NULL, error = ''"
    " WHERE id = ?"
)
_SENT = (
    "UPDATE notifications SET state = 'sent', sent_at = ?, reference = ?, error = '',"
    " lease_until = NULL WHERE id = ?"
)
_RETRY = (
    "UPDATE notifications SET due_at = ?, error = ?, lease_until = NULL"
    " WHERE id = ? AND state = 'waiting'"
)
_UNCOUNTED = (
    "UPDATE notifications SET due_at = ?, error = coalesce(?, error),"
    " attempts = max(attempts - 1, 0), lease_until = NULL WHERE id = ? AND state = 'waiting'"
)
_DEAD = (
    "UPDATE notifications SET state = 'dead', error = ?, lease_until = NULL"
    " WHERE id = ? AND state = 'waiting'"
)
_TOO_OLD = (
    "UPDATE notifications SET state = 'dead', lease_until = NULL,"
    " error = rtrim('too old: ' || error, ': ') WHERE receiver = ? AND state = 'waiting'"
    " AND coalesce(first_tried_at, created_at) < ?"
)
_ORPHANED = (
    "UPDATE notifications SET state = 'dead', lease_until = NULL,"
    " error = 'no receiver ' || receiver || ' is configured'"
    " WHERE state = 'waiting' AND receiver NOT IN (SELECT value FROM json_each(?))"
)
_DUE_NOW = "UPDATE notifications SET due_at = ? WHERE id = ? AND state = 'waiting'"
_REVIVE = (
    "UPDATE notifications SET state = 'waiting', due_at = ?, first_tried_at = ?, attempts = 0"
    " WHERE id = ? AND state = 'dead'"
)
_OVERTAKEN = (  # what had news only: a later message of its thread has told them
    "SELECT max(l.id) FROM notifications AS l, notifications AS n WHERE n.id = ? AND"
    " n.state = 'dead' AND n.thread <> '' AND l.thread = n.thread AND l.receiver = n.receiver AND"
    " l.state = 'sent' AND l.id > n.id AND n.payload ->> 'kind' NOT IN ('firing', 'brief')"
)
_HASTEN = (
    "UPDATE notifications SET due_at = ? WHERE receiver = ? AND state = 'waiting' AND due_at > ?"
    " AND id NOT IN (SELECT value FROM json_each(?))"
)
_RELEASE = (
    "UPDATE notifications SET due_at = min(due_at, ?), lease_until = NULL WHERE state = 'waiting'"
    " AND receiver = ? AND (due_at > ? OR lease_until IS NOT NULL)"
)
_REFERENCE = (
    "SELECT reference FROM notifications WHERE thread = ? AND receiver = ? AND state = 'sent'"
    " AND reference <> '{}' ORDER BY id LIMIT 1"
)
_KNOWN = "SELECT key FROM notifications WHERE key IN (SELECT value FROM json_each(?))"

Prepare = Callable[["Connection", Sequence[Message], datetime], Merged]


def add_notifications(tx: Connection, messages: Iterable[Message]) -> int:
    """Owe these messages; what is owed already stays as it is. Gives back how many were new."""
    rows = [_row(message) for message in messages]
    return tx.exec_driver_sql(_ADD, rows).rowcount if rows else 0


def as_stored(tx: Connection, waiting: Sequence[Message], now: datetime) -> Merged:
    """Each message by itself and as it was made."""
    return Merged(waiting[0])


def claim(
    store: Store,
    receiver: str,
    now: datetime,
    lease: timedelta,
    prepare: Prepare = as_stored,
    last: int = 0,
) -> Message | None:
    """Take the next due message of a receiver for so long: the most urgent, then the longest due.

    Of a thread all that wait are handed to `prepare`, which says what of it goes out; that is
    stored. The message with the id `last` comes after all others. Whoever dies while holding a
    message loses it to the next claim after the lease.
    """
    row = (receiver, to_micros(now), to_micros(now), last)
    with store.read() as tx:  # mostly nothing is due, and then no writer is held up
        if tx.exec_driver_sql(_DUE, row).first() is None:
            return None
    with store.write() as tx:
        found = tx.exec_driver_sql(_DUE, row).first()
        if found is None:
            return None
        head = message_of(found)
        with_it = tx.exec_driver_sql(_WAITING_WITH, (head.thread, receiver)) if head.thread else ()
        merged = prepare(tx, [message_of(each) for each in with_it] or [head], now)
        return _claimed(tx, merged, now, now + lease)


def _claimed(tx: Connection, merged: Merged, now: datetime, until: datetime) -> Message:
    for other in merged.others:
        tx.exec_driver_sql(_MERGE, (_into(merged.message.id), other.id))
    message = replace(
        merged.message,
        attempts=merged.message.attempts + 1,
        lease_until=until,
        first_tried_at=merged.message.first_tried_at or now,
    )
    times = to_micros(until), to_micros(message.first_tried_at)
    payload = to_json(dict(message.payload))
    tx.exec_driver_sql(_CLAIM, (times[0], payload, message.priority, times[1], message.id))
    return message


def _into(message_id: int) -> str:
    return to_json({"merged_into": message_id})


def mark_sent(
    store: Store, message_id: int, now: datetime, reference: Mapping[str, Any] | None = None
) -> None:
    """It arrived; `reference` is what the receiver gave back."""
    _mark(store, _SENT, (to_micros(now), to_json(dict(reference or {})), message_id))


def mark_retry(store: Store, message_id: int, due_at: datetime, error: str) -> None:
    """It did not arrive, and is due again later."""
    _mark(store, _RETRY, (to_micros(due_at), error, message_id))


def mark_unsent(store: Store, message_id: int, due_at: datetime, error: str | None = None) -> None:
    """It is due again later, and that was no attempt; `error` None: it stays as it was."""
    _mark(store, _UNCOUNTED, (to_micros(due_at), error, message_id))


def mark_dead(store: Store, message_id: int, error: str) -> None:
    """It will never arrive; it stays visible, and holds up its thread no longer."""
    _mark(store, _DEAD, (error, message_id))


def mark_old_dead(store: Store, receiver: str, before: datetime) -> None:
    """Give up what was first tried, or, untried, made before then."""
    _mark(store, _TOO_OLD, (receiver, to_micros(before)))


def mark_orphans_dead(store: Store, receivers: Iterable[str]) -> None:
    """Give up what is owed to none of these receivers."""
    _mark(store, _ORPHANED, (to_json(list(receivers)),))


def retry(store: Store, message_id: int, now: datetime) -> str:
    """Let an undelivered message be due now: its state after that, "" if there is none.

    A dead one has all its time again; if its thread went on, and it has nothing of its own to
    tell, it is merged into what was sent since.
    """
    micros = to_micros(now)
    with store.write() as tx:
        if tx.exec_driver_sql(_DUE_NOW, (micros, message_id)).rowcount:
            return "waiting"
        later = tx.exec_driver_sql(_OVERTAKEN, (message_id,)).scalar_one()
        if later is not None:
            tx.exec_driver_sql(_MERGE, (_into(later), message_id))
            return "merged"
        revived = tx.exec_driver_sql(_REVIVE, (micros, micros, message_id)).rowcount
        return "waiting" if revived else ""


def hasten(store: Store, receiver: str, now: datetime, but: Iterable[int] = ()) -> None:
    """Let all that waits for a receiver be due now, but for some: it works again."""
    _mark(store, _HASTEN, (to_micros(now), receiver, to_micros(now), to_json(list(but))))


def release(store: Store, receiver: str, now: datetime) -> None:
    """Free what nobody holds any more, and let all that waits be due: there is no other sender."""
    _mark(store, _RELEASE, (to_micros(now), receiver, to_micros(now)))


def thread_reference(store: Store, thread: str, receiver: str) -> Mapping[str, Any] | None:
    """What the receiver gave back for the first message of a thread; None if none arrived."""
    with store.read() as tx:
        row = tx.exec_driver_sql(_REFERENCE, (thread, receiver)).first()
    return None if row is None else json.loads(row[0])


def known_keys(tx: Connection, keys: Iterable[str]) -> set[str]:
    """Those of some keys that a message has, whatever became of it."""
    return {key for (key,) in tx.exec_driver_sql(_KNOWN, (to_json(list(keys)),))}


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
        first_tried_at=from_micros(row[15]),
    )


def _row(message: Message) -> tuple[Any, ...]:
    return (
        *(message.key, message.receiver, message.kind, message.thread),
        *(to_json(dict(message.payload)), message.state, to_micros(message.created_at)),
        *(to_micros(message.due_at), to_micros(message.lease_until), message.attempts),
        *(message.error, to_micros(message.sent_at), to_json(dict(message.reference))),
        *(message.priority, to_micros(message.first_tried_at)),
    )


def _mark(store: Store, statement: str, row: tuple[Any, ...]) -> None:
    with store.write() as tx:
        tx.exec_driver_sql(statement, row)
