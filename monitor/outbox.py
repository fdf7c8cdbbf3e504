"""Delivery, at least once: claim what is due, send it, then mark it.

Nothing simulated leaves this machine, whatever the receiver.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.domain.delivery import Message, Permanent, Sender, Temporary
from monitor.store import notifications
from monitor.store.database import Store

log = logging.getLogger(__name__)
_ERROR_MAX = 300
_JUST_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How hard delivery tries: with these defaults for about a day.

    `lease`: how long a claimed message is left to its claimer, longer than any attempt lasts;
    `round_max`: how many messages one call handles at most.
    """

    lease: timedelta = timedelta(seconds=60)
    backoff_first: timedelta = timedelta(seconds=5)
    backoff_max: timedelta = timedelta(minutes=15)
    retry_after_max: timedelta = timedelta(hours=1)
    jitter: float = 0.25
    attempts_max: int = 100
    round_max: int = 50


@dataclass(slots=True)
class _Round:
    """One call of deliver: who is let rest after a failure, and until when."""

    store: Store
    receivers: Mapping[str, Sender]
    clock: Callable[[], datetime]  # goes on from the `now` handed in
    policy: DeliveryPolicy
    chance: Callable[[], float]
    resting: dict[str, datetime] = field(default_factory=dict)


def deliver(
    store: Store,
    receivers: Mapping[str, Sender],
    now: datetime,
    policy: DeliveryPolicy = DeliveryPolicy(),
    *,
    chance: Callable[[], float] = random.random,
    elapsed: Callable[[], float] = time.monotonic,
) -> int:
    """Send what is due, one message at a time in the order of its thread; how many were sent.

    Messages are claimed singly, so that a slow receiver outlasts no lease but its own.
    """
    start = elapsed()
    work = _Round(
        store, receivers, lambda: now + timedelta(seconds=elapsed() - start), policy, chance
    )
    sent = 0
    for _ in range(policy.round_max):
        owed = notifications.claim(store, work.clock(), policy.lease, 1)
        if not owed:
            break
        sent += _handle(work, owed[0])
    return sent


def _handle(work: _Round, message: Message) -> bool:
    sender = work.receivers.get(message.receiver)
    if sender is None:
        _bury(work, message, f"no receiver {message.receiver!r} is configured")
        return False
    if message.payload.get("simulated") and _leaves_machine(sender):
        _bury(work, message, "simulated: such messages do not leave this machine")
        return False
    if message.receiver in work.resting:
        notifications.mark_unsent(work.store, message.id, work.resting[message.receiver])
        return False
    return _attempt(work, message, sender)


def _leaves_machine(sender: Sender) -> bool:
    return bool(getattr(sender, "leaves_machine", True))


def _attempt(work: _Round, message: Message, sender: Sender) -> bool:
    try:
        thread = None
        if message.thread:
            thread = notifications.thread_reference(work.store, message.thread, message.receiver)
        reference = sender.send(message, thread)
    except Permanent as error:
        _bury(work, message, error.reason)
    except Temporary as error:
        _postpone(work, message, error)
    except Exception as error:
        log.exception("sending %s to %s failed", message.key, message.receiver)
        _postpone(work, message, Temporary(f"{type(error).__name__}: {error}"))
    else:
        notifications.mark_sent(work.store, message.id, work.clock(), dict(reference))
        return True
    return False


def _postpone(work: _Round, message: Message, error: Temporary) -> None:
    if message.attempts >= work.policy.attempts_max:
        _bury(work, message, f"gave up after {message.attempts} attempts: {error.reason}")
        return
    wait = backoff(message.attempts, error.retry_after, work.policy, work.chance())
    due_at = work.clock() + wait
    reason = error.reason[:_ERROR_MAX]
    notifications.mark_retry(work.store, message.id, due_at, reason)
    if error.whole_receiver:  # what it holds up goes first next time, should it be to blame itself
        work.resting[message.receiver] = due_at - _JUST_BEFORE
    log.warning("%s to %s: %s; again in %s", message.key, message.receiver, reason, wait)


def _bury(work: _Round, message: Message, reason: str) -> None:
    notifications.mark_dead(work.store, message.id, reason[:_ERROR_MAX])
    log.error("%s to %s is dead: %s", message.key, message.receiver, reason)


def backoff(
    attempts: int, retry_after: float | None, policy: DeliveryPolicy, chance: float
) -> timedelta:
    """How long to wait after so many attempts; `chance` (0 to 1) scatters it.

    What the receiver asked for is kept, and only ever lengthened.
    """
    doubled: timedelta = policy.backoff_first * (1 << min(max(attempts - 1, 0), 20))
    wait = min(doubled, policy.backoff_max) * (1 + policy.jitter * (2 * chance - 1))
    if retry_after is None:
        return wait
    asked = min(timedelta(seconds=max(retry_after, 0)), policy.retry_after_max)
    return asked + policy.backoff_first * policy.jitter * chance
