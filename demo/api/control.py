"""/demo: the stand-in's own switches and its clock; no part of the platform."""

from __future__ import annotations

from datetime import date
from typing import Any

from demo.api.wire import BadRequestError, Handler, Request, Response, answer, boot_error, plain
from demo.platform.pg_book import NothingToSpoilError
from demo.platform.times import instant
from demo.stand_in import StandIn


def faults(standin: StandIn, request: Request) -> Response:
    """GET /demo/faults."""
    return answer({"faults": _states(standin)})


def switch(standin: StandIn, request: Request) -> Response:
    """POST /demo/faults/{name}?on=true|false."""
    wanted = request.text("on").lower()
    if wanted not in ("true", "false"):
        raise BadRequestError("on")
    try:
        standin.set_fault(request.name, wanted == "true")
    except KeyError:
        return boot_error(standin, 404, request.path)
    return answer({"name": request.name, "on": wanted == "true"})


def pg_file(standin: StandIn, request: Request) -> Response:
    """GET /demo/pg-file?date=2026-11-26&spoilt=true|false: the PG's settlement file."""
    try:
        day = date.fromisoformat(request.text("date"))
    except ValueError:
        raise BadRequestError("date") from None
    is_spoilt = request.text("spoilt", "false").lower() == "true"
    try:
        text = standin.parts.pg_book.file(day, spoilt=is_spoilt)
    except NothingToSpoilError:
        return answer({"error": "the day has not both a refund and a capture to spoil"}, 409)
    return plain(text, "text/csv")


def now(standin: StandIn, request: Request) -> Response:
    """GET /demo/now."""
    return answer({"now": instant(standin.now)})


def _states(standin: StandIn) -> list[dict[str, Any]]:
    return [
        {"name": fault.name, "on": on, "description": fault.description}
        for fault, on in standin.faults.states()
    ]


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/demo/faults"): faults,
    ("POST", "/demo/faults/*"): switch,
    ("GET", "/demo/now"): now,
    ("GET", "/demo/pg-file"): pg_file,
}
