"""Rows of a shard's answers as plain data, and as breaks of an invariant."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from checks.sources.database.servers.tables import aware_utc
from checks.sources.facts.books import Break
from checks.sources.facts.unavailable import cut

TEXT_MAX = 200
# The first of these columns that a row has names it.
_KEYS = {
    "control": "control",
    "entry_id": "entry",
    "event_id": "event",
    "settlement_id": "settlement",
    "refund_id": "refund",
    "payment_id": "payment",
    "idempotency_key": "answer",
}


def break_of(invariant: str, shard: str, row: Row[Any]) -> Break:
    """The break that a row of an examination tells of."""
    values = {name: _value(name, value) for name, value in row._mapping.items()}
    key = next(f"{word} {values[name]}" for name, word in _KEYS.items() if name in values)
    payment_id = values.pop("payment_id", None)
    return Break(invariant, shard, cut(key, TEXT_MAX), payment_id, values)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return aware_utc(value).isoformat()
    if name.endswith("_krw"):
        return whole(value)
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return value


def whole(value: Any) -> int | None:
    """An amount, whatever a text of the platform says about it; None: no number."""
    try:
        return None if value is None else int(Decimal(str(value)))
    except (ArithmeticError, ValueError):
        return None
