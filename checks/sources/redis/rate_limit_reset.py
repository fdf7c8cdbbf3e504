"""Clearing a merchant's counters: in Redis itself, or through the monitoring-service."""

from __future__ import annotations

from collections.abc import Sequence

from checks.sources.facts.reset import Cleared
from checks.sources.facts.unavailable import Fact, Unavailable
from checks.sources.monitoring_api.ask import Ask
from checks.sources.monitoring_api.fields import Fields


class RedisReset:
    """DEL of exactly the counters that are named, over a connection that does nothing else."""

    via = "redis"
    by_action = True

    def __init__(self, url: str, *, timeout_seconds: float = 3.0) -> None:
        """`url`: of somebody who may delete rate:*; nothing is opened before it is needed."""
        self._url = url
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return "RedisReset()"

    def clear(self, merchant_id: str, actions: Sequence[str]) -> Fact[Cleared]:
        """Delete these counters; those that were there are named."""
        from checks.sources.redis.wire import RedisWire  # noqa: PLC0415  (a driver)

        wire = RedisWire(self._url, timeout_seconds=self._timeout_seconds, tries=1)
        try:
            keys = [f"rate:{action}:{merchant_id}".encode() for action in actions]
            gone = wire.ask(lambda client: [client.delete(key) for key in keys])
        finally:
            wire.close()
        if isinstance(gone, Unavailable):
            return gone
        return Cleared("redis", tuple(a for a, n in zip(actions, gone, strict=True) if n))


class GatewayReset:
    """The monitoring-service clears what it takes for the merchant's counters, all at once."""

    via = "gateway"
    by_action = False

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __repr__(self) -> str:
        return "GatewayReset()"

    def clear(self, merchant_id: str, actions: Sequence[str]) -> Fact[Cleared]:
        """Ask it to; which counters went it does not say."""
        path, query = "/monitoring/redis/rate-limit", {"merchantId": merchant_id}
        return self._ask("redis", path, _cleared, query, method="DELETE")


def _cleared(fields: Fields) -> Cleared:
    return Cleared("gateway", None if fields.flag("success") else ())
