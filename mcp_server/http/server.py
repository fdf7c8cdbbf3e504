"""One server at /mcp: it listens again when it failed, and beats as long as it lives."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from mcp_server.access.certificate import require_certificate
from mcp_server.access.tokens import tokens_to_serve
from mcp_server.context import ToolContext
from mcp_server.http.access_log import AccessLog
from mcp_server.http.connections import BoundedConnection, cut_overdue
from mcp_server.http.names import PlainNames
from mcp_server.server import server_of
from mcp_server.time_limit import LEFT_MAX, calls_left
from monitor.config.models import Config

if TYPE_CHECKING:
    from monitor.app import App

log = logging.getLogger(__name__)

PATH = "/mcp"
_AGAIN_SECONDS = 30.0
_END_SECONDS = 2
_BODY_BYTES_MAX = 1_000_000
_SESSIONS_MAX = 200
_SESSION_IDLE_SECONDS = 600.0
_TICKS = 10  # of uvicorn's loop, in about a second
_LOOPBACK_HOSTS = ["127.0.0.1:*", "localhost:*", "[::1]:*"]


class _Beating(uvicorn.Server):
    """Cuts who keeps it waiting, and beats each second in which its loop turns."""

    def __init__(self, config: uvicorn.Config, beat: Callable[[], None]) -> None:
        super().__init__(config)
        self._beat = beat

    async def on_tick(self, counter: int) -> bool:
        """Called by the loop ten times a second."""
        if counter % _TICKS == 0:
            cut_overdue(self.server_state.connections)
            if calls_left() < LEFT_MAX:
                self._beat()
        return await super().on_tick(counter)


class HttpServer:
    """Serves until it is stopped; when it cannot listen it says so, waits, and tries again.

    `beat` is called each second in which it is well: its loop turns and its calls come to an end.
    """

    def __init__(
        self,
        config: Config,
        open_app: Callable[[], App],
        env: Mapping[str, str] = os.environ,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """ConfigError: the section, a token or a name of a writing tool is wrong."""
        self._section = config.mcp.http
        require_certificate(self._section)
        self._config = config
        self._tokens = tokens_to_serve(config, env)
        self._open_app = open_app
        self._beat = beat
        self._stopping = threading.Event()
        self._running: _Beating | None = None
        self._thread = threading.Thread(target=self._serve, name="mcp-http", daemon=True)
        self.port: int | None = None  # once it listens
        self._app()  # what is wrong is said now, before the monitor starts

    @property
    def url(self) -> str:
        """Where it listens, or will."""
        host = f"[{self._section.host}]" if ":" in self._section.host else self._section.host
        scheme = "http" if self._section.certfile is None else "https"
        return f"{scheme}://{host}:{self.port or self._section.port}{PATH}"

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
            self._rest()

    def _rest(self) -> None:
        until = monotonic() + _AGAIN_SECONDS
        while not self._stopping.wait(min(1.0, _AGAIN_SECONDS)) and monotonic() < until:
            self._beat()

    def _listen(self) -> None:
        settings = uvicorn.Config(
            self._app(),
            http=BoundedConnection,
            ssl_certfile=self._section.certfile,
            ssl_keyfile=self._section.keyfile,
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_END_SECONDS,
        )
        with _bound(self._section.host, self._section.port) as listening:
            self.port = listening.getsockname()[1]
            self._running = _Beating(settings, self._beat)
            if not self._stopping.is_set():
                self._running.run([listening])

    def _app(self) -> Any:
        """A new one each time: its sessions cannot be run twice."""
        section, tokens = self._section, self._tokens
        context = ToolContext(self._open_app)
        server = server_of(self._config, context, tokens=tokens)
        hosts = [*(_LOOPBACK_HOSTS if section.is_loopback else ()), *section.allowed_hosts]
        security = TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=[*section.allowed_origins]
        )
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            transport_security=security,
            host=section.host,
            max_request_body_size=_BODY_BYTES_MAX,
            max_sessions=_SESSIONS_MAX,
            session_idle_timeout=_SESSION_IDLE_SECONDS,
        )
        return AccessLog(PlainNames(app))


def is_free(host: str, port: int) -> bool:
    """Whether nobody else listens there now; what else is wrong shows when it is served."""
    try:
        _bound(host, port).close()
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the socket says that it speaks TCP
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening
