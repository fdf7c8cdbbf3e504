"""One scheduler per database: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.domain.statement import InvalidError
from monitor.store.database import StoreError


class LockedError(InvalidError):
    """Somebody else holds the lock; the text names them."""


@contextmanager
def only_scheduler(database: Path) -> Iterator[None]:
    """Hold the lock of this database's scheduler, or raise LockedError naming who holds it.

    StoreError if the files cannot be opened.

    Both the file itself (whatever it is called) and the lock file beside it (should the database
    be deleted or replaced) are locked. Leave it only when no connection to the database is open:
    SQLite's own locks end with any descriptor of its file.
    """
    path = lock_path(database)
    with (
        _opened(database.resolve(), os.O_RDONLY) as itself,
        _opened(path, os.O_RDWR) as beside,
    ):
        if not (_taken(itself) and _taken(beside)):
            raise _held(path, database)
        _say_who(beside)
        yield


@contextmanager
def _opened(path: Path, how: int) -> Iterator[int]:
    """A descriptor of the file, which is made if it is missing."""
    try:
        descriptor = os.open(path, how | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _say_who(descriptor: int) -> None:
    with suppress(OSError):  # the disk may be full: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_self()).encode())


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours; who only asks for its holder has it for a moment, too."""
    for pause in (0.05, 0.1, 0.0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(pause)
        else:
            return True
    return False


def lock_path(database: Path) -> Path:
    """The lock file beside a database, by whichever link that is reached."""
    found = database.resolve()
    return found.with_name(found.name + ".lock")


def holder(database: Path) -> dict[str, Any] | None:
    """Who runs the scheduler of this database; None if nobody does.

    Ask only while this process has no connection to it: see only_scheduler.
    """
    path = lock_path(database)
    held = any(_is_held(file) for file in (path, database.resolve()))
    return _read(path) if held else None


def require_not_gone(database: Path) -> None:
    """StoreError if a monitor runs on a file that is missing: a new one would say all is well."""
    if database.exists() or not database.parent.is_dir():
        return
    held = holder(database)
    if held is not None and held.get("pid") != os.getpid():  # whoever holds it may begin anew
        raise StoreError(f"{database} is missing, and a monitor runs on it: deleted or moved")


def _is_held(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _self() -> dict[str, Any]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _held(path: Path, database: Path) -> LockedError:
    held = {name: str(_read(path).get(name, "?")) for name in ("pid", "host", "started_at")}
    return LockedError("locked", database=str(database), **held)
