"""The breakers and connection pools of every ingest instance, as Prometheus scraped them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from checks.sources.actuator_metrics import BREAKERS, STATES, breakers_of
from checks.sources.facts import Breaker, Fact, Pool, Unseen, Why, cut
from checks.sources.prometheus import Prometheus
from checks.sources.prometheus_facts import Reading, Turn, turns

T = TypeVar("T")

SCRAPE_AGE_SECONDS_MAX = 120.0
_POOLS = "hikaricp_connections"


class PrometheusBreakers:
    """Implements BreakersSource; an instance is named `ingest@host:port`.

    `job` is the one under which Prometheus scrapes ingest. An instance whose scrape fails or has
    grown old is unseen: its last state says nothing about now.
    """

    def __init__(self, prometheus: Prometheus, job: str = "ingest-service") -> None:
        self._prometheus = prometheus
        self._job = json.dumps(job)

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]:
        """All breakers of each instance, in all six states."""
        return self._read(f"{BREAKERS}.+", _breakers)

    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]:
        """The database connection pools of each instance."""
        return self._read(f"{_POOLS}(_active|_max|_pending)", _pools)

    def turns(
        self, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Turn, ...]]:
        """When which breaker changed its state (as exactly as `step`), oldest first."""
        query = f"{BREAKERS}state{{job={self._job}}} == 1"
        found = self._prometheus.points(query, start, end, step)
        if isinstance(found, Unseen):
            return found
        seen: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        for labels, points in found:
            state = STATES.get(labels.get("state", ""), "")
            key = (_name(labels), cut(labels.get("name", ""), 60))
            seen.setdefault(key, []).extend((at, state) for at, _ in points)
        every = (turn for key, states in seen.items() for turn in turns(states, *key))
        return tuple(sorted(every, key=lambda turn: turn.at))

    def _read(
        self, names: str, read: Callable[[str, list[Reading]], tuple[T, ...]]
    ) -> Mapping[str, Fact[tuple[T, ...]]]:
        targets = self._targets()
        if isinstance(targets, Unseen):
            return {"ingest": targets}
        query = f"{{__name__=~{json.dumps(names)}, job={self._job}}}"
        found = self._prometheus.instant(query)
        if isinstance(found, Unseen) and found.reason != "no_series":
            return {
                name: found if trouble is None else trouble for name, trouble in targets.items()
            }
        rows = _by_instance(() if isinstance(found, Unseen) else found)
        return {
            name: read(name, rows.get(name, [])) if trouble is None else trouble
            for name, trouble in targets.items()
        }

    def _targets(self) -> Fact[Mapping[str, Unseen | None]]:
        """Every instance that is scraped, with what is wrong with its scrape."""
        up = self._prometheus.instant(f"up{{job={self._job}}}")
        if isinstance(up, Unseen):
            return up
        times = self._prometheus.instant(f"timestamp(up{{job={self._job}}})")
        if isinstance(times, Unseen):
            return times
        ages = {_name(r.labels): r.at.timestamp() - r.value for r in times}
        return {_name(r.labels): _trouble(r, ages.get(_name(r.labels))) for r in up}


def _trouble(up: Reading, age_seconds: float | None) -> Unseen | None:
    name = _name(up.labels)
    if up.value != 1:
        return Unseen(name, Why.REFUSED, "target_down", {"path": "", "got": "", "expected": name})
    if age_seconds is None or age_seconds > SCRAPE_AGE_SECONDS_MAX:
        got = "" if age_seconds is None else f"{age_seconds:.0f} s"
        return Unseen(name, Why.LIMIT, "scrape_old", {"path": "", "got": got, "expected": name})
    return None


def _name(labels: Mapping[str, str]) -> str:
    return f"ingest@{labels.get('instance', '')}"


def _by_instance(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    rows: dict[str, list[Reading]] = {}
    for reading in readings:
        rows.setdefault(_name(reading.labels), []).append(reading)
    return rows


def _breakers(instance: str, rows: list[Reading]) -> tuple[Breaker, ...]:
    return breakers_of([(r.labels.get("__name__", ""), r.labels, r.value) for r in rows], instance)


def _pools(instance: str, rows: list[Reading]) -> tuple[Pool, ...]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        kind = row.labels.get("__name__", "").rpartition("_")[2]
        found.setdefault(row.labels.get("pool", ""), {})[kind] = int(row.value)
    whole = {"active", "max", "pending"}
    return tuple(Pool(instance, n, **v) for n, v in sorted(found.items()) if v.keys() == whole)
