"""How the settlement and the refund worker read: a batch a poll, committed when it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from demo.platform.broker import Record
from demo.platform.down import PartDownError
from demo.platform.parts import Parts, Poll, Span

Work = Callable[[Parts, Record, datetime], None]
Seconds = Callable[[Parts, Record], float]

_POLLED_MAX = 500
_POLL_SECONDS_MAX = 300  # then the broker takes the worker for dead, though it works on


def work_off(
    parts: Parts, group: str, work: Work, takes: Seconds, span: Span, polled_max: int = _POLLED_MAX
) -> bool:
    """Work off what a group has polled and poll again; whether there was anything.

    A broker that is down forgets who read what: a batch that it interrupts comes again.
    """
    if not parts.broker.up:
        parts.polls.pop(group, None)
        return True
    works = False
    while (poll := parts.polls.get(group) or _polled(parts, group, span, polled_max)) is not None:
        works = True
        if not _go_on(parts, group, poll, work, takes, span):
            late = (span.until - poll.began_at).total_seconds() > _POLL_SECONDS_MAX
            parts.broker.expel(group, late)
            break
        for record in poll.records:
            parts.broker.commit(group, record)
        parts.broker.expel(group, False)
        parts.free_at[group] = poll.free_at
        del parts.polls[group]
    return works


def _polled(parts: Parts, group: str, span: Span, polled_max: int) -> Poll | None:
    """What is there when the worker is free, or the first that comes after that."""
    unread = parts.broker.unread(group, span.until)
    if not unread:
        return None
    at = max(parts.free_at.get(group, span.start), span.start, unread[0].at)
    batch = [record for record in unread if record.at <= at][:polled_max]
    return parts.polls.setdefault(group, Poll(batch, at, at))


def _go_on(parts: Parts, group: str, poll: Poll, work: Work, takes: Seconds, span: Span) -> bool:
    """Work until the batch is done (True) or the tick is over."""
    for record in poll.records[poll.done :]:
        if poll.ends_at is None:
            poll.ends_at = poll.free_at + timedelta(seconds=_cost(parts, record, takes))
        if poll.ends_at > span.until:
            return False
        _attempt(parts, group, work, record, poll.ends_at)
        poll.free_at, poll.ends_at, poll.done = poll.ends_at, None, poll.done + 1
    return True


def _cost(parts: Parts, record: Record, takes: Seconds) -> float:
    try:
        return takes(parts, record)
    except PartDownError:
        return 0.0


def _attempt(parts: Parts, group: str, work: Work, record: Record, done: datetime) -> None:
    """Do the work; a record whose shard is down is held until the shard is back."""
    try:
        work(parts, record, done)
    except PartDownError:
        parts.held.append((group, record))


def retry_held(parts: Parts, group: str, work: Work, at: datetime) -> None:
    """Do what was held, as far as its shard is back."""
    for waiting in [held for held in parts.held if held[0] == group]:
        if parts.shards.of(waiting[1].merchant_id or "").up:
            work(parts, waiting[1], at)
            parts.held.remove(waiting)
