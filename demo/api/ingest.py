"""Ingest's own API: payments, breakers, health and metrics."""

from __future__ import annotations

import json
from typing import Any

from demo.api.wire import (
    BadRequestError,
    Handler,
    Request,
    Response,
    answer,
    boot_error,
    plain,
    whole,
)
from demo.platform.breaker import STATES, Breaker
from demo.processes import ingest
from demo.processes.ingest import Answer, Authorization
from demo.stand_in import StandIn


def authorize(standin: StandIn, request: Request) -> Response:
    """POST /payments/authorize."""
    body = _body(request)
    wish = Authorization(
        _text(body, "merchantId", 32),
        _amount(body),
        _text(body, "currency", 3),
        _text(body, "idempotencyKey", 64),
    )
    return _say(standin, request, ingest.authorize(standin.parts, wish, standin.now))


def capture(standin: StandIn, request: Request) -> Response:
    """POST /payments/capture/{id}."""
    merchant = _text(_body(request), "merchantId", 32)
    payment_id = whole(request.name)
    outcome = ingest.capture(standin.parts, payment_id, merchant, standin.now)
    return _say(standin, request, outcome)


def refund(standin: StandIn, request: Request) -> Response:
    """POST /payments/refund/{id}."""
    body = _body(request)
    merchant, reason = _text(body, "merchantId", 32), _text(body, "reason", 128)
    payment_id = whole(request.name)
    outcome = ingest.refund(standin.parts, payment_id, merchant, reason, standin.now)
    return _say(standin, request, outcome)


def breaker_status(standin: StandIn, request: Request) -> Response:
    """GET /circuit-breaker/status."""
    return answer({"kafka-publisher": breaker_body(standin.parts.publisher)})


def breaker(standin: StandIn, request: Request) -> Response:
    """GET /circuit-breaker/kafka-publisher; the other breaker has no such page."""
    return answer(breaker_body(standin.parts.publisher))


def health(standin: StandIn, request: Request) -> Response:
    """GET /actuator/health."""
    return answer({"status": "UP"})


def prometheus(standin: StandIn, request: Request) -> Response:
    """GET /actuator/prometheus."""
    lines = [*_request_lines(standin), *_breaker_lines(standin), *_pool_lines()]
    return plain("\n".join(lines) + "\n", "text/plain; version=0.0.4")


def breaker_body(breaker: Breaker) -> dict[str, Any]:
    """The fields that ingest tells about a breaker."""
    return {
        "state": breaker.state,
        "numberOfSuccessfulCalls": breaker.succeeded,
        "numberOfFailedCalls": breaker.failed,
        "numberOfSlowCalls": 0,
        "numberOfSlowSuccessfulCalls": 0,
        "numberOfSlowFailedCalls": 0,
        "numberOfBufferedCalls": breaker.buffered,
        "numberOfNotPermittedCalls": breaker.not_permitted,
        "failureRate": f"{breaker.failure_percent:.2f}%",
        "slowCallRate": "-1.00%" if breaker.failure_percent < 0 else "0.00%",
    }


def _say(standin: StandIn, request: Request, outcome: Answer) -> Response:
    if outcome.body is None:
        return boot_error(standin, outcome.status, request.path)
    return answer(outcome.body, outcome.status)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise BadRequestError("body") from error
    if not isinstance(body, dict):
        raise BadRequestError("body")
    return body


def _text(body: dict[str, Any], key: str, length_max: int) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > length_max:
        raise BadRequestError(key)
    return value


def _amount(body: dict[str, Any]) -> int:
    value = body.get("amount")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**53:
        raise BadRequestError("amount")
    return value


def _request_lines(standin: StandIn) -> list[str]:
    name = "http_server_requests_seconds"
    lines = [f"# HELP {name} Requests answered", f"# TYPE {name} summary"]
    for (method, uri, status), meter in standin.parts.meters.requests.items():
        labels = f'application="ingest-service",method="{method}",status="{status}",uri="{uri}"'
        lines.append(f"{name}_count{{{labels}}} {meter.count}")
        lines.append(f"{name}_sum{{{labels}}} {meter.seconds_total:.6f}")
    return lines


def _pool_lines() -> list[str]:
    """The stand-in answers one request at a time: it never holds more than one connection."""
    name, kinds = "hikaricp_connections", {"active": 0, "idle": 10, "max": 10, "pending": 0}
    return [f'{name}_{kind}{{pool="HikariPool-1"}} {count}' for kind, count in kinds.items()]


def _breaker_lines(standin: StandIn) -> list[str]:
    breakers = (standin.parts.publisher, standin.parts.pg)
    lines: list[str] = []
    for name, kind in _BREAKER_METRICS.items():
        full = f"resilience4j_circuitbreaker_{name}"
        lines += [f"# HELP {full} Of each circuit breaker", f"# TYPE {full} {kind}"]
        lines += [f"{full}{sample}" for breaker in breakers for sample in _samples(name, breaker)]
    return lines


_BREAKER_METRICS = {
    "state": "gauge",
    "failure_rate": "gauge",
    "slow_call_rate": "gauge",
    "buffered_calls": "gauge",
    "not_permitted_calls_total": "counter",
}


def _samples(metric: str, breaker: Breaker) -> list[str]:
    labels = f'application="ingest-service",name="{breaker.name}"'
    if metric == "state":
        state = breaker.state.lower()
        return [f'{{{labels},state="{known}"}} {float(known == state)}' for known in STATES]
    if metric == "buffered_calls":
        return [
            f'{{{labels},kind="failed"}} {float(breaker.failed)}',
            f'{{{labels},kind="successful"}} {float(breaker.succeeded)}',
        ]
    if metric == "not_permitted_calls_total":
        return [f'{{{labels},kind="not_permitted"}} {float(breaker.not_permitted)}']
    rate = breaker.failure_percent
    if metric == "slow_call_rate":
        rate = min(rate, 0.0)
    return [f"{{{labels}}} {rate}"]


ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/payments/authorize"): authorize,
    ("POST", "/payments/capture/*"): capture,
    ("POST", "/payments/refund/*"): refund,
    ("GET", "/circuit-breaker/status"): breaker_status,
    ("GET", "/circuit-breaker/kafka-publisher"): breaker,
    ("GET", "/actuator/health"): health,
    ("GET", "/actuator/prometheus"): prometheus,
}
