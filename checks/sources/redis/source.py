"""Redis itself: walked over in small steps, never with KEYS, and never written to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from checks.sources.facts.agreement import believed
from checks.sources.facts.platform import (
    CachedKey,
    Health,
    KeyLife,
    RateUse,
    RedisMemory,
    RedisStats,
)
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.monitoring_api.fields import Fields, MisfitError
from checks.sources.redis.sweep import Bounds, Scan, Sweep, counters, rates, sweep
from checks.sources.redis.wire import Client, IllTypedError, RedisWire, whole
from monitor.domain.check import Params

ACTIONS = ("authorize", "capture", "refund")


class Redis:
    """Implements RedisSource; safe to use from several threads.

    A walk over all keys is shared by the questions of the next `fresh_seconds`.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 3.0,
        bounds: Bounds | None = None,
        fresh_seconds: float = 5.0,
    ) -> None:
        self._wire = RedisWire(url, timeout_seconds=timeout_seconds)
        self._bounds = bounds or Bounds()
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._swept: tuple[float, Sweep] | None = None

    def __repr__(self) -> str:
        return "Redis()"

    def healths(self) -> Mapping[str, Fact[Health]]:
        """Whether Redis answers, and how long that took."""
        started = time.perf_counter()
        found = self._wire.ask(lambda client: client.ping())
        took_ms = (time.perf_counter() - started) * 1000
        return {
            "redis": found if isinstance(found, Unavailable) else Health("redis", True, took_ms)
        }

    def stats(self) -> Fact[RedisStats]:
        """How many keys there are, by use."""
        found = self._sweep()
        return found if isinstance(found, Unavailable) else believed(found.stats(), "redis")

    def memory(self) -> Fact[RedisMemory]:
        """What Redis holds, and what it had to drop."""
        return self._wire.ask(_memory)

    def key_lives(self) -> Fact[tuple[KeyLife, ...]]:
        """How long the keys live, by prefix (as far as `stats` says that they were scanned)."""
        found = self._sweep()
        return found if isinstance(found, Unavailable) else believed(found.lives(), "redis")

    def rate_uses(self) -> Fact[tuple[RateUse, ...]]:
        """Every counter of every merchant; unavailable if there are more than the bounds allow."""
        found = self._wire.ask(lambda client: rates(whole(client), self._bounds))
        if isinstance(found, Unavailable):
            return found
        uses, complete = found
        return uses if complete else _beyond(len(uses))

    def rate_use(self, merchant_id: str) -> Fact[tuple[RateUse, ...]]:
        """One merchant's counters; none means that it asked for nothing in this window."""
        keys = [f"rate:{action}:{merchant_id}".encode() for action in ACTIONS]
        return self._wire.ask(lambda client: tuple(use for _, use in counters(client, keys)))

    def cached_key(self, key: str) -> Fact[CachedKey]:
        """What the idempotency cache holds under a key, whichever merchant used it."""
        return self._wire.ask(lambda client: self._cached(whole(client), key))

    def idempotent(self, merchant_id: str, key: str) -> Fact[CachedKey]:
        """What the idempotency cache holds under one merchant's key."""
        name = f"idem:authorize:{merchant_id}:{key}".encode()
        return self._wire.ask(lambda client: _held(client, name, key) or _free(key))

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _sweep(self) -> Fact[Sweep]:
        with self._lock:
            if self._swept and time.monotonic() - self._swept[0] < self._fresh_seconds:
                return self._swept[1]
            found = self._wire.ask(lambda client: sweep(whole(client), self._bounds))
            self._swept = None if isinstance(found, Unavailable) else (time.monotonic(), found)
            return found

    def _cached(self, client: Client, key: str) -> Any:
        scan = Scan(client, self._bounds, match=f"idem:*:{_literal(key)}")
        names = next(iter(scan), None)
        held = _held(client, names[0], key) if names is not None else None
        return held or (_free(key) if names or scan.complete else _beyond(0))


def _held(client: Client, name: bytes, key: str) -> CachedKey | None:
    """The answer under a name; None where there is none (any more)."""
    value, ttl = client.get(name), client.ttl(name)
    if value is None:
        return None
    return CachedKey(key, True, _payment_id(value), None if ttl == -1 else max(0, ttl))


def _free(key: str) -> CachedKey:
    return CachedKey(key, False, None, None)


def _memory(client: Client) -> RedisMemory:
    info = {**client.info("memory"), **client.info("stats")}
    return RedisMemory(
        _whole(info, "used_memory"),
        _whole(info, "maxmemory") or None,
        _whole(info, "evicted_keys"),
        _whole(info, "keyspace_hits"),
        _whole(info, "keyspace_misses"),
    )


def _whole(info: Mapping[str, Any], name: str) -> int:
    value = info.get(name)
    if not isinstance(value, int):
        raise IllTypedError(f"a whole number {name} from INFO", value)
    return value


def _literal(key: str) -> str:
    """A key as a pattern that matches nothing but itself."""
    return re.sub(r"([\\*?\[\]^-])", r"\\\1", key)


def _payment_id(value: bytes) -> int | None:
    with suppress(ValueError, RecursionError, MisfitError):
        found = Fields({"answer": json.loads(value)}).object("answer")
        return found.count("paymentId") if found.has("paymentId") else None
    raise IllTypedError("a cached answer with a paymentId", cut(value.decode("utf-8", "replace")))


def _beyond(seen: int) -> Unavailable:
    params: Params = {"path": "redis", "got": f"{seen}", "expected": "", "seen_keys": seen}
    return Unavailable("redis", Why.LIMIT, "redis_not_all_scanned", params)
