"""Are there database connections left, in every pool and at every shard?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from checks.sources.facts.instances import Connections, Pool
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Percent, Seconds
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

Pools = Mapping[str, Fact[tuple[Pool, ...]]]


@dataclass(frozen=True, slots=True)
class Options:
    """How full pools and servers may be, and how long threads may wait for a connection."""

    warn_percent: Percent = 80.0
    crit_percent: Percent = 95.0
    pending_seconds: Seconds = 60.0


@dataclass(frozen=True, slots=True)
class Facts:
    """The pools by instance, and the connections by shard (none: no source shows them)."""

    pools: Pools
    shards: Mapping[str, Fact[Connections]]


def probe(context: ProbeContext) -> Facts:
    """Ask Prometheus for the pools where there is one, else the actuators; and the shards."""
    source = context.platform.scraped or context.platform.services
    return Facts(source.pools(), context.platform.database.connections())


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Pools and servers nearly full, and threads that wait and wait."""
    pools = [p for fact in facts.pools.values() if not isinstance(fact, Unavailable) for p in fact]
    shards = [found for found in facts.shards.values() if isinstance(found, Connections)]
    waiting = _waiting(pools, facts.pools, context)
    findings = [
        *(f for pool in pools for f in _of_pool(pool, waiting.get(_key(pool)), context)),
        *(f for shard in shards for f in _of_shard(shard, context.options)),
        *monitoring_gaps(_unavailable(facts)),
    ]
    return Verdict.of(findings, _metrics(pools, shards)), {"waiting": waiting}


def _key(pool: Pool) -> str:
    return f"{pool.instance}/{pool.name}"


def _waiting(pools: list[Pool], facts: Pools, context: ProbeContext) -> dict[str, str]:
    """Since when threads wait, by pool; a pool that is out of sight is as it was."""
    before: Mapping[str, str] = context.memory.get("waiting", {})
    hidden = {name for name, fact in facts.items() if isinstance(fact, Unavailable)}
    kept = {key: at for key, at in before.items() if key.partition("/")[0] in hidden}
    now = context.now.isoformat()
    return kept | {_key(p): before.get(_key(p), now) for p in pools if p.pending > 0}


def _of_pool(pool: Pool, since: str | None, context: ProbeContext) -> Iterator[Finding]:
    """Waiting threads say more than a full pool; a pool that is merely full may be well sized."""
    params: Params = {
        "instance": pool.instance,
        "name": pool.name,
        "active": pool.active,
        "max": pool.max,
    }
    if since and _seconds(since, context.now) >= context.options.pending_seconds:
        waits: Params = {**params, "pending": pool.pending, "since": since}
        yield Finding("pool_exhausted", Status.CRIT, _key(pool), waits)
    elif status := _fullness(pool.active, pool.max, context.options):
        yield Finding("pool_short", status, _key(pool), _used(params, pool.active, pool.max))


def _of_shard(shard: Connections, options: Options) -> Iterator[Finding]:
    if status := _fullness(shard.connected, shard.max, options):
        params: Params = {"shard": shard.shard, "connected": shard.connected, "max": shard.max}
        used = _used(params, shard.connected, shard.max)
        yield Finding("connections_short", status, shard.shard, used)


def _fullness(used: int, limit: int, options: Options) -> Status | None:
    percent = _percent(used, limit)
    if percent >= options.crit_percent:
        return Status.CRIT
    return Status.WARN if percent >= options.warn_percent else None


def _percent(used: int, limit: int) -> float:
    return 100 * used / limit if limit > 0 else 0.0


def _used(params: Params, used: int, limit: int) -> Params:
    return {**params, "used_percent": round(_percent(used, limit), 1)}


def _seconds(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds()


def _unavailable(facts: Facts) -> Iterator[tuple[Unavailable, str]]:
    for instance, fact in facts.pools.items():
        if isinstance(fact, Unavailable):
            yield fact, instance
        elif not fact:
            params = {"path": "", "got": "", "expected": instance}
            yield Unavailable(instance, Why.NOT_VISIBLE, "pools_not_shown", params), instance
    for shard, found in facts.shards.items():
        if isinstance(found, Unavailable):
            yield found, shard


def _metrics(pools: list[Pool], shards: list[Connections]) -> Iterator[Metric]:
    for pool in pools:
        yield Metric("pool_used_percent", _percent(pool.active, pool.max), _key(pool))
        yield Metric("pool_pending_threads", pool.pending, _key(pool))
    for shard in shards:
        used = _percent(shard.connected, shard.max)
        yield Metric("connections_used_percent", used, shard.shard)


CHECK = Check(name="connections", options=Options, probe=probe, evaluate=evaluate)
