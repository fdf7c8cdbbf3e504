"""Requests and responses of the platform's API, without any server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.platform.times import boot_text
from demo.stand_in import StandIn

_REASONS = {
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    504: "Gateway Timeout",
}
_JSON = {"content-type": "application/json"}


class BadRequestError(Exception):
    """A parameter or a field is missing or ill-typed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; `path` without the gateway's prefix, `name` its last part if it varies."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    name: str = ""

    def text(self, key: str, default: str | None = None) -> str:
        """A parameter of the query."""
        value = self.query.get(key, default)
        if value is None:
            raise BadRequestError(key)
        return value

    def number(self, key: str, default: int) -> int:
        """A whole number of the query."""
        return whole(self.query.get(key, str(default)))


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered; a server waits `delay_seconds` first, simulated time need not."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_seconds: float = 0.0


Handler = Callable[[StandIn, Request], Response]


def whole(text: str) -> int:
    """A whole number, or a bad request."""
    try:
        return int(text)
    except ValueError as error:
        raise BadRequestError(text) from error


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON object."""
    return Response(status, _JSON, json.dumps(body, separators=(",", ":")).encode())


def plain(text: str, content_type: str = "text/plain") -> Response:
    """A text."""
    return Response(200, {"content-type": f"{content_type}; charset=utf-8"}, text.encode())


def boot_error(standin: StandIn, status: int, path: str) -> Response:
    """The error body that Spring Boot words itself."""
    body = {
        "timestamp": boot_text(standin.now),
        "status": status,
        "error": _REASONS[status],
        "path": path,
    }
    return answer(body, status)
