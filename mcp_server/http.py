"""The way in over HTTP: one server at /mcp, with tokens, in a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mcp.server.transport_security import TransportSecuritySettings

from mcp_server.access.tokens import tokens_of
from mcp_server.context import ToolContext
from mcp_server.server import server_of
from monitor.config.models import Config

if TYPE_CHECKING:
    import uvicorn

    from monitor.app import App

log = logging.getLogger(__name__)

PATH = "/mcp"
_AGAIN_SECONDS = 30.0
_END_SECONDS = 2
_LOOPBACK_HOSTS = ["127.0.0.1:*", "localhost:*", "[::1]:*"]


class HttpServer:
    """Serves until it is stopped. Whatever happens to it, the monitor goes on: it says so, waits,
    and tries again."""

    def __init__(
        self, config: Config, open_app: Callable[[], App], env: Mapping[str, str] = os.environ
    ) -> None:
        """ConfigError: the section, a token or a name of a writing tool is wrong."""
        self._section = config.mcp.http
        self._config = config
        self._tokens = tokens_of(self._section, env)
        self._open_app = open_app
        self._stopping = threading.Event()
        self._running: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._serve, name="mcp-http", daemon=True)
        self.port: int | None = None  # once it listens
        self._app()  # what is wrong is said now, before the monitor starts

    @property
    def url(self) -> str:
        """Where it listens, or will."""
        host = f"[{self._section.host}]" if ":" in self._section.host else self._section.host
        return f"http://{host}:{self.port or self._section.port}{PATH}"

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self._running is not None and self._running.started

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; calls that run have a few seconds to end."""
        self._stopping.set()
        if self._running is not None:
            self._running.should_exit = True
        self._thread.join(2 * _END_SECONDS)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except OSError as error:
                log.error(
                    "MCP over HTTP cannot listen at %s (%s): the monitor goes on without it, "
                    "and tries again every %g s",
                    self.url,
                    error,
                    _AGAIN_SECONDS,
                )
            except Exception:
                log.exception(
                    "MCP over HTTP failed: the monitor goes on without it for %g s", _AGAIN_SECONDS
                )
            self._stopping.wait(_AGAIN_SECONDS)

    def _listen(self) -> None:
        import uvicorn  # noqa: PLC0415

        settings = uvicorn.Config(
            self._app(),
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_END_SECONDS,
        )
        with _bound(self._section.host, self._section.port) as listening:
            self.port = listening.getsockname()[1]
            self._running = uvicorn.Server(settings)
            if not self._stopping.is_set():
                self._running.run([listening])

    def _app(self) -> Any:
        """A new one each time: its sessions cannot be run twice."""
        section, tokens = self._section, self._tokens
        context = ToolContext(self._open_app)
        server = server_of(self._config, context, tokens=tokens if tokens else None)
        hosts = [*(_LOOPBACK_HOSTS if section.is_loopback else ()), *section.allowed_hosts]
        security = TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=[*section.allowed_origins]
        )
        return server.streamable_http_app(
            streamable_http_path=PATH, transport_security=security, host=section.host
        )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)
