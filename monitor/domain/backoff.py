"""How long delivery waits: for one message, and for a receiver that does not take any."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.domain.delivery import Permanent, Temporary, Undelivered


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How hard delivery tries.

    `attempt_max`: how long one attempt may last as a whole; `lease`: how long a claimed message is
    left to its claimer, longer than any attempt lasts; `keep`: for how long a message matters;
    `quick_tries`: after how many failures in a row the waits begin to grow; `refused_waits`: how
    long a receiver is left alone that refuses everything, the last one again and again;
    `round_max`: how many messages one call handles at most.
    """

    lease: timedelta = timedelta(seconds=60)
    attempt_max: timedelta = timedelta(seconds=20)
    backoff_first: timedelta = timedelta(seconds=5)
    backoff_max: timedelta = timedelta(minutes=15)
    quick_tries: int = 5
    refused_waits: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in (1, 5, 15))
    retry_after_max: timedelta = timedelta(hours=1)
    keep: timedelta = timedelta(hours=72)
    jitter: float = 0.25
    round_max: int = 50


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """Since when and until when a receiver is left alone, after how many failures in a row.

    `refusals` counts those that a person must mend. `failed_last` lets the others go first, should
    that message be to blame itself; `suspicions` counts by message how often it failed right after
    another one had arrived.
    """

    failures: int = 0
    refusals: int = 0
    backed_off_at: datetime | None = None
    backs_off_until: datetime | None = None
    failed_last: int = 0
    suspicions: dict[int, int] = field(default_factory=dict)

    def is_backing_off(self, now: datetime) -> bool:
        """Whether it is left alone now; a clock that was set back ends it."""
        if self.backed_off_at is None or self.backs_off_until is None:
            return False
        return self.backed_off_at <= now < self.backs_off_until

    @property
    def is_troubled(self) -> bool:
        """Whether the last attempt failed because of the receiver."""
        return self.backs_off_until is not None


def failed(
    state: ReceiverState,
    message_id: int,
    error: Undelivered,
    now: datetime,
    policy: DeliveryPolicy,
    chance: float,
) -> ReceiverState:
    """A receiver's state after it did not take a message and is to blame for it."""
    is_limit = isinstance(error, Temporary) and error.retry_after is not None
    changed = replace(state, backed_off_at=now, failed_last=message_id)
    if not state.is_troubled and not is_limit:
        count = state.suspicions.get(message_id, 0) + 1
        changed = replace(changed, suspicions={**state.suspicions, message_id: count})
    if isinstance(error, Permanent):
        wait = policy.refused_waits[min(state.refusals, len(policy.refused_waits) - 1)]
        changed = replace(changed, refusals=state.refusals + 1)
    else:
        wait = _wait(state, error, policy, chance)
        changed = replace(changed, failures=state.failures + (not is_limit))
    return replace(changed, backs_off_until=now + wait)


def _wait(
    state: ReceiverState, error: Undelivered, policy: DeliveryPolicy, chance: float
) -> timedelta:
    """What was asked for; else short at first, and growing at once where it may have arrived."""
    retry_after = error.retry_after if isinstance(error, Temporary) else None
    may_have_arrived = isinstance(error, Temporary) and error.may_have_arrived
    free = 0 if may_have_arrived else policy.quick_tries - 1
    return backoff(state.failures + 1 - free, retry_after, policy, chance)


def arrived(state: ReceiverState, message_id: int) -> ReceiverState:
    """A receiver's state after it took a message."""
    return ReceiverState(suspicions={k: n for k, n in state.suspicions.items() if k != message_id})


def due_again(
    state: ReceiverState, message_id: int, now: datetime, policy: DeliveryPolicy, chance: float
) -> datetime:
    """When a message that was not taken is due: when the receiver is tried again, but one that
    seems to be to blame itself comes ever more rarely.
    """
    end = state.backs_off_until or now
    suspicion = state.suspicions.get(message_id, 0)
    if suspicion < 2:
        return end
    return max(end, now + backoff(suspicion, None, policy, chance))


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
