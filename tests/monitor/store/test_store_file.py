"""A database whose file goes away under it is no database: neither read nor written."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from store_case import MINUTE, T0, fresh_store, record

from monitor.store.database import StoreError, migrate, open_store
from monitor.store.upkeep.integrity import require_readable


@pytest.fixture(params=["itself", "a link"])
def store(tmp_path, request):
    """A store that was opened by its path, or by a link to it; `path` is the file itself."""
    opened = fresh_store(tmp_path)
    if request.param == "a link":
        opened.close()
        link = tmp_path / "links" / "link.db"
        link.parent.mkdir()
        link.symlink_to(opened.path)
        opened = open_store(link)
    record(opened, T0)
    opened.path = opened.path.resolve()
    yield opened
    opened.close()


def log_of(store):
    return store.path.with_name("paypulse.db-wal")


def gone(store):
    store.path.unlink()


def replaced(store):
    copy = store.path.with_name("copy.db")
    shutil.copy(store.path, copy)
    copy.replace(store.path)


def log_gone(store):
    log_of(store).unlink()


def log_replaced(store):
    copy = store.path.with_name("copy.db-wal")
    shutil.copy(log_of(store), copy)
    copy.replace(log_of(store))


CASES = [(gone, "deleted"), (replaced, "replaced"), (log_gone, "-wal"), (log_replaced, "-wal")]


@pytest.mark.parametrize(("happens", "said"), CASES, ids=[case.__name__ for case, _ in CASES])
def test_what_became_of_the_file_is_said_by_reading_and_by_writing(store, happens, said):
    happens(store)
    with pytest.raises(StoreError, match=said):
        record(store, T0 + MINUTE)
    with pytest.raises(StoreError, match=said), store.read():
        pass


def test_a_file_that_comes_back_is_used_again(store):
    aside = store.path.with_name("aside.db")
    store.path.rename(aside)
    with pytest.raises(StoreError):
        record(store, T0 + MINUTE)
    aside.rename(store.path)
    record(store, T0 + 2 * MINUTE)


def test_a_store_that_was_closed_takes_the_file_that_is_there_then(store):
    store.close()
    replaced(store)
    record(store, T0 + MINUTE)


def test_a_file_that_is_gone_is_not_made_anew_by_asking_for_it(store):
    gone(store)
    store.close()
    with pytest.raises(StoreError, match="unable to open"), store.read():
        pass
    assert not store.path.exists()


def test_a_beginning_that_was_scribbled_over_is_seen_although_it_was_read_before(store):
    require_readable(store)
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with store.path.open("r+b") as file:
        file.write(b"\xff" * 65536)
    with store.read():
        pass  # the pages that were read before are trusted
    with pytest.raises(StoreError):
        require_readable(store)


@pytest.mark.parametrize("name", ["a?b.db", "a%20b.db", "a#b.db", "결제 모니터.db"])
def test_a_path_may_hold_any_sign(tmp_path, name):
    path = tmp_path / name
    migrate(path)
    opened = open_store(path)
    record(opened, T0)
    opened.close()
    assert [found.name for found in tmp_path.iterdir()] == [name]
