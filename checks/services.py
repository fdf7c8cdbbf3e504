"""Is every part of the platform there, and does it answer in good time?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.sources.facts.platform import Health
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut, monitoring_gaps
from monitor.config.option_types import Milliseconds, Seconds
from monitor.domain.check import Check, Finding, Memory, Metric, ProbeContext, Status, Verdict

Healths = Mapping[str, Fact[Health]]


@dataclass(frozen=True, slots=True)
class Options:
    """`slow_ms`: an answer that takes longer is slow. `ignore`: parts that nobody expects.

    `skew_*_seconds`: so far may a clock be off from the monitor's.
    """

    slow_ms: Milliseconds = 1000.0
    skew_warn_seconds: Seconds = 1.0
    skew_crit_seconds: Seconds = 5.0
    ignore: tuple[str, ...] = ()


def probe(context: ProbeContext) -> Healths:
    """Ask every part for its health."""
    healths: Healths = context.platform.services.healths()
    return healths


def evaluate(facts: Healths, context: ProbeContext) -> tuple[Verdict, Memory]:
    """A refusal over a way that works is an outage; anything else unavailable is unknown."""
    options: Options = context.options
    wanted = {part: fact for part, fact in facts.items() if part not in options.ignore}
    seen = {part: f for part, f in wanted.items() if isinstance(f, Health)}
    unavailable = {part: f for part, f in wanted.items() if isinstance(f, Unavailable)}
    refused = {part: f for part, f in unavailable.items() if f.why is Why.REFUSED}
    findings = [
        *(_down(part, _word(fact)) for part, fact in refused.items()),
        *(_down(part, health.detail) for part, health in seen.items() if not health.up),
        *_slow(seen, options.slow_ms),
        *_skewed(seen, options),
        *monitoring_gaps(
            (fact, _hides(part, fact)) for part, fact in unavailable.items() if part not in refused
        ),
    ]
    metrics = [Metric("response_ms", health.response_ms, part) for part, health in seen.items()]
    return Verdict.of(findings, metrics), {}


def _down(part: str, detail: str) -> Finding:
    return Finding("service_down", Status.CRIT, part, {"part": part, "detail": cut(detail)})


def _word(fact: Unavailable) -> str:
    return str(fact.params.get("got", ""))


def _slow(seen: Mapping[str, Health], slow_ms: float) -> list[Finding]:
    return [
        Finding(
            "service_slow",
            Status.WARN,
            part,
            {"part": part, "response_ms": round(health.response_ms, 1), "slow_ms": slow_ms},
        )
        for part, health in seen.items()
        if health.up and health.response_ms > slow_ms
    ]


def _skewed(seen: Mapping[str, Health], options: Options) -> list[Finding]:
    """What a part writes under a wrong time looks late, or is not looked at yet."""
    off = {part: h.skew_seconds for part, h in seen.items() if h.skew_seconds is not None}
    return [
        Finding(
            "clock_off",
            Status.CRIT if abs(skew) > options.skew_crit_seconds else Status.WARN,
            part,
            {"part": part, "skew_seconds": round(abs(skew), 1), "ahead": skew > 0},
        )
        for part, skew in off.items()
        if abs(skew) > options.skew_warn_seconds
    ]


def _hides(part: str, fact: Unavailable) -> str:
    """What is unavailable of one part hides that part; a shard of it stays with the part."""
    return "" if fact.part in ("gateway", "monitoring") else part


CHECK = Check(name="services", options=Options, probe=probe, evaluate=evaluate)
