"""The wire against servers that hang, drip, flood, redirect and lie."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Answer, Wire

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
stop = threading.Event()


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A real socket on loopback that reads one request and then does what `talk` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop.clear()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                with suppress(OSError):
                    talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def hang(connection: socket.socket) -> None:
    stop.wait(5)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.wait(0.05):
        connection.sendall(b"X-A: b\r\n")


def drip_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n{")
    while not stop.wait(0.05):
        connection.sendall(b" ")


def endless_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not stop.is_set():
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def close_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(HEAD + b'Content-Length: 1000\r\n\r\n{"a":')


def say(status: str, body: bytes, more: bytes = b"") -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        connection.sendall(head.encode() + more + b"\r\n" + body)

    return talk


@pytest.mark.parametrize(
    ("talk", "why", "reason"),
    [
        pytest.param(hang, Why.LIMIT, "timeout", id="accepts and says nothing"),
        pytest.param(drip_headers, Why.LIMIT, "timeout", id="headers without end"),
        pytest.param(drip_body, Why.LIMIT, "timeout", id="a byte now and then"),
        pytest.param(endless_body, Why.LIMIT, "too_large", id="a body without end"),
        pytest.param(close_in_the_middle, Why.GARBLED, "not_http", id="half a body"),
        pytest.param(
            lambda c: c.sendall(b"\x00\x01go away\r\n"), Why.GARBLED, "not_http", id="junk"
        ),
        pytest.param(say("200 OK", b" <!doctype html><p>hi"), Why.GARBLED, "html", id="a web page"),
        pytest.param(say("200 OK", b"[1, 2]"), Why.GARBLED, "not_json", id="a list"),
        pytest.param(say("200 OK", b""), Why.GARBLED, "not_json", id="nothing"),
        pytest.param(say("200 OK", b'{"a": NaN}'), Why.GARBLED, "not_json", id="not a number"),
        pytest.param(say("200 OK", b"[" * 50_000), Why.GARBLED, "not_json", id="depths"),
        pytest.param(say("200 OK", b"\xff\xfe{}"), Why.GARBLED, "not_json", id="not UTF-8"),
        pytest.param(
            say("302 Found", b"", b"Location: http://u:secret@h/login?t=1\r\n"),
            Why.GARBLED,
            "redirect",
            id="a redirect",
        ),
    ],
)
def test_an_answer_that_cannot_be_had_is_unavailable_within_the_deadline(talk, why, reason):
    with server(talk) as url:
        wire = Wire(url, timeout_seconds=0.4, body_bytes_max=100_000)
        started = time.monotonic()
        found = wire.get("/monitoring/x")
        wire.close()
    assert isinstance(found, Unavailable)
    assert (found.why, found.reason) == (why, reason)
    assert time.monotonic() - started < 1.5
    assert found.params["path"] == "/monitoring/x"
    assert found.params["expected"] == "a JSON object"
    assert "secret" not in str(found)


def test_a_good_answer_comes_through_a_real_socket():
    with server(say("200 OK", b'{"a": 1}')) as url:
        wire = Wire(url)
        assert wire.get("/x", b="c d") == Answer("/x", 200, {"a": 1})
        wire.close()


def test_a_closed_port_is_a_refused_connection():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    wire = Wire(f"http://127.0.0.1:{port}")
    found = wire.get("/x")
    wire.close()
    assert isinstance(found, Unavailable)
    assert (found.part, found.why, found.reason) == ("gateway", Why.WAY, "connection_refused")


@pytest.mark.parametrize(
    ("error", "why", "reason"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), Why.WAY, "dns"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), Why.WAY, "tls"),
        (httpx.ConnectError("No route to host"), Why.WAY, "unreachable"),
        (httpx.ConnectTimeout("slow"), Why.WAY, "connect_timeout"),
        (httpx.PoolTimeout("full"), Why.WAY, "connect_timeout"),
        (httpx.ReadTimeout("slow"), Why.LIMIT, "timeout"),
        (httpx.ReadError("reset"), Why.WAY, "connection_lost"),
        (httpx.DecodingError("bad"), Why.WAY, "connection_lost"),
        (OSError("no more files"), Why.WAY, "connection_lost"),
    ],
    ids=lambda value: getattr(value, "value", None) or str(value)[:20],
)
def test_every_error_on_the_way_is_translated(error, why, reason):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    found = Wire("http://x", transport=httpx.MockTransport(fail)).get("/x")
    assert isinstance(found, Unavailable)
    assert (found.why, found.reason) == (why, reason)


def test_credentials_go_into_a_header_and_nowhere_else():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    wire = Wire("http://user:secret@x/api/", transport=httpx.MockTransport(answer))
    found = wire.get("/y")
    assert seen[0].headers["authorization"].startswith("Basic ")
    assert str(seen[0].url) == "http://x/api/y"
    assert "secret" not in repr(wire) + repr(found)


def test_a_token_is_sent_and_not_shown():
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={}, headers={"set-cookie": "a=b"})

    wire = Wire("http://x", transport=httpx.MockTransport(answer), token="secret")
    wire.get("/y")
    assert seen == ["Bearer secret"]
    assert "secret" not in repr(wire)
    assert not wire._client.cookies


def test_an_encoded_body_is_not_unpacked():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b\x08")
        )

    found = Wire("http://x", transport=httpx.MockTransport(answer)).get("/y")
    assert isinstance(found, Unavailable)
    assert found.reason == "not_json"
