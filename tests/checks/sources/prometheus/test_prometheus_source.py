"""Prometheus: what its answers say, and a real one that scrapes a small exporter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from own_server import GONE, free_port, program, prometheus_command, running, until

from checks.sources.connect import Address, connect
from checks.sources.facts.instances import Pool
from checks.sources.facts.platform import Breaker
from checks.sources.facts.prometheus import happened, turns
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.prometheus.breakers import PrometheusBreakers
from checks.sources.prometheus.source import SERIES_MAX, Prometheus

NOW = datetime(2025, 12, 5, 7, 0, tzinfo=UTC)
T = NOW.timestamp()
STATE = "resilience4j_circuitbreaker_state"


def vector(*rows: tuple[Mapping[str, str], str]) -> dict[str, Any]:
    found = [{"metric": labels, "value": [T, value]} for labels, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": found}}


def answering(answer: Callable[[str], Any]) -> Prometheus:
    """A Prometheus that answers each query with what `answer` makes of it."""

    def handle(request: httpx.Request) -> httpx.Response:
        made = answer(request.url.params["query"])
        return made if isinstance(made, httpx.Response) else httpx.Response(200, json=made)

    return Prometheus("http://u:hush@prometheus:9090", transport=httpx.MockTransport(handle))


def always(body: Any, status: int = 200) -> Prometheus:
    return answering(lambda query: httpx.Response(status, json=body))


def test_readings_come_with_their_labels_and_no_numbers_are_left_out():
    found = always(vector(({"a": "x"}, "1.5"), ({"a": "y"}, "NaN"), ({"a": "z"}, "+Inf")))
    (reading,) = found.instant("q")
    assert (dict(reading.labels), reading.value, reading.at) == ({"a": "x"}, 1.5, NOW)


def test_no_series_is_not_zero():
    none = always(vector()).instant("lag_sum")
    assert (none.why, none.reason, none.params["expected"]) == (
        Why.NOT_VISIBLE,
        "no_series",
        "lag_sum",
    )
    assert always(vector(({}, "0"))).instant("lag_sum")[0].value == 0


@pytest.mark.parametrize(
    ("body", "status", "why", "reason"),
    [
        ({"status": "error", "error": "parse error"}, 400, Why.GARBLED, "prometheus_error"),
        ({"status": "error", "error": "starting"}, 503, Why.REFUSED, "prometheus_error"),
        ({"error": "no"}, 401, Why.NOT_VISIBLE, "denied"),
        ({"status": "success"}, 200, Why.GARBLED, "ill_typed"),
        ({"status": "success", "data": {"resultType": "matrix"}}, 200, Why.GARBLED, "ill_typed"),
        (vector(({}, "many")), 200, Why.GARBLED, "ill_typed"),
        (vector(*(({}, "1"),) * (SERIES_MAX + 1)), 200, Why.LIMIT, "prometheus_too_many"),
        ([], 200, Why.GARBLED, "not_json"),
    ],
)
def test_answers_that_cannot_be_believed_are_unavailable(body, status, why, reason):
    source = always(body, status)
    found = source.instant("q")
    assert (found.part, found.why, found.reason) == ("prometheus", why, reason)
    assert "hush" not in repr(found) + repr(source)


def test_a_prometheus_that_is_gone_is_refused():
    gone = Prometheus(f"http://127.0.0.1:{free_port()}").healths()["prometheus"]
    assert (gone.why, gone.reason) == (Why.REFUSED, "connection_refused")


def test_a_window_is_never_asked_for_more_points_than_are_taken():
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(float(request.url.params["step"]))
        return httpx.Response(200, json=vector())

    source = Prometheus("http://p", transport=httpx.MockTransport(handle))
    source.window("q", NOW - timedelta(days=30), NOW, timedelta(seconds=15))
    source.window("q", NOW - timedelta(hours=1), NOW)
    assert asked == [2592.0, 15.0]


def at(*values: float) -> list[tuple[datetime, float]]:
    return [(NOW + timedelta(seconds=10 * n), value) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "increase", "per_second", "changes"),
    [
        ((5, 5, 5), 0, 0, 0),
        ((5, 8, 9), 4, 0.2, 2),
        ((5, 8, 2, 4), 7, 7 / 30, 3),
        ((5,), 0, None, 0),
    ],
    ids=["still", "grows", "began again", "one reading"],
)
def test_what_a_counter_did_in_a_window(values, increase, per_second, changes):
    found = happened({}, at(*values))
    assert (found.increase, found.per_second, found.changes) == (increase, per_second, changes)
    assert (found.first, found.last) == (values[0], values[-1])
    assert (found.low, found.high) == (min(values), max(values))
    assert len(found.transitions) == changes


def test_a_breakers_turns_are_told_in_order_of_time():
    seen = [(NOW + timedelta(seconds=s), state) for s, state in ((30, "OPEN"), (0, "CLOSED"))]
    (turn,) = turns([*seen, (NOW + timedelta(seconds=15), "CLOSED")], "ingest@a", "b")
    assert (turn.before, turn.after, turn.at) == ("CLOSED", "OPEN", NOW + timedelta(seconds=30))


def ingest(
    instances: Mapping[str, tuple[float, float]], series: Any = ()
) -> Mapping[str, Unavailable | tuple[Breaker, ...]]:
    """The breakers of instances, each up or not and scraped so many seconds ago."""

    def answer(query: str) -> Any:
        if query.startswith("timestamp"):
            return vector(*(({"instance": i}, f"{T - age}") for i, (_, age) in instances.items()))
        if query.startswith("up"):
            return vector(*(({"instance": i}, f"{up}") for i, (up, _) in instances.items()))
        return vector(*series)

    return PrometheusBreakers(answering(answer)).breakers()


def states(instance: str, name: str, state: str) -> list[tuple[dict[str, str], str]]:
    known = ("closed", "open", "half_open", "disabled", "forced_open", "metrics_only")
    labels = {"__name__": STATE, "instance": instance, "name": name}
    return [({**labels, "state": s}, str(int(s == state))) for s in known]


@pytest.mark.parametrize(
    "state", ["closed", "open", "half_open", "disabled", "forced_open", "metrics_only"]
)
def test_each_state_of_each_instance_is_seen(state):
    rows = [*states("a:1", "kafka-publisher", state), *states("b:1", "pg-auth-api", "closed")]
    rate = {"__name__": "resilience4j_circuitbreaker_failure_rate", "instance": "a:1"}
    rows.append(({**rate, "name": "kafka-publisher"}, "-1"))
    found = ingest({"a:1": (1, 5), "b:1": (1, 5)}, rows)
    (one,) = found["ingest@a:1"]
    assert (one.instance, one.name, one.state) == ("ingest@a:1", "kafka-publisher", state.upper())
    assert one.failure_percent is None
    assert found["ingest@b:1"][0].state == "CLOSED"


def test_an_instance_that_is_not_scraped_well_is_unavailable_and_hides_no_other():
    rows = [row for i in ("a:1", "b:1", "c:1") for row in states(i, "kafka-publisher", "closed")]
    found = ingest({"a:1": (1, 5), "b:1": (0, 5), "c:1": (1, 500)}, rows)
    assert len(found["ingest@a:1"]) == 1
    assert (found["ingest@b:1"].why, found["ingest@b:1"].reason) == (Why.REFUSED, "target_down")
    assert (found["ingest@c:1"].why, found["ingest@c:1"].reason) == (Why.LIMIT, "scrape_old")


def test_an_instance_without_breakers_shows_none_and_without_instances_all_is_unavailable():
    assert ingest({"a:1": (1, 5)}) == {"ingest@a:1": ()}
    assert ingest({})["ingest"].reason == "no_series"


METRICS = """\
# TYPE {state} gauge
{state}{{name="kafka-publisher",state="closed"}} {closed}
{state}{{name="kafka-publisher",state="open"}} {open}
# TYPE resilience4j_circuitbreaker_buffered_calls gauge
resilience4j_circuitbreaker_buffered_calls{{name="kafka-publisher",kind="failed"}} 4
# TYPE resilience4j_circuitbreaker_not_permitted_calls_total counter
resilience4j_circuitbreaker_not_permitted_calls_total{{name="kafka-publisher"}} 7
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{{pool="HikariPool-1"}} 9
hikaricp_connections_max{{pool="HikariPool-1"}} 10
hikaricp_connections_pending{{pool="HikariPool-1"}} 3
"""


class Exporter(BaseHTTPRequestHandler):
    """Metrics as ingest serves them; `is_open` turns the breaker, `is_up` fails the scrape."""

    is_open = False
    is_up = True

    def do_GET(self) -> None:
        text = METRICS.format(state=STATE, closed=int(not self.is_open), open=int(self.is_open))
        self.send_response(200 if self.is_up else 500)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """A real Prometheus, twice a second at an exporter of ours."""
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("prometheus")
    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    target = f"127.0.0.1:{exporter.server_port}"
    with running(lambda port: prometheus_command(binary, folder, target, port), folder) as server:
        source = Prometheus(f"http://127.0.0.1:{server.port}")
        yield source, target
        source.close()
    exporter.shutdown()
    exporter.server_close()


def test_a_real_prometheus_shows_breakers_pools_and_what_happened(scraped):
    source, target = scraped
    name, breakers = f"ingest@{target}", PrometheusBreakers(source)
    assert until(source.healths, lambda h: not isinstance(h["prometheus"], Unavailable))[
        "prometheus"
    ].up
    began = datetime.now(UTC)

    def state(found: Mapping[str, Any]) -> str:
        rows = found.get(name, ())
        return "" if isinstance(rows, Unavailable) or not rows else rows[0].state

    found = until(breakers.breakers, lambda f: state(f) == "CLOSED")[name]
    assert found == (Breaker(name, "kafka-publisher", "CLOSED", None, None, 4, 4, 7),)
    assert breakers.pools() == {name: (Pool(name, "HikariPool-1", 9, 10, 3),)}
    jobs = ("ingest-service", "refund-worker", "unheard.of")
    targets = until(lambda: breakers.targets(jobs), lambda found: len(found) == 2)
    seen = {(t.job, t.instance, t.up) for t in targets}
    assert seen == {("ingest-service", target, True), ("refund-worker", f"127.0.0.1:{GONE}", False)}
    time.sleep(1.1)
    Exporter.is_open = True
    assert state(until(breakers.breakers, lambda f: state(f) == "OPEN")) == "OPEN"
    seconds = timedelta(seconds=1)
    turned = breakers.turns(began, datetime.now(UTC), seconds)
    assert [(t.name, t.before, t.after) for t in turned] == [("kafka-publisher", "CLOSED", "OPEN")]
    (seen,) = source.window(f'{STATE}{{state="open"}}', began, datetime.now(UTC), seconds)
    assert (seen.first, seen.last, seen.low, seen.high, seen.changes) == (0, 1, 0, 1, 1)
    Exporter.is_up = False
    down = until(breakers.breakers, lambda f: isinstance(f[name], Unavailable))[name]
    assert down.reason == "target_down"
    assert breakers.pools()[name].reason == "target_down"  # it had one just now


def test_a_real_prometheus_refuses_a_wrong_query_and_has_no_unknown_series(scraped):
    source, _ = scraped
    until(source.healths, lambda h: not isinstance(h["prometheus"], Unavailable))
    assert source.instant("up{").reason == "prometheus_error"
    assert source.instant("kafka_consumergroup_lag_sum").reason == "no_series"


@pytest.mark.parametrize("is_through", [False, True], ids=["breakers elsewhere", "breakers too"])
def test_a_configured_prometheus_is_a_part_of_the_platform(is_through):
    network = httpx.MockTransport(lambda request: httpx.Response(200, json=vector(({}, "7"))))
    address = Address("http://m", prometheus_url="http://p", breakers_scraped=is_through)
    platform = connect(address, network)
    assert platform.prometheus.instant("answer")[0].value == 7
    assert (platform.breakers is platform.scraped) is is_through
    assert platform.services.healths()["prometheus"].up


def test_without_a_prometheus_nothing_is_asked_of_it():
    platform = connect(Address("http://m"), httpx.MockTransport(lambda _: httpx.Response(500)))
    assert (platform.prometheus, platform.scraped) == (None, None)
    assert "prometheus" not in platform.services.healths()
