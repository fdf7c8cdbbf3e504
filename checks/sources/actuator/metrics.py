"""Reading breakers and request counts out of Prometheus text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from checks.sources.facts.instances import Pool
from checks.sources.facts.platform import Breaker, RequestCount
from checks.sources.facts.unavailable import cut

REQUESTS = "http_server_requests_seconds_"
BREAKERS = "resilience4j_circuitbreaker_"
POOLS = "hikaricp_connections"
_POOL_KINDS = {"active", "max", "pending"}
STATES = {
    "closed": "CLOSED",
    "open": "OPEN",
    "half_open": "HALF_OPEN",
    "disabled": "DISABLED",
    "forced_open": "FORCED_OPEN",
    "metrics_only": "METRICS_ONLY",
}
Reading = tuple[str, Mapping[str, str], float]


def requests_from(text: str, instance: str) -> tuple[RequestCount, ...]:
    """Requests by uri and status. ValueError: the text is not Prometheus text."""
    return requests_of(_readings(text, REQUESTS), instance)


def requests_of(readings: Iterable[Reading], instance: str) -> tuple[RequestCount, ...]:
    """Requests by uri and status among the readings of one instance."""
    counts: dict[tuple[str, int], list[float]] = {}
    for name, labels, value in readings:
        column = {"count": 0, "sum": 1}.get(name.removeprefix(REQUESTS))
        status = labels.get("status", "")
        if column is not None and status.isascii() and status.isdigit():
            key = (cut(labels.get("uri", "")), int(status[:3]))
            counts.setdefault(key, [0.0, 0.0])[column] += value
    return tuple(
        RequestCount(instance, uri, status, count, seconds)
        for (uri, status), (count, seconds) in counts.items()
    )


def breakers_from(text: str, instance: str) -> tuple[Breaker, ...]:
    """The breakers with their states. ValueError: the text is not Prometheus text."""
    return breakers_of(list(_readings(text, BREAKERS)), instance)


def pools_from(text: str, instance: str) -> tuple[Pool, ...]:
    """The connection pools. ValueError: the text is not Prometheus text."""
    return pools_of(_readings(text, POOLS), instance)


def pools_of(readings: Iterable[Reading], instance: str) -> tuple[Pool, ...]:
    """The connection pools among the readings of one instance; one half told is none."""
    found: dict[str, dict[str, int]] = {}
    for name, labels, value in readings:
        kind = name.removeprefix(POOLS).removeprefix("_")
        if kind in _POOL_KINDS:
            found.setdefault(cut(labels.get("pool", ""), 60), {})[kind] = int(value)
    whole = {pool: kinds for pool, kinds in found.items() if _is_pool(kinds)}
    return tuple(Pool(instance, pool, **kinds) for pool, kinds in sorted(whole.items()))


def _is_pool(kinds: Mapping[str, int]) -> bool:
    """All is told, and no more is in use than there may be."""
    if kinds.keys() != _POOL_KINDS or min(kinds.values()) < 0:
        return False
    return kinds["active"] <= kinds["max"]


def breakers_of(readings: list[Reading], instance: str) -> tuple[Breaker, ...]:
    """The breakers among the readings of one instance; one in two states at once is in none."""
    said = [
        (labels.get("name", ""), STATES[labels["state"]])
        for name, labels, value in readings
        if name == BREAKERS + "state" and value == 1 and labels.get("state") in STATES
    ]
    times = Counter(name for name, _ in said)
    states = {name: state for name, state in said if times[name] == 1}
    return tuple(_breaker(instance, name, state, readings) for name, state in states.items())


def _breaker(instance: str, name: str, state: str, readings: list[Reading]) -> Breaker:
    own = [reading for reading in readings if reading[1].get("name") == name]
    return Breaker(
        instance,
        cut(name, 60),
        state,
        _rate(own, "failure_rate"),
        _rate(own, "slow_call_rate"),
        int(_sum(own, "buffered_calls", kind="failed")),
        int(_sum(own, "buffered_calls")),
        int(_sum(own, "not_permitted_calls_total")),
    )


def _rate(readings: list[Reading], name: str) -> float | None:
    values = [value for found, _, value in readings if found == BREAKERS + name]
    return values[0] if values and values[0] >= 0 else None


def _sum(readings: list[Reading], name: str, **labels: str) -> float:
    return sum(
        value
        for found, has, value in readings
        if found == BREAKERS + name and labels.items() <= has.items()
    )


def _readings(text: str, prefix: str) -> Iterator[Reading]:
    """The finite readings whose names begin so; other lines are not parsed, which saves most."""
    if not _is_prometheus(text):
        raise ValueError("no line of Prometheus text")
    lines = [line for line in text.splitlines() if line.startswith(prefix)]
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            if abs(sample.value) < 1e18:
                yield sample.name, _texts(sample.labels), float(sample.value)


def _texts(labels: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in labels.items()}


def _is_prometheus(text: str) -> bool:
    """A help or type line, or a reading of ours; HTML, JSON and an empty body have none."""
    starts = ("# HELP ", "# TYPE ", REQUESTS, BREAKERS, POOLS)
    return any(line.startswith(starts) for line in text.splitlines())
