"""After the clock was set back: what is live moves with it, so that no stored time lies ahead.

Ages and lengths stay what they are: a trouble that had lasted two hours has lasted them still.
What is over and closed stays in history as it was written.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.store.codec import from_micros, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOMENT = timedelta(microseconds=1)
# What happened, by table: the columns, and which rows are live or ended at a time that is ahead.
_HAPPENED = {
    "alerts": (
        ("since", "last_seen_at", "fired_at", "rose_at", "ended_at"),
        "ended_at IS NULL OR ended_at > :now",
    ),
    "incidents": (
        ("opened_at", "announced_at", "unsteady_at", "ended_at"),
        "closed = 0 OR ended_at > :now",
    ),
    "notifications": (
        ("created_at", "first_tried_at", "sent_at"),
        "created_at > :now OR first_tried_at > :now OR sent_at > :now",
    ),
    "silences": (("created_at",), "created_at > :now"),
    "acceptances": (("at",), "at > :now"),
}
# What is waited for: it comes as much later as before, and at once if that is over.
_WAITED_FOR = {
    "notifications": (("due_at", "lease_until"), "state = 'waiting'"),
    "incidents": (("speak_at",), "closed = 0"),
    "silences": (("until",), "1"),
    "acceptances": (("until",), "1"),
}


def set_back(store: Store, now: datetime, by: timedelta) -> None:
    """Move what is live with the clock, which was set back by so much."""
    with store.write() as tx:
        _moved(tx, now, by)


def set_back_since(store: Store, now: datetime) -> timedelta:
    """At the start: what is live and lies ahead moves to now; by how much (0: nothing did)."""
    with store.write() as tx:
        by = _ahead(tx, now)
        if by > timedelta():
            _moved(tx, now, by)
    return by


def _ahead(tx: Connection, now: datetime) -> timedelta:
    """How far the latest time of what happened lies ahead: so much at least it was set back."""
    latest = [
        tx.exec_driver_sql(f"SELECT max({column}) FROM {table} WHERE {_at(rows, now)}").scalar_one()
        for table, (columns, rows) in _HAPPENED.items()
        for column in columns
    ]
    found = max((from_micros(at) for at in latest if at is not None), default=now)
    return max(found - now, timedelta())


def _moved(tx: Connection, now: datetime, by: timedelta) -> None:
    step, at = by // _MOMENT, to_micros(now)
    for table, (columns, rows) in _WAITED_FOR.items():
        for column in columns:
            tx.exec_driver_sql(
                f"UPDATE {table} SET {column} = max({column} - {step}, {at})"
                f" WHERE ({rows}) AND {column} > {at}"
            )
    for table, (columns, rows) in _HAPPENED.items():
        moved = ", ".join(f"{column} = min({column} - {step}, {at})" for column in columns)
        tx.exec_driver_sql(f"UPDATE {table} SET {moved} WHERE {_at(rows, now)}")


def _at(rows: str, now: datetime) -> str:
    return rows.replace(":now", str(to_micros(now)))
