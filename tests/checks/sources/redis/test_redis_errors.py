"""What Redis' errors mean, with a client that fails as asked."""

from __future__ import annotations

import ssl

import pytest
from redis import exceptions

from checks.sources.facts.unavailable import Why
from checks.sources.redis.wire import RedisWire


@pytest.mark.parametrize(
    ("error", "why", "reason"),
    [
        (exceptions.AuthenticationError("WRONGPASS no"), Why.NOT_VISIBLE, "redis_denied"),
        (exceptions.NoPermissionError("NOPERM no"), Why.NOT_VISIBLE, "redis_denied"),
        (exceptions.BusyLoadingError("loading"), Why.REFUSED, "redis_not_serving"),
        (
            exceptions.ConnectionError("max number of clients reached"),
            Why.REFUSED,
            "redis_not_serving",
        ),
        (
            exceptions.ConnectionError("Error 111. Connection refused."),
            Why.REFUSED,
            "redis_refused",
        ),
        (exceptions.ConnectionError("Connection closed by server."), Why.WAY, "redis_lost"),
        (exceptions.ConnectionError("SSL: WRONG_VERSION"), Why.WAY, "redis_tls"),
        (exceptions.ConnectionError("Protocol Error: b'H'"), Why.GARBLED, "redis_not_redis"),
        (exceptions.InvalidResponse("HTTP/1.1"), Why.GARBLED, "redis_not_redis"),
        (exceptions.TimeoutError("Timeout connecting to server"), Why.WAY, "redis_connect_timeout"),
        (exceptions.TimeoutError("Timeout reading from socket"), Why.LIMIT, "redis_timeout"),
        (exceptions.ResponseError("ERR no"), Why.GARBLED, "redis_error"),
        (ssl.SSLError("x"), Why.WAY, "redis_tls"),
        (OSError("x"), Why.WAY, "redis_lost"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else "",
)
def test_each_error_has_its_meaning(error, why, reason):
    def fail(client: object) -> None:
        raise error

    found = RedisWire("redis://:hush@127.0.0.1:1").ask(fail)
    assert (found.part, found.why, found.reason) == ("redis", why, reason)
    assert "hush" not in repr(found)


def test_what_was_asked_does_not_come_back_in_an_error():
    def fail(client: object) -> None:
        raise exceptions.ResponseError("ERR unknown command with args: secret-merchant")

    assert RedisWire("redis://127.0.0.1:1").ask(fail).params["got"] == "ERR"
