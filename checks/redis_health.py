"""Does every key in Redis expire, and is there room for more of them?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checks.sources.facts.platform import KeyLife, RedisMemory, RedisStats
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import CountOrZero, Percent
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
    """`never_expiring_max`: so many keys of one prefix may live for ever."""

    never_expiring_max: CountOrZero = 0
    memory_warn_percent: Percent = 80.0
    memory_crit_percent: Percent = 95.0


@dataclass(frozen=True, slots=True)
class Facts:
    """The lives of the keys, how many there are, and the memory (None: not shown)."""

    lives: Fact[tuple[KeyLife, ...]]
    stats: Fact[RedisStats]
    memory: Fact[RedisMemory] | None = None


def probe(context: ProbeContext) -> Facts:
    """Ask for the lives of the keys, for their number and for the memory."""
    redis = context.platform.redis
    lives = redis.key_lives()
    if isinstance(lives, Unavailable):
        return Facts(lives, lives)
    return Facts(lives, redis.stats(), redis.memory())


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """A rate-limit key that never expires blocks its merchant for ever; full, Redis drops keys."""
    lives = () if isinstance(facts.lives, Unavailable) else facts.lives
    memory = facts.memory if isinstance(facts.memory, RedisMemory) else None
    findings = [
        *(
            _finding(life)
            for life in lives
            if life.never_expiring > context.options.never_expiring_max
        ),
        *(_of_memory(memory, context) if memory else ()),
        *monitoring_gaps(_unavailable(facts)),
    ]
    metrics = [*_metrics(facts.stats), *(_memory_metrics(memory, context.memory) if memory else ())]
    return Verdict.of(findings, metrics), _remembered(memory) if memory else context.memory


def _unavailable(facts: Facts) -> Iterator[tuple[Unavailable, str]]:
    """What was not seen; keys beyond the bounds of a scan among it."""
    if isinstance(facts.lives, Unavailable):
        yield facts.lives, ""
    elif isinstance(facts.stats, Unavailable):
        yield facts.stats, facts.stats.part
    elif facts.stats.unscanned_keys:
        params: Params = {"path": "redis", "got": f"{facts.stats.unscanned_keys}", "expected": ""}
        yield Unavailable("redis/keys", Why.LIMIT, "redis_keys_left", params), ""
    if isinstance(facts.memory, Unavailable):
        yield facts.memory, "redis"


def _of_memory(memory: RedisMemory, context: ProbeContext) -> Iterator[Finding]:
    options, dropped = context.options, _grown(memory.evicted_keys, context.memory.get("evicted"))
    used_percent = _used_percent(memory)
    if used_percent is not None and used_percent >= options.memory_warn_percent:
        full = used_percent >= options.memory_crit_percent
        params: Params = {
            "used_percent": round(used_percent, 1),
            "used_mib": memory.used_bytes // 2**20,
            "max_mib": (memory.max_bytes or 0) // 2**20,
        }
        yield Finding("memory_short", Status.CRIT if full else Status.WARN, "redis", params)
    if dropped:
        yield Finding("keys_evicted", Status.WARN, "redis", {"evicted": dropped})


def _used_percent(memory: RedisMemory) -> float | None:
    return 100 * memory.used_bytes / memory.max_bytes if memory.max_bytes else None


def _grown(now: int, before: int | None) -> int:
    """How much a count grew since the last pass; a fall means that Redis began anew."""
    if before is None:
        return 0
    return now - before if now >= before else now


def _remembered(memory: RedisMemory) -> Memory:
    return {"evicted": memory.evicted_keys, "hits": memory.hits, "misses": memory.misses}


def _finding(life: KeyLife) -> Finding:
    params: Params = {
        "prefix": life.prefix,
        "keys": life.keys,
        "never_expiring": life.never_expiring,
    }
    return Finding("key_without_ttl", Status.WARN, life.prefix, params)


def _memory_metrics(memory: RedisMemory, before: Memory) -> Iterator[Metric]:
    yield Metric("redis_evicted_keys", memory.evicted_keys)
    used_percent = _used_percent(memory)
    if used_percent is not None:
        yield Metric("redis_memory_percent", used_percent)
    hits = _grown(memory.hits, before.get("hits"))
    asked = hits + _grown(memory.misses, before.get("misses"))
    if asked:
        yield Metric("redis_hit_percent", 100 * hits / asked)


def _metrics(stats: Fact[RedisStats]) -> list[Metric]:
    return [] if isinstance(stats, Unavailable) else [Metric("redis_keys", stats.total_keys)]


CHECK = Check(name="redis_health", options=Options, probe=probe, evaluate=evaluate)
