"""The platform's Redis: counters of the rate limiter and cached answers, each with a life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

IDEMPOTENCY_LIFE = timedelta(seconds=600)
RATE_WINDOW = timedelta(seconds=60)


@dataclass(slots=True)
class Held:
    """A value and the end of its life; None: it lives forever."""

    value: str
    until: datetime | None

    def ttl_seconds(self, now: datetime) -> int:
        """The rest of its life as Redis says it: -1 if it has no end."""
        return -1 if self.until is None else ceil((self.until - now).total_seconds())


class Cache(Protocol):
    """Keys and values; every question fails with PartDownError while it is down."""

    @property
    def up(self) -> bool: ...
    def increment(self, key: str, now: datetime) -> Held: ...
    def put(self, key: str, value: str, until: datetime | None) -> None: ...
    def get(self, key: str, now: datetime) -> Held | None: ...
    def delete(self, key: str) -> bool: ...
    def scan(self, prefix: str, now: datetime) -> Iterator[tuple[str, Held]]: ...
    def purge(self, now: datetime) -> None: ...
    def go_down(self) -> None: ...
    def come_back(self) -> None: ...
    def close(self) -> None: ...


def rate_key(action: str, merchant_id: str) -> str:
    """The counter of one merchant's calls of one action."""
    return f"rate:{action}:{merchant_id}"


def idempotency_key(merchant_id: str, key: str) -> str:
    """Where the answer to an authorization is cached."""
    return f"idem:authorize:{merchant_id}:{key}"
