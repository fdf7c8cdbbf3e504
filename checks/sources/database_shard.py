"""One shard, read-only: a consistent snapshot per look, bounded in time, its errors as data."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Executable,
    Row,
    SelectBase,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import visitors

from checks.sources.facts import Fact, Unseen, Why
from monitor.domain.check import Params

T = TypeVar("T")
Columns = Mapping[str, frozenset[str]]  # table -> its columns


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read transaction on one shard."""

    shard: str
    connection: Connection
    columns: Columns
    seconds_max: float
    marks: dict[str, int]  # where the windows began at the last look, kept between looks

    def rows(self, statement: Executable, params: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """All rows of a statement (statements bound their rows themselves)."""
        return self.connection.execute(statement, params).all()

    def lacks(self, *statements: SelectBase) -> tuple[str, ...]:
        """The columns ("table.column") that the statements need and the shard does not have."""
        needed = sorted({need for statement in statements for need in needs(statement)})
        return tuple(
            f"{table}.{column}"
            for table, column in needed
            if column not in self.columns.get(table, frozenset())
        )

    def unseen_columns(self, missing: tuple[str, ...]) -> Unseen:
        """Why something stays unseen on a shard that lacks columns."""
        params = {"shard": self.shard, "columns": ", ".join(missing)}
        return Unseen(f"database/{self.shard}", Why.BLIND, "column_missing", params)

    def unseen_error(self, error: SQLAlchemyError) -> Unseen:
        """Why something stays unseen after a statement failed."""
        return unseen_error(self.shard, error, self.seconds_max)


@lru_cache(maxsize=256)
def needs(statement: SelectBase) -> frozenset[tuple[str, str]]:
    """The (table, column) pairs that a statement reads."""
    return frozenset(
        (source.table.name, source.name)
        for part in visitors.iterate(statement)
        if isinstance(part, Column)
        for source in part.base_columns
        if isinstance(source, Column)
    )


@dataclass(slots=True)
class Shard:
    """A shard and the engine that reads it. Safe to use from several threads."""

    name: str
    url: str = field(repr=False)
    seconds_max: float = 10.0
    _file: Path = field(init=False, repr=False)
    _engine: Any = field(init=False, repr=False)
    _columns: tuple[Any, Columns] = field(init=False, repr=False, default=(None, {}))
    _marks: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Build the engine; nothing is opened yet."""
        self._file = _sqlite_file(self.name, self.url)
        # No pool: a pooled connection would go on reading a file that was moved away.
        self._engine = create_engine("sqlite://", creator=self._open, poolclass=NullPool)
        event.listen(self._engine, "begin", _begin)

    def identity(self) -> tuple[int, int] | None:
        """What tells this shard's storage from another's; None: it cannot be reached."""
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def ask(self, read: Callable[[Snapshot], Fact[T]]) -> Fact[T]:
        """What `read` finds in one consistent snapshot, or why it could not look."""
        try:
            with self._snapshot() as snapshot:
                return read(snapshot)
        except SQLAlchemyError as error:
            return unseen_error(self.name, error, self.seconds_max)
        except ValueError as error:  # a time that is none, in a column of times
            params = {"shard": self.name, "error": type(error).__name__}
            return Unseen(f"database/{self.name}", Why.GARBLED, "database_garbled", params)

    @contextmanager
    def _snapshot(self) -> Iterator[Snapshot]:
        with self._engine.connect() as connection, connection.begin():
            columns = self._read_columns(connection)
            yield Snapshot(self.name, connection, columns, self.seconds_max, self._marks)

    def _open(self) -> sqlite3.Connection:
        uri = f"{self._file.absolute().as_uri()}?mode=ro"
        raw = sqlite3.connect(
            uri, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        raw.execute("PRAGMA query_only = ON")
        deadline = monotonic() + self.seconds_max
        raw.set_progress_handler(lambda: monotonic() > deadline, 20_000)
        return raw

    def _read_columns(self, connection: Connection) -> Columns:
        """The shard's columns, read again when its schema (or its file) has changed."""
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar(), self.identity()
        with self._lock:
            if self._columns[0] != version:
                self._columns = version, _columns(connection)
                self._marks.clear()
            return self._columns[1]


def _sqlite_file(shard: str, url: str) -> Path:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        raise ValueError(f"the address of shard {shard} is not a database URL") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ValueError(f"shard {shard}: only sqlite:///FILE can be read directly")
    return Path(parsed.database)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _columns(connection: Connection) -> Columns:
    listed = connection.exec_driver_sql(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table'"
    )
    found: dict[str, set[str]] = {}
    for table, column in listed:
        found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


# SQLite's result codes -> (why, reason); anything else is a refusal.
_REASONS = {
    "SQLITE_INTERRUPT": (Why.LIMIT, "database_time_limit"),
    "SQLITE_BUSY": (Why.LIMIT, "database_busy"),
    "SQLITE_LOCKED": (Why.LIMIT, "database_busy"),
    "SQLITE_NOTADB": (Why.GARBLED, "database_garbled"),
    "SQLITE_CORRUPT": (Why.GARBLED, "database_garbled"),
    "SQLITE_ERROR": (Why.GARBLED, "database_garbled"),
}


def unseen_error(shard: str, error: SQLAlchemyError, seconds_max: float) -> Unseen:
    """A database error as data; the driver's text may hold addresses, so only its code is told."""
    origin = getattr(error, "orig", None)
    code = str(getattr(origin, "sqlite_errorname", type(origin or error).__name__))
    why, reason = _REASONS.get(code, (Why.REFUSED, "database_refused"))
    if not isinstance(origin, sqlite3.Error):
        why, reason = Why.GARBLED, "database_garbled"
    params: Params = {"shard": shard, "error": code, "seconds_max": seconds_max}
    return Unseen(f"database/{shard}", why, reason, params)
