"""A shard that is an SQLite file: opened for reading only, at each look anew."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from checks.sources.database.servers.functions import teach
from checks.sources.database.servers.schema import Schema
from checks.sources.facts.unavailable import Why

# SQLite's result codes -> (why, reason); anything else is a refusal.
_REASONS = {
    "SQLITE_INTERRUPT": (Why.LIMIT, "database_time_limit"),
    "SQLITE_BUSY": (Why.LIMIT, "database_busy"),
    "SQLITE_LOCKED": (Why.LIMIT, "database_busy"),
    "SQLITE_NOTADB": (Why.GARBLED, "database_garbled"),
    "SQLITE_CORRUPT": (Why.GARBLED, "database_garbled"),
    "SQLITE_ERROR": (Why.GARBLED, "database_garbled"),
}


class SqliteFile:
    """Implements Server over one file."""

    def __init__(self, path: str, seconds_max: float) -> None:
        """Build the engine; nothing is opened yet."""
        self._seconds_max = seconds_max
        self._file = Path(path)
        # No pool: a pooled connection would go on reading a file that was moved away.
        self.engine = create_engine("sqlite://", creator=self._open, poolclass=NullPool)
        event.listen(self.engine, "begin", _begin)
        self._known: tuple[Any, Schema] = (None, Schema())
        self._identity: Any = None
        self._lock = threading.Lock()

    def identity(self) -> tuple[int, int] | None:
        """The file itself, however it is called."""
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def replaced(self) -> bool:
        """Whether another file has taken the place of the one that was read last."""
        with self._lock:
            before, self._identity = self._identity, self.identity()
            return before not in (None, self._identity)

    def schema(self, connection: Connection) -> Schema:
        """The file's tables, read again when its schema (or the file) has changed."""
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar(), self.identity()
        with self._lock:
            if self._known[0] != version:
                self._known = version, _schema(connection)
            return self._known[1]

    def writing_rights(self, connection: Connection) -> tuple[str, ...]:
        """None: the file is opened for reading only."""
        return ()

    def now(self, connection: Connection) -> datetime | None:
        """None: a file's clock is ours."""
        return None

    def connections(self, connection: Connection) -> tuple[int, int] | None:
        """None: a file has no server."""
        return None

    def meaning(self, error: SQLAlchemyError) -> tuple[Why, str, str]:
        """Why, which reason and which code."""
        origin = getattr(error, "orig", None)
        if not isinstance(origin, sqlite3.Error):
            return Why.GARBLED, "database_garbled", type(origin or error).__name__
        code = str(getattr(origin, "sqlite_errorname", type(origin).__name__))
        return *_REASONS.get(code, (Why.REFUSED, "database_refused")), code

    def _open(self) -> sqlite3.Connection:
        uri = f"{self._file.absolute().as_uri()}?mode=ro"
        raw = sqlite3.connect(
            uri, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        raw.execute("PRAGMA query_only = ON")
        teach(raw)
        deadline = monotonic() + self._seconds_max
        raw.set_progress_handler(lambda: monotonic() > deadline, 20_000)
        return raw


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _schema(connection: Connection) -> Schema:
    columns: dict[str, set[str]] = {}
    for table, column in connection.exec_driver_sql(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table'"
    ):
        columns.setdefault(table, set()).add(column)
    indexed = connection.exec_driver_sql(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_index_list(t.name) i"
        " JOIN pragma_index_info(i.name) c WHERE t.type = 'table' AND c.seqno = 0"
    )
    views = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'view'")
    return Schema(
        {table: frozenset(found) for table, found in columns.items()},
        frozenset((table, column) for table, column in indexed),
        frozenset(name for (name,) in views),
    )
