"""Is every instance of every service there, as Prometheus scrapes it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.instances import Target
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import CountOrZero, Hours, Minutes
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
)

_SCRAPE_AGE_SECONDS_MAX = 120.0
_NAMED_MAX = 5


def _platform_jobs() -> dict[str, int]:
    alone = ("eureka-server", "gateway", "consumer-worker", "monitoring-service")
    return dict.fromkeys(("ingest-service", *alone, "settlement-worker", "refund-worker"), 0)


@dataclass(frozen=True, slots=True)
class Options:
    """`jobs`: under which Prometheus scrapes the platform, and how many instances each has.

    0: as many as were seen. More are learnt when they are there for `settled_minutes`, longer
    than an update of the service keeps old and new side by side; fewer when there have been no
    more for `forgotten_hours`.
    """

    jobs: dict[str, CountOrZero] = field(default_factory=_platform_jobs)
    settled_minutes: Minutes = 15.0
    forgotten_hours: Hours = 24.0


@dataclass(frozen=True, slots=True)
class Facts:
    """The targets of the jobs; None: no Prometheus is configured."""

    targets: Fact[tuple[Target, ...]] | None


def probe(context: ProbeContext) -> Facts:
    """Ask Prometheus, where there is one."""
    scraped = context.platform.scraped
    return Facts(None if scraped is None else scraped.targets(context.options.jobs))


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """A job without an instance is crit, one with too few warn; one never scraped is unknown."""
    if facts.targets is None:
        return Verdict.of(monitoring_gaps([(_NO_PROMETHEUS, "")])), context.memory
    if isinstance(facts.targets, Unavailable):
        return Verdict.of(monitoring_gaps([(facts.targets, "")])), context.memory
    by_job = {job: [t for t in facts.targets if t.job == job] for job in context.options.jobs}
    usual = _usual(by_job, context)
    seen = {job: targets for job, targets in by_job.items() if job in usual}
    findings = [
        *(f for job, targets in seen.items() for f in _judge(job, targets, usual, context)),
        *monitoring_gaps(_unavailable(by_job, usual)),
    ]
    metrics = [Metric("instances_up", len(_up(t)), job) for job, t in seen.items()]
    return Verdict.of(findings, metrics), {"usual": usual}


def _usual(by_job: Mapping[str, list[Target]], context: ProbeContext) -> dict[str, Any]:
    """What is known of each job that was ever there: see `_learned`."""
    known: Mapping[str, Any] = context.memory.get("usual", {})
    return {
        job: _learned(known.get(job), len(_up(targets)), context)
        for job, targets in by_job.items()
        if job in known or targets
    }


def _learned(before: Mapping[str, Any] | None, up: int, context: ProbeContext) -> dict[str, Any]:
    """How many instances are usual, until when they were last all there, and since when there
    are more of them."""
    now = context.now.isoformat()
    if before is None or (up and _since(before["met_at"], context) >= _forgotten(context)):
        return {"count": max(1, up), "met_at": now}
    if up < before["count"]:
        return {"count": before["count"], "met_at": before["met_at"]}
    if up == before["count"]:
        return {"count": up, "met_at": now}
    count, since = min(up, before.get("more", up)), before.get("more_since", now)
    if _since(since, context) >= timedelta(minutes=context.options.settled_minutes):
        return {"count": count, "met_at": now}
    return {"count": before["count"], "met_at": now, "more": count, "more_since": since}


def _since(at: str, context: ProbeContext) -> timedelta:
    return context.now - datetime.fromisoformat(at)


def _forgotten(context: ProbeContext) -> timedelta:
    return timedelta(hours=context.options.forgotten_hours)


def _up(targets: Iterable[Target]) -> list[Target]:
    return [target for target in targets if target.up]


def _judge(
    job: str, targets: list[Target], usual: Mapping[str, Any], context: ProbeContext
) -> Iterator[Finding]:
    """An instance that Eureka forgot is no target any more, and yet is missing."""
    configured: int = context.options.jobs[job]
    up, wanted = len(_up(targets)), max(configured or usual[job]["count"], len(targets))
    if up >= wanted:
        return
    down = [target.instance for target in targets if not target.up]
    params: Params = {
        "job": job,
        "up": up,
        "expected": wanted,
        "down": ", ".join(sorted(down)[:_NAMED_MAX]),
        "is_configured": bool(configured),
    }
    yield Finding("instances_missing", Status.WARN if up else Status.CRIT, job, params)


def _unavailable(
    by_job: Mapping[str, list[Target]], known: Iterable[str]
) -> Iterator[tuple[Unavailable, str]]:
    """Jobs that Prometheus never had, and targets that it has not scraped for long."""
    for job, targets in by_job.items():
        if job not in known:
            yield _not(job, Why.NOT_VISIBLE, "job_not_scraped"), job
        elif any(_is_old(target) for target in targets):
            yield _not(job, Why.LIMIT, "scrape_old"), job


def _is_old(target: Target) -> bool:
    return target.age_seconds is None or target.age_seconds > _SCRAPE_AGE_SECONDS_MAX


def _not(job: str, why: Why, reason: str) -> Unavailable:
    return Unavailable(f"jobs/{job}", why, reason, {"path": "", "got": "", "expected": job})


_NO_PROMETHEUS = Unavailable(
    "instances",
    Why.NOT_VISIBLE,
    "no_prometheus",
    {"path": "", "got": "", "expected": "platform.prometheus.url"},
)
CHECK = Check(name="instances", options=Options, probe=probe, evaluate=evaluate)
