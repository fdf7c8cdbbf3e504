"""One look asks each question once: whoever wants the same answer meanwhile shares it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


class _Answers:
    """The answers of one look, by question; those that are on their way, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Hashable, Future[object]] = {}

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer to the question; the first who wants it asks."""
        with self._lock:
            is_first = key not in self._found
            answer = self._found.setdefault(key, Future())
        if is_first:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()  # type: ignore[return-value]


_look: ContextVar[_Answers | None] = ContextVar("look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Within this block each question is asked once; a look within a look is the same one.

    Threads share in it that run in a copy of the context. Nothing is kept after it.
    """
    if _look.get() is not None:
        yield
        return
    token = _look.set(_Answers())
    try:
        yield
    finally:
        _look.reset(token)


def shared(key: Hashable, ask: Callable[[], T]) -> T:
    """The look's answer to a question, or what `ask` says where nobody looks as one."""
    look = _look.get()
    return ask() if look is None else look.get(key, ask)
