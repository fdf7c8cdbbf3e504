"""An httpx transport that keeps one deadline over a whole exchange, however slowly it drips."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

_ends_at: ContextVar[float] = ContextVar("_ends_at", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Everything that this thread reads or writes inside must be over within these seconds."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def is_over() -> bool:
    """Whether the deadline has passed (transports without sockets are held to it by this)."""
    return time.monotonic() >= _ends_at.get()


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport; its time-outs bound each read, the deadline bounds their sum."""

    def __init__(self, *, https: bool) -> None:
        # Reading the certificate authorities takes 20 ms: only where they are needed.
        tls = httpx.create_ssl_context() if https else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(verify=tls)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=20,
            max_keepalive_connections=5,
            network_backend=_Backend(),
        )


class _Backend(httpcore.NetworkBackend):
    """Opens sockets whose every wait ends with the deadline."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(self, *args: Any, **kw: Any) -> httpcore.NetworkStream:
        return _Stream(self._sockets.connect_tcp(*args, **kw))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Any = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._sockets.connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **kw: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*args, **kw))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline of the whole exchange has passed")
    bounds = [b for b in (timeout, left) if b is not None and b != math.inf]
    return min(bounds, default=None)


def joined(chunks: Iterable[bytes], bytes_max: int) -> bytes | None:
    """The body, or None as soon as it is longer than `bytes_max`; a late chunk raises."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > bytes_max:
            return None
        if is_over():
            raise httpx.ReadTimeout("the deadline of the whole exchange has passed")
        parts.append(chunk)
    return b"".join(parts)
