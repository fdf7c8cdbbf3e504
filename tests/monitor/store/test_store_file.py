"""A database whose file goes away under it is no database: neither read nor written."""

from __future__ import annotations

import shutil

import pytest
from store_case import MINUTE, T0, fresh_store, record

from monitor.store.database import StoreError


@pytest.fixture
def store(tmp_path):
    opened = fresh_store(tmp_path)
    record(opened, T0)
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
