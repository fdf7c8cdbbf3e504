"""One shard, read-only: a consistent snapshot per look, bounded in time, its errors as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, Connection, Engine, Executable, Row, SelectBase
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import visitors

from checks.sources.database.servers.address import address_of
from checks.sources.database.servers.schema import Schema
from checks.sources.facts.instances import Connections
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.domain.check import Params
from monitor.domain.shortage import OWN_SHORTAGE, own_shortage
from monitor.domain.statement import InvalidError

T = TypeVar("T")


class Server(Protocol):
    """A kind of database: how it is opened, what tells it from another, what its errors mean."""

    engine: Engine

    def identity(self) -> Any: ...
    def schema(self, connection: Connection) -> Schema: ...
    def replaced(self) -> bool: ...
    def writing_rights(self, connection: Connection) -> tuple[str, ...]: ...
    def now(self, connection: Connection) -> datetime | None: ...
    def connections(self, connection: Connection) -> tuple[int, int] | None: ...
    def meaning(self, error: SQLAlchemyError) -> tuple[Why, str, str]: ...


class OutOfTimeError(SQLAlchemyError):
    """A look at a shard took longer than it may."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read transaction on one shard."""

    shard: str
    connection: Connection
    schema: Schema
    seconds_max: float
    marks: dict[str, int]  # where the windows began at the last look, kept between looks
    deadline: float
    unavailable_error: Callable[
        [SQLAlchemyError], Unavailable
    ]  # why something is unavailable after it

    def rows(self, statement: Executable, params: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """All rows of a statement (statements bound their rows themselves)."""
        if monotonic() > self.deadline:
            raise OutOfTimeError
        return self.connection.execute(statement, params).all()

    def lacks(self, *statements: SelectBase) -> tuple[str, ...]:
        """The columns ("table.column") that the statements need and the shard does not have."""
        needed = sorted({need for statement in statements for need in needs(statement)})
        return tuple(
            f"{table}.{column}"
            for table, column in needed
            if column not in self.schema.columns.get(table, frozenset())
        )

    def unavailable_columns(self, missing: tuple[str, ...]) -> Unavailable:
        """Why something is unavailable on a shard that lacks columns."""
        views = sorted({name.partition(".")[0] for name in missing} & self.schema.views)
        params: Params = {"shard": self.shard, "columns": ", ".join(missing)}
        if views:
            params = {"shard": self.shard, "views": ", ".join(views)}
        reason = "table_is_view" if views else "column_missing"
        return Unavailable(f"database/{self.shard}", Why.NOT_VISIBLE, reason, params)


@lru_cache(maxsize=512)
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
    """A shard and the server that it is on. Safe to use from several threads."""

    name: str
    url: str = field(repr=False)
    seconds_max: float = 10.0
    _server: Server = field(init=False, repr=False)
    _marks: dict[str, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Build the engine; nothing is opened yet."""
        self._server = _server(self.name, self.url, self.seconds_max)

    def identity(self) -> Any:
        """What tells this shard's storage from another's; None: it cannot be reached."""
        return self._server.identity()

    def writing_rights(self) -> Fact[tuple[str, ...]]:
        """The rights to change the shard that the account has though it only reads."""
        return self.ask(lambda snapshot: self._server.writing_rights(snapshot.connection))

    def skew_seconds(self) -> Fact[float | None]:
        """By how much the server's clock is ahead of ours; None: it has no clock of its own."""

        def read(snapshot: Snapshot) -> float | None:
            before = datetime.now(UTC)
            theirs = self._server.now(snapshot.connection)
            ours = before + (datetime.now(UTC) - before) / 2
            return None if theirs is None else (theirs - ours).total_seconds()

        return self.ask(read)

    def connections(self) -> Fact[Connections] | None:
        """The connections to the server; None: there is no server."""

        def read(snapshot: Snapshot) -> Connections | None:
            found = self._server.connections(snapshot.connection)
            return None if found is None else Connections(self.name, *found)

        return self.ask(read)

    def ask(self, read: Callable[[Snapshot], Fact[T]]) -> Fact[T]:
        """What `read` finds in one consistent snapshot, or why it could not look."""
        try:
            with self._snapshot() as snapshot:
                return read(snapshot)
        except SQLAlchemyError as error:
            return self.unavailable(error)
        except ValueError as error:  # a time that is none, in a column of times
            params = {"shard": self.name, "error": type(error).__name__}
            return Unavailable(f"database/{self.name}", Why.GARBLED, "database_garbled", params)

    def unavailable(self, error: SQLAlchemyError) -> Unavailable:
        """A database error as data; the driver's text may hold addresses: only its code is told."""
        why, reason, code = Why.LIMIT, "database_time_limit", "OutOfTime"
        if not isinstance(error, OutOfTimeError):
            why, reason, code = self._server.meaning(error)
        lack = own_shortage(error)
        if lack:
            why, reason = Why.LIMIT, OWN_SHORTAGE
        about: Params = {"shard": self.name, "error": code, "seconds_max": self.seconds_max}
        params: Params = {**about, "got": lack} if lack else about
        return Unavailable(f"database/{self.name}", why, reason, params)

    @contextmanager
    def _snapshot(self) -> Iterator[Snapshot]:
        deadline = monotonic() + self.seconds_max
        with self._server.engine.connect() as connection, connection.begin():
            if self._server.replaced():
                self._marks.clear()
            schema = self._server.schema(connection)
            yield Snapshot(
                self.name,
                connection,
                schema,
                self.seconds_max,
                self._marks,
                deadline,
                self.unavailable,
            )


def _server(shard: str, url: str, seconds_max: float) -> Server:
    try:
        parsed, driver = address_of(url)
        backend = parsed.get_backend_name()
    except InvalidError as error:
        raise InvalidError(error.code, shard=shard, **error.params) from None
    except SQLAlchemyError:
        raise InvalidError("database_url", shard=shard) from None
    if backend == "sqlite" and parsed.database:
        from checks.sources.database.servers.sqlite import SqliteFile  # noqa: PLC0415

        return SqliteFile(str(Path(parsed.database).expanduser()), seconds_max)
    if backend in ("mysql", "mariadb") and parsed.database and parsed.host:
        from checks.sources.database.servers.mariadb import MariadbServer  # noqa: PLC0415

        return MariadbServer(parsed, seconds_max, driver)
    raise InvalidError("database_kind", shard=shard)
