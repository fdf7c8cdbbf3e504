"""The whole wire API as one function: routing, and the documented form of each part's failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from demo.api import breaker as api_breaker
from demo.api import control as api_control
from demo.api import database as api_database
from demo.api import ingest as api_ingest
from demo.api import kafka as api_kafka
from demo.api import load_tests as api_loadtest
from demo.api import original as api_original
from demo.api import redis as api_redis
from demo.api import stats as api_stats
from demo.api.wire import BadRequestError, Handler, Request, Response, answer, boot_error
from demo.platform.down import PartDownError
from demo.platform.parts import GATEWAY_SECONDS, SLOW_SECONDS
from demo.stand_in import StandIn

ROUTES: Mapping[tuple[str, str], Handler] = {
    **api_ingest.ROUTES,
    **api_breaker.ROUTES,
    **api_database.ROUTES,
    **api_redis.ROUTES,
    **api_kafka.ROUTES,
    **api_stats.ROUTES,
    **api_loadtest.ROUTES,
    **api_control.ROUTES,
}
_ORIGINAL_ROUTES: Mapping[tuple[str, str], Handler] = {**ROUTES, **api_original.ROUTES}
GATEWAY_TIMEOUT = 504
_OF_INGEST = ("/payments/", "/circuit-breaker/", "/actuator/", "/monitoring/circuit-breaker/")


def respond(
    standin: StandIn, method: str, path: str, query: Mapping[str, str], body: bytes = b""
) -> Response:
    """Answer one request, in process, at the stand-in's own time."""
    inner = path.removeprefix("/api") if path.startswith("/api/") else path
    request = Request(method, inner, query, body)
    with standin.lock:
        response = _guarded(standin, request)
        slow = standin.parts.conditions.slow_api and inner.startswith(_OF_INGEST)
    if response.status == GATEWAY_TIMEOUT:
        return replace(response, delay_seconds=GATEWAY_SECONDS)
    return replace(response, delay_seconds=SLOW_SECONDS) if slow else response


def _guarded(standin: StandIn, request: Request) -> Response:
    found = _find(standin, request)
    if found is None:
        return boot_error(standin, 404, request.path)
    handler, name = found
    try:
        response = handler(standin, replace(request, name=name))
        standin.parts.finish()
        return response
    except BadRequestError:
        return boot_error(standin, 400, request.path)
    except PartDownError as down:
        return _part_down(standin, request, down.part)


def _part_down(standin: StandIn, request: Request, part: str) -> Response:
    message = f"{part}: connection refused"
    if part == "kafka":
        return answer({"error": True, "message": message})
    if not request.path.startswith("/monitoring/"):
        return boot_error(standin, 500, request.path)
    return answer({"error": f"{part.partition('/')[0]} unavailable", "message": message}, 500)


def _find(standin: StandIn, request: Request) -> tuple[Handler, str] | None:
    routes = _ORIGINAL_ROUTES if standin.as_original else ROUTES
    exact = routes.get((request.method, request.path))
    if exact is not None:
        return exact, ""
    stem, _, name = request.path.rpartition("/")
    varying = routes.get((request.method, f"{stem}/*"))
    return None if varying is None else (varying, name)
