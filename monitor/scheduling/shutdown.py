"""Ctrl-C and SIGTERM as a question that a loop asks: nothing is cut off."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

log = logging.getLogger(__name__)
END_SECONDS = 9.5
_SLICE_SECONDS = 0.1


class ShutdownRequested:
    """Set by a signal handler, waited for by the main thread.

    A threading.Event would not do: a handler that runs while the main thread is inside `wait`
    waits for the lock which that thread holds, for ever. And a signal that comes just before a
    thread begins to block does not wake it: hence short sleeps.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask for the end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self._is_set

    def wait(self, timeout: float = math.inf) -> bool:
        """Wait up to `timeout` seconds; whether the end was asked for."""
        ends_at = monotonic() + timeout
        while not self._is_set and (left := ends_at - monotonic()) > 0:
            sleep(min(left, _SLICE_SECONDS))
        return self._is_set


@contextmanager
def interruptible() -> Iterator[ShutdownRequested]:
    """What Ctrl-C and SIGTERM set within this block."""
    asked = ShutdownRequested()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """The process ends within so long, whatever hangs: all that is stored outlasts a kill."""

    def give_up() -> None:
        log.error("the end took more than %g s: something hangs, and is left behind", seconds)
        os._exit(1)

    patience = threading.Timer(seconds, give_up)
    patience.daemon = True
    patience.start()
    yield
    patience.cancel()
