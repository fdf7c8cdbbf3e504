"""The stand-in behind a real port: a thin ASGI shell, a server in a thread, a ticking clock."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from demo.api.app import respond
from demo.api.wire import Response
from demo.stand_in import StandIn

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_BACKLOG = 512
_BODY_MAX = 64 * 1024
_STARTS_WITHIN_SECONDS = 10.0
_STOPS_WITHIN_SECONDS = 5.0


def asgi(standin: StandIn) -> App:
    """The ASGI application over a stand-in; a slow ingest is really slow here."""

    async def app(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read(receive)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        response = respond(standin, scope["method"], scope["path"], query, body)
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        await _write(send, response)

    return app


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens at `url` until it is stopped."""

    url: str
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop listening; open requests are finished or cut soon."""
        self._server.should_exit = True
        self._thread.join(_STOPS_WITHIN_SECONDS)


def serve(standin: StandIn, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Serve a stand-in from a thread of its own; port 0 takes a free one."""
    listener = _listen(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            asgi(standin),
            log_level="warning",
            lifespan="off",
            ws="none",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    arguments = {"sockets": [listener]}
    thread = threading.Thread(target=server.run, kwargs=arguments, name="stand-in", daemon=True)
    thread.start()
    _await_start(server, thread)
    address = listener.getsockname()
    return Running(f"http://{host}:{address[1]}", server, thread)


class Ticker:
    """Advances a stand-in with a clock, from a thread of its own, until it is stopped."""

    def __init__(
        self,
        standin: StandIn,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        period_seconds: float = 1.0,
    ) -> None:
        self._standin = standin
        self._clock = clock
        self._period_seconds = period_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in clock", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more."""
        self._stopping.set()
        self._thread.join(_STOPS_WITHIN_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._period_seconds):
            self._standin.advance(self._clock())


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sends small answers at once only on a socket that says it is TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(_BACKLOG)
    return listener


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited, step = 0.0, threading.Event()
    while not server.started:
        if not thread.is_alive() or waited > _STARTS_WITHIN_SECONDS:
            raise RuntimeError("the stand-in did not come up")
        step.wait(0.01)
        waited += 0.01


async def _read(receive: _Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body = (body + part)[:_BODY_MAX]
        if not message.get("more_body"):
            return body


async def _write(send: _Send, response: Response) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
