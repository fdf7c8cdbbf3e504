"""What checks hand over to be kept: for each type of record, the function that saves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.discrepancies import OpenBreaks
from monitor.domain.load_test.run import LoadTestRun
from monitor.store.discrepancies import save_breaks
from monitor.store.load_tests import save_run

if TYPE_CHECKING:
    from sqlalchemy import Connection


def save_records(tx: Connection, check: str, records: Iterable[object], now: datetime) -> None:
    """Save all that a pass of a check hands over; TypeError: a type that nobody saves."""
    for record in records:
        save = _SAVERS.get(type(record))
        if save is None:
            raise TypeError(f"check {check} hands over a {type(record).__name__}: nothing saves it")
        save(tx, check, record, now)


def _breaks(tx: Connection, check: str, record: OpenBreaks, now: datetime) -> None:
    save_breaks(tx, check, record.breaks, now)


def _run(tx: Connection, _check: str, record: LoadTestRun, _now: datetime) -> None:
    save_run(tx, record)


_SAVERS: Mapping[type, Callable[[Connection, str, Any, datetime], None]] = {
    OpenBreaks: _breaks,
    LoadTestRun: _run,
}
