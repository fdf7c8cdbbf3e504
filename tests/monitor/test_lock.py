"""One scheduler for one database, by whatever name the file is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.scheduling.lock import LockedError, holder, lock_path, only_scheduler
from monitor.store.database import migrate, open_store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "paypulse.db"
    migrate(path)
    return path


def refused(path: Path) -> bool:
    try:
        with only_scheduler(path):
            return False
    except LockedError:
        return True


def symlink(database: Path) -> Path:
    other = database.parent / "elsewhere" / "other.db"
    other.parent.mkdir()
    other.symlink_to(database)
    return other


def hard_link(database: Path) -> Path:
    other = database.parent / "other.db"
    other.hardlink_to(database)
    return other


def lock_deleted(database: Path) -> Path:
    lock_path(database).unlink()
    return database


def database_deleted(database: Path) -> Path:
    database.unlink()
    return database


@pytest.mark.parametrize("trick", [symlink, hard_link, lock_deleted, database_deleted])
def test_no_trick_lets_a_second_scheduler_in(database, trick):
    with only_scheduler(database):
        other = trick(database)
        assert refused(other)
        assert holder(other) is not None
        assert refused(other)
    assert not refused(other)


def test_the_lock_and_the_databases_own_locks_leave_each_other_alone(database):
    with only_scheduler(database):
        store, beside = open_store(database), open_store(database)
        with store.write() as tx:
            tx.exec_driver_sql("INSERT INTO notes (at, kind, text, author) VALUES (1, '', '', '')")
        with beside.read() as tx:
            assert tx.exec_driver_sql("SELECT count(*) FROM notes").scalar_one() == 1
        assert refused(database)
        store.close()
        beside.close()


def test_a_database_that_is_not_there_yet_can_be_locked(tmp_path):
    path = tmp_path / "new.db"
    with only_scheduler(path):
        assert refused(path)
        migrate(path)
    assert path.stat().st_mode & 0o077 == 0
