"""Delivery, at least once: claim what is due, send it, then mark it.

Nothing is given up for having failed so many times. Nothing simulated leaves this machine,
whatever the receiver.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.delivery.merge import latest, merge
from monitor.domain.backoff import (
    DeliveryPolicy,
    ReceiverState,
    arrived,
    backoff,
    due_again,
    failed,
)
from monitor.domain.delivery import Merged, Message, Permanent, Sender, Temporary, Undelivered
from monitor.scheduling.bounded import AbandonedError, InterruptibleWorker, Overran, Raised
from monitor.store.delivery import notifications

if TYPE_CHECKING:
    from monitor.store.database import Connection, Store

log = logging.getLogger(__name__)
_ERROR_MAX = 300
_LAST_SECONDS = 3.0
_STEP_BACK = timedelta(seconds=1)
Refresh = Callable[["Connection", Message, datetime], Mapping[str, Any]]


def as_made(tx: Connection, message: Message, now: datetime) -> Mapping[str, Any]:
    """The payload as it was made when the message was owed."""
    return message.payload


@dataclass(slots=True)
class _Route:
    """The way to one receiver, with the clock of the call that is at work, and its last `now`;
    `turned_at`: when a message was last asked for, by the clock that nobody sets."""

    receiver: str
    sender: Sender
    worker: InterruptibleWorker
    clock: Callable[[], datetime]
    turned_at: float
    state: ReceiverState = field(default_factory=ReceiverState)
    last_at: datetime | None = None


@dataclass(slots=True)
class Outbox:
    """Sends to each receiver by itself; one that hangs or refuses hinders no other.

    `refresh` makes an incident's payload afresh when it goes out. Only the scheduler's process
    may `release`.
    """

    store: Store
    receivers: Mapping[str, Sender]
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    refresh: Refresh = as_made
    abandoned: threading.Event = field(default_factory=threading.Event)
    chance: Callable[[], float] = random.random
    elapsed: Callable[[], float] = time.monotonic
    _routes: dict[str, _Route] = field(default_factory=dict)

    def deliver(self, receiver: str, now: datetime) -> int:
        """Send what is due to a receiver, one message at a time in the order of its thread; how
        many were sent.

        Raises AbandonedError once nobody waits for it any more.
        """
        route = self._route(receiver)
        start = self.elapsed()
        route.clock = lambda: now + timedelta(seconds=self.elapsed() - start)
        if route.last_at is not None and now < route.last_at - _STEP_BACK:
            notifications.release(self.store, receiver, now)  # the clock was set back
        route.last_at = now
        sent = 0
        for _ in range(self.policy.round_max):
            route.turned_at = self.elapsed()
            message = None if route.state.is_backing_off(route.clock()) else self._claim(route)
            if message is None:
                break
            sent += self._handle(route, message)
        return sent

    def deliver_all(self, now: datetime) -> int:
        """Send what is due to every receiver, side by side; how many were sent."""
        with ThreadPoolExecutor(max(len(self.receivers), 1), "deliver") as pool:
            return sum(pool.map(lambda receiver: self.deliver(receiver, now), self.receivers))

    def deliver_last(self, now: datetime) -> None:
        """Send what is due before the end; what hangs is left to the next start."""
        patience = threading.Timer(_LAST_SECONDS, self.abandoned.set)
        patience.start()
        with suppress(AbandonedError):
            self.deliver_all(now)
        patience.cancel()

    def release(self, now: datetime) -> None:
        """At the start: whoever held a message is dead, and what waits is tried at once."""
        notifications.mark_orphans_dead(self.store, self.receivers)
        for receiver in self.receivers:
            notifications.release(self.store, receiver, now)

    def is_refused(self, receiver: str) -> bool:
        """Whether a receiver's last answer was that it takes nothing as it is set up."""
        return self._route(receiver).state.refusals > 0

    def is_failing(self, receiver: str) -> bool:
        """Whether a receiver's last answer was a failure; to ask for patience is none."""
        state = self._route(receiver).state
        return state.failures > 0 or state.refusals > 0

    def idle_seconds(self, receiver: str) -> float:
        """How long nobody has looked for what is due to a receiver."""
        return self.elapsed() - self._route(receiver).turned_at

    def _route(self, receiver: str) -> _Route:
        if receiver not in self._routes:
            worker = InterruptibleWorker(f"send {receiver}")
            sender, turned_at = self.receivers[receiver], self.elapsed()
            self._routes[receiver] = _Route(receiver, sender, worker, _now, turned_at)
        return self._routes[receiver]

    def _claim(self, route: _Route) -> Message | None:
        lease, last = self.policy.lease, route.state.failed_last
        return notifications.claim(
            self.store, route.receiver, route.clock(), lease, self._prepared, last
        )

    def _prepared(self, tx: Connection, waiting: Sequence[Message], now: datetime) -> Merged:
        """What of a thread goes out, as things are now."""
        if waiting[0].kind != "incident":
            return latest(waiting) if waiting[0].kind == "delivery" else Merged(waiting[0])
        merged = merge(waiting)
        payload = self._fresh(tx, merged.message, now)
        if payload.get("ended_at") and payload.get("kind") not in ("brief", "resolved"):
            merged = merge(waiting, is_over=True)
            payload = self._fresh(tx, merged.message, now)
        return replace(merged, message=replace(merged.message, payload=payload))

    def _fresh(self, tx: Connection, message: Message, now: datetime) -> Mapping[str, Any]:
        try:
            return self.refresh(tx, message, now)
        except Exception:  # a word that is not the latest is better than none
            log.exception("%s goes out as it was made", message.key)
            return message.payload

    def _handle(self, route: _Route, message: Message) -> bool:
        if message.payload.get("simulated") and _leaves_machine(route.sender):
            self._mark_dead(message, "simulated: such messages do not leave this machine")
            return False
        error = self._attempt(route, message)
        if error is not None:
            self._not_delivered(route, message, error)
            return False
        if route.state.is_troubled:
            suspicions = [k for k, n in route.state.suspicions.items() if n > 1]
            notifications.hasten(self.store, route.receiver, route.clock(), suspicions)
        route.state = arrived(route.state, message.id)
        return True

    def _attempt(self, route: _Route, message: Message) -> Undelivered | None:
        """One try, with an end; what came of it. A try that outlasts it may still mark itself."""
        thread = None
        if message.thread:
            thread = notifications.thread_reference(self.store, message.thread, message.receiver)

        def send() -> None:
            reference = route.sender.send(message, thread)
            notifications.mark_sent(self.store, message.id, route.clock(), dict(reference))

        result = route.worker.run(send, self.policy.attempt_max, self.abandoned)
        if isinstance(result, Overran):
            seconds = self.policy.attempt_max.total_seconds()
            if result.still:
                return Temporary("an earlier attempt hangs", seconds)
            said = f"no answer within {seconds:g} s"
            return Temporary(said, whole_receiver=True, may_have_arrived=True)
        return _undelivered(result.error, message) if isinstance(result, Raised) else None

    def _not_delivered(self, route: _Route, message: Message, error: Undelivered) -> None:
        now, reason, chance = route.clock(), error.reason[:_ERROR_MAX], self.chance()
        if isinstance(error, Permanent) and not error.whole_receiver:
            self._mark_dead(message, reason)
            return
        if error.whole_receiver:
            route.state = failed(route.state, message.id, error, now, self.policy, chance)
            due_at = due_again(route.state, message.id, now, self.policy, chance)
        else:
            due_at = now + backoff(message.attempts, None, self.policy, chance)
        if isinstance(error, Temporary) and error.retry_after is not None:
            notifications.mark_unsent(self.store, message.id, due_at, reason)
        else:
            notifications.mark_retry(self.store, message.id, due_at, reason)
        notifications.mark_old_dead(self.store, route.receiver, now - self.policy.keep)
        log.warning("%s to %s: %s; again at %s", message.key, route.receiver, reason, due_at)

    def _mark_dead(self, message: Message, reason: str) -> None:
        notifications.mark_dead(self.store, message.id, reason)
        log.error("%s to %s is dead: %s", message.key, message.receiver, reason)


def _now() -> datetime:
    return datetime.now(UTC)


def _leaves_machine(sender: Sender) -> bool:
    return bool(getattr(sender, "leaves_machine", True))


def _undelivered(error: Exception, message: Message) -> Undelivered:
    if isinstance(error, Undelivered):
        return error
    log.error("sending %s to %s failed", message.key, message.receiver, exc_info=error)
    return Temporary(f"{type(error).__name__}: {error}")
