"""Rows of the platform's own data as people read them, and what several alerts tell alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from monitor.domain.check import Params
from monitor.domain.incident.message import AlertSummary
from monitor.text.catalog import Catalog
from monitor.text.filters import capital, clean, clock, cut, duration, krw, number, percent

_ROWS_MAX = 3
_AMOUNTS = ("amount", "request_amount", "refund_amount")
# What says the same of a shard as another alert that is told anyway.
_SAME_FACT = {
    "books_broken:{}/O1": "outbox_old:{}",
    "publishing_slow:{}": "outbox_old:{}",
    "books_broken:{}/O2": "outbox_exhausted:{}",
}


def evidence_lines(rows: Sequence[Params], catalog: Catalog, now: datetime) -> tuple[str, ...]:
    """The first rows, each as `Payment 12, amount ₩1,000, seen since 14:02`."""
    lines = (
        ", ".join(_cell(name, value, catalog, now) for name, value in _told(row))
        for row in rows[:_ROWS_MAX]
    )
    return tuple(capital(cut(line, 300)) for line in lines if line)


def _told(row: Params) -> Iterator[tuple[str, Any]]:
    """The columns that say something: the name of a row only where no payment stands for it."""
    for name, value in row.items():
        is_named = name == "row" and row.get("payment_id") is not None
        if value is not None and value != "" and not is_named:
            yield name, value


def _cell(name: str, value: Any, catalog: Catalog, now: datetime) -> str:
    label = catalog.name("column", name) if catalog.has(f"column.{name}") else clean(name, 40)
    return f"{label} {_value(name, value, catalog, now)}"


def _value(name: str, value: Any, catalog: Catalog, now: datetime) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _figure(name, value, catalog.language)
    if isinstance(value, (str, datetime)) and (name == "at" or name.endswith("_at")):
        try:
            return clock(value, catalog.zone, catalog.language, now)
        except ValueError:
            return str(clean(str(value), 80))
    return str(clean(str(value), 80))


def _figure(name: str, value: float, language: str) -> str:
    if name.endswith("_krw") or name in _AMOUNTS:
        return krw(value, language)
    if name.endswith("_seconds"):
        return duration(value, language)
    if name.endswith("_percent"):
        return percent(value, language)
    return str(value) if isinstance(value, int) else number(value)


def once(root: AlertSummary, others: Sequence[AlertSummary]) -> tuple[AlertSummary, ...]:
    """The others without those that say again what is told already."""
    told = {(alert.key, alert.ended_at is None) for alert in (root, *others)}
    return tuple(a for a in others if (_same_as(a), a.ended_at is None) not in told)


def _same_as(alert: AlertSummary) -> str:
    shard = alert.subject.partition("/")[0]
    for pattern, other in _SAME_FACT.items():
        if alert.key == pattern.format(shard):
            return other.format(shard)
    return ""
