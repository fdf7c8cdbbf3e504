"""New normals that somebody accepted: from when on the past of a series counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.store.codec import from_micros, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ACCEPTED = 'SELECT series, max(from_at) FROM accepted_baselines WHERE "check" = ? GROUP BY series'
_ACCEPT = (
    'INSERT INTO accepted_baselines ("check", series, from_at, at, author, comment)'
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_ALL_ACCEPTED = (
    'SELECT "check", series, from_at, at, author, comment FROM accepted_baselines ORDER BY at, id'
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new normal: from `from_at` on counts what a series is measured by."""

    check: str
    series: str
    from_at: datetime
    at: datetime
    author: str = ""
    comment: str = ""


def accepted_since(tx: Connection, check: str) -> dict[str, datetime]:
    """From when on the past of a check's series counts, where somebody accepted a new normal."""
    rows = tx.exec_driver_sql(_ACCEPTED, (check,))
    return {series: from_micros(at) for series, at in rows}


def accept(tx: Connection, accepted: Accepted) -> None:
    """Let a series be measured by what it is from a moment on."""
    times = to_micros(accepted.from_at), to_micros(accepted.at)
    row = (accepted.check, accepted.series, *times, accepted.author, accepted.comment)
    tx.exec_driver_sql(_ACCEPT, row)


def all_accepted(tx: Connection) -> list[Accepted]:
    """Every new normal that was accepted, the latest last."""
    return [
        Accepted(check, series, from_micros(from_at), from_micros(at), author, comment)
        for check, series, from_at, at, author, comment in tx.exec_driver_sql(_ALL_ACCEPTED)
    ]
