"""A circuit breaker as the platform uses them: while CLOSED only failures are recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

# as micrometer names them
STATES = ("closed", "disabled", "forced_open", "half_open", "metrics_only", "open")
_FORGET_AFTER = timedelta(seconds=60)


class Breaker:
    """CLOSED -> OPEN at half of enough calls failing -> HALF_OPEN after a wait -> CLOSED or OPEN.

    One difference to the platform: a probe that succeeds a minute after the last failure makes a
    CLOSED breaker forget, so that a short trouble does not leave its mark for days.
    """

    def __init__(self, name: str, wait: timedelta, calls_min: int, trial_calls: int) -> None:
        self.name = name
        self.state = "CLOSED"
        self.succeeded = 0
        self.failed = 0
        self.not_permitted = 0
        self._wait = wait
        self._calls_min = calls_min
        self._trial_calls = trial_calls
        self._changed_at: datetime | None = None
        self._failed_at: datetime | None = None

    @property
    def buffered(self) -> int:
        """How many calls it remembers."""
        return self.succeeded + self.failed

    @property
    def failure_percent(self) -> float:
        """The share of failures; -1 while it remembers too few calls."""
        needed = self._trial_calls if self.state == "HALF_OPEN" else self._calls_min
        if self.state != "OPEN" and self.buffered < needed:
            return -1.0
        return 100.0 * self.failed / self.buffered if self.buffered else -1.0

    @property
    def calm(self) -> bool:
        """Closed, and no failure remembered."""
        return self.state == "CLOSED" and not self.failed

    def permits(self, now: datetime) -> bool:
        """Whether a call may be made; the first one after the wait makes it HALF_OPEN."""
        if self.state != "OPEN":
            return True
        if self._changed_at is not None and now - self._changed_at < self._wait:
            return False
        self._change("HALF_OPEN", now)
        return True

    def refuse(self) -> None:
        """Count a call that was not permitted."""
        self.not_permitted += 1

    def record(self, succeeded: bool, now: datetime) -> None:
        """Take the outcome of a call."""
        if self.state == "OPEN":
            self.not_permitted += not succeeded
        elif self.state == "HALF_OPEN":
            self._try(succeeded, now)
        elif not succeeded:
            self._fail(now)
        elif self._failed_at is not None and now - self._failed_at >= _FORGET_AFTER:
            self._forget()

    def _try(self, succeeded: bool, now: datetime) -> None:
        self.succeeded += succeeded
        self.failed += not succeeded
        if self.buffered < self._trial_calls:
            return
        if self.failed * 2 >= self.buffered:
            self._changed_at, self.state = now, "OPEN"
        else:
            self._change("CLOSED", now)

    def _fail(self, now: datetime) -> None:
        self.failed += 1
        self._failed_at = now
        if self.buffered >= self._calls_min:
            self._changed_at, self.state = now, "OPEN"

    def _change(self, state: str, now: datetime) -> None:
        self.state, self._changed_at = state, now
        self._forget()

    def _forget(self) -> None:
        self.succeeded = self.failed = 0
        self._failed_at = None


def kafka_publisher() -> Breaker:
    """The breaker between the relay and the broker."""
    return Breaker("kafka-publisher", timedelta(seconds=30), calls_min=5, trial_calls=3)


def pg_auth_api() -> Breaker:
    """The breaker between ingest and the payment gateway's authorization."""
    return Breaker("pg-auth-api", timedelta(seconds=60), calls_min=10, trial_calls=5)
