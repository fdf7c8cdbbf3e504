"""Which of the messages that wait in one thread still has something to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from monitor.domain.delivery import Merged, Message

_FIRST = ("firing", "brief")
_LAST = "resolved"


def merge(waiting: Sequence[Message], is_over: bool = False) -> Merged:
    """The messages of an incident that wait for one receiver, oldest first, as one.

    `is_over`: it has ended, whether or not its end waits among them. What never began for the
    receiver and is over is told in one message.
    """
    kinds = [str(message.payload.get("kind")) for message in waiting]
    first = next((n for n, kind in enumerate(kinds) if kind in _FIRST), None)
    if first is not None:
        return _taken_over(waiting, first, _kind_of_first(kinds, is_over))
    if _LAST in kinds:
        return _taken_over(waiting, len(kinds) - 1 - kinds[::-1].index(_LAST), _LAST)
    loud = [n for n, message in enumerate(waiting) if message.payload.get("in_channel")]
    kept = loud[-1] if loud else len(waiting) - 1
    return _taken_over(waiting, kept, _LAST if is_over else kinds[kept])


def latest(waiting: Sequence[Message]) -> Merged:
    """The last message of a thread, which tells what the others would."""
    return Merged(waiting[-1], tuple(waiting[:-1]))


def _kind_of_first(kinds: Sequence[str], is_over: bool) -> str:
    if is_over or _LAST in kinds or "brief" in kinds:
        return "brief"
    steady = [kind for kind in kinds if kind in ("firing", "unsteady")]
    return steady[-1]


def _taken_over(waiting: Sequence[Message], kept: int, kind: str) -> Merged:
    message, others = waiting[kept], tuple(m for n, m in enumerate(waiting) if n != kept)
    tried = [m.first_tried_at for m in waiting if m.first_tried_at is not None]
    payload: dict[str, Any] = {**message.payload, "kind": kind}
    if kind != _LAST and any(m.payload.get("in_channel") for m in others):
        payload["in_channel"] = True
    return Merged(
        replace(
            message,
            payload=payload,
            priority=min(m.priority for m in waiting),
            first_tried_at=min(tried, default=None),
        ),
        others,
    )
