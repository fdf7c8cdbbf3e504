"""The platform as the configuration says it is reached: each part through its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import httpx

from checks.sources.actuator import Actuator
from checks.sources.facts import DatabaseSource, Platform
from checks.sources.gateway import Gateway
from checks.sources.http import Wire
from checks.sources.services import Services


@dataclass(frozen=True, slots=True)
class Address:
    """Where the platform is. `shards`: name -> database URL; empty: seen through the gateway."""

    base_url: str
    timeout_seconds: float = 5.0
    token: str = field(default="", repr=False)
    actuators: Mapping[str, str] = field(default_factory=dict)
    shards: Mapping[str, str] = field(default_factory=dict, repr=False)
    zone: tzinfo = UTC


def connect(address: Address, transport: httpx.BaseTransport | None = None) -> Platform:
    """The sources of every part; a transport takes the place of the network."""
    wire = Wire(
        address.base_url,
        timeout_seconds=address.timeout_seconds,
        transport=transport,
        token=address.token,
    )
    gateway = Gateway(wire)
    actuator = Actuator(
        address.actuators, transport, timeout_seconds=min(address.timeout_seconds, 3.0)
    )
    database: DatabaseSource = gateway
    services = Services(gateway, actuator)
    if address.shards:
        from checks.sources.database import Database  # noqa: PLC0415  (drivers only when used)

        shards = Database(address.shards, zone=address.zone)
        database, services = shards, Services(gateway, actuator, direct=shards.healths)
    return Platform(services, services, gateway, gateway, database)
