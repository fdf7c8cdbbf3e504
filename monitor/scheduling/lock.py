"""One scheduler per database: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO


class LockedError(Exception):
    """Somebody else holds the lock; the text names them."""


@contextmanager
def only_scheduler(database: Path) -> Iterator[None]:
    """Hold the lock of this database's scheduler, or raise LockedError naming who holds it."""
    path = lock_path(database)
    with path.open("a+", encoding="utf-8") as file:
        if not _taken(file):
            raise LockedError(_named(path, database))
        file.truncate(0)
        file.write(json.dumps(_self()))
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    """Whether the lock is ours; who only asks for its holder has it for a moment, too."""
    for pause in (0.05, 0.1, 0.0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(pause)
        else:
            return True
    return False


def lock_path(database: Path) -> Path:
    """The lock file beside a database."""
    return database.with_name(database.name + ".lock")


def holder(database: Path) -> dict[str, Any] | None:
    """Who runs the scheduler of this database; None if nobody does."""
    path = lock_path(database)
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(path)
    return None


def _self() -> dict[str, Any]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _named(path: Path, database: Path) -> str:
    who = _read(path)
    return (
        f"a scheduler already runs on {database}: process {who.get('pid', '?')} on "
        f"{who.get('host', '?')}, since {who.get('started_at', '?')}; stop it first, or give this "
        "one another database"
    )
