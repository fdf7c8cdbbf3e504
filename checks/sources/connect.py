"""The platform as the configuration says it is reached: each part through its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

import httpx

from checks.sources.actuator.source import Actuator
from checks.sources.facts.platform import DatabaseSource, Health, KafkaSource, Platform, RedisSource
from checks.sources.facts.reset import RateLimitReset
from checks.sources.facts.unavailable import Fact
from checks.sources.http.client import Wire
from checks.sources.http.patient import PatientWire
from checks.sources.monitoring_api.ask import Ask
from checks.sources.monitoring_api.source import Gateway
from checks.sources.prometheus.breakers import PrometheusBreakers
from checks.sources.prometheus.source import Prometheus
from checks.sources.redis.rate_limit_reset import GatewayReset, RedisReset
from checks.sources.services import Services


@dataclass(frozen=True, slots=True)
class Address:
    """Where the platform is; a part whose own address is empty is seen through the gateway.

    `slow_timeout_seconds`: how long a part behind the monitoring-service may take to be called
    gone, while nobody waits longer than `timeout_seconds`. `shards`: name -> database URL;
    `redis_write_url`: of somebody who may delete counters; `ingest_job`: the job under which
    Prometheus scrapes ingest; `breakers_scraped`: its breakers are seen so, too.
    """

    base_url: str
    timeout_seconds: float = 5.0
    slow_timeout_seconds: float = 90.0
    token: str = field(default="", repr=False)
    actuators: Mapping[str, str] = field(default_factory=dict)
    shards: Mapping[str, str] = field(default_factory=dict, repr=False)
    redis_url: str = field(default="", repr=False)
    redis_write_url: str = field(default="", repr=False)
    kafka_bootstrap: str = ""
    kafka_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    prometheus_url: str = field(default="", repr=False)
    prometheus_token: str = field(default="", repr=False)
    ingest_job: str = "ingest-service"
    breakers_scraped: bool = False
    zone: tzinfo = UTC


Healths = Callable[[], Mapping[str, Fact[Health]]]


def connect(address: Address, transport: httpx.BaseTransport | None = None) -> Platform:
    """The sources of every part; a transport takes the place of the network."""
    wire = Wire(
        address.base_url,
        timeout_seconds=address.timeout_seconds,
        transport=transport,
        token=address.token,
    )
    slow = Wire(
        address.base_url,
        timeout_seconds=max(address.slow_timeout_seconds, address.timeout_seconds),
        transport=transport,
        token=address.token,
    )
    gateway = Gateway(wire, PatientWire(slow, address.timeout_seconds))
    actuator = Actuator(
        address.actuators,
        transport,
        timeout_seconds=min(address.timeout_seconds, 3.0),
        slow_timeout_seconds=address.slow_timeout_seconds,
    )
    direct: list[Healths] = []
    database = _database(address, direct) or gateway
    redis = _redis(address, direct) or gateway
    kafka = _kafka(address, direct) or gateway
    prometheus, scraped = _prometheus(address, transport)
    if prometheus is not None:
        direct.append(prometheus.healths)
    services = Services(
        gateway,
        actuator,
        direct=lambda: _together(direct),
        scraped=dict if scraped is None else scraped.requests,
    )
    breakers = scraped if scraped is not None and address.breakers_scraped else services
    reset = _reset(address, wire)
    return Platform(services, breakers, kafka, redis, database, prometheus, scraped, reset)


def _reset(address: Address, wire: Wire) -> RateLimitReset:
    if not address.redis_url:
        return GatewayReset(Ask(wire))
    url = address.redis_write_url or address.redis_url
    return RedisReset(url, timeout_seconds=min(address.timeout_seconds, 3.0))


# Drivers are imported only where they are used: they are large, and not everybody needs them.


def _database(address: Address, direct: list[Healths]) -> DatabaseSource | None:
    if not address.shards:
        return None
    from checks.sources.database.source import Database  # noqa: PLC0415

    database = Database(address.shards, zone=address.zone)
    direct.append(database.healths)
    return database


def _redis(address: Address, direct: list[Healths]) -> RedisSource | None:
    if not address.redis_url:
        return None
    from checks.sources.redis.source import Redis  # noqa: PLC0415

    redis = Redis(address.redis_url, timeout_seconds=min(address.timeout_seconds, 3.0))
    direct.append(redis.healths)
    return redis


def _kafka(address: Address, direct: list[Healths]) -> KafkaSource | None:
    """ValueError: the client does not take the options."""
    if not address.kafka_bootstrap:
        return None
    from checks.sources.kafka.source import Kafka  # noqa: PLC0415

    seconds = address.timeout_seconds
    kafka = Kafka(address.kafka_bootstrap, address.kafka_options, timeout_seconds=seconds)
    direct.append(kafka.healths)
    return kafka


def _prometheus(
    address: Address, transport: httpx.BaseTransport | None
) -> tuple[Prometheus, PrometheusBreakers] | tuple[None, None]:
    if not address.prometheus_url:
        return None, None
    prometheus = Prometheus(
        address.prometheus_url,
        token=address.prometheus_token,
        timeout_seconds=address.timeout_seconds,
        transport=transport,
    )
    return prometheus, PrometheusBreakers(prometheus, address.ingest_job)


def _together(direct: list[Healths]) -> dict[str, Fact[Health]]:
    """Each source bounds itself; side by side, they wait no longer than the slowest of them."""
    if not direct:
        return {}
    with ThreadPoolExecutor(len(direct), "health") as pool:
        found = pool.map(lambda healths: healths(), direct)
        return {part: fact for each in found for part, fact in each.items()}
