"""The bridge of --connect takes no answer without end, and ends with its client."""

from __future__ import annotations

import subprocess
import sys

import anyio
import httpx2
import pytest

from mcp_server.access.bridge_wire import BODY_BYTES_MAX, BridgeWire

CHUNK = b" " * 1_000_000


class Endless(httpx2.AsyncByteStream):
    sent = 0

    async def __aiter__(self):
        while True:
            self.sent += len(CHUNK)
            yield CHUNK


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_without_end_is_cut_off(kind):
    body = Endless()
    answer = httpx2.Response(200, headers={"content-type": kind}, stream=body)
    wire = BridgeWire("http://monitor/mcp", httpx2.MockTransport(lambda request: answer))

    async def run():
        async with httpx2.AsyncClient(transport=wire) as client:
            await client.post("http://monitor/mcp", content=b"{}")

    with pytest.raises(httpx2.ReadError, match="larger than"):
        anyio.run(run)
    assert body.sent <= BODY_BYTES_MAX + len(CHUNK)


def test_the_bridge_ends_when_its_client_has_gone():
    words = [sys.executable, "-c", "from monitor.cli.main import run_main; run_main()"]
    words += ["mcp", "--connect", "http://127.0.0.1:9/mcp"]
    done = subprocess.run(words, input=b"", capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
