"""The outbox: every event is published, promptly, and once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from checks.invariants.catalogue import Invariant
from checks.sources.database_tables import BEFORE, OUTBOX, RETRIES_MAX, ROWS, Scope
from monitor.domain.check import Status

_O = OUTBOX.c


def _waiting(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Events that wait, oldest first: an index leads to them, however old they are."""
    return (
        select(_O.aggregate_id.label("payment_id"), _O.event_id, _O.event_type, _O.created_at)
        .where(_O.published == literal_column("0"), *conditions)
        .order_by(_O.created_at)
        .limit(ROWS)
    )


def _late(_: Scope) -> Select[Any]:
    return _waiting(_O.created_at < BEFORE)


def _given_up(_: Scope) -> Select[Any]:
    return _waiting(_O.retry_count >= RETRIES_MAX).add_columns(_O.retry_count)


def _twice(scope: Scope) -> Select[Any]:
    return (
        select(
            _O.aggregate_id.label("payment_id"),
            func.max(_O.event_id).label("event_id"),
            _O.event_type,
            func.count().label("events"),
        )
        .where(scope(_O.aggregate_id, _O.event_id))
        .group_by(_O.aggregate_id, _O.event_type)
        .having(func.count() > literal_column("1"))
        .order_by(_O.aggregate_id)
        .limit(ROWS)
    )


INVARIANTS = (
    Invariant("O1", Status.WARN, _late, grace_seconds=60.0, sightings=None),
    Invariant("O2", Status.CRIT, _given_up, implies=("O1",)),
    Invariant("O9", Status.WARN, _twice),
)
