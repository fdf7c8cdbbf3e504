"""Work that may hang: run it beside us, wait so long, and go on without it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
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
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._busy = True
        self._todo.put((work, answer))
        ends_at = monotonic() + timeout.total_seconds()
        while (left := ends_at - monotonic()) > 0:
            if abandoned.is_set():
                raise AbandonedError
            with suppress(queue.Empty):
                return answer.get(timeout=min(left, _SLICE_SECONDS))
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
