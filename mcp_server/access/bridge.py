"""Stdio for a client on this machine, answered by a monitor elsewhere: messages pass unread."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp.types import PROTOCOL_VERSION_META_KEY, JSONRPCRequest, JSONRPCResponse

from mcp_server.access.bridge_wire import BridgeWire

log = logging.getLogger(__name__)

_TIMEOUT = httpx2.Timeout(10.0, read=900.0)  # a tool may wait for a load test


def serve_connected(url: str, token: str = "") -> None:
    """Pass every message of the client to the monitor at `url`, and its answers back."""
    anyio.run(_serve, url, token)


async def _serve(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    era = _Era()
    async with (
        httpx2.AsyncClient(transport=BridgeWire(url), headers=headers, timeout=_TIMEOUT) as client,
        streamable_http_client(url, http_client=client) as (from_monitor, to_monitor),
        stdio_server() as (from_client, to_client),
        anyio.create_task_group() as group,
    ):
        group.start_soon(_down, from_monitor, to_client, era)
        await _up(from_client, to_monitor, era)
        group.cancel_scope.cancel()
        await to_client.aclose()  # whoever writes to stdout waits for more until then


async def _up(source: Any, target: Any, era: _Era) -> None:
    async for item in source:
        if isinstance(item, Exception):
            log.warning("a line of the client is no JSON-RPC message: it is left out")
            continue
        metadata = ClientMessageMetadata(headers=era.headers(item.message))
        await target.send(SessionMessage(item.message, metadata))


async def _down(source: Any, target: Any, era: _Era) -> None:
    async for item in source:
        if isinstance(item, Exception):
            log.warning("the monitor sent what is no JSON-RPC message: %s", type(item).__name__)
            continue
        era.learn(item.message)
        await target.send(item)


@dataclass(slots=True)
class _Era:
    """Which protocol the two speak, for HTTP wants some of a message repeated in headers."""

    version: str = ""
    _handshake: str | int | None = None

    def headers(self, message: Any) -> dict[str, str]:
        """What belongs into the headers of one message of the client."""
        params = getattr(message, "params", None) or {}
        modern = (params.get("_meta") or {}).get(PROTOCOL_VERSION_META_KEY)
        if not isinstance(message, JSONRPCRequest) or not modern:
            if getattr(message, "method", "") == "initialize":
                self._handshake, self.version = message.id, ""
            return {MCP_PROTOCOL_VERSION_HEADER: self.version} if self.version else {}
        headers = {MCP_PROTOCOL_VERSION_HEADER: str(modern), MCP_METHOD_HEADER: message.method}
        name = params.get(NAME_BEARING_METHODS.get(message.method, ""))
        return headers | ({MCP_NAME_HEADER: encode_header_value(name)} if name else {})

    def learn(self, message: Any) -> None:
        """The version that the handshake agreed on."""
        if isinstance(message, JSONRPCResponse) and message.id == self._handshake:
            self.version = str(message.result.get("protocolVersion", ""))
            self._handshake = None
