"""What Prometheus scraped: the breakers of ingest, the instances and their connection pools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from checks.sources.actuator.metrics import (
    BREAKERS,
    POOLS,
    REQUESTS,
    STATES,
    breakers_of,
    pools_of,
    requests_of,
)
from checks.sources.facts.instances import Pool, Target
from checks.sources.facts.platform import Breaker, RequestCount
from checks.sources.facts.prometheus import Reading, Turn, turns
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.prometheus.source import Prometheus

T = TypeVar("T")

SCRAPE_AGE_SECONDS_MAX = 120.0
_POOLS_MEMORY = "1h"  # a job that showed pools so recently must show them now


class PrometheusBreakers:
    """Implements BreakersSource and ScrapedSource; an instance is named `job@host:port`.

    `job` is the one under which Prometheus scrapes ingest, whose instances are `ingest@host:port`.
    An instance whose scrape fails or has grown old is unavailable: its last state says nothing
    about now.
    """

    def __init__(self, prometheus: Prometheus, job: str = "ingest-service") -> None:
        self._prometheus = prometheus
        self._job = job

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]:
        """All breakers of each instance, in all six states."""
        return self._read([self._job], f"{BREAKERS}.+", _breakers)

    def requests(self) -> Mapping[str, Fact[tuple[RequestCount, ...]]]:
        """The requests that each ingest instance answered since it started; none counted is not
        none asked."""
        found = self._read([self._job], f"{REQUESTS}(count|sum)", _requests)
        return {name: fact if fact != () else _uncounted(name) for name, fact in found.items()}

    def pools(self) -> Mapping[str, Fact[tuple[Pool, ...]]]:
        """The database connection pools of each instance of the jobs that have some."""
        jobs = self._prometheus.instant(f"last_over_time({POOLS}_max[{_POOLS_MEMORY}])")
        if isinstance(jobs, Unavailable):
            return {"ingest": replace(jobs, part="ingest") if _is_none(jobs) else jobs}
        named = {reading.labels.get("job", self._job) for reading in jobs}
        return self._read(named, f"{POOLS}(_active|_max|_pending)", _pools)

    def targets(self, jobs: Iterable[str]) -> Fact[tuple[Target, ...]]:
        """Every instance of these jobs that is scraped, up or not."""
        among = _among(jobs)
        up = self._prometheus.instant(f"up{{{among}}}")
        if isinstance(up, Unavailable):
            return () if _is_none(up) else up
        times = self._prometheus.instant(f"timestamp(up{{{among}}})")
        if isinstance(times, Unavailable):
            return () if _is_none(times) else times
        ages = {self._place(r.labels): r.at.timestamp() - r.value for r in times}
        return tuple(
            Target(*self._place(r.labels), r.value == 1, ages.get(self._place(r.labels)))
            for r in up
        )

    def turns(
        self, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Turn, ...]]:
        """When which breaker changed its state (as exactly as `step`), oldest first."""
        query = f"{BREAKERS}state{{{_among([self._job])}}} == 1"
        found = self._prometheus.points(query, start, end, step)
        if isinstance(found, Unavailable):
            return found
        seen: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        for labels, points in found:
            state = STATES.get(labels.get("state", ""), "")
            key = (self._name(labels), cut(labels.get("name", ""), 60))
            seen.setdefault(key, []).extend((at, state) for at, _ in points)
        every = (turn for key, states in seen.items() for turn in turns(states, *key))
        return tuple(sorted(every, key=lambda turn: turn.at))

    def _read(
        self,
        jobs: Iterable[str],
        names: str,
        read: Callable[[str, list[Reading]], tuple[T, ...]],
    ) -> Mapping[str, Fact[tuple[T, ...]]]:
        """The readings of each instance of some jobs; one that is not scraped well is
        unavailable."""
        among = _among(jobs)
        targets = self.targets(jobs)
        if isinstance(targets, Unavailable):
            return {"ingest": targets}
        if not targets:
            return {"ingest": _no_target(among)}
        found = self._prometheus.instant(f"{{__name__=~{json.dumps(names)}, {among}}}")
        unavailable = isinstance(found, Unavailable) and not _is_none(found)
        rows = self._by_instance(() if isinstance(found, Unavailable) else found)
        answers: dict[str, Fact[tuple[T, ...]]] = {}
        for target in targets:
            name = self._name({"job": target.job, "instance": target.instance})
            seen = found if unavailable else read(name, rows.get(name, []))
            answers[name] = _trouble(target, name) or seen  # type: ignore[assignment]
        return answers

    def _place(self, labels: Mapping[str, str]) -> tuple[str, str]:
        return labels.get("job", self._job), labels.get("instance", "")

    def _name(self, labels: Mapping[str, str]) -> str:
        job, instance = self._place(labels)
        return f"{'ingest' if job == self._job else job}@{instance}"

    def _by_instance(self, readings: Iterable[Reading]) -> dict[str, list[Reading]]:
        rows: dict[str, list[Reading]] = {}
        for reading in readings:
            rows.setdefault(self._name(reading.labels), []).append(reading)
        return rows


def _among(jobs: Iterable[str]) -> str:
    """The label matcher of some jobs, by their literal names."""
    names = "|".join(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", job) for job in sorted(jobs))
    return f"job=~{json.dumps(names, ensure_ascii=False)}"


def _is_none(unavailable: Unavailable) -> bool:
    return unavailable.reason == "no_series"


def _no_target(among: str) -> Unavailable:
    params = {"path": "", "got": "", "expected": f"up{{{among}}}"}
    return Unavailable("ingest", Why.NOT_VISIBLE, "no_series", params)


def _uncounted(name: str) -> Unavailable:
    params = {"path": "", "got": "", "expected": f"{REQUESTS}count"}
    return Unavailable(name, Why.NOT_VISIBLE, "no_series", params)


def _trouble(target: Target, name: str) -> Unavailable | None:
    if not target.up:
        return Unavailable(
            name, Why.REFUSED, "target_down", {"path": "", "got": "", "expected": name}
        )
    age = target.age_seconds
    if age is None or age > SCRAPE_AGE_SECONDS_MAX:
        got = "" if age is None else f"{age:.0f} s"
        return Unavailable(
            name, Why.LIMIT, "scrape_old", {"path": "", "got": got, "expected": name}
        )
    return None


def _breakers(instance: str, rows: list[Reading]) -> tuple[Breaker, ...]:
    return breakers_of(_plain(rows), instance)


def _requests(instance: str, rows: list[Reading]) -> tuple[RequestCount, ...]:
    return requests_of(_plain(rows), instance)


def _pools(instance: str, rows: list[Reading]) -> tuple[Pool, ...]:
    return pools_of(_plain(rows), instance)


def _plain(rows: list[Reading]) -> list[tuple[str, Mapping[str, str], float]]:
    return [(r.labels.get("__name__", ""), r.labels, r.value) for r in rows]
