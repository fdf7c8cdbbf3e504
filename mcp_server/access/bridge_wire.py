"""The HTTP side of the bridge: says what goes wrong, and outlives a restart of the monitor."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

log = logging.getLogger(__name__)

_SESSION = "mcp-session-id"
_FAILED = -32000
_REFUSED = {
    401: "the monitor wants a token: set the variable named by --token-env to one that it knows",
    403: "the monitor refuses this token or origin",
    404: "nothing answers MCP at this address: the path is usually /mcp",
    421: "the monitor does not go by this host name: add it to mcp.http.allowed_hosts there",
}
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}

BODY_BYTES_MAX = 32_000_000  # of one answer, or of all that one stream of events brings


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error instead of filling the memory."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > BODY_BYTES_MAX:
                raise httpx2.ReadError(f"the answer is larger than {BODY_BYTES_MAX:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        """Close what is behind it."""
        await self._inner.aclose()


class BridgeWire(httpx2.AsyncBaseTransport):
    """What cannot be delivered comes back as a JSON-RPC error; a lost session is begun anew."""

    def __init__(self, url: str, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._inner = inner or httpx2.AsyncHTTPTransport()
        self._hello: httpx2.Request | None = None  # the handshake, should it be needed again
        self._renewed: dict[str, str] = {}
        self._renewing = anyio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The monitor's answer, or one that says why there is none."""
        session = request.headers.get(_SESSION, "")
        if request.method == "POST" and not session and b'"initialize"' in await request.aread():
            self._hello = request
        try:
            response = await self._send(request, self._renewed.get(session, session))
            if response.status_code == 404 and session and await self._renew(session):
                await response.aclose()
                response = await self._send(request, self._renewed[session])
        except httpx2.TransportError as error:
            return self._told(request, 502, f"the monitor cannot be reached ({_why(error)})")
        if response.status_code in _REFUSED and request.method == "POST":
            await response.aclose()
            return self._told(request, response.status_code, _REFUSED[response.status_code])
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _send(self, request: httpx2.Request, session: str) -> httpx2.Response:
        if session:
            request.headers[_SESSION] = session
        response = await self._inner.handle_async_request(request)
        response.stream = _Bounded(response.stream)
        return response

    async def _renew(self, session: str) -> bool:
        """Shake hands again: the monitor was restarted and has forgotten this client."""
        async with self._renewing:
            tried = self._renewed.get(session, session)
            if self._hello is None:
                return False
            response = await self._send_plain(self._hello.content)
            renewed = response.headers.get(_SESSION, "")
            if response.status_code != 200 or not renewed or renewed == tried:
                return False
            self._renewed[session] = renewed
            await self._send_plain(json.dumps(_INITIALIZED).encode(), renewed)
            log.warning("the monitor was restarted; the session goes on")
            return True

    async def _send_plain(self, body: bytes, session: str = "") -> httpx2.Response:
        assert self._hello is not None  # noqa: S101
        headers = {k: v for k, v in self._hello.headers.items() if k.lower() != "content-length"}
        request = httpx2.Request("POST", self._url, headers=headers, content=body)
        request.extensions = self._hello.extensions
        response = await self._send(request, session)
        await response.aread()
        await response.aclose()
        return response

    def _told(self, request: httpx2.Request, status: int, why: str) -> httpx2.Response:
        shown = shown_url(self._url)
        log.warning("%s: %s", shown, why)
        error: dict[str, Any] = {"code": _FAILED, "message": f"paypulse at {shown}: {why}"}
        plain = {"jsonrpc": "2.0", "id": None, "error": error}
        return httpx2.Response(status, json=plain, request=request)


def shown_url(url: str) -> str:
    """The address without what may be secret: user, password, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _why(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
