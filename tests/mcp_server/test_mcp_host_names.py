"""The running server goes by exactly its names: whatever else is called is turned away."""

from __future__ import annotations

import socket

import pytest
from mcp_case import writing_app
from test_mcp_http import READ, listening

HOSTILE_HOSTS = [
    "",
    "evil.example",
    "evil.example:{port}",
    "localhost.evil.example:{port}",
    "evil.localhost",
    "localhost:{port}.evil.example",
    "localhost:evil.example",
    "localhost:{port}@evil.example",
    "user@localhost:{port}",
    "localhost:",
    "localhost:-1",
    "localhost:{port}/",
    "localhost:{port}#",
    "localhost: {port}",
    "localhost:１２３",
    "localhost:123456",
    "127.0.0.1.evil.example:{port}",
    "127.0.0.1:{port}:evil",
    "127.0.0.1",
    "127.1:{port}",
    "0.0.0.0:{port}",
    "[::1]evil:{port}",
    "[::1]:{port}.evil",
    "[::ffff:127.0.0.1]:{port}",
    "::1:{port}",
    "localhost,evil.example:{port}",
    "http://localhost:{port}",
    "monitor.test:1",
    "monitor.test.:8750",
    "xmonitor.test:8750",
]
PAST = 400  # what the server itself says to a GET without a session
OWN_HOSTS = ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "monitor.test:8750"]
HOSTILE_ORIGINS = [
    "http://evil.example",
    "http://page.test.evil.example",
    "http://page.test:80@evil.example",
    "http://page.test:x",
    "null",
    "file://",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    app = writing_app(tmp_path_factory.mktemp("names"))
    http = app.config.mcp.http.model_copy(
        update={"allowed_hosts": ("monitor.test:8750",), "allowed_origins": ("http://page.test:*",)}
    )
    mcp = app.config.mcp.model_copy(update={"http": http})
    app.config = app.config.model_copy(update={"mcp": mcp})
    with listening(app) as running:
        yield running
    app.close()


def status(server, *lines):
    """What is answered to headers as they stand, which no client library would send."""
    head = [
        "GET /mcp HTTP/1.1",
        *(line.format(port=server.port) for line in lines),
        f"Authorization: Bearer {READ}",
        "Accept: application/json, text/event-stream",
        "Connection: close",
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_host_that_is_not_exactly_a_name_of_the_monitor_is_turned_away(server, host):
    assert status(server, f"Host: {host}") == 421


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_its_own_names_are_let_in(server, host):
    assert status(server, f"Host: {host}") == PAST


def test_two_hosts_or_none_are_turned_away(server):
    assert status(server, "Host: localhost:{port}", "Host: evil.example") == 400
    assert status(server) == 400


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
def test_an_origin_that_is_not_exactly_allowed_is_turned_away(server, origin):
    assert status(server, "Host: localhost:{port}", f"Origin: {origin}") == 403


def test_an_origin_that_is_allowed_is_let_in(server):
    assert status(server, "Host: localhost:{port}", "Origin: http://page.test:8080") == PAST
