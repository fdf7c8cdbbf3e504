"""How many connections may be open, and how long each may keep the server waiting."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections in all and from one address; seconds for a request's head, its body, and for
    an answer that nobody takes."""

    connections_max: int = 256
    per_address_max: int = 64
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    unread_seconds: float = 30.0


class BoundedConnection(H11Protocol):
    """A connection that is cut when it comes on top of too many, or keeps the server waiting."""

    limits = Limits()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.waits_since = monotonic()
        self.unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are too many."""
        super().connection_made(transport)
        self.waits_since = monotonic()
        if self._is_too_many():
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Refuse what says twice how long it is: a proxy before us may have read it otherwise."""
        super().data_received(data)
        if self._is_answering and _has_two_lengths(self.headers):
            self.transport.abort()

    def on_response_complete(self) -> None:
        """From now on the next request is waited for."""
        self.waits_since = monotonic()
        super().on_response_complete()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_too_many(self) -> bool:
        alike = sum(_address(each) == _address(self) for each in self.connections)
        limits = self.limits
        return len(self.connections) > limits.connections_max or alike > limits.per_address_max

    def is_overdue(self, now: float) -> bool:
        """Whether its peer has had all the time that it gets; ask about once a second."""
        unread = self.transport.get_write_buffer_size() > 0
        self.unread_since = (self.unread_since or now) if unread else None
        if self.unread_since is not None:
            return now - self.unread_since > self.limits.unread_seconds
        waited = now - self.waits_since
        if not self._is_answering:
            return waited > self.limits.head_seconds
        return self.cycle.more_body and waited > self.limits.body_seconds


def _address(connection: Any) -> str | None:
    return connection.client[0] if connection.client else None


def _has_two_lengths(headers: list[tuple[bytes, bytes]] | None) -> bool:
    names = {name for name, _ in headers or ()}
    return {b"content-length", b"transfer-encoding"} <= names


def cut_overdue(connections: Any) -> None:
    """Cut the connections that keep the server waiting."""
    now = monotonic()
    for connection in list(connections):
        if connection.is_overdue(now):
            connection.transport.abort()
