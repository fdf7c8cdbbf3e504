"""The monitor's own database: one SQLite file, one writer at a time, consistent reads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.resources import folder
from monitor.store.rollup import merge

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy import Engine

    Connection = sqlalchemy.Connection  # what all are given that read or write: named here only

_APPLICATION_ID = 0x70617970  # "payp", in the header of the file
_BUSY_SECONDS = 10
_REVISION = "SELECT version_num FROM alembic_version"
_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"


class StoreError(Exception):
    """The store cannot be used; the text says why and what to do."""


_Place = tuple[int, int]  # device and inode


class _SameFile:
    """Remembers which file, and which write-ahead log, lie at a path while connections are open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        itself = path.resolve()  # SQLite keeps the log beside the file, not beside a link to it
        self._log = itself.with_name(itself.name + "-wal")
        self.forget()

    def forget(self) -> None:
        """There are no connections any more: the next ones may find another file."""
        self._place: _Place | None = None
        self._log_place: _Place | None = None

    def trouble(self) -> str:
        """What became of the file; "" if it is the one that was opened."""
        place, log_place = _place(self._path), _place(self._log)
        self._place = self._place or place
        self._log_place = self._log_place or log_place
        if place is None:
            return "the file was deleted while it was in use"
        if place != self._place:
            return "the file was replaced by another one while it was in use"
        if log_place is None and self._log_place is not None:
            return "its write-ahead log (-wal) was deleted while it was in use"
        if log_place != self._log_place:
            return "its write-ahead log (-wal) was replaced while it was in use"
        return ""


class Store:
    """Owns the connections to one database file."""

    def __init__(self, path: Path, durable: bool) -> None:
        self.path = path
        self._durable = durable
        self._reader = _engine(path, durable)
        self._writer = self._reader.execution_options(immediate=True)
        self._turn = threading.Lock()  # SQLite's own waiting is neither fair nor prompt
        self._same_file = _SameFile(path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look at everything; what others write meanwhile stays invisible."""
        with _translated(self.path), self._reader.begin() as tx:
            self._require_same_file()
            yield tx

    @contextmanager
    def read_afresh(self) -> Iterator[Connection]:
        """A look through a connection of its own: others trust the pages that they have read."""
        self._require_same_file()
        engine = _engine(self.path, self._durable)
        try:
            with _translated(self.path), engine.begin() as tx:
                yield tx
        finally:
            engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is stored when the block ends, nothing if it raises."""
        if not self._turn.acquire(timeout=_BUSY_SECONDS):
            raise StoreError(f"{self.path}: another thread has been writing for too long")
        try:
            with _translated(self.path), self._writer.begin() as tx:
                self._require_same_file()
                yield tx
        finally:
            self._turn.release()

    def close(self) -> None:
        """Give the connections back; the last one folds the write-ahead log into the file."""
        self._reader.dispose()
        self._same_file.forget()

    def _require_same_file(self) -> None:
        # What is written into a file that is gone is lost, and what is read there is not so.
        if trouble := self._same_file.trouble():
            raise StoreError(f"{self.path}: {trouble}")


def open_store(path: Path, *, durable: bool = True) -> Store:
    """The store in that file, which must be at this version's schema (see migrate).

    Not durable: faster, and the last moments can be lost when the machine (not the process) dies.
    """
    if not path.is_file():
        raise StoreError(f"there is no database at {path}: create it with `paypulse db migrate`")
    store = Store(path, durable)
    try:
        _require_current(store)
    except BaseException:
        store.close()
        raise
    return store


def migrate(path: Path) -> None:
    """Bring the file to this version's schema, creating it if it is missing."""
    make_folder(path)
    with _reached(path):
        path.touch(mode=0o600)  # it holds ids of merchants and payments; its log inherits the mode
    store = Store(path, durable=True)
    try:
        revision = _known_revision(store)
        if revision != head():
            _upgrade(store)
    finally:
        store.close()


def make_folder(path: Path) -> None:
    """The folder of that file; StoreError if there is none and none can be made."""
    with _reached(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def head() -> str:
    """The newest revision that this version knows: the number of its file's name."""
    return max(_revisions())


def _revisions() -> set[str]:
    names = (folder("alembic") / "versions").glob("[0-9]*_*.py")
    return {name.name.partition("_")[0] for name in names}


def _require_current(store: Store) -> None:
    revision = _known_revision(store)
    if revision != head():
        raise StoreError(
            f"{store.path} has schema {revision or 'none'} and this version needs {head()}: "
            "run `paypulse db migrate` (after `paypulse db backup FILE`, if it holds anything)"
        )


def _known_revision(store: Store) -> str | None:
    """The schema of the file, None if it is empty; an error if it cannot become ours."""
    with store.read() as tx:
        tables = tx.exec_driver_sql(_TABLES).scalar_one()
        owner = tx.exec_driver_sql("PRAGMA application_id").scalar_one()
        if not tables:
            return None
        if owner != _APPLICATION_ID:
            raise StoreError(f"{store.path} belongs to another program: choose another file")
        revision = str(tx.exec_driver_sql(_REVISION).scalar_one())
    if revision not in _revisions():
        raise StoreError(
            f"{store.path} has schema {revision}, which this version (schema {head()}) does not "
            "know: use the newer paypulse that wrote it, or a backup from before"
        )
    return revision


def _upgrade(store: Store) -> None:
    from alembic import command  # noqa: PLC0415  (slow to import, rarely needed)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(folder("alembic")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with store.write() as tx:
        tx.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def _engine(path: Path, durable: bool) -> Engine:
    from sqlalchemy import URL, create_engine, event  # noqa: PLC0415  (slow; not to list tools)

    engine = create_engine(
        # mode=rw: a file that is missing was deleted; an empty new one would hide that.
        URL.create(
            "sqlite", database=path.absolute().as_uri(), query={"mode": "rw", "uri": "true"}
        ),
        connect_args={"timeout": _BUSY_SECONDS},
        pool_use_lifo=True,
        pool_size=8,
        max_overflow=32,
    )
    event.listen(engine, "connect", _prepare(durable))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(durable: bool) -> Callable[[sqlite3.Connection, Any], None]:
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun in _begin
        connection.create_function("merge_buckets", 2, merge, deterministic=True)
        for pragma in (
            "auto_vacuum = INCREMENTAL",  # counts only before the first table
            "journal_mode = WAL",
            f"synchronous = {'FULL' if durable else 'OFF'}",
            "foreign_keys = ON",
            "cache_size = -16000",
            "journal_size_limit = 67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _begin(connection: Connection) -> None:
    # A writer takes its lock first: a reader that turns writer could not wait for its turn.
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        if type(original) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise
        raise StoreError(f"{path}: {original}") from error


@contextmanager
def _reached(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def _place(path: Path) -> _Place | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
