"""A copy of the database while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.domain.statement import InvalidError
from monitor.store.database import StoreError


def backup(path: Path, target: Path) -> int:
    """Copy the database as it is at one moment, while others read and write; gives back bytes.

    The target must not exist; it appears whole or not at all.
    """
    if not path.is_file():
        raise InvalidError("no_database", file=str(path))
    if target.exists():
        raise InvalidError("backup_exists", file=str(target))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _copy(path, partial)
        partial.rename(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the backup to {target} failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(path: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(path, timeout=10)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)  # in one go: in steps, each write of another process restarts it
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{path} is damaged, and so would be its backup: {found}")
    with target.open("rb") as file:
        os.fsync(file.fileno())
