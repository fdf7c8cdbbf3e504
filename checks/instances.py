"""Is every instance of every service there, as Prometheus scrapes it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from checks.sources.facts.instances import Target
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
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
    workers = ("settlement-worker", "refund-worker")
    return {"ingest-service": 2, **dict.fromkeys((*alone, *workers), 1)}


@dataclass(frozen=True, slots=True)
class Options:
    """`jobs`: under which Prometheus scrapes the platform, and how many instances each has."""

    jobs: dict[str, int] = field(default_factory=_platform_jobs)


@dataclass(frozen=True, slots=True)
class Facts:
    """The targets of the jobs; None: no Prometheus is configured, and `services` asks them all."""

    targets: Fact[tuple[Target, ...]] | None


def probe(context: ProbeContext) -> Facts:
    """Ask Prometheus, where there is one."""
    scraped = context.platform.scraped
    return Facts(None if scraped is None else scraped.targets(context.options.jobs))


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """A job without an instance is crit, one with too few warn; one never scraped is unknown."""
    if facts.targets is None:
        return Verdict.of(()), {}
    if isinstance(facts.targets, Unavailable):
        return Verdict.of(monitoring_gaps([(facts.targets, "")])), context.memory
    by_job = {job: [t for t in facts.targets if t.job == job] for job in context.options.jobs}
    known = {*context.memory.get("jobs", ()), *(job for job, targets in by_job.items() if targets)}
    seen = {job: targets for job, targets in by_job.items() if job in known}
    findings = [
        *(
            f
            for job, targets in seen.items()
            for f in _judge(job, targets, context.options.jobs[job])
        ),
        *monitoring_gaps(_unavailable(by_job, known)),
    ]
    metrics = [Metric("instances_up", len(_up(t)), job) for job, t in seen.items()]
    return Verdict.of(findings, metrics), {"jobs": sorted(known)}


def _up(targets: Iterable[Target]) -> list[Target]:
    return [target for target in targets if target.up]


def _judge(job: str, targets: list[Target], expected: int) -> Iterator[Finding]:
    """An instance that Eureka forgot is no target any more, and yet is missing."""
    up, wanted = len(_up(targets)), max(expected, len(targets))
    if up >= wanted:
        return
    down = [target.instance for target in targets if not target.up]
    params: Params = {
        "job": job,
        "up": up,
        "expected": wanted,
        "down": ", ".join(sorted(down)[:_NAMED_MAX]),
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


CHECK = Check(name="instances", options=Options, probe=probe, evaluate=evaluate)
