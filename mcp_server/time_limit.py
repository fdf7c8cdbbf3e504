"""A time limit for calls that cannot be cut off: whoever asked is answered, the call is left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

CALL_SECONDS_MAX = 60.0
LEFT_MAX = 20  # of so many calls that hang together nobody can say that the server works

_left: set[asyncio.Task[Any]] = set()


class CallTimeoutError(Exception):
    """The call took too long."""


async def within(seconds: float, call: Coroutine[Any, Any, Any]) -> Any:
    """What the call returns, or CallTimeoutError; its thread goes on, and nobody waits for it."""
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            _left.add(task)
            task.add_done_callback(_forget)
    if not done:
        raise CallTimeoutError
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()  # nobody asks for it any more


def calls_left() -> int:
    """How many calls go on that nobody waits for any more."""
    return len(_left)
