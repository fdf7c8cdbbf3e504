"""Does every key in Redis expire?"""

from __future__ import annotations

from dataclasses import dataclass

from checks.sources.facts import Fact, KeyLife, RedisStats, Unseen, blinds
from monitor.domain.check import Check, Finding, Look, Memory, Metric, Params, Status, Verdict


@dataclass(frozen=True, slots=True)
class Options:
    """`never_expiring_max`: so many keys of one prefix may live for ever."""

    never_expiring_max: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """The lives of the keys, and how many keys there are."""

    lives: Fact[tuple[KeyLife, ...]]
    stats: Fact[RedisStats]


def probe(look: Look) -> Facts:
    """Ask for the lives of the keys and for their number."""
    redis = look.platform.redis
    lives = redis.key_lives()
    return Facts(lives, lives if isinstance(lives, Unseen) else redis.stats())


def evaluate(facts: Facts, look: Look) -> tuple[Verdict, Memory]:
    """A rate-limit key that never expires blocks its merchant for ever."""
    lives = () if isinstance(facts.lives, Unseen) else facts.lives
    allowed = look.options.never_expiring_max
    findings = [_finding(life) for life in lives if life.never_expiring > allowed]
    if isinstance(facts.lives, Unseen):
        findings += blinds([(facts.lives, "")])
    elif isinstance(facts.stats, Unseen):
        findings += blinds([(facts.stats, facts.stats.part)])
    return Verdict.of(findings, _metrics(facts.stats)), {}


def _finding(life: KeyLife) -> Finding:
    params: Params = {
        "prefix": life.prefix,
        "keys": life.keys,
        "never_expiring": life.never_expiring,
    }
    return Finding("key_without_ttl", Status.WARN, life.prefix, params)


def _metrics(stats: Fact[RedisStats]) -> list[Metric]:
    return [] if isinstance(stats, Unseen) else [Metric("redis_keys", stats.total_keys)]


CHECK = Check(name="redis_health", options=Options, probe=probe, evaluate=evaluate)
