"""The stand-in behind a real port."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from demo.api.server import Ticker, serve
from demo.platform import parts
from demo.stand_in import StandIn

START = datetime(2025, 12, 3, 3, tzinfo=UTC)


@pytest.fixture
def served(tmp_path):
    standin = StandIn(tmp_path, start=START, payments_per_minute=0, rate_capacity=10_000)
    running = serve(standin)
    with httpx.Client(base_url=running.url, timeout=10) as client:
        yield standin, client
    running.stop()
    standin.close()


def wish(key, merchant="MERCHANT-2"):
    return {"merchantId": merchant, "amount": 5000, "currency": "KRW", "idempotencyKey": key}


def test_it_answers_over_http_with_and_without_the_prefix(served):
    _, client = served
    assert client.get("/actuator/health").json() == {"status": "UP"}
    assert client.post("/api/payments/authorize", json=wish("a")).status_code == 200
    found = client.get(
        "/api/monitoring/database/payments", params={"filter": "merchant: MERCHANT-2"}
    )
    assert found.json()["count"] == 1
    assert client.post("/payments/authorize", content=b"\xff").status_code == 400
    assert client.post("/payments/authorize", content=b"x" * 200_000).status_code == 400


def test_its_faults_are_switched_over_http(served):
    standin, client = served
    assert client.post("/demo/faults/redis_down", params={"on": "true"}).status_code == 200
    assert standin.parts.cache.up is False
    assert client.get("/monitoring/redis/stats").status_code == 500


def test_a_slow_ingest_is_really_slow_and_holds_up_nobody_else(served, monkeypatch):
    standin, client = served
    monkeypatch.setattr("demo.api.app.SLOW_SECONDS", 0.3)
    standin.set_fault("slow_api", True)
    late: list[float] = []

    def ask():
        began = time.perf_counter()
        httpx.get(f"{client.base_url}/actuator/health")
        late.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    began = time.perf_counter()
    client.get("/monitoring/redis/stats")
    assert time.perf_counter() - began < 0.3
    thread.join()
    assert late[0] >= 0.3
    assert parts.SLOW_SECONDS == 1.5


def test_a_burst_from_many_clients_is_answered_and_settled(served):
    standin, client = served
    answers: list[int] = []

    def burst(number):
        with httpx.Client(base_url=client.base_url) as own:
            for n in range(40):
                key = f"{number}-{n}"
                body = wish(key, f"MERCHANT-{n}")
                answers.append(own.post("/api/payments/authorize", json=body).status_code)

    threads = [threading.Thread(target=burst, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 200
    standin.advance(START + timedelta(minutes=12))  # one by one, two seconds each
    stats = client.get("/stats/overview").json()
    assert stats["capturedCount"] == 200


def test_small_answers_on_a_kept_connection_do_not_wait_for_acknowledgements(served):
    _, client = served
    began = time.perf_counter()
    for _ in range(20):
        client.get("/actuator/health")
    assert time.perf_counter() - began < 0.4  # forty milliseconds each if they do


def test_a_port_that_is_taken_is_an_error(served):
    standin, client = served
    with pytest.raises(OSError, match="in use"):
        serve(standin, port=client.base_url.port)


def test_the_ticker_advances_it_with_its_clock_until_it_is_stopped(tmp_path):
    standin = StandIn(tmp_path, start=START, payments_per_minute=60)
    ticked = threading.Event()
    times = iter(START + timedelta(seconds=30 * n) for n in range(1, 1000))

    def clock():
        if standin.now > START:
            ticked.set()
        return next(times)

    ticker = Ticker(standin, clock, period_seconds=0.005)
    ticker.start()
    assert ticked.wait(5)
    ticker.stop()
    stopped_at = standin.now
    assert stopped_at > START
    time.sleep(0.03)
    assert standin.now == stopped_at
    standin.close()


def test_a_stopped_server_listens_no_more(tmp_path):
    standin = StandIn(tmp_path, start=START)
    running = serve(standin)
    running.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url)
    standin.close()
