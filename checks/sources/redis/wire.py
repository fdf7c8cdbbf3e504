"""One bounded way to ask Redis: time-outs, one retry of a dead connection, and no exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from checks.sources.facts.agreement import believed
from checks.sources.facts.unavailable import (
    Fact,
    Unavailable,
    Why,
    cut,
)
from monitor.domain.shortage import OWN_SHORTAGE, own_shortage

T = TypeVar("T")
Client = Any  # redis.Redis: its stubs say of every answer that it may be awaitable


class IllTypedError(Exception):
    """A value is not what the platform writes there; never leaves the sources."""

    def __init__(self, expected: str, got: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = cut(str(got), 80)


class NotWholeError(Exception):
    """This server holds a part of the data, or an old state of it; never leaves the sources."""

    def __init__(self, reason: str, got: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.got = got


def whole(client: Client) -> Client:
    """The client, if its server holds all of the data as it is now."""
    if client.info("cluster").get("cluster_enabled"):
        raise NotWholeError("redis_cluster_node", "cluster_enabled:1")
    copies = client.info("replication")
    if copies.get("role") == "slave" and copies.get("master_link_status") != "up":
        raise NotWholeError("redis_stale_replica", "master_link_status:down")
    return client


class RedisWire:
    """One client with a small pool of connections; thread-safe, reused for every question."""

    def __init__(self, url: str, *, timeout_seconds: float = 3.0, tries: int = 2) -> None:
        """`url`: redis://, rediss:// or unix://, with what it takes to get in."""
        self._timeout_seconds = timeout_seconds
        self._client: Client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # A connection that died since the last question is made anew, once.
            retry=Retry(NoBackoff(), tries - 1, supported_errors=(exceptions.ConnectionError,)),
            client_name="paypulse",
            max_connections=10,
        )

    def __repr__(self) -> str:
        return "RedisWire()"

    def ask(self, question: Callable[[Client], T]) -> Fact[T]:
        """The answer to a question, or why there is none."""
        try:
            return believed(question(self._client), "redis")
        except IllTypedError as error:
            return _unavailable(Why.GARBLED, "redis_ill_typed", error.got, error.expected)
        except NotWholeError as error:
            return _unavailable(Why.NOT_VISIBLE, error.reason, error.got)
        except exceptions.RedisError as error:
            if lack := own_shortage(error):
                return _unavailable(Why.LIMIT, OWN_SHORTAGE, lack)
            return self._trouble(error)
        except (OSError, ValueError) as error:
            reason = "redis_tls" if isinstance(error, ssl.SSLError) else "redis_lost"
            return _unavailable(Why.WAY, reason, type(error).__name__)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _trouble(self, error: exceptions.RedisError) -> Unavailable:
        said = _first_word(error)
        if isinstance(error, (exceptions.AuthenticationError, exceptions.NoPermissionError)):
            return _unavailable(Why.NOT_VISIBLE, "redis_denied", said)
        if isinstance(error, exceptions.TimeoutError):
            return self._late(error)
        if isinstance(error, exceptions.BusyLoadingError) or "max number of clients" in str(error):
            return _unavailable(Why.REFUSED, "redis_not_serving", cut(str(error), 80))
        if isinstance(error, exceptions.InvalidResponse):
            return _unavailable(Why.GARBLED, "redis_not_redis")
        if isinstance(error, exceptions.ConnectionError):
            why, reason = _connection(str(error).lower())
            return _unavailable(why, reason, type(error).__name__)
        return _unavailable(Why.GARBLED, "redis_error", said)

    def _late(self, error: exceptions.TimeoutError) -> Unavailable:
        within = f"{self._timeout_seconds:g} s"
        if "connecting" in str(error).lower():
            return _unavailable(Why.WAY, "redis_connect_timeout", within)
        return _unavailable(Why.LIMIT, "redis_timeout", within)


def _connection(text: str) -> tuple[Why, str]:
    if "refused" in text:
        return Why.REFUSED, "redis_refused"
    if any(w in text for w in ("name or service", "getaddrinfo", "nodename", "name resolution")):
        return Why.WAY, "redis_dns"
    if any(w in text for w in ("ssl", "certificate", "tls")):
        return Why.WAY, "redis_tls"
    if "protocol error" in text:
        return Why.GARBLED, "redis_not_redis"
    return Why.WAY, "redis_lost"


def _first_word(error: Exception) -> str:
    """What kind of error Redis names; the rest of its text may hold what was asked."""
    words = str(error).split()
    return cut(words[0], 40) if words and words[0].isupper() else type(error).__name__


def _unavailable(why: Why, reason: str, got: str = "", expected: str = "") -> Unavailable:
    return Unavailable("redis", why, reason, {"path": "redis", "got": got, "expected": expected})
