"""A dead-man's switch on loopback: keeps the pings that it is sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Ping:
    """One ping: what follows the secret part of its path, and its body."""

    signal: str
    body: str


@dataclass
class PingServer:
    """Answers `status` and `answer`; a trickling one sends a byte of it each second."""

    status: int = 200
    answer: str = "OK"
    trickles: threading.Event | None = None
    pings: list[Ping] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __enter__(self) -> PingServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.trickles is not None:
            self.trickles.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address to ping, with its secret."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/ping/SECRET-UUID"

    @property
    def signals(self) -> list[str]:
        """What the pings said, in their order."""
        return [ping.signal for ping in self.pings]

    @property
    def reasons(self) -> str:
        """The body of the last failure."""
        return next((p.body for p in reversed(self.pings) if p.signal == "fail"), "")


def _handler(server: PingServer) -> Any:
    class Handler(BaseHTTPRequestHandler):
        def _taken(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path = self.path.partition("?")[0]
            signal = path.removeprefix("/ping/SECRET-UUID").removeprefix("/") or "success"
            server.pings.append(Ping(signal, body))
            server.paths.append(self.path)
            self.send_response(server.status)
            self.end_headers()
            for byte in server.answer.encode():
                self.wfile.write(bytes([byte]))
                if server.trickles is not None:
                    server.trickles.wait(1)

        do_GET = do_POST = _taken  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
