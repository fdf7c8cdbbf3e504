"""Has every partition a leader and all of its replicas, and is every topic there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checks.sources.facts.platform import Cluster, Partition
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gaps
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
    """`topics` must exist; `created_on_demand` are looked at once they do."""

    topics: tuple[str, ...] = (
        "payment.authorized",
        "payment.captured",
        "payment.refunded",
        "payment.dlq",
    )
    created_on_demand: tuple[str, ...] = ("payment.capture-requested", "payment.refund-requested")


@dataclass(frozen=True, slots=True)
class Facts:
    """The cluster, and the partitions of the topics that exist."""

    cluster: Fact[Cluster]
    partitions: Mapping[str, Fact[tuple[Partition, ...]]]


def probe(context: ProbeContext) -> Facts:
    """Ask for the cluster, then for the partitions of the topics it has, and of no others."""
    kafka, options = context.platform.kafka, context.options
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return Facts(cluster, {})
    wanted = (*options.topics, *options.created_on_demand)
    return Facts(cluster, {t: kafka.partitions(t) for t in wanted if t in cluster.topics})


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Missing topics, partitions without a leader, and replicas that fell behind."""
    if isinstance(facts.cluster, Unavailable):
        return Verdict.of(monitoring_gaps([(facts.cluster, "")])), {}
    seen = {t: found for t, found in facts.partitions.items() if not isinstance(found, Unavailable)}
    unavailable = [
        (found, t) for t, found in facts.partitions.items() if isinstance(found, Unavailable)
    ]
    missing = [t for t in context.options.topics if t not in facts.cluster.topics]
    findings = [
        *(Finding("topic_missing", Status.WARN, t, {"topic": t}) for t in missing),
        *(f for topic, found in seen.items() for f in _judge(topic, found)),
        *monitoring_gaps(unavailable),
    ]
    return Verdict.of(findings, _metrics(facts.cluster, seen, complete=not unavailable)), {}


def _judge(topic: str, partitions: tuple[Partition, ...]) -> Iterator[Finding]:
    offline = [p for p in partitions if p.leader is None]
    behind = [p for p in partitions if p.leader is not None and _is_behind(p)]
    if offline:
        yield Finding("partition_offline", Status.CRIT, topic, _params(topic, offline, partitions))
    if behind:
        yield Finding("under_replicated", Status.WARN, topic, _params(topic, behind, partitions))


def _is_behind(partition: Partition) -> bool:
    return len(partition.in_sync) < len(partition.replicas)


def _params(topic: str, hit: list[Partition], all_of: tuple[Partition, ...]) -> Params:
    numbers = ", ".join(str(p.partition) for p in hit[:20])
    return {"topic": topic, "hit": len(hit), "partitions": len(all_of), "numbers": numbers}


def _metrics(
    cluster: Cluster, seen: Mapping[str, tuple[Partition, ...]], *, complete: bool
) -> Iterator[Metric]:
    yield Metric("brokers", cluster.brokers)
    if complete:
        behind = sum(_is_behind(p) for found in seen.values() for p in found)
        yield Metric("under_replicated_partitions", behind)


CHECK = Check(name="kafka_cluster", options=Options, probe=probe, evaluate=evaluate)
