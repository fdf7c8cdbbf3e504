"""How large the file is, and of what."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.store.codec import from_micros
from monitor.store.database import Store

_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)
_BYTES = (
    "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_master AS m ON m.name = d.name"
)


@dataclass(frozen=True, slots=True)
class TableStats:
    """A table in figures; `bytes` with its indexes, None where SQLite cannot tell."""

    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The database in figures; the file's bytes include those of the write-ahead log."""

    path: Path
    file_bytes: int
    free_bytes: int
    tables: Mapping[str, TableStats]
    oldest_at: datetime | None
    newest_at: datetime | None


def stats(store: Store) -> Stats:
    """Rows and bytes of every table, and the span that the snapshots cover. Reads everything."""
    with store.read() as tx:
        names = [name for (name,) in tx.exec_driver_sql(_TABLES)]
        sizes = _sizes(store.path)
        rows = {n: tx.exec_driver_sql(f'SELECT count(*) FROM "{n}"').scalar_one() for n in names}
        oldest, newest = tx.exec_driver_sql("SELECT min(at), max(at) FROM snapshots").one()
        free = tx.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        page = tx.exec_driver_sql("PRAGMA page_size").scalar_one()
    tables = {name: TableStats(rows[name], sizes.get(name)) for name in names}
    times = (from_micros(oldest), from_micros(newest))
    return Stats(store.path, _file_bytes(store.path), free * page, tables, *times)


def _sizes(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        try:
            return dict(connection.execute(f"{_BYTES} GROUP BY m.tbl_name").fetchall())
        except sqlite3.OperationalError:  # SQLite was built without dbstat
            return {}


def _file_bytes(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
