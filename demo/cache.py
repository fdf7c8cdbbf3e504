"""The platform's Redis: counters of the rate limiter and cached answers, each with a life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from demo.down import PartDownError

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


class Cache:
    """Keys and values; every question fails while it is down."""

    def __init__(self) -> None:
        self.up = True
        self._held: dict[str, Held] = {}

    def increment(self, key: str, now: datetime) -> Held:
        """Count one up; the first of a window starts its life."""
        held = self.get(key, now)
        if held is None:
            held = self._held[key] = Held("0", now + RATE_WINDOW)
        held.value = str(int(held.value) + 1)
        return held

    def put(self, key: str, value: str, until: datetime | None) -> None:
        """Hold a value until a time."""
        self._check()
        self._held[key] = Held(value, until)

    def get(self, key: str, now: datetime) -> Held | None:
        """What a key holds, if it lives."""
        self._check()
        held = self._held.get(key)
        return held if held is not None and _lives(held, now) else None

    def delete(self, key: str) -> bool:
        """Forget a key; whether there was one."""
        self._check()
        return self._held.pop(key, None) is not None

    def scan(self, prefix: str, now: datetime) -> Iterator[tuple[str, Held]]:
        """The living keys with a prefix, in order."""
        self._check()
        for key in sorted(self._held):
            held = self._held[key]
            if key.startswith(prefix) and _lives(held, now):
                yield key, held

    def purge(self, now: datetime) -> None:
        """Drop what has lived."""
        gone = [key for key, held in self._held.items() if not _lives(held, now)]
        for key in gone:
            del self._held[key]

    def _check(self) -> None:
        if not self.up:
            raise PartDownError("redis")


def rate_key(action: str, merchant_id: str) -> str:
    """The counter of one merchant's calls of one action."""
    return f"rate:{action}:{merchant_id}"


def idempotency_key(merchant_id: str, key: str) -> str:
    """Where the answer to an authorization is cached."""
    return f"idem:authorize:{merchant_id}:{key}"


def _lives(held: Held, now: datetime) -> bool:
    return held.until is None or now < held.until
