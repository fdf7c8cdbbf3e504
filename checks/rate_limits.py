"""Is a merchant stopped by a rate limit, or about to be?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, Percent
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


@dataclass(frozen=True, slots=True)
class Options:
    """The capacities that the platform is configured with: requests per action and window."""

    authorize_max: Count = 30_000
    capture_max: Count = 30_000
    refund_max: Count = 15_000
    near_percent: Percent = 80.0

    def capacities(self) -> dict[str, int]:
        """The capacity of each action."""
        return {
            "authorize": self.authorize_max,
            "capture": self.capture_max,
            "refund": self.refund_max,
        }


def probe(context: ProbeContext) -> Fact[tuple[RateUse, ...]]:
    """Ask for every counter."""
    uses: Fact[tuple[RateUse, ...]] = context.platform.redis.rate_uses()
    return uses


def evaluate(facts: Fact[tuple[RateUse, ...]], context: ProbeContext) -> tuple[Verdict, Memory]:
    """A merchant is blocked above its capacity, not at it."""
    if isinstance(facts, Unavailable):
        return Verdict.of(monitoring_gaps([(facts, "")])), {}
    options: Options = context.options
    uses = sorted(facts, key=lambda use: -use.count)
    found = [finding for use in uses if (finding := _judge(use, options)) is not None]
    unclear = [use for use in uses if use.action is None and _is_unclear(use, options)]
    blocked = sum(finding.status is Status.CRIT for finding in found)
    metrics = [
        Metric("blocked_merchants", blocked),
        Metric("rate_limit_used_percent_max", _used_max(uses, options)),
    ]
    return Verdict.of([*found, *monitoring_gaps(_lost(unclear))], metrics), {}


def _judge(use: RateUse, options: Options) -> Finding | None:
    """What is certain: without its action, a counter is held against the largest capacity."""
    used_percent = 100 * use.count / _capacity(use, options)
    if used_percent > 100:
        return _finding("merchant_blocked", Status.CRIT, use, options)
    if use.ttl_seconds is None:
        return _finding("merchant_stuck", Status.WARN, use, options)
    if used_percent >= options.near_percent and use.action is not None:
        return _finding("merchant_near_limit", Status.WARN, use, options)
    return None


def _capacity(use: RateUse, options: Options) -> int:
    known = options.capacities()
    return known.get(use.action or "", max(known.values()))


def _is_unclear(use: RateUse, options: Options) -> bool:
    """Whether some action's capacity is (nearly) used up, and yet not every action's."""
    known = options.capacities().values()
    return min(known) * options.near_percent / 100 <= use.count <= max(known)


def _finding(code: str, status: Status, use: RateUse, options: Options) -> Finding:
    capacity = _capacity(use, options)
    action = use.action or "any"
    params: Params = {
        "merchant_id": use.merchant_id,
        "action": action,
        "count": use.count,
        "capacity": capacity,
        "used_percent": round(100 * use.count / capacity, 1),
        "ttl_seconds": use.ttl_seconds,
    }
    return Finding(code, status, f"{action}/{use.merchant_id}", params)


def _lost(unclear: Iterable[RateUse]) -> list[tuple[Unavailable, str]]:
    """The counters whose action the source lost, where it matters."""
    some = list(unclear)
    if not some:
        return []
    got = f"{some[0].merchant_id}: {some[0].count}"
    params = {"path": "", "got": got, "expected": "the action of each counter"}
    return [(Unavailable("redis/actions", Why.NOT_VISIBLE, "action_lost", params), "")]


def _used_max(uses: Iterable[RateUse], options: Options) -> float:
    return max((100 * use.count / _capacity(use, options) for use in uses), default=0.0)


CHECK = Check(name="rate_limits", options=Options, probe=probe, evaluate=evaluate)
