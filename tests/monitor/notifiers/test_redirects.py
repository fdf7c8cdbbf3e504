"""No redirect is followed, so that no secret goes to a host that nobody named."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client
from test_slack_notifier import RENDERER, message

from checks.sources.facts.unavailable import Unavailable
from checks.sources.http.client import Wire
from mcp_server.access.bridge_wire import BridgeWire
from monitor.delivery.ping import Pinger, Signal
from monitor.notifiers import slack

SECRET = "xoxb-a-secret-0123456789"
STATUSES = [301, 302, 303, 307, 308]


@contextlib.contextmanager
def serving(answer):
    """A server on loopback: `answer` is its status and where it sends to."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, location = answer
            body = b"ok" if "hook" in self.path else b'{"ok": true, "ts": "1.1", "channel": "C1"}'
            self.send_response(status)
            if location:
                self.send_header("Location", location + self.path)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_HEAD = _answer  # noqa: N815

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_platform(url, monkeypatch):
    assert isinstance(Wire(url, token=SECRET).get("/api/v1/health"), Unavailable)


def post_to_channel(url, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", SECRET)
    options = slack.SlackOptions("C1", base_url=url)
    with pytest.raises(Exception, match=r"30[12378]") as raised:
        slack.NOTIFIER.build(options, RENDERER).send(message(), None)
    assert SECRET not in str(raised.value)


def post_through_a_proxy(url, monkeypatch):
    monkeypatch.setenv("http_proxy", url)
    post_to_channel("http://slack.test", monkeypatch)


def post_to_webhook(url, monkeypatch):
    monkeypatch.setenv("HOOK", f"{url}/hook/{SECRET}")
    with pytest.raises(Exception, match=r"30[12378]") as raised:
        slack.NOTIFIER.build(slack.SlackOptions(webhook_url_env="HOOK"), RENDERER).send(
            message(), None
        )
    assert SECRET not in str(raised.value)


def call_by_bridge(url, monkeypatch):
    async def run():
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with httpx2.AsyncClient(transport=BridgeWire(url), headers=headers) as client:
            answer = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
            assert answer.status_code in STATUSES
            async with streamable_http_client(url, http_client=client) as (_, _write):
                pass

    anyio.run(run)


def ping(url, monkeypatch):
    assert "30" in Pinger(f"{url}/{SECRET}").ping(Signal.SUCCESS)


ASKERS = [
    ask_platform,
    post_to_channel,
    post_through_a_proxy,
    post_to_webhook,
    call_by_bridge,
    ping,
]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("ask", ASKERS, ids=lambda ask: ask.__name__)
def test_a_redirect_to_another_host_is_a_failure_and_gets_nothing(ask, status, monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with serving((200, "")) as (foreign, reached), serving((status, foreign)) as (url, asked):
        ask(url, monkeypatch)
    assert len(asked) == 1  # a proxy would be asked for the other host
    assert reached == []
