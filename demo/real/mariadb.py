"""A shard on a real MariaDB server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pymysql.cursors import DictCursor

from demo.platform.down import PartDownError
from demo.platform.schema import TALLIED
from demo.platform.shards import Row
from demo.real.script import Script

_SECONDS_MAX = 3
_AGAIN_AFTER_SECONDS = 0.5
_LOST = (pymysql.err.OperationalError, pymysql.err.InterfaceError)


class MariaShard:
    """One shard; what was not committed when its connection broke is told by `commit`."""

    def __init__(self, name: str, url: str, script: Script) -> None:
        self.name = name
        self._url = url
        self._script = script
        self._connection: pymysql.Connection[DictCursor] | None = None
        self._tried_at = self._seen_at = -_AGAIN_AFTER_SECONDS
        self._has_written = self._has_lost = False

    @property
    def up(self) -> bool:
        """Whether it can be reached; what was just seen is believed."""
        try:
            connection = self._reach()
            if monotonic() - self._seen_at > _AGAIN_AFTER_SECONDS:
                connection.ping(reconnect=False)
                self._seen_at = monotonic()
        except (PartDownError, *_LOST):
            self._lose()
            return False
        return True

    def execute(self, sql: str, params: Sequence[Any] = ()) -> DictCursor:
        """Run one statement of the stand-in, whose marks are SQLite's."""
        cursor = self._reach().cursor()
        try:
            cursor.execute(sql.replace("%", "%%").replace("?", "%s"), tuple(params))
        except _LOST as error:
            if not _is_gone(error):
                raise
            self._lose()
            raise PartDownError(f"database/{self.name}") from error
        self._seen_at = monotonic()
        self._has_written |= not sql.startswith("SELECT")
        return cursor

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, if there is one."""
        found: Row | None = self.execute(sql, params).fetchone()
        return found

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a bounded question."""
        return list(self.execute(sql, params).fetchall())

    def tally(self, table: str) -> list[Row]:
        """Rows and amounts of a table by the value of its telling column, counted."""
        name, amount = next((name, amount) for known, name, amount in TALLIED if known == table)
        return self.rows(
            f"SELECT CAST({name} AS CHAR) AS name, COUNT(*) AS n, SUM({amount}) AS amount"
            f" FROM {table} GROUP BY {name}"
        )

    def commit(self) -> None:
        """End the transaction; PartDownError if one was lost."""
        if self._connection is not None:
            try:
                self._connection.commit()
            except _LOST:
                self._lose()
        lost, self._has_lost, self._has_written = self._has_lost, False, False
        if lost:
            raise PartDownError(f"database/{self.name}")

    def go_down(self) -> None:
        """Kill the server."""
        self._script.kill(self.name)

    def come_back(self) -> None:
        """Start the server."""
        self._script.up(self.name)

    def close(self) -> None:
        """Let go of the connection."""
        self._script.wait()
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None

    def _reach(self) -> pymysql.Connection[DictCursor]:
        if self._connection is None:
            if monotonic() - self._tried_at < _AGAIN_AFTER_SECONDS:
                raise PartDownError(f"database/{self.name}")
            self._tried_at = monotonic()
            try:
                self._connection = _connect(self._url)
            except _LOST as error:
                raise PartDownError(f"database/{self.name}") from error
        return self._connection

    def _lose(self) -> None:
        self._has_lost |= self._has_written
        self._has_written = False
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None


def _is_gone(error: Exception) -> bool:
    """The client's own errors begin at 2000; 1053 and 1927 are a server that ends."""
    code = error.args[0] if error.args else 0
    return not isinstance(code, int) or code in (0, 1053, 1927) or code >= 2000


def _connect(url: str) -> pymysql.Connection[DictCursor]:
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
        cursorclass=DictCursor,
        conv=_as_texts(),
        connect_timeout=_SECONDS_MAX,
        read_timeout=_SECONDS_MAX,
        write_timeout=_SECONDS_MAX,
        init_command="SET time_zone='+00:00', tx_isolation='READ-COMMITTED'",
    )


def _as_texts() -> Mapping[Any, Any]:
    """Times stay texts, as the stand-in keeps them; sums become plain numbers."""
    texts = (FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATETIME)
    found = {kind: convert for kind, convert in conversions.items() if kind not in texts}
    return found | {FIELD_TYPE.NEWDECIMAL: _number, FIELD_TYPE.DECIMAL: _number}


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
