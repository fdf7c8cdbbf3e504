"""Slow questions: nobody waits long for them, and what comes late is there for the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Answer, Wire
from checks.sources.http.patient import PatientWire
from checks.sources.monitoring_api.source import Gateway
from checks.sources.services import Services

WAIT_SECONDS = 0.05
GONE = httpx.Response(200, json={"error": True, "message": "Timed out waiting for a node"})
DEAD_SHARD = httpx.Response(500, json={"error": "Statistics query failed", "message": "no JDBC"})


class Platform:
    """A platform whose answers come when they are let go; `held` names paths that wait."""

    def __init__(self, **answers: httpx.Response) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.go = threading.Event()
        self.held: tuple[str, ...] = ()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2].replace("-", "_")
        self.asked.append(name)
        if name in self.held:
            assert self.go.wait(10)
        found = self.answers.get(name, httpx.Response(200, json={"scenarios": []}))
        return httpx.Response(found.status_code, content=found.content)

    def gateway(self, patience_seconds: float = 5.0) -> Gateway:
        transport = httpx.MockTransport(self)
        slow = Wire("http://x", timeout_seconds=patience_seconds, transport=transport)
        return Gateway(Wire("http://x", transport=transport), PatientWire(slow, WAIT_SECONDS))


@pytest.fixture
def made() -> Iterator[Callable[..., Platform]]:
    platforms: list[Platform] = []

    def make(**answers: httpx.Response) -> Platform:
        platforms.append(Platform(**answers))
        return platforms[-1]

    yield make
    for platform in platforms:
        platform.go.set()


def unavailable(fact: object) -> Unavailable:
    assert isinstance(fact, Unavailable), fact
    return fact


def until_answered(source: Gateway) -> None:
    """Nothing is on its way any more."""
    assert source._slow is not None
    ends_at = time.monotonic() + 10
    while source._slow._asked:
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_nobody_waits_for_what_is_slow_and_it_says_that_it_is_waited_for(made):
    platform = made(stats=GONE)
    platform.held = ("stats",)
    source, started = platform.gateway(), time.monotonic()
    found = unavailable(source.cluster())
    assert time.monotonic() - started < 2
    assert (found.part, found.why, found.reason) == ("kafka", Why.LIMIT, "no_answer_yet")
    assert source.load_test_scenarios() == ()


def test_an_answer_on_its_way_is_waited_for_and_not_asked_for_again(made):
    platform = made(stats=GONE)
    platform.held = ("stats",)
    source = platform.gateway()
    for _ in range(3):
        source.cluster()
    assert platform.asked == ["stats"]


def test_what_came_too_late_is_told_to_the_next_who_asks_and_until_there_is_a_newer_answer(made):
    platform = made(stats=GONE)
    platform.held = ("stats",)
    source = platform.gateway()
    source.cluster()
    platform.go.set()
    until_answered(source)
    platform.go.clear()
    told = [unavailable(source.cluster()) for _ in range(2)]
    assert {(one.why, one.reason) for one in told} == {(Why.REFUSED, "part_reports_error")}


def test_a_part_that_is_back_is_seen_at_once(made):
    stats = {"topics": [], "consumerGroups": [], "brokerCount": 1, "clusterId": "c"}
    platform = made(stats=GONE)
    platform.held = ("stats",)
    source = platform.gateway()
    source.cluster()
    platform.go.set()
    until_answered(source)
    platform.answers["stats"] = httpx.Response(200, json={**stats, "clusterHealthy": True})
    assert not isinstance(source.cluster(), Unavailable)


def test_a_good_answer_that_came_late_is_told_once_and_no_more(made):
    stats = {"topics": [], "consumerGroups": [], "brokerCount": 1, "clusterId": "c"}
    platform = made(stats=httpx.Response(200, json={**stats, "clusterHealthy": True}))
    platform.held = ("stats",)
    source = platform.gateway()
    source.cluster()
    platform.go.set()
    until_answered(source)
    platform.go.clear()
    assert not isinstance(source.cluster(), Unavailable)
    assert unavailable(source.cluster()).reason == "no_answer_yet"


def test_a_late_answer_is_too_old_after_the_longest_that_one_is_waited_for():
    given = PatientWire(Wire("http://x", timeout_seconds=0.1), WAIT_SECONDS)
    old = Answer("/p", 500, {"error": "x"})
    question = given._started(("k", "/p"), lambda: old)
    assert question is not None
    assert question.done.wait(5)
    question.ended_at = time.monotonic() - 1
    given._late["k", "/p"] = question
    found = unavailable(given._meanwhile(("k", "/p"), "/p", question))
    assert found.reason == "no_answer_yet"


def healths(platform: Platform) -> dict[str, Any]:
    source = platform.gateway()
    services = Services(source)
    services.healths()
    platform.go.set()
    until_answered(source)
    return dict(services.healths())


SHARDS = {"shard1Total": 5, "shard1Status": "UP", "shard2Total": 5, "shard2Status": "UP"}
DATABASE = httpx.Response(
    200,
    json={
        "paymentsByStatus": [{"status": "CAPTURED", "count": 5}],
        "totalPayments": 5,
        "outboxEvents": {"total": 0, "published": None, "unpublished": None},
        "databaseSharding": SHARDS,
    },
)


class Parts(Platform):
    """A platform that tells its paths of one name apart by what they are about."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/monitoring/database/stats":
            return httpx.Response(200, content=DATABASE.content)
        return super().__call__(request)


@pytest.mark.parametrize(
    ("held", "answer", "part"),
    [
        ("health", httpx.Response(200, json={"healthy": False, "message": "no node"}), "kafka"),
        ("health", GONE, "kafka"),
        ("stats", httpx.Response(500, json={"error": "x", "message": "timed out"}), "redis"),
        ("statistics", DEAD_SHARD, "database/shard2"),
        ("health", httpx.Response(504, json={"timestamp": "t", "path": "/m"}), "kafka"),
    ],
)
def test_a_dead_part_behind_the_gateway_is_down_once_its_slow_answer_is_there(held, answer, part):
    platform = Parts(**{held: answer})
    platform.held = (held,)
    found = healths(platform)[part]
    is_down = isinstance(found, Unavailable) and found.why is Why.REFUSED
    assert is_down or found.up is False


def test_a_part_that_hangs_beyond_all_patience_is_down_while_the_service_answers():
    def answer(request: httpx.Request) -> httpx.Response:
        if "/kafka/" in request.url.path:
            raise httpx.ReadTimeout("slow")
        return httpx.Response(200, json={"scenarios": []})

    transport = httpx.MockTransport(answer)
    slow = PatientWire(Wire("http://x", transport=transport), WAIT_SECONDS)
    source = Gateway(Wire("http://x", transport=transport), slow)
    found = unavailable(Services(source).healths()["kafka"])
    assert (found.why, found.reason) == (Why.REFUSED, "part_hangs")
