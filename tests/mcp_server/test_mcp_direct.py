"""The tools over a real Kafka, a real Redis and a real Prometheus."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from mcp_case import answer, refused
from ops_case import EVIL, TOKENS_USUAL, assert_only_data, pages, seeing, tokens
from own_server import program, prometheus_command, running, until
from services import service

from checks.breakers import CHECK, Options
from checks.sources.kafka.source import Kafka
from checks.sources.prometheus.breakers import PrometheusBreakers
from checks.sources.prometheus.source import Prometheus
from checks.sources.redis.source import Redis
from monitor.app import App
from monitor.text.catalog import Catalog

QUIET = {"log_level": 0}


class Broker:
    """A real broker with topics and groups of one test."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        self.mark = uuid.uuid4().hex[:8]
        self.made: list[str] = []

    def topic(self, name: str, partitions: int) -> str:
        full = f"{self.mark}.{name}"
        self.admin.create_topics([NewTopic(full, partitions, 1)])[full].result(10)
        self.made.append(full)
        return full

    def send(self, topic: str, partition: int, *values: str) -> None:
        options = {"bootstrap.servers": self.bootstrap, "message.max.bytes": 2_000_000}
        producer = Producer({**options, **QUIET})
        for value in values:
            producer.produce(topic, value, "k", partition)
        assert producer.flush(10) == 0

    def group(self, name: str, topic: str, *offsets: int) -> str:
        full = f"{self.mark}-{name}"
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": full, **QUIET})
        commits = [TopicPartition(topic, n, offset) for n, offset in enumerate(offsets)]
        consumer.commit(offsets=commits, asynchronous=False)
        consumer.close()
        return full

    def close(self) -> None:
        for future in self.admin.delete_topics(self.made).values() if self.made else ():
            future.result(10)


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker(service("kafka"))
    yield made
    made.close()


@pytest.fixture(params=["en", "ko"])
def kafka_app(tmp_path: Path, broker: Broker, request: Any) -> Iterator[Any]:
    source = Kafka(broker.bootstrap)
    app = seeing(tmp_path, request.param, kafka=source)
    app.catalog = Catalog(request.param, app.config.zone, strict=True)
    yield app
    source.close()


def dead(number: int, **more: Any) -> str:
    body = {"originalTopic": "payment.captured", "payload": json.dumps({"paymentId": number})}
    error = {"errorType": "DataIntegrityViolationException", "errorMessage": "no such payment"}
    return json.dumps(body | error | more)


