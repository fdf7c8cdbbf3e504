"""The health of every part: through the monitoring-service, and from each actuator itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from checks.sources.actuator.source import Actuator
from checks.sources.facts.instances import Pool
from checks.sources.facts.platform import Breaker, Health, RequestCount
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from checks.sources.monitoring_api.ask import unavailable_part
from checks.sources.monitoring_api.breakers import breakers_of
from checks.sources.monitoring_api.facts import DatabaseStats, KafkaHealth
from checks.sources.monitoring_api.source import Gateway

T = TypeVar("T")
_HANGS = frozenset({"part_hangs", "gateway_gave_up"})
Healths = Mapping[str, Fact[Health]]
Requests = Mapping[str, Fact[tuple[RequestCount, ...]]]


class Services:
    """Services, their requests and breakers, from the gateway and from actuators together.

    `direct` is asked for the health of parts that another source sees with its own eyes; the
    gateway is not asked for those. `scraped` counts requests where no actuator does. All of
    `healths` stays within `budget_seconds`, whatever hangs.
    """

    def __init__(
        self,
        gateway: Gateway,
        actuator: Actuator | None = None,
        *,
        direct: Callable[[], Healths] = dict,
        scraped: Callable[[], Requests] = dict,
        budget_seconds: float = 15.0,
    ) -> None:
        self._gateway = gateway
        self._actuator = actuator or Actuator({})
        self._direct = direct
        self._scraped = scraped
        self._budget_seconds = budget_seconds

    def healths(self) -> Healths:
        """Every part's health, by part."""
        ends_at = time.monotonic() + self._budget_seconds
        direct = self._direct()
        actuators = {name: self._own(name, ends_at) for name in self._actuator.services}
        seen = {**dict(self._behind_gateway(actuators, direct, ends_at)), **direct}
        judged = _judged(actuators, way_works=any(_answered(fact) for fact in seen.values()))
        return {**seen, **judged}

    def requests(self) -> Requests:
        """The requests that each ingest instance answered: the gateway never tells."""
        return self._actuator.requests() or self._scraped()

    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]:
        """The connection pools of the services (only actuators tell)."""
        nobody = unavailable_part("ingest", "pools_not_shown", "a connection pool", "")
        return self._actuator.pools() or {"ingest": nobody}

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]:
        """All breakers, each once: the gateway's stands in where no actuator shows it."""
        found = dict(self._actuator.breakers())
        shown = {
            b.name for fact in found.values() if not isinstance(fact, Unavailable) for b in fact
        }
        complete = found and not any(isinstance(fact, Unavailable) for fact in found.values())
        if complete and "kafka-publisher" in shown:
            return found
        other = self._gateway.breaker()
        if not isinstance(other, Unavailable) and other.name in shown:
            return found
        return _joined(found, breakers_of(other))

    def _own(self, service: str, ends_at: float) -> Fact[Health]:
        if time.monotonic() > ends_at:
            return _out_of_time(service)
        return self._actuator.health(service)

    def _behind_gateway(
        self, actuators: Healths, direct: Healths, ends_at: float
    ) -> Iterator[tuple[str, Fact[Health]]]:
        monitoring = _timed("monitoring", self._gateway.load_test_scenarios, lambda _: "")
        yield "monitoring", _refused_if_unreachable(monitoring)
        if isinstance(monitoring, Unavailable):
            yield from ((part, _behind(monitoring)) for part in ("redis", "kafka", "database"))
            if not _answered(actuators.get("ingest")):
                yield "ingest", _behind(monitoring)
            return
        for part, ask in self._asks(actuators):
            if part in direct:
                continue
            if time.monotonic() > ends_at:
                yield part, _out_of_time(part)
            else:
                yield from ask()

    def _asks(
        self, actuators: Healths
    ) -> Iterator[tuple[str, Callable[[], Iterator[tuple[str, Fact[Health]]]]]]:
        gateway = self._gateway
        if not _answered(actuators.get("ingest")):
            yield "ingest", lambda: _one("ingest", _timed("ingest", gateway.breaker, lambda _: ""))
        yield "database", self._database
        yield "redis", lambda: _one("redis", self._slow("redis", gateway.stats, lambda _: ""))
        health = gateway.kafka_health
        yield "kafka", lambda: _one("kafka", self._slow("kafka", health, _kafka_detail))

    def _slow(
        self, part: str, ask: Callable[[], Fact[T]], detail_of: Callable[[T], str]
    ) -> Fact[Health]:
        """The health behind a question that may take a minute, with the time that it took.

        The monitoring-service itself has just answered: one that hangs, hangs for its part.
        """
        found = _timed(part, ask, detail_of)
        if isinstance(found, Unavailable):
            return replace(found, why=Why.REFUSED) if found.reason in _HANGS else found
        late_ms = 1000 * self._gateway.late_seconds(part)
        return replace(found, response_ms=max(found.response_ms, late_ms))

    def _database(self) -> Iterator[tuple[str, Fact[Health]]]:
        started = time.perf_counter()
        found = self._gateway.database_stats()
        took_ms = (time.perf_counter() - started) * 1000
        if isinstance(found, Unavailable):
            yield "database", found
            return
        yield "database", Health("database", True, took_ms)
        for part, fact in _shards(found, took_ms):
            is_left_out = isinstance(fact, Unavailable) and fact.reason == "shard_not_counted"
            yield part, self._by_statistics(part) if is_left_out else fact

    def _by_statistics(self, part: str) -> Fact[Health]:
        """A shard that the row counts leave out: the statistics of all shards need it."""
        found = self._slow(part, lambda: self._gateway.shards_answer(part), lambda _: "")
        return replace(found, part=part) if isinstance(found, Unavailable) else found


