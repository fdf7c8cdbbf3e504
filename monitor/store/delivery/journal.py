"""The journal of delivery: what became of messages, and which receivers do not take any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.delivery import FailingReceiver, Message
from monitor.store.codec import from_micros, to_json, to_micros
from monitor.store.delivery.notifications import MESSAGE_COLUMNS, message_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

_IN_VAIN = (
    "SELECT receiver, min(first_tried_at) FROM notifications WHERE state = 'waiting'"
    " AND error <> '' AND first_tried_at IS NOT NULL GROUP BY receiver ORDER BY receiver"
)
_IN_VAIN_SINCE = (
    "SELECT min(first_tried_at) FROM notifications WHERE state = 'waiting' AND error <> ''"
    " AND receiver = ? AND first_tried_at > ?"
)
_LAST_SENT = (
    "SELECT max(sent_at) FROM notifications WHERE receiver = ? AND state = 'sent' AND sent_at >= ?"
)
_ERROR = (
    "SELECT error FROM notifications WHERE state = 'waiting' AND receiver = ? AND error <> ''"
    " AND first_tried_at >= ? ORDER BY due_at DESC, id DESC LIMIT 1"
)
_WAITING = "SELECT count(*) FROM notifications WHERE state = 'waiting' AND receiver = ?"


def failing_receivers(tx: Connection) -> list[FailingReceiver]:
    """The receivers that take nothing; not those that only one message does not get through to."""
    found = [_failing(tx, *row) for row in tx.exec_driver_sql(_IN_VAIN).all()]
    return [one for one in found if one is not None]


def _failing(tx: Connection, receiver: str, since: int) -> FailingReceiver | None:
    sent_at = tx.exec_driver_sql(_LAST_SENT, (receiver, since)).scalar_one()
    if sent_at is not None:
        since = tx.exec_driver_sql(_IN_VAIN_SINCE, (receiver, sent_at)).scalar_one()
        if since is None:
            return None
    error = tx.exec_driver_sql(_ERROR, (receiver, since)).scalar_one()
    return FailingReceiver(receiver, from_micros(since), error, waiting_for(tx, receiver))


def waiting_for(tx: Connection, receiver: str) -> int:
    """How many messages wait for a receiver."""
    return int(tx.exec_driver_sql(_WAITING, (receiver,)).scalar_one())


def last_sent_since(tx: Connection, receiver: str, moment: datetime) -> datetime | None:
    """When a receiver last took something, if not before a moment."""
    found = tx.exec_driver_sql(_LAST_SENT, (receiver, to_micros(moment))).scalar_one()
    return None if found is None else from_micros(found)


def deliveries(tx: Connection, threads: Iterable[str]) -> dict[str, list[Message]]:
    """Who was told, when, and what became of it: the messages of some threads, oldest first."""
    wanted = list(threads)
    rows = tx.exec_driver_sql(
        f"SELECT {MESSAGE_COLUMNS} FROM notifications"
        " WHERE thread IN (SELECT value FROM json_each(?)) ORDER BY id",
        (to_json(wanted),),
    )
    found: dict[str, list[Message]] = {thread: [] for thread in wanted}
    for message in map(message_of, rows):
        found[message.thread].append(message)
    return found


def notifications(
    tx: Connection, start: datetime, end: datetime, state: str = "", limit: int = 1000
) -> list[Message]:
    """The journal of delivery: messages created in a span, newest first, of one state or all."""
    rows = tx.exec_driver_sql(
        f"SELECT {MESSAGE_COLUMNS} FROM notifications WHERE created_at >= ? AND created_at < ?"
        " AND (? = '' OR state = ?) ORDER BY id DESC LIMIT ?",
        (to_micros(start), to_micros(end), state, state, limit),
    )
    return [message_of(row) for row in rows]


def messages_with_key(tx: Connection, prefix: str, limit: int) -> list[Message]:
    """The messages whose key begins so, newest first."""
    rows = tx.exec_driver_sql(
        f"SELECT {MESSAGE_COLUMNS} FROM notifications WHERE key >= ? AND key < ?"
        " ORDER BY id DESC LIMIT ?",
        (prefix, f"{prefix}\U0010ffff", limit),
    )
    return [message_of(row) for row in rows]


def waiting_and_dead(tx: Connection, limit: int = 1000) -> list[Message]:
    """All messages that have not arrived, oldest first."""
    rows = tx.exec_driver_sql(
        f"SELECT {MESSAGE_COLUMNS} FROM notifications WHERE state IN ('waiting', 'dead')"
        " ORDER BY id LIMIT ?",
        (limit,),
    )
    return [message_of(row) for row in rows]
