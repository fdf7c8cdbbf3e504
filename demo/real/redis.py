"""The platform's Redis as a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from demo.platform.cache import RATE_WINDOW, Held
from demo.platform.down import PartDownError
from demo.real.script import Script

_SECONDS_MAX = 1.0
_BATCH = 500


class RealCache:
    """Keys and values of a server; their lives are the server's affair."""

    def __init__(self, url: str, script: Script) -> None:
        self._script = script
        self._client = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_SECONDS_MAX,
            socket_connect_timeout=_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )

    @property
    def up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def increment(self, key: str, now: datetime) -> Held:
        """Count one up; the first of a window starts its life."""
        with _told():
            value = self._client.incr(key)
            if value == 1:
                self._client.expire(key, RATE_WINDOW)
            return Held(str(value), _until(now, self._client.pttl(key)))

    def put(self, key: str, value: str, until: datetime | None) -> None:
        """Hold a value until a time."""
        with _told():
            self._client.set(key, value, pxat=None if until is None else until)

    def get(self, key: str, now: datetime) -> Held | None:
        """What a key holds, if it lives."""
        with _told():
            return self._held([key], now).get(key)

    def delete(self, key: str) -> bool:
        """Forget a key; whether there was one."""
        with _told():
            return bool(self._client.delete(key))

    def scan(self, prefix: str, now: datetime) -> Iterator[tuple[str, Held]]:
        """The living keys with a prefix, in order."""
        with _told():
            keys = sorted(set(self._client.scan_iter(match=f"{prefix}*", count=_BATCH)))
            for start in range(0, len(keys), _BATCH):
                yield from self._held(keys[start : start + _BATCH], now).items()

    def purge(self, now: datetime) -> None:
        """The server drops what has lived."""

    def go_down(self) -> None:
        """Kill the server."""
        self._script.kill("redis")

    def come_back(self) -> None:
        """Start the server."""
        self._script.up("redis")

    def close(self) -> None:
        """Let go of the connections."""
        self._script.wait()
        self._client.close()

    def _held(self, keys: list[str], now: datetime) -> dict[str, Held]:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
            pipeline.pttl(key)
        answers = pipeline.execute()
        pairs = zip(keys, answers[::2], answers[1::2], strict=True)
        return {k: Held(value, _until(now, ms)) for k, value, ms in pairs if value is not None}


def _until(now: datetime, milliseconds: int) -> datetime | None:
    return None if milliseconds < 0 else now + timedelta(milliseconds=milliseconds)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise PartDownError("redis") from error
