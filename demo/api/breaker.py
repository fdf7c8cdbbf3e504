"""/monitoring/circuit-breaker: what the monitoring-service says about the publisher's breaker."""

from __future__ import annotations

from demo.api.ingest import breaker_body
from demo.api.wire import Handler, Request, Response, answer
from demo.platform.breaker import Breaker
from demo.stand_in import StandIn

_ANALYSES = {
    "HEALTHY": "Events are published.",
    "DEGRADED": "Events are published, but some sendings have failed.",
    "RECOVERING": "The broker is being tried.",
    "UNHEALTHY": "No event is published.",
}


def status(standin: StandIn, request: Request) -> Response:
    """GET circuit-breaker/status."""
    breaker = standin.parts.publisher
    word = _health_word(breaker)
    analysis = {"status": word, "description": _ANALYSES[word]}
    return answer(breaker_body(breaker) | {"analysis": analysis, "healthStatus": word})


def health(standin: StandIn, request: Request) -> Response:
    """GET circuit-breaker/health."""
    breaker = standin.parts.publisher
    healthy = breaker.state == "CLOSED"
    return answer(
        {
            "healthy": healthy,
            "state": breaker.state,
            "failureRate": breaker_body(breaker)["failureRate"],
            "message": "Kafka is healthy" if healthy else f"The breaker is {breaker.state}",
        }
    )


def diagnose(standin: StandIn, request: Request) -> Response:
    """GET circuit-breaker/diagnose."""
    breaker = standin.parts.publisher
    body = breaker_body(breaker)
    issues, advice = _issues(breaker)
    return answer(
        {
            "state": breaker.state,
            "failureRate": body["failureRate"],
            "slowCallRate": body["slowCallRate"],
            "issues": issues,
            "recommendations": advice,
            "metrics": {key: body[key] for key in body if key.startswith("number")},
        }
    )


def _health_word(breaker: Breaker) -> str:
    if breaker.state == "OPEN":
        return "UNHEALTHY"
    if breaker.state == "HALF_OPEN":
        return "RECOVERING"
    return "DEGRADED" if breaker.failed else "HEALTHY"


def _issues(breaker: Breaker) -> tuple[list[str], list[str]]:
    if breaker.state != "CLOSED":
        return [f"The breaker is {breaker.state}"], ["Look at the broker"]
    if breaker.failed:
        return [f"{breaker.failed} sendings failed"], ["Watch the broker"]
    return [], []


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/monitoring/circuit-breaker/status"): status,
    ("GET", "/monitoring/circuit-breaker/health"): health,
    ("GET", "/monitoring/circuit-breaker/diagnose"): diagnose,
}