def watch_topic(app: App, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name it among the dead-letter topics: no others are read."""
    known = type(app).options_of

    def options_of(self: App, check: str) -> Any:
        options = known(self, check)
        wanted = {"topics": (topic,), "critical": ()}
        return replace(options, **wanted) if check == "dead_letters" else options

    monkeypatch.setattr(type(app), "options_of", options_of)


def test_real_dead_letters_are_paged_and_grouped(kafka_app, broker, monkeypatch):
    topic = broker.topic("payment.dlq", 3)
    watch_topic(kafka_app, topic, monkeypatch)
    for partition in range(3):
        broker.send(topic, partition, *(dead(100 * partition + n) for n in range(8)))
    broker.send(topic, 0, dead(7, errorType="JSONDecodeError", payload=EVIL + "x" * 1_000_000))
    broker.send(topic, 1, EVIL)
    rows = pages(kafka_app, "get_dlq_messages", "messages", topic=topic, limit=7)
    assert len(rows) == len({(r["partition"], r["offset"]) for r in rows}) == 26
    assert_only_data(answer(kafka_app, "get_dlq_messages", topic=topic))
    plain = answer(kafka_app, "dlq_summary")
    mine = [row for row in plain["evidence"]["causes"] if row["topic_text"] == topic]
    by_error = {row["data"].get("error"): row["dead_letters"] for row in mine}
    assert by_error == {"DataIntegrityViolationException": 24, "JSONDecodeError": 1, None: 1}
    counted = next(row for row in mine if row["dead_letters"] == 24)
    assert counted["payments"] == 24 and counted["data"]["example"] == "no such payment"
    assert_only_data(plain)
    assert tokens(plain) < TOKENS_USUAL


def test_a_real_topic_and_a_mistyped_one(kafka_app, broker):
    topic = broker.topic("payment.captured", 2)
    broker.send(topic, 1, "a", "b", "c")
    stats = answer(kafka_app, "get_topic_stats", topic=topic)
    assert stats["evidence"]["messages"] == 3
    assert stats["evidence"]["end_offsets"] == [[0, 0], [1, 3]]
    details = answer(kafka_app, "get_topic_details", topic=topic)
    assert details["verdict"] == "ok" and len(details["evidence"]["partitions"]) == 2
    said = refused(kafka_app, "get_topic_stats", topic=topic[:-1])
    assert f"did you mean {topic!r}?" in said
    assert topic[:-1] not in broker.admin.list_topics(timeout=10).topics


def test_the_lag_of_a_real_group_without_members(kafka_app, broker):
    topic = broker.topic("payment.refunded", 3)
    for partition in range(3):
        broker.send(topic, partition, *("x" * 5))
    group = broker.group("payment-consumer", topic, 5, 1)
    plain = answer(kafka_app, "check_consumer_lag", group_id=group)
    assert plain["verdict"] == "warn" and plain["evidence"]["groups"][0]["state"] == "EMPTY"
    lags = [(row["lag_messages"], row["committed_offset"]) for row in plain["evidence"]["behind"]]
    assert lags == [(5, None), (4, 1)]
    listed = answer(kafka_app, "list_consumer_groups", limit=200)
    assert group in {row["group_text"] for row in listed["evidence"]["groups"]}
    assert f"did you mean {group!r}?" in refused(
        kafka_app, "check_consumer_lag", group_id=f"{group}-x"
    )


LIMITS = "[checks.rate_limits]\nauthorize_max = 100\ncapture_max = 200\nrefund_max = 50\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    binary, folder = program("redis-server"), tmp_path_factory.mktemp("redis")
    plain = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", str(folder)]
    with running(lambda port: [binary, "--port", str(port), *plain], folder) as own:
        yield own


@pytest.fixture(params=["en", "ko"])
def redis_app(tmp_path: Path, server: Any, request: Any) -> Iterator[Any]:
    writer = redis.Redis(port=server.port)
    writer.flushall()
    source = Redis(f"redis://127.0.0.1:{server.port}/0", fresh_seconds=0)
    app = seeing(tmp_path, request.param, more=LIMITS, redis=source)
    app.catalog = Catalog(request.param, app.config.zone, strict=True)
    yield app, writer
    source.close()
    writer.close()


def test_real_counters_are_held_against_the_configured_capacities(redis_app):
    app, writer = redis_app
    for name, count in (("authorize:M-1", 101), ("authorize:M-2", 100), ("refund:M-1", 20)):
        writer.set(f"rate:{name}", count, ex=60)
    writer.set(f"rate:capture:{EVIL}", 190, ex=60)
    blocked = answer(app, "find_merchants_hitting_limits", threshold_percentage=100)
    assert [r["merchant_text"] for r in blocked["evidence"]["merchants"]] == ["M-1"]
    near = answer(app, "find_merchants_hitting_limits")
    assert near["evidence"]["found"] == 3
    assert_only_data(near)
    one = answer(app, "check_rate_limit", merchant_id="M-1")
    used = {row["action"]: row["used"] for row in one["evidence"]["limits"]}
    assert one["verdict"] == "crit" and used == {"authorize": 101, "refund": 20}
    writer.persist("rate:refund:M-1")
    stuck = answer(app, "check_rate_limit", merchant_id="M-1", action="refund")
    assert stuck["verdict"] == "warn"
    assert stuck["evidence"]["limits"][0]["resets_in_seconds"] is None


def test_a_real_idempotency_key_belongs_to_its_merchant(redis_app):
    app, writer = redis_app
    writer.set("idem:authorize:M-1:k-1", '{"paymentId": 77, "status": "CAPTURED"}', ex=600)
    mine = answer(app, "idempotency_lookup", merchant_id="M-1", idempotency_key="k-1")
    assert (mine["evidence"]["is_cached"], mine["evidence"]["payment_id"]) == (True, 77)
    assert 590 <= mine["evidence"]["expires_in_seconds"] <= 600
    other = answer(app, "idempotency_lookup", merchant_id="M-2", idempotency_key="k-1")
    assert other["verdict"] == "ok" and other["evidence"]["is_cached"] is False
    writer.set("idem:authorize:M-3:k-1", "no json", ex=600)
    odd = answer(app, "idempotency_lookup", merchant_id="M-3", idempotency_key="k-1")
    assert odd["verdict"] == "unknown"


def test_the_lives_of_real_keys(redis_app):
    app, writer = redis_app
    for n in range(50):
        writer.set(f"idem:authorize:M-1:{n}", '{"paymentId": 1}', ex=600)
    writer.set("rate:authorize:M-1", 1)
    plain = answer(app, "ttl_analysis")
    first, second = plain["evidence"]["prefixes"]
    assert plain["verdict"] == "warn"
    assert (first["prefix_text"], first["never_expiring"]) == ("rate", 1)
    assert 590 <= second["ttl_seconds_median"] <= 600
    stats = answer(app, "cache_stats")
    assert stats["evidence"]["keys"] == {
        "total": 51,
        "rate_limits": 1,
        "idempotency": 50,
        "cache": 0,
        "not_looked_at": 0,
    }
    assert stats["evidence"]["memory"]["used_mib"] > 0


METRICS = """\
http_server_requests_seconds_count{{uri="/payments/authorize",status="200"}} {ok}
http_server_requests_seconds_count{{uri="/payments/authorize",status="503"}} {failed}
http_server_requests_seconds_count{{uri="/actuator/prometheus",status="200"}} 1000000
http_server_requests_seconds_sum{{uri="/payments/authorize",status="200"}} {seconds}
process_cpu_usage 0.25
hikaricp_connections_active{{pool="p"}} 9
hikaricp_connections_max{{pool="p"}} 10
resilience4j_circuitbreaker_state{{name="kafka-publisher",state="closed"}} {closed}
resilience4j_circuitbreaker_state{{name="kafka-publisher",state="open"}} {open}
"""


class Ingest(BaseHTTPRequestHandler):
    """Ten more requests with each scrape, one of them failed; `is_open` turns the breaker."""

    scrapes = 0
    is_open = False

    def do_GET(self) -> None:
        Ingest.scrapes += 1
        n = self.scrapes
        text = METRICS.format(
            ok=9 * n,
            failed=n,
            seconds=0.9 * n,
            closed=int(not self.is_open),
            open=int(self.is_open),
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("prometheus")
    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Ingest)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    target = f"127.0.0.1:{exporter.server_port}"
    with running(lambda port: prometheus_command(binary, folder, target, port), folder) as server:
        source = Prometheus(f"http://127.0.0.1:{server.port}")
        until(lambda: Ingest.scrapes, lambda scrapes: scrapes >= 6)
        yield source
        source.close()
    exporter.shutdown()
    exporter.server_close()


@pytest.fixture(params=["en", "ko"])
def scraped_app(tmp_path: Path, prometheus: Prometheus, request: Any) -> Any:
    breakers = PrometheusBreakers(prometheus)
    parts = {"prometheus": prometheus, "scraped": breakers, "breakers": breakers}
    app = seeing(tmp_path, request.param, **parts)
    app.catalog = Catalog(request.param, app.config.zone, strict=True)
    app.clock = lambda: datetime.now(UTC)
    return app


@pytest.mark.parametrize(
    ("question", "minutes", "low", "high"),
    [
        ("error_rate", 10, 9.9, 10.1),
        ("latency", 10, 89, 101),
        ("cpu", 0, 24.9, 25.1),
        ("pool", 0, 89.9, 90.1),
        ("up{job='ingest-service'}", 0, 1, 1),
    ],
)
def test_real_figures_answer_named_questions(scraped_app, question, minutes, low, high):
    plain = answer(scraped_app, "prometheus_query", query=question, minutes=minutes)
    assert plain["verdict"] == "ok" and plain["evidence"]["found"] == 1
    assert low <= plain["evidence"]["series"][0]["value"] <= high


def test_requests_are_counted_without_the_scrapes_themselves(scraped_app):
    plain = answer(scraped_app, "prometheus_query", query="request_count")
    assert 30 < plain["evidence"]["series"][0]["value"] < 100_000


def test_what_nobody_exports_is_no_zero(scraped_app):
    plain = answer(scraped_app, "prometheus_query", query="kafka_consumergroup_lag_sum")
    assert plain["verdict"] == "unknown" and plain["evidence"]["series"] == []
    assert "parse error" in refused(scraped_app, "prometheus_query", query="sum(")


def test_a_real_turn_of_a_breaker_is_told_with_its_course(scraped_app, prometheus):
    Ingest.is_open = False
    closed = 'resilience4j_circuitbreaker_state{state="closed"} == 1'
    until(lambda: prometheus.instant(closed), lambda f: isinstance(f, tuple))
    until(lambda s=Ingest.scrapes: Ingest.scrapes - s, lambda more: more >= 3)
    Ingest.is_open = True
    until(
        lambda: prometheus.instant(closed.replace("closed", "open")), lambda f: isinstance(f, tuple)
    )
    until(lambda s=Ingest.scrapes: Ingest.scrapes - s, lambda more: more >= 4)
    plain = answer(scraped_app, "analyze_failure_pattern", time_range="1m")
    turns = [(row["before"], row["after"]) for row in plain["evidence"]["transitions"]]
    assert ("CLOSED", "OPEN") in turns and plain["evidence"]["openings"] >= 1
    assert plain["verdict"] == "warn" and "kafka-publisher" in plain["summary"]
    course = answer(scraped_app, "prometheus_query", query="breaker_state", hours=0.03)
    assert course["evidence"]["found"] >= 2
    status = answer(replace_checks(scraped_app), "get_circuit_breaker_status")
    assert {row["state"] for row in status["evidence"]["breakers"]} == {"OPEN"}


def replace_checks(app: Any) -> Any:
    """The app with its own check of breakers beside the others."""
    planned = app.checks["services"]
    app.checks = {**app.checks, "breakers": replace(planned, check=CHECK, options=Options())}
    return app
