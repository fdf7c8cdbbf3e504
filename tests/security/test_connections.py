"""Limits of a connection: too many, too slow, unclear about its length."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time

import httpx
import pytest
from mcp_case import PING, writing_app

from mcp_server.http.access_log import access, log_access_to
from mcp_server.http.connections import BoundedConnection, Limits
from mcp_server.http.server import HttpServer
from monitor.config.models import ConfigError, parse

LIMITS = Limits(per_address_max=5, head_seconds=1, body_seconds=1, unread_seconds=1)
TOKEN = "read-token-0123456789"
HEAD = (
    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
)


@pytest.fixture
def port(tmp_path, monkeypatch):
    monkeypatch.setattr(BoundedConnection, "limits", LIMITS)
    monkeypatch.setattr("mcp_server.http.server._SESSIONS_MAX", 3)
    app = writing_app(tmp_path, "note")
    with serving(app) as server:
        yield server.port
    app.close()


@contextlib.contextmanager
def serving(app, **given):
    section = app.config.mcp.http.model_copy(update={"port": 0, **given})
    mcp = app.config.mcp.model_copy(update={"http": section})
    config = app.config.model_copy(update={"mcp": mcp})
    server = HttpServer(config, lambda: app, {"PAYPULSE_MCP_READ_TOKEN": TOKEN})
    server.start()
    try:
        until = time.monotonic() + 20
        while not server.is_up:
            assert time.monotonic() < until
            time.sleep(0.01)
        yield server
    finally:
        server.stop()


def post(port):
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}
    return httpx.post(f"http://127.0.0.1:{port}/mcp", json=PING, headers=headers).status_code


@contextlib.contextmanager
def sent(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connected:
        connected.sendall(text.format(port=port).encode())
        yield connected


def seconds_until_cut(connected):
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while connected.recv(1000):
            pass
    return time.monotonic() - began


@pytest.mark.parametrize(
    "text",
    ["", "POST /mcp HT", HEAD, HEAD + "Content-Length: 100000\r\n\r\n{{"],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
def test_who_does_not_finish_is_cut_off(port, text):
    with sent(port, text) as connected:
        assert 0.5 < seconds_until_cut(connected) < 5


def test_one_address_has_only_so_many_connections(port):
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(sent(port, "P")) for _ in range(8)]
        assert sum(seconds_until_cut(each) < 0.3 for each in reversed(many)) >= 3
    assert post(port) == 200


@pytest.mark.parametrize("order", ["length first", "chunks first"])
def test_a_message_with_two_lengths_is_refused(port, order):
    lines = ["Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n"]
    text = HEAD + "".join(lines if order == "length first" else lines[::-1])
    with sent(port, text + "\r\n0\r\n\r\n") as connected:
        heard = b""
        with contextlib.suppress(ConnectionError):
            heard = connected.recv(1000)
    assert b" 200 " not in heard[:20] and b" 202 " not in heard[:20]


def test_a_large_body_is_refused(port):
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
    said = httpx.post(f"http://127.0.0.1:{port}/mcp", content=b"x" * 1_100_000, headers=headers)
    assert said.status_code == 413


def test_sessions_are_bounded(port):
    assert [post(port) for _ in range(4)] == [200, 200, 200, 503]


def test_who_asked_what_is_noted_and_no_token(port, tmp_path, monkeypatch):
    path = tmp_path / "access.log"
    monkeypatch.setattr(access, "handlers", [])
    log_access_to(path)
    headers = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer wrong"}
    assert post(port) == 200
    assert httpx.post(f"http://127.0.0.1:{port}/mcp", json=PING, headers=headers).status_code == 401
    until = time.monotonic() + 10
    while len(lines := path.read_text().splitlines()) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    access.handlers[0].close()
    assert "127.0.0.1 read token POST 200" in lines[0]
    assert "127.0.0.1 anybody POST 401" in lines[1]
    assert TOKEN not in path.read_text() and path.stat().st_mode & 0o777 == 0o600


def self_signed(folder):
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"]
    command += ["subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_tokens_go_over_tls_where_a_certificate_is_given(tmp_path):
    certificate, key = self_signed(tmp_path)
    app = writing_app(tmp_path, "note")
    with serving(app, certfile=certificate, keyfile=key) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=certificate)
        headers = {"Accept": "application/json, text/event-stream"}
        headers["Authorization"] = f"Bearer {TOKEN}"
        said = httpx.post(server.url, json=PING, headers=headers, verify=context)
    app.close()
    assert said.status_code == 200


@pytest.mark.parametrize("lines", ['certfile = "missing.pem"', 'keyfile = "only.key"'])
def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path, lines):
    text = f"[mcp.http]\nenabled = true\n{lines}\n"
    with pytest.raises(ConfigError, match="certfile"):
        HttpServer(parse(text, {}), lambda: None, {})
