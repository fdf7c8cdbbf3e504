"""A shard as an SQLite file, which can be taken out of reach and put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.platform import schema
from demo.platform.down import PartDownError
from demo.platform.shards import Cursor, Row, Shards


class SqliteShard:
    """One shard; it owns the only writing connection to its file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self._aside = path.with_name(path.name + ".down")
        self._connection: sqlite3.Connection | None = _connect(path)

    @property
    def up(self) -> bool:
        """Whether it can be reached."""
        return self._connection is not None

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Cursor:
        """Run one statement; a writing one opens a transaction that `commit` ends."""
        return self._reach().execute(sql, params)

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, if there is one."""
        found: Row | None = self.execute(sql, params).fetchone()
        return found

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a bounded question."""
        return list(self.execute(sql, params).fetchall())

    def tally(self, table: str) -> list[Row]:
        """Rows and amounts of a table by the value of its telling column: name, n, amount."""
        return self.rows(
            "SELECT name, rows AS n, amount FROM demo_tally WHERE kind = ? AND rows > 0", (table,)
        )

    def commit(self) -> None:
        """End the transaction; a shard that is down has none."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.commit()

    def go_down(self) -> None:
        """Move the file aside, so that nobody can open it."""
        if self._connection is None:
            return
        self.close()
        _rename(self.path, self._aside)

    def come_back(self) -> None:
        """Put the file back and open it."""
        if self._connection is not None:
            return
        if self._aside.exists():
            _rename(self._aside, self.path)
        self._connection = _connect(self.path)

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        if self._connection is None:
            return
        self.commit()
        self._connection.execute("PRAGMA busy_timeout = 100")  # a reader keeps us no longer
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._connection = None

    def _reach(self) -> sqlite3.Connection:
        if self._connection is None:
            raise PartDownError(f"database/{self.name}")
        return self._connection


def make_shards(folder: Path) -> Shards:
    """Make empty shards in a folder; an earlier life's go, for its broker is gone too."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("shard[12].db*"):
        left.unlink()
    return Shards(
        SqliteShard("shard1", folder / "shard1.db"), SqliteShard("shard2", folder / "shard2.db")
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # a power cut may cost the demo its data
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(schema.script())
    connection.commit()
    return connection


def _rename(source: Path, target: Path) -> None:
    # a reader that still has the file open keeps a log beside it; it has to go along
    for ending in ("", "-wal", "-shm"):
        file = source.with_name(source.name + ending)
        if file.exists():
            file.replace(target.with_name(target.name + ending))
