"""/monitoring/kafka: the broker's topics, groups, lags and dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from demo.api.wire import Handler, Request, Response, answer
from demo.platform.broker import DLQS, Broker, Record
from demo.platform.down import PartDownError
from demo.platform.times import epoch_ms
from demo.stand_in import StandIn

_VALUE_MAX = 200
_BROKER_ID = 1


def stats(standin: StandIn, request: Request) -> Response:
    """GET kafka/stats."""
    broker = reach(standin)
    return answer(stats_body(broker, {topic: sum(broker.end_offsets(topic)) for topic in DLQS}))


def stats_body(broker: Broker, dlq_counts: dict[str, int]) -> dict[str, Any]:
    """The cluster at a glance."""
    groups = group_names(broker)
    return {
        "topicCount": len(broker.topics),
        "topics": list(broker.topics),
        "consumerGroupCount": len(groups),
        "consumerGroups": groups,
        "dlqCounts": dlq_counts,
        "clusterHealthy": True,
        "brokerCount": 1,
        "clusterId": broker.cluster_id,
        "message": "Kafka statistics retrieved successfully",
    }


def topics(standin: StandIn, request: Request) -> Response:
    """GET kafka/topics."""
    names = list(reach(standin).topics)
    message = "Topics retrieved successfully"
    return answer({"count": len(names), "topics": names, "message": message})


def topic_stats(standin: StandIn, request: Request) -> Response:
    """GET kafka/topic-stats: of one topic or of all."""
    broker = reach(standin)
    asked = request.query.get("topic")
    return answer(topics_body(broker, [asked] if asked else broker.topics))


def topics_body(broker: Broker, names: Iterable[str]) -> dict[str, Any]:
    """The end offsets of some topics; an unknown one has an error in its row."""
    rows = [_topic(broker, name) for name in names]
    message = "Topic statistics retrieved successfully"
    return {"count": len(rows), "topics": rows, "message": message}


def groups(standin: StandIn, request: Request) -> Response:
    """GET kafka/consumer-groups."""
    broker = reach(standin)
    rows = [
        {
            "groupId": name,
            "isSimpleConsumerGroup": False,
            "state": broker.state(name),
        }
        for name in group_names(broker)
    ]
    message = "Consumer groups retrieved successfully"
    return answer({"count": len(rows), "groups": rows, "message": message})


def lag(standin: StandIn, request: Request) -> Response:
    """GET kafka/consumer-lag."""
    broker = reach(standin)
    group = request.text("groupId")
    if group not in broker.committed:
        message = "No committed offsets found for this group"
        return answer({"groupId": group, "message": message, "lag": 0})
    rows = [
        _lag(broker, topic, p, offset) for (topic, p), offset in broker.committed[group].items()
    ]
    total = sum(row["lag"] for row in rows)
    return answer(
        {
            "groupId": group,
            "totalLag": total,
            "status": "OK" if not total else "WARNING" if total > 100 else "MINOR_LAG",
            "partitions": rows,
            "message": "Consumer lag detected" if total else "No consumer lag",
        }
    )


def dead_letters(standin: StandIn, request: Request) -> Response:
    """GET kafka/dlq-messages: the latest of each partition; `count` is how many ever came."""
    broker = reach(standin)
    topic = request.text("topic", "payment.dlq")
    if topic not in broker.topics:
        return answer({"error": True, "message": f"Unknown topic {topic}"})
    limit = max(request.number("limit", 10), 0)
    messages = sample(broker, topic, limit)
    return answer(letters_body(topic, sum(broker.end_offsets(topic)), messages))


def sample(broker: Broker, topic: str, limit: int) -> list[dict[str, Any]]:
    """The latest few records of each partition."""
    logs = broker.topics[topic]
    return [_message(record) for log in logs for record in log.records[-limit:] if limit]


def letters_body(topic: str, count: int, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Dead letters as the API tells them."""
    message = "DLQ messages retrieved"
    return {"topic": topic, "count": count, "messages": messages, "message": message}


def settlement_dlq(standin: StandIn, request: Request) -> Response:
    """GET kafka/settlement-dlq-count."""
    return answer(dlq_body(reach(standin), "settlement.dlq"))


def refund_dlq(standin: StandIn, request: Request) -> Response:
    """GET kafka/refund-dlq-count."""
    return answer(dlq_body(reach(standin), "refund.dlq"))


def dlq_body(broker: Broker, topic: str) -> dict[str, Any]:
    """How many dead letters ever came."""
    count = sum(broker.end_offsets(topic))
    return {"topic": topic, "count": count, "message": "DLQ count retrieved"}


def health(standin: StandIn, request: Request) -> Response:
    """GET kafka/health."""
    if not standin.parts.broker.up:
        message = "kafka: connection refused"
        body = {"healthy": False, "clusterId": None, "brokerCount": 0, "message": message}
        return answer(body)
    cluster_id = standin.parts.broker.cluster_id
    message = "Kafka is healthy"
    body = {"healthy": True, "clusterId": cluster_id, "brokerCount": 1, "message": message}
    return answer(body)


def topic_details(standin: StandIn, request: Request) -> Response:
    """GET kafka/topic-details."""
    broker = reach(standin)
    topic = request.text("topic")
    if topic not in broker.topics:
        return answer({"error": True, "message": f"Unknown topic {topic}"})
    return answer(details_body(broker, topic))


def details_body(broker: Broker, topic: str) -> dict[str, Any]:
    """The partitions of a topic and where they live."""
    rows = [
        {"partition": p, "leader": _BROKER_ID, "replicas": [_BROKER_ID], "isr": [_BROKER_ID]}
        for p in range(len(broker.topics[topic]))
    ]
    message = "Topic details retrieved successfully"
    return {"topic": topic, "partitionCount": len(rows), "partitions": rows, "message": message}


def reach(standin: StandIn) -> Broker:
    """The broker, if it answers."""
    if not standin.parts.broker.up:
        raise PartDownError("kafka")
    return standin.parts.broker


def group_names(broker: Broker) -> list[str]:
    """The groups that the broker knows."""
    return [*broker.committed, *broker.temporary_groups]


def _topic(broker: Broker, name: str) -> dict[str, Any]:
    if name not in broker.topics:
        return {"topic": name, "error": "Unknown topic"}
    ends = broker.end_offsets(name)
    return {
        "topic": name,
        "partitions": len(ends),
        "totalMessages": broker.retained(name),
        "endOffsets": {f"partition-{p}": end for p, end in enumerate(ends)},
    }


def _lag(broker: Broker, topic: str, partition: int, committed: int) -> dict[str, Any]:
    end = broker.topics[topic][partition].end
    return {
        "topic": topic,
        "partition": partition,
        "currentOffset": committed,
        "endOffset": end,
        "lag": end - committed,
    }


def _message(record: Record) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": epoch_ms(record.at),
        "key": "null" if record.key is None else record.key,
        "value": record.value[:_VALUE_MAX],
    }


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/monitoring/kafka/stats"): stats,
    ("GET", "/monitoring/kafka/topics"): topics,
    ("GET", "/monitoring/kafka/topic-stats"): topic_stats,
    ("GET", "/monitoring/kafka/consumer-groups"): groups,
    ("GET", "/monitoring/kafka/consumer-lag"): lag,
    ("GET", "/monitoring/kafka/dlq-messages"): dead_letters,
    ("GET", "/monitoring/kafka/settlement-dlq-count"): settlement_dlq,
    ("GET", "/monitoring/kafka/refund-dlq-count"): refund_dlq,
    ("GET", "/monitoring/kafka/health"): health,
    ("GET", "/monitoring/kafka/topic-details"): topic_details,
}
