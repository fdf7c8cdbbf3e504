"""Kafka live: topics and their partitions, and what publishers experience."""

from collections.abc import Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import Cluster, Partition
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result
from mcp_server.answers.live import nothing_seen, platform, require, shown
from mcp_server.answers.paging import Cursor, offset, offset_page, question_of
from mcp_server.answers.rows import check_rows, finding_row, findings_of
from mcp_server.answers.unavailable import reason, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.breakers.rows import PUBLISHER, breaker_rows, flat, states_text
from mcp_server.toolsets import toolsets
from monitor.domain.check import Finding, Status, worst
from monitor.text.filters import clean

Topic = Annotated[str, Field(min_length=1, max_length=250)]
Limit = Annotated[int, Field(ge=1, le=200)]
LIMIT = 40
_FINDINGS_MAX = 8


def list_topics(
    ctx: Context[ToolContext], limit: Limit = LIMIT, cursor: Cursor = None
) -> CallToolResult:
    """The Kafka topics with their partitions, the messages they retain and how many ever arrived;
    names topics that should exist and do not. One topic: get_topic_stats."""
    context = ctx.request_context.lifespan_context
    kafka = platform(context).kafka
    question = question_of("list_topics", {"limit": limit})
    start = offset(question, cursor)
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return nothing_seen(context, [cluster], "check_kafka_health")
    ends = kafka.topic_ends()
    known = {} if isinstance(ends, Unavailable) else {each.topic: each for each in ends}
    missing = [t for t in context.app.options_of("kafka_cluster").topics if t not in cluster.topics]
    names = sorted(cluster.topics)
    rows = [_topic_row(name, known.get(name)) for name in names[start : start + limit]]
    unavailable = [ends] if isinstance(ends, Unavailable) else []
    verdicts = [Status.WARN for _ in missing] + [Status.UNKNOWN for _ in unavailable]
    answer = Answer(
        verdict=worst(verdicts),
        summary=context.say(
            "kafka.topics", topics=len(names), missing=", ".join(missing), counted=not unavailable
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "found": len(names),
            "missing_text": missing,
            "topics": rows,
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("get_topic_stats", "dlq_summary"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("topics", question, start, len(rows), len(names)),
    )
    return result(answer, context.now)


def _topic_row(name: str, ends: Any) -> dict[str, Any]:
    if ends is None:
        return {"topic_text": name, "partitions": None, "messages": None, "ever_arrived": None}
    return {
        "topic_text": name,
        "partitions": len(ends.end_offsets),
        "messages": ends.messages,
        "ever_arrived": ends.end_offset_total,
    }


def get_topic_stats(ctx: Context[ToolContext], topic: Topic) -> CallToolResult:
    """How many messages a topic retains, how many ever arrived, and the end offset of each
    partition. Leaders and replicas: get_topic_details; who lags: check_consumer_lag."""
    context = ctx.request_context.lifespan_context
    kafka = platform(context).kafka
    cluster = _having(kafka.cluster(), topic)
    ends = cluster if isinstance(cluster, Unavailable) else kafka.topic_ends(topic)
    if isinstance(ends, Unavailable):
        return nothing_seen(context, [ends], "check_kafka_health")
    found = ends[0]
    row = _topic_row(topic, found)
    is_dlq = topic in context.app.options_of("dead_letters").topics
    answer = Answer(
        verdict=Status.WARN if is_dlq and found.messages else Status.OK,
        summary=context.say(
            "kafka.topic",
            topic=shown(topic),
            messages=found.messages,
            partitions=len(found.end_offsets),
            ever=found.end_offset_total,
        ),
        origin="live",
        measured_at=context.now,
        evidence=row
        | {
            "columns": ["partition", "end_offset"],
            "end_offsets": [[n, end] for n, end in sorted(found.end_offsets.items())],
        },
        next=("dlq_summary", "get_dlq_messages") if is_dlq else ("check_consumer_lag",),
        rest="get_topic_details goes through all partitions",
    )
    return result(answer, context.now)


def get_topic_details(
    ctx: Context[ToolContext], topic: Topic, limit: Limit = LIMIT, cursor: Cursor = None
) -> CallToolResult:
    """The partitions of a topic: leader, replicas and in-sync replicas, the troubled first. Answers
    "has a partition lost its leader or a replica?". Counts of messages: get_topic_stats."""
    context = ctx.request_context.lifespan_context
    kafka = platform(context).kafka
    question = question_of("get_topic_details", {"topic": topic, "limit": limit})
    start = offset(question, cursor)
    cluster = _having(kafka.cluster(), topic)
    parts = cluster if isinstance(cluster, Unavailable) else kafka.partitions(topic)
    if isinstance(parts, Unavailable):
        return nothing_seen(context, [parts], "check_kafka_health")
    offline = [p for p in parts if p.leader is None]
    behind = [p for p in parts if p.leader is not None and len(p.in_sync) < len(p.replicas)]
    ordered = [*offline, *behind, *(p for p in parts if p not in offline and p not in behind)]
    rows = [_partition_row(p) for p in ordered[start : start + limit]]
    answer = Answer(
        verdict=Status.CRIT if offline else Status.WARN if behind else Status.OK,
        summary=context.say(
            "kafka.details",
            topic=shown(topic),
            partitions=len(parts),
            offline=len(offline),
            behind=len(behind),
        ),
        origin="live",
        measured_at=context.now,
        evidence={
            "topic_text": topic,
            "found": len(parts),
            "offline": len(offline),
            "under_replicated": len(behind),
            "partitions": rows,
        },
        next=("check_kafka_health",) if offline or behind else ("get_topic_stats",),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=offset_page("partitions", question, start, len(rows), len(ordered)),
    )
    return result(answer, context.now)


def _partition_row(one: Partition) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "leader": one.leader,
        "replicas": list(one.replicas),
        "in_sync": list(one.in_sync),
    }


def _having(cluster: Cluster | Unavailable, topic: str) -> Cluster | Unavailable:
    """The cluster if it has the topic: one that does not exist is never asked for."""
    if isinstance(cluster, Unavailable) or topic in cluster.topics:
        return cluster
    require("topic", topic, cluster.topics)
    raise ToolError(f"no topic {clean(topic)!r}")  # two names that differ in what is not shown


@toolsets("kafka-operations", "circuit-breaker")
def check_kafka_health(ctx: Context[ToolContext]) -> CallToolResult:
    """Is Kafka all right? Both meanings: the cluster itself (brokers, leaders, replicas, topics)
    and what publishers experience (the breaker kafka-publisher of each ingest instance). Why a
    breaker opened: diagnose_circuit_breaker; groups: check_consumer_lag."""
    context = ctx.request_context.lifespan_context
    source = platform(context)
    seen = context.live(("services", "kafka_cluster", "breakers"))
    cluster = source.kafka.cluster()
    facts = source.breakers.breakers()
    found = [pair for pair in findings_of(seen) if _is_about_kafka(*pair)]
    unavailable = [fact for fact in (cluster, *facts.values()) if isinstance(fact, Unavailable)]
    publishers = [b for b in flat(facts) if b.name == PUBLISHER]
    answer = Answer(
        verdict=worst(f.status for _, f in found) if seen else Status.UNKNOWN,
        summary=_health(context, cluster, publishers, found),
        origin="live",
        measured_at=context.now,
        evidence={
            "cluster": _cluster_row(cluster),
            "publishers": breaker_rows(publishers, seen.get("breakers"), context),
            "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
            "checks": check_rows(context, {n: e for n, e in seen.items() if n == "kafka_cluster"}),
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("diagnose_issues", "check_outbox_status") if found else ("check_consumer_lag",),
        rest="get_topic_details and get_circuit_breaker_status tell more",
        truncated=len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def _is_about_kafka(check: str, finding: Finding) -> bool:
    """Of the services only Kafka's own word, of the breakers only that of the publishers."""
    if check == "services":
        return finding.subject == "kafka"
    _, _, name = finding.subject.rpartition("/")
    return check != "breakers" or "/" not in finding.subject or name == PUBLISHER


def _health(
    context: ToolContext,
    cluster: Cluster | Unavailable,
    publishers: Sequence[Any],
    found: Sequence[Any],
) -> str:
    return context.say(
        "kafka.health",
        reason=reason(context, cluster) if isinstance(cluster, Unavailable) else "",
        brokers=cluster.brokers if isinstance(cluster, Cluster) else 0,
        topics=len(cluster.topics) if isinstance(cluster, Cluster) else 0,
        publishers=states_text(publishers),
        title=context.catalog.finding(found[0][1], context.now).title if found else "",
    )


def _cluster_row(cluster: Cluster | Unavailable) -> dict[str, Any] | None:
    if isinstance(cluster, Unavailable):
        return None
    return {
        "brokers": cluster.brokers,
        "cluster_id_text": cluster.cluster_id,
        "topics": len(cluster.topics),
        "groups": len(cluster.groups),
    }


TOOLSETS = ("kafka-operations",)
TOOLS = (
    list_topics,
    get_topic_stats,
    get_topic_details,
    check_kafka_health,
)
