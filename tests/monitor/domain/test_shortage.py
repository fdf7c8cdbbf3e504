"""What this process lacks is told apart from what others do."""

from __future__ import annotations

import errno
import sqlite3
import threading
from datetime import timedelta

import pytest

from monitor.domain.shortage import own_shortage
from monitor.scheduling.bounded import BoundedWorker, InterruptibleWorker, Raised

SECOND = timedelta(seconds=1)


def behind(error: Exception) -> Exception:
    outer = ValueError("asked in vain")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "file descriptors"),
        (OSError(errno.ENFILE, "x"), "file descriptors of the machine"),
        (RuntimeError("can't start new thread"), "threads"),
        (MemoryError(), "memory"),
        (sqlite3.OperationalError("out of memory"), "memory"),
        (behind(RuntimeError("can't start new thread")), "threads"),
        (sqlite3.OperationalError("unable to open database file"), ""),  # descriptors are left
        (OSError(errno.ECONNREFUSED, "refused"), ""),
        (RuntimeError("can't decode"), ""),
        (None, ""),
    ],
)
def test_an_error_says_what_is_lacking(error, lack):
    assert own_shortage(error) == lack


@pytest.mark.parametrize("kind", [BoundedWorker, InterruptibleWorker])
def test_a_worker_that_gets_no_thread_says_so_and_works_again_later(kind, monkeypatch):
    def refuse(self) -> None:
        raise RuntimeError("can't start new thread")

    worker = kind("w")
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        found = worker.run(lambda: 1, SECOND, threading.Event())
    assert isinstance(found, Raised)
    assert own_shortage(found.error) == "threads"
    assert worker.run(lambda: 1, SECOND, threading.Event()) == 1
