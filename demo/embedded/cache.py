"""The platform's Redis in memory: every key with the end of its life."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from demo.platform.cache import RATE_WINDOW, Held
from demo.platform.down import PartDownError


class MemoryCache:
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

    def go_down(self) -> None:
        """Refuse from now on."""
        self.up = False

    def come_back(self) -> None:
        """Answer again, with what was held."""
        self.up = True

    def close(self) -> None:
        """There is nothing to let go of."""

    def _check(self) -> None:
        if not self.up:
            raise PartDownError("redis")


def _lives(held: Held, now: datetime) -> bool:
    return held.until is None or now < held.until