def _one(part: str, fact: Fact[Health]) -> Iterator[tuple[str, Fact[Health]]]:
    yield part, fact


def _timed(part: str, ask: Callable[[], Fact[T]], detail_of: Callable[[T], str]) -> Fact[Health]:
    """The health behind a question: an answer is UP unless it says what is wrong."""
    started = time.perf_counter()
    found = ask()
    took_ms = (time.perf_counter() - started) * 1000
    if isinstance(found, Unavailable):
        return found
    detail = detail_of(found)
    return Health(part, not detail, took_ms, detail)


def _kafka_detail(health: KafkaHealth) -> str:
    if health.healthy and health.brokers:
        return ""
    return health.detail or "no broker answers"


def _shards(found: DatabaseStats, took_ms: float) -> Iterator[tuple[str, Fact[Health]]]:
    for name, state in found.shards.items():
        part = f"database/{name}"
        yield part, state if isinstance(state, Unavailable) else Health(part, True, took_ms)


def _refused_if_unreachable(monitoring: Fact[Health]) -> Fact[Health]:
    """A gateway that says it reaches no monitoring-service is a way that works."""
    if isinstance(monitoring, Unavailable) and monitoring.reason == "monitoring_unreachable":
        return replace(monitoring, why=Why.REFUSED)
    return _behind(monitoring) if isinstance(monitoring, Unavailable) else monitoring


def _behind(monitoring: Unavailable) -> Unavailable:
    """What lies behind a way that fails: seen no more than the way itself.

    The question needs nothing but the monitoring-service: no answer in time is the way's fault,
    and a failure reported here speaks about no part.
    """
    if monitoring.reason == "timeout":
        return replace(monitoring, part="gateway", why=Why.WAY)
    if monitoring.why is Why.REFUSED:
        return replace(monitoring, part="gateway", why=Why.GARBLED)
    return monitoring


def _judged(actuators: Healths, *, way_works: bool) -> dict[str, Fact[Health]]:
    """A refused connection speaks about its service only if something else could be reached."""
    reached = way_works or any(_answered(fact) for fact in actuators.values())
    return {name: _reached(fact, reached) for name, fact in actuators.items()}


def _reached(fact: Fact[Health], reached: bool) -> Fact[Health]:
    if not isinstance(fact, Unavailable) or fact.why is not Why.WAY:
        return fact
    if not reached:
        return replace(fact, part="gateway")
    refused = fact.reason == "connection_refused"
    return replace(fact, why=Why.REFUSED) if refused else fact


def _answered(fact: Fact[Health] | None) -> bool:
    return isinstance(fact, Health) or (isinstance(fact, Unavailable) and fact.why is Why.REFUSED)


def _out_of_time(part: str) -> Unavailable:
    return unavailable_part(part, "out_of_time", "an answer of the parts before it", "", Why.LIMIT)


def _joined(
    found: dict[str, Fact[tuple[Breaker, ...]]], other: Fact[tuple[Breaker, ...]]
) -> dict[str, Fact[tuple[Breaker, ...]]]:
    """The gateway's "ingest" beside the instances; it never replaces what an actuator showed."""
    own = found.get("ingest")
    if own is None:
        return {**found, "ingest": other}
    if isinstance(own, Unavailable):
        return {**found, "ingest": other if not isinstance(other, Unavailable) else own}
    return {**found, "ingest": own if isinstance(other, Unavailable) else (*own, *other)}
