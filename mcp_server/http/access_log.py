"""Who asked what over HTTP: one line a request and one a tool call, in a file that stays small."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import monotonic
from typing import Any

access = logging.getLogger("paypulse.access")
log = logging.getLogger(__name__)

_BYTES_MAX = 5_000_000
_OLDER_KEPT = 3
_REFUSED = frozenset({401, 403, 421})


class _Private(RotatingFileHandler):
    """A file that only its owner reads: names and addresses stand in it."""

    def _open(self) -> Any:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_for_owner)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def log_access_to(path: Path) -> None:
    """Write the lines to a file from now on; OSError if it cannot be written."""
    handler = _Private(path, maxBytes=_BYTES_MAX, backupCount=_OLDER_KEPT)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    access.addHandler(handler)
    access.propagate = False
    access.setLevel(logging.INFO)


class AccessLog:
    """Notes each request that passes, and says on the log who was refused."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = monotonic(), 0

        async def noting(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            _note(scope, status, 1000 * (monotonic() - began))


def _note(scope: Any, status: int, took_ms: float) -> None:
    address = scope["client"][0] if scope.get("client") else "?"
    user = getattr(scope.get("user"), "access_token", None)
    who = user.client_id if user is not None else "anybody"
    access.info("%s %s %s %d %.0f ms", address, who, scope["method"], status, took_ms)
    if status in _REFUSED:
        log.warning("refused a request from %s with status %d", address, status)
