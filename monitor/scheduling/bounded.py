"""Work that may hang: run it beside us, wait so long, and go on without it."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

_SLICE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Overran:
    """The work did not end in time; `still` it is the work of an earlier call that hangs."""

    still: bool


class AbandonedError(Exception):
    """Nobody waits for the work any more: the process is about to end."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The work ended with an exception that it should have turned into data."""

    error: Exception


class BoundedWorker:
    """One thread for one kind of work: a call that hangs blocks only the next ones of its kind."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._todo: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]]]
        self._todo = queue.SimpleQueue()
        self._busy = False
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Any], timeout: timedelta, abandoned: threading.Event) -> Any:
        """What the work returns, or Raised, or Overran; a hung thread is never waited for again.

        Raises AbandonedError once the event is set.
        """
        if self._busy:
            return Overran(still=True)
        if self._thread is None:
            thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # there are none left: the next call tries again
                return Raised(error)
            self._thread = thread
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._busy = True
        self._todo.put((partial(copy_context().run, work), answer))
        try:
            return _awaited(answer, timeout, abandoned)
        except queue.Empty:
            return Overran(still=False)

    def _serve(self) -> None:
        while True:
            work, answer = self._todo.get()
            try:
                result = work()
            except Exception as error:  # a bug in a check is data for its verdict
                result = Raised(error)
            self._busy = False
            answer.put(result)


class InterruptibleWorker:
    """One call at a time that goes out to somebody: when its time is over it is broken off.

    Each call has a thread of its own, and what it waits for must have a time-out, however often
    that begins anew: then the thread ends soon after it is told to.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Any], timeout: timedelta, abandoned: threading.Event) -> Any:
        """What the work returns, or Raised, or Overran; see Lane.run.

        Work that ends in the very moment when its time is over has done what it did all the same.
        """
        if self._thread is not None and self._thread.is_alive():
            _break_off(self._thread)
            return Overran(still=True)
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=_answer, args=(work, answer), name=self._name, daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:  # there are none left
            return Raised(error)
        try:
            return _awaited(answer, timeout, abandoned)
        except queue.Empty:
            _break_off(self._thread)
            return Overran(still=False)


def _answer(work: Callable[[], Any], answer: queue.SimpleQueue[Any]) -> None:
    with suppress(SystemExit):  # broken off
        try:
            result = work()
        except Exception as error:  # what went wrong out there is data for who sent it
            result = Raised(error)
        answer.put(result)


def _awaited(answer: queue.SimpleQueue[Any], timeout: timedelta, abandoned: threading.Event) -> Any:
    ends_at = monotonic() + timeout.total_seconds()
    while (left := ends_at - monotonic()) > 0:
        if abandoned.is_set():
            raise AbandonedError
        with suppress(queue.Empty):
            return answer.get(timeout=min(left, _SLICE_SECONDS))
    raise queue.Empty


def _break_off(thread: threading.Thread) -> None:
    """Let SystemExit rise in it at its next step."""
    if thread.ident is not None:
        identity, error = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, error)
