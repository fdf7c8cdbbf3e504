"""Runs of load tests given away: as the content of a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.store.load_tests import load_test, load_tests, raw_file
from monitor.text.catalog import Catalog
from monitor.text.plain.load_test import runs_csv, runs_json

if TYPE_CHECKING:
    from monitor.store.database import Connection

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_RUNS_MAX = 100_000


def exported(
    tx: Connection, numbers: Sequence[int], form: str, until: datetime, catalog: Catalog
) -> tuple[bytes, int]:
    """Runs as the content of a file, and how many; ValueError says what is wrong."""
    if form == "raw":
        return _raw(tx, numbers, catalog), 1
    if numbers:
        known = [load_test(tx, number) for number in numbers]
        missing = [n for n, run in zip(numbers, known, strict=True) if run is None]
        if missing:
            raise ValueError(catalog.say("loadtest.not_there", number=missing[0]))
        runs = [run for run in known if run is not None]
    else:
        runs = load_tests(tx, _FIRST, until, limit=_RUNS_MAX)[::-1]
    content = runs_csv(runs) if form == "csv" else runs_json(runs)
    return content.encode(), len(runs)


def _raw(tx: Connection, numbers: Sequence[int], catalog: Catalog) -> bytes:
    if len(numbers) != 1:
        raise ValueError(catalog.say("loadtest.one_raw"))
    if load_test(tx, numbers[0]) is None:
        raise ValueError(catalog.say("loadtest.not_there", number=numbers[0]))
    content = raw_file(tx, numbers[0])
    if content is None:
        raise ValueError(catalog.say("loadtest.no_raw", number=numbers[0]))
    return content
