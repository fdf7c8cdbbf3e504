"""What each service says about itself under /actuator, asked without the gateway between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import httpx

from checks.sources.actuator.metrics import breakers_from, pools_from, requests_from
from checks.sources.facts.instances import Pool
from checks.sources.facts.platform import Breaker, Health, RequestCount
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.http.client import Answer, Wire
from checks.sources.http.patient import PatientWire

T = TypeVar("T")


class Actuator:
    """The actuators of some services, by the service's name; those of `ingest` give metrics."""

    def __init__(
        self,
        urls: Mapping[str, str],
        transport: httpx.BaseTransport | None = None,
        *,
        ingest: Iterable[str] | None = None,
        timeout_seconds: float = 3.0,
        slow_timeout_seconds: float = 90.0,
    ) -> None:
        """`slow_timeout_seconds`: how long a service may take to say that what it needs is gone."""
        given = max(timeout_seconds, slow_timeout_seconds)
        self._patient = {
            name: PatientWire(
                Wire(url, transport=transport, timeout_seconds=given, part=name),
                timeout_seconds,
                name,
            )
            for name, url in urls.items()
        }
        self._wires = {
            name: Wire(
                url,
                transport=transport,
                timeout_seconds=timeout_seconds,
                part=name,
                keys=f"platform.actuators.{name}",
            )
            for name, url in urls.items()
        }
        named = (name for name in urls if name.startswith("ingest"))
        self._ingest = tuple(named if ingest is None else ingest)

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services."""
        return tuple(self._wires)

    def health(self, service: str) -> Fact[Health]:
        """What one service says about itself, and how long it took to say it."""
        started = time.perf_counter()
        answer = self._patient[service].get("/actuator/health")
        took_ms = (time.perf_counter() - started) * 1000
        if isinstance(answer, Answer):
            took_ms = max(took_ms, 1000 * answer.seconds)
        return answer if isinstance(answer, Unavailable) else _health(service, answer, took_ms)

    def healths(self) -> Mapping[str, Fact[Health]]:
        """What every service says about itself."""
        return {service: self.health(service) for service in self._wires}

    def requests(self) -> Mapping[str, Fact[tuple[RequestCount, ...]]]:
        """The requests that each ingest instance answered since it started."""
        return {name: _read(self._scrape(name), name, requests_from) for name in self._ingest}

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]:
        """All breakers of each ingest instance."""
        return {name: _read(self._scrape(name), name, breakers_from) for name in self._ingest}

    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]:
        """The connection pools of each service; only ingest must have one."""
        found = {name: _read(self._scrape(name), name, pools_from) for name in self._wires}
        return {name: fact for name, fact in found.items() if fact != () or name in self._ingest}

    def close(self) -> None:
        """Close the connections."""
        for wire in self._wires.values():
            wire.close()
        for patient in self._patient.values():
            patient.close()

    def _scrape(self, instance: str) -> Fact[str]:
        answer = self._wires[instance].text("/actuator/prometheus", bytes_max=8_000_000)
        if isinstance(answer, Unavailable):
            return answer
        if answer.status != 200:
            return _unlike(instance, answer, "status 200 with Prometheus text")
        return answer.text


def _read(text: Fact[str], instance: str, reader: Callable[[str, str], T]) -> Fact[T]:
    if isinstance(text, Unavailable):
        return text
    try:
        return reader(text, instance)
    except (ValueError, IndexError) as error:
        got = cut(f"{error}: {text}")
        params = {"path": "/actuator/prometheus", "got": got, "expected": "Prometheus text"}
        return Unavailable(instance, Why.GARBLED, "not_prometheus", params)


def _health(service: str, answer: Answer, took_ms: float) -> Fact[Health]:
    """UP with 200 and DOWN with 503 are answers; anything else is none."""
    word = answer.data.get("status")
    if answer.status not in (200, 503) or not isinstance(word, str):
        return _unlike(service, answer, "200 or 503 with a text `status`")
    up = answer.status == 200 and word == "UP"
    return Health(service, up, took_ms, "" if up else cut(_down_parts(answer, word)))


def _down_parts(answer: Answer, word: str) -> str:
    """The components that are not UP, where the service shows them."""
    parts = answer.data.get("components")
    if not isinstance(parts, dict):
        return word
    down = [n for n, p in parts.items() if isinstance(p, dict) and p.get("status") != "UP"]
    return f"{word} ({', '.join(down)})" if down else word


def _unlike(service: str, answer: Answer, expected: str) -> Unavailable:
    text = answer.text or json.dumps(dict(answer.data), default=str)[:300]
    params = {"path": answer.path, "got": cut(f"{answer.status} {text}"), "expected": expected}
    return Unavailable(service, Why.GARBLED, "unexpected_status", params)
