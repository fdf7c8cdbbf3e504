"""A shard on a MariaDB or MySQL server: read-only, bounded, its errors in plain words."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.servers.schema import Schema
from checks.sources.facts.unavailable import Why

_CONNECT_SECONDS = 5
_IDENTITY_SECONDS = 60.0

# The server's error numbers -> (why, reason); of a lost connection it depends.
_DENIED = (Why.NOT_VISIBLE, "database_denied")
_REASONS = {
    1044: _DENIED,
    1045: _DENIED,
    1142: _DENIED,
    1143: _DENIED,
    1698: _DENIED,
    1049: (Why.NOT_VISIBLE, "database_unknown"),
    1054: (Why.NOT_VISIBLE, "database_schema"),
    1146: (Why.NOT_VISIBLE, "database_schema"),
    1205: (Why.LIMIT, "database_busy"),
    1213: (Why.LIMIT, "database_busy"),
    1969: (Why.LIMIT, "database_time_limit"),
    3024: (Why.LIMIT, "database_time_limit"),
    1792: (Why.NOT_VISIBLE, "database_read_only"),
    1290: (Why.NOT_VISIBLE, "database_read_only"),
    1064: (Why.GARBLED, "database_garbled"),
}
_LOST = 2013
_UNKNOWN_VARIABLE = 1193
_WRITING = re.compile(
    r"\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|INDEX|TRIGGER|EXECUTE|FILE|SUPER"
    r"|GRANT OPTION|LOCK TABLES)\b"
)


class MariadbServer:
    """Implements Server over one address."""

    def __init__(
        self, url: URL, seconds_max: float, driver: Mapping[str, Any] | None = None
    ) -> None:
        """Build the engine; nothing is opened yet."""
        self._seconds_max = seconds_max
        # The server stops a slow statement; our own end waits a little longer for its word.
        patience = int(seconds_max) + 2
        self.engine = create_engine(
            url.set(drivername="mysql+pymysql"),
            pool_size=2,
            pool_pre_ping=True,  # a pooled connection may outlive its server
            pool_recycle=300,
            connect_args={
                **(driver or {}),
                "connect_timeout": _CONNECT_SECONDS,
                "charset": "utf8mb4",
                "autocommit": True,
                "local_infile": False,
                "read_timeout": patience,
                "write_timeout": patience,
                "init_command": "SET time_zone = '+00:00'",
            },
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)
        self._known: tuple[float, Any] = (float("-inf"), None)
        self._lock = threading.Lock()

    def identity(self) -> Any:
        """The server and its database; asked again now and then, for addresses can move."""
        with self._lock:
            if self._known[1] is None or monotonic() - self._known[0] > _IDENTITY_SECONDS:
                self._known = monotonic(), self._read_identity()
            return self._known[1]

    def replaced(self) -> bool:
        """Never seen: where a window began is checked against the rows anyway."""
        return False

    def schema(self, connection: Connection) -> Schema:
        """The tables of the database as the account may see them."""
        tables = connection.exec_driver_sql(
            "SELECT table_name, table_type FROM information_schema.tables"
            " WHERE table_schema = DATABASE()"
        )
        views = frozenset(name for name, kind in tables if kind != "BASE TABLE")
        columns: dict[str, set[str]] = {}
        for table, column in connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE()"
        ):
            columns.setdefault(table, set()).add(column.lower())
        indexed = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.statistics"
            " WHERE table_schema = DATABASE() AND seq_in_index = 1"
        )
        return Schema(
            {table: frozenset(found) for table, found in columns.items() if table not in views},
            frozenset((table, column) for table, column in indexed),
            views,
        )

    def writing_rights(self, connection: Connection) -> tuple[str, ...]:
        """The rights to write among what the server says the account may do."""
        found: set[str] = set()
        for (grant,) in connection.exec_driver_sql("SHOW GRANTS"):
            rights = grant.partition(" ON ")[0].removeprefix("GRANT ")
            found.update(_WRITING.findall(rights.upper()))
        return tuple(sorted(found))

    def now(self, connection: Connection) -> datetime | None:
        """The server's time."""
        now: datetime = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
        return now.replace(tzinfo=UTC)

    def connections(self, connection: Connection) -> tuple[int, int] | None:
        """How many are open, and how many the server takes."""
        limit = connection.exec_driver_sql("SELECT @@max_connections").scalar_one()
        asked = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        return int(asked.one()[1]), int(limit)

    def meaning(self, error: SQLAlchemyError) -> tuple[Why, str, str]:
        """Why, which reason and which number."""
        origin = getattr(error, "orig", None)
        args = getattr(origin, "args", ())
        if not args or not isinstance(args[0], int):
            return Why.GARBLED, "database_garbled", type(origin or error).__name__
        number = args[0]
        if number == _LOST and "timed out" in str(args[-1]):
            return Why.LIMIT, "database_time_limit", str(number)
        return *_REASONS.get(number, (Why.REFUSED, "database_refused")), str(number)

    def _read_identity(self) -> Any:
        for uid in ("@@server_uid", "@@server_uuid"):  # MariaDB, MySQL
            try:
                with self.engine.connect() as connection:
                    ask = f"SELECT {uid}, @@hostname, @@port, DATABASE()"
                    return tuple(connection.exec_driver_sql(ask).one())
            except SQLAlchemyError as error:
                if getattr(getattr(error, "orig", None), "args", (0,))[0] != _UNKNOWN_VARIABLE:
                    return None
        return None

    def _prepare(self, raw: Any, _: Any) -> None:
        """A session that cannot hang."""
        limit = f"max_statement_time = {self._seconds_max}"
        if "mariadb" not in raw.get_server_info().lower():
            limit = f"max_execution_time = {int(self._seconds_max * 1000)}"
        with raw.cursor() as cursor:
            cursor.execute(f"SET SESSION {limit}, SESSION lock_wait_timeout = 2")
            # The session too: a CREATE or DROP would end a read-only transaction and run.
            cursor.execute("SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ")


def _begin(connection: Connection) -> None:
    """A snapshot of this moment, in which nothing can be written."""
    connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
