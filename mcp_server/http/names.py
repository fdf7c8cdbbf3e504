"""By which name a request comes in: one that is no plain name with a port is turned away."""

from __future__ import annotations

import re
from typing import Any

# What the check behind this one compares by its beginning alone: `localhost:` and whatever follows.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]+)(?::[0-9]{1,5})?")
_ORIGIN = re.compile(rb"[a-z]+://(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]+)(?::[0-9]{1,5})?")
_MISDIRECTED, _FORBIDDEN = 421, 403


class PlainNames:
    """Lets those in whose Host, and Origin if there is one, is a name with or without a port."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or answer it here."""
        status = _refusal(scope["headers"]) if scope["type"] == "http" else 0
        if not status:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"Invalid Host or Origin header"})


def _refusal(headers: list[tuple[bytes, bytes]]) -> int:
    hosts = [value for name, value in headers if name == b"host"]
    origins = [value for name, value in headers if name == b"origin"]
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return _MISDIRECTED
    return 0 if all(map(_ORIGIN.fullmatch, origins)) and len(origins) <= 1 else _FORBIDDEN
