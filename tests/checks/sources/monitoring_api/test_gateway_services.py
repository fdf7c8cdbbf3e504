"""Services and actuators together: who is down, who could not be asked, and which breakers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from checks.sources.actuator.source import Actuator
from checks.sources.facts.instances import Pool
from checks.sources.facts.platform import Health, RequestCount
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway
from checks.sources.services import Services

METRICS = """\
# HELP http_server_requests_seconds Duration
# TYPE http_server_requests_seconds summary
http_server_requests_seconds_count{method="POST",status="200",uri="/payments/authorize"} 90.0
http_server_requests_seconds_count{exception="X",status="409",uri="/payments/authorize"} 4.0
http_server_requests_seconds_count{exception="Y",status="409",uri="/payments/authorize"} 6.0
http_server_requests_seconds_sum{method="POST",status="200",uri="/payments/authorize"} 4.5
http_server_requests_seconds_count{method="POST",status="UNKNOWN",uri="/payments/authorize"} 1.0
resilience4j_circuitbreaker_state{name="kafka-publisher",state="closed"} 0.0
resilience4j_circuitbreaker_state{name="kafka-publisher",state="forced_open"} 1.0
resilience4j_circuitbreaker_state{name="pg-auth-api",state="half_open"} 1.0
resilience4j_circuitbreaker_failure_rate{name="kafka-publisher"} -1.0
resilience4j_circuitbreaker_failure_rate{name="pg-auth-api"} 40.0
resilience4j_circuitbreaker_slow_call_rate{name="pg-auth-api"} NaN
resilience4j_circuitbreaker_buffered_calls{kind="failed",name="pg-auth-api"} 4.0
resilience4j_circuitbreaker_buffered_calls{kind="successful",name="pg-auth-api"} 6.0
resilience4j_circuitbreaker_not_permitted_calls_total{kind="not_permitted",name="pg-auth-api"} 3.0
jvm_memory_used_bytes{area="heap"} 1.5E8
"""
BREAKER = {
    "state": "OPEN",
    "numberOfFailedCalls": 5,
    "numberOfBufferedCalls": 5,
    "numberOfNotPermittedCalls": 0,
    "failureRate": "100.00%",
    "slowCallRate": "-1.00%",
}
SHARDS = {"shard1Total": 1, "shard1Status": "UP", "shard2Total": 1, "shard2Status": "UP"}
WELL: Mapping[str, Any] = {
    "loadtest/scenarios": {"scenarios": []},
    "circuit-breaker/status": BREAKER,
    "redis/stats": {"rateLimitKeys": 1, "idempotencyKeys": 1, "cacheKeys": 0, "totalKeys": 2},
    "kafka/health": {"healthy": True, "clusterId": "a", "brokerCount": 1, "message": "ok"},
    "database/stats": {
        "paymentsByStatus": [{"status": "CAPTURED", "count": 2}],
        "totalPayments": 2,
        "ledgerEntryCount": 0,
        "outboxEvents": {"total": 0, "unpublished": 0},
        "databaseSharding": SHARDS,
    },
}
REFUSED = httpx.ConnectError("[Errno 111] Connection refused")


def responder(answers: Mapping[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path.removeprefix("/monitoring/"), REFUSED)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, httpx.Response):
            return httpx.Response(found.status_code, content=found.content)
        return httpx.Response(200, content=found if isinstance(found, str) else json.dumps(found))

    return answer


def services(
    platform: Mapping[str, Any],
    actuators: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Services:
    """Services whose gateway answers so, and whose actuators (by host) answer so."""
    hosts = {name: responder(answers) for name, answers in (actuators or {}).items()}
    wire = Wire("http://gateway", transport=httpx.MockTransport(responder(platform)))
    transport = httpx.MockTransport(lambda request: hosts[request.url.host](request))
    urls = {name: f"http://{name}" for name in hosts}
    return Services(Gateway(wire), Actuator(urls, transport), **more)


def states(found: Mapping[str, Any]) -> dict[str, object]:
    """In one word per part: True, False, or why (and where) it was not seen."""
    return {
        part: fact.up if isinstance(fact, Health) else f"{fact.why} {fact.part}"
        for part, fact in found.items()
    }


UP = {"/actuator/health": {"status": "UP"}}
DOWN = {"/actuator/health": httpx.Response(503, json={"status": "DOWN"})}
GATEWAY_PARTS = ("monitoring", "ingest", "redis", "kafka", "database")


def test_a_platform_that_is_well_is_up_in_every_part():
    found = services(WELL).healths()
    assert states(found) == dict.fromkeys(
        (*GATEWAY_PARTS, "database/shard1", "database/shard2"), True
    )
    assert all(fact.response_ms > 0 for fact in found.values() if isinstance(fact, Health))


@pytest.mark.parametrize(
    ("change", "part", "state"),
    [
        ({"kafka/health": {"healthy": False, "message": "no broker"}}, "kafka", False),
        ({"redis/stats": httpx.Response(500, json={"error": "x"})}, "redis", "refused redis"),
        (
            {"circuit-breaker/status": httpx.Response(503, json={"error": "x"})},
            "ingest",
            "refused ingest",
        ),
        (
            {"database/stats": httpx.Response(500, json={"error": "x", "message": "y"})},
            "database",
            "refused database",
        ),
        ({"kafka/health": httpx.ReadTimeout("")}, "kafka", "limit kafka"),
        ({"kafka/health": "<html>"}, "kafka", "garbled gateway"),
    ],
)
def test_one_part_in_trouble_is_that_part_and_no_other(change, part, state):
    found = states(services({**WELL, **change}).healths())
    assert found[part] == state
    others = {p: s for p, s in found.items() if not p.startswith(part)}
    assert set(others.values()) == {True}


def test_a_shard_that_is_down_is_refused():
    stats = {**WELL["database/stats"], "databaseSharding": {**SHARDS, "shard2Status": "DOWN"}}
    found = states(services({**WELL, "database/stats": stats}).healths())
    assert (found["database"], found["database/shard2"]) == (True, "refused database/shard2")


@pytest.mark.parametrize("error", [REFUSED, httpx.ReadTimeout(""), httpx.ConnectTimeout("")])
def test_when_the_way_fails_every_part_behind_it_is_unavailable_by_one_question(error):
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise error

    wire = Wire("http://gateway", transport=httpx.MockTransport(answer))
    found = states(Services(Gateway(wire)).healths())
    assert found == dict.fromkeys(GATEWAY_PARTS, "way gateway")
    assert len(asked) == 1


def test_a_gateway_without_its_monitoring_service_says_so():
    away = httpx.Response(503, json={"timestamp": "t", "path": "/p", "status": 503})
    found = states(services({**WELL, "loadtest/scenarios": away}).healths())
    assert found["monitoring"] == "refused monitoring"
    assert found["kafka"] == "way monitoring"


def test_an_actuator_is_up_down_or_refused_while_something_else_answers():
    actuators = {"consumer": UP, "settlement": DOWN, "refund": {}}
    found = states(services({}, actuators).healths())
    assert {k: found[k] for k in actuators} == {
        "consumer": True,
        "settlement": False,
        "refund": "refused refund",
    }


def test_when_nothing_at_all_answers_no_service_is_called_down():
    found = states(services({}, {"consumer": {}, "refund": {}}).healths())
    assert set(found.values()) == {"way gateway"}


def test_an_actuator_out_of_reach_is_not_down():
    slow = {"/actuator/health": httpx.ConnectTimeout("")}
    found = states(services(WELL, {"consumer": slow}).healths())
    assert found["consumer"] == "way consumer"


@pytest.mark.parametrize(
    "answer",
    [{}, {"status": 1}, "<html>", httpx.Response(404, json={"status": "UP"}), "[]"],
)
def test_an_actuator_that_says_something_else_is_unavailable(answer):
    found = services(WELL, {"consumer": {"/actuator/health": answer}}).healths()["consumer"]
    assert isinstance(found, Unavailable)
    assert found.why is Why.GARBLED


def test_a_service_names_its_parts_that_are_down():
    body = {"status": "DOWN", "components": {"db": {"status": "DOWN"}, "x": {"status": "UP"}}}
    answers = {"/actuator/health": httpx.Response(503, json=body)}
    found = services(WELL, {"consumer": answers}).healths()["consumer"]
    assert isinstance(found, Health)
    assert (found.up, found.detail) == (False, "DOWN (db)")


def test_ingests_own_word_is_taken_before_the_gateways():
    refused = {**WELL, "circuit-breaker/status": httpx.Response(503, json={"error": "x"})}
    assert states(services(refused, {"ingest": UP}).healths())["ingest"] is True


def test_a_direct_source_replaces_the_gateways_word():
    down = Unavailable("database/shard2", Why.REFUSED, "x")
    found = services(WELL, direct=lambda: {"database/shard2": down}).healths()
    assert found["database/shard2"] is down


def test_the_gateway_is_not_asked_for_what_is_seen_directly():
    asked = []

    def gateway(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=WELL[request.url.path.removeprefix("/monitoring/")])

    wire = Wire("http://gateway", transport=httpx.MockTransport(gateway))
    seen = {part: Health(part, True, 1.0) for part in ("redis", "kafka")}
    found = Services(Gateway(wire), direct=lambda: seen).healths()
    assert found["redis"] is seen["redis"]
    assert not [path for path in asked if "redis" in path or "kafka" in path]


def test_all_of_it_stays_within_its_budget():
    def slow(request: httpx.Request) -> httpx.Response:
        time.sleep(0.03)
        return httpx.Response(200, json=WELL[request.url.path.removeprefix("/monitoring/")])

    wire = Wire("http://gateway", transport=httpx.MockTransport(slow))
    found = states(Services(Gateway(wire), budget_seconds=0.05).healths())
    assert found["monitoring"] is True
    assert found["database"] == "limit database"


def test_both_breakers_and_their_six_states_are_read():
    (found,) = services(WELL, {"ingest": {"/actuator/prometheus": METRICS}}).breakers().values()
    assert not isinstance(found, Unavailable)
    kafka, pg = found
    assert (kafka.name, kafka.state, kafka.failure_percent) == (
        "kafka-publisher",
        "FORCED_OPEN",
        None,
    )
    assert (pg.state, pg.failure_percent, pg.slow_percent) == ("HALF_OPEN", 40.0, None)
    assert (pg.failed_calls, pg.buffered_calls, pg.not_permitted_calls) == (4, 10, 3)


def test_requests_are_added_up_by_uri_and_status():
    found = services(WELL, {"ingest": {"/actuator/prometheus": METRICS}}).requests()
    assert found == {
        "ingest": (
            RequestCount("ingest", "/payments/authorize", 200, 90.0, 4.5),
            RequestCount("ingest", "/payments/authorize", 409, 10.0, 0.0),
        )
    }


POOL = """\
hikaricp_connections_active{pool="P"} 9
hikaricp_connections_max{pool="P"} 10
hikaricp_connections_pending{pool="P"} 3
hikaricp_connections_active{pool="half told"} 1
"""


def test_pools_are_read_from_every_actuator_and_only_ingest_must_have_one():
    texts = {"ingest": METRICS, "refund": POOL, "eureka": METRICS}
    found = services(WELL, {n: {"/actuator/prometheus": t} for n, t in texts.items()}).pools()
    assert found == {"ingest": (), "refund": (Pool("refund", "P", 9, 10, 3),)}
    assert services(WELL, {}).pools()["ingest"].reason == "pools_not_shown"


def names(found: Mapping[str, Any]) -> dict[str, object]:
    return {
        i: "unavailable" if isinstance(fact, Unavailable) else [b.name for b in fact]
        for i, fact in found.items()
    }


ONLY_PG = 'resilience4j_circuitbreaker_state{name="pg-auth-api",state="closed"} 1\n'
BOTH = ["kafka-publisher", "pg-auth-api"]


@pytest.mark.parametrize(
    ("platform", "actuators", "expected"),
    [
        pytest.param(WELL, {}, {"ingest": ["kafka-publisher"]}, id="gateway alone"),
        pytest.param(WELL, {"ingest-1": METRICS}, {"ingest-1": BOTH}, id="both see it: once"),
        pytest.param(
            WELL,
            {"ingest-1": METRICS, "ingest-2": REFUSED},
            {"ingest-1": BOTH, "ingest-2": "unavailable"},
            id="one instance away",
        ),
        pytest.param(
            WELL,
            {"ingest-1": ONLY_PG},
            {"ingest-1": ["pg-auth-api"], "ingest": ["kafka-publisher"]},
            id="each sees one",
        ),
        pytest.param(
            WELL,
            {"ingest": ONLY_PG},
            {"ingest": ["pg-auth-api", "kafka-publisher"]},
            id="each sees one of the same instance",
        ),
        pytest.param(
            WELL, {"ingest": REFUSED}, {"ingest": ["kafka-publisher"]}, id="gateway stands in"
        ),
        pytest.param({}, {"ingest": "<html>"}, {"ingest": "unavailable"}, id="nobody sees any"),
        pytest.param({}, {}, {"ingest": "unavailable"}, id="no way"),
    ],
)
def test_no_breaker_is_dropped_and_none_counted_twice(platform, actuators, expected):
    urls = {name: {"/actuator/prometheus": text} for name, text in actuators.items()}
    assert names(services(platform, urls).breakers()) == expected


@pytest.mark.parametrize(
    "text",
    ["", "<html></html>", '{"a": 1}', METRICS + "resilience4j_circuitbreaker_state{oops"],
    ids=["empty", "a web page", "JSON", "cut off"],
)
def test_text_that_is_no_metrics_is_unavailable(text):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=text))
    found = Actuator({"ingest": "http://x"}, transport).breakers()["ingest"]
    assert isinstance(found, Unavailable)
    assert (found.part, found.why, found.reason) == ("ingest", Why.GARBLED, "not_prometheus")
