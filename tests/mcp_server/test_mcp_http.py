"""The way in over HTTP: tokens, scopes, Host and Origin, both eras, and the bridge from stdio."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from mcp_case import PING, told, writing_app
from store_case import rows

from mcp_server.access.tokens import tokens_of
from mcp_server.http.server import HttpServer
from monitor.config.models import ConfigError, parse
from monitor.domain.statement import InvalidError
from monitor.store.acts.audit import audit_between

READ, WRITE = "read-token-0123456789", "write-token-0123456789"
ENV = {"PAYPULSE_MCP_READ_TOKEN": READ, "PAYPULSE_MCP_WRITE_TOKEN": WRITE}
NOTE = ("note", {"text": "ingest 2.4 is out"})
YES = ElicitResult(action="accept", content={"confirm": True})
HEADERS = {"Accept": "application/json, text/event-stream"}


@contextlib.contextmanager
def listening(app, env=ENV, port=0):
    section = app.config.mcp.http.model_copy(update={"port": port})
    mcp = app.config.mcp.model_copy(update={"http": section})
    server = HttpServer(app.config.model_copy(update={"mcp": mcp}), lambda: app, env)
    server.start()
    try:
        until = time.monotonic() + 20
        while not server.is_up and time.monotonic() < until:
            time.sleep(0.01)
        assert server.is_up
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def ends_soon(monkeypatch):
    monkeypatch.setattr("mcp_server.http.server._END_SECONDS", 1)


@pytest.fixture
def app(tmp_path):
    made = writing_app(tmp_path, "note")
    yield made
    made.close()


def post(url, token="", **headers):
    auth = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(url, json=PING, headers={**HEADERS, **auth, **headers})


def over_http(url, token, call, mode, answers=None):
    async def elicited(context, params):
        return answers(params)

    async def run():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(url, http_client=http)
            callback = elicited if answers else None
            async with Client(transport, mode=mode, elicitation_callback=callback) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                return names, await client.call_tool(*call)

    return anyio.run(run)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_both_eras_are_answered_over_http(app, mode):
    with listening(app) as server:
        names, result = over_http(server.url, READ, ("check_all_services", {}), mode)
    assert {"check_all_services", "note"} <= names
    assert result.structured_content["verdict"] == "ok"


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("wrong-token-0123456789", 401), (READ[:-1], 401), (READ, 200), (WRITE, 200)],
)
def test_only_a_known_token_comes_in(app, token, status):
    with listening(app) as server:
        response = post(server.url, token)
    assert response.status_code == status
    assert READ not in response.text and WRITE not in response.text


def test_a_foreign_host_or_origin_is_turned_away(app):
    with listening(app) as server:
        assert post(server.url, READ, Host="evil.example").status_code == 421
        assert post(server.url, READ, Origin="http://evil.example").status_code == 403
        assert post(server.url, READ, Host=f"localhost:{server.port}").status_code == 200


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_writing_needs_the_token_with_that_scope(app, mode):
    with listening(app) as server:
        _, refused = over_http(server.url, READ, NOTE, mode, lambda params: YES)
        _, done = over_http(server.url, WRITE, NOTE, mode, lambda params: YES)
    assert refused.is_error and "scope write" in refused.structured_content["summary"]
    assert not done.is_error and len(rows(app.store, "SELECT * FROM notes")) == 1
    with app.store.read() as tx:
        entries = audit_between(tx, app.clock().replace(year=2000), app.clock().replace(year=2100))
    assert [e.outcome for e in entries] == ["done", "refused"]
    assert entries[0].caller.startswith("http:write token")
    assert WRITE not in json.dumps(rows(app.store, "SELECT * FROM audit"))


OPEN = 'host = "0.0.0.0"\nallowed_hosts = ["monitor.test:8750"]'


@pytest.mark.parametrize(
    ("lines", "env", "words"),
    [
        (OPEN, {}, "host_open .*PAYPULSE_MCP_READ_TOKEN"),
        ('host = "10.0.0.1"', ENV, "allowed_hosts"),
        ("", {"PAYPULSE_MCP_READ_TOKEN": "short"}, "token_short .*chars=16"),
        ("", dict.fromkeys(ENV, READ), "tokens_same"),
    ],
    ids=["no token", "no host", "short", "same"],
)
def test_what_protects_nothing_is_an_error_of_the_configuration(lines, env, words):
    section = parse(f"[mcp.http]\nenabled = true\n{lines}", {}).mcp.http
    with pytest.raises(InvalidError, match=words):
        tokens_of(section, env)


def test_another_address_with_a_token_and_a_host_is_taken():
    section = parse(f"[mcp.http]\n{OPEN}", {}).mcp.http
    assert tokens_of(section, ENV)


def test_tokens_are_never_shown():
    shown = repr(tokens_of(parse("", {}).mcp.http, ENV))
    assert READ not in shown and WRITE not in shown


def test_a_token_in_place_of_a_variables_name_is_refused_unavailable():
    with pytest.raises(ConfigError) as raised:
        parse('[mcp.http]\nread_token_env = "s3cret-token!"', {})
    assert "never the token itself" in str(raised.value) and "s3cret" not in str(raised.value)


def test_a_taken_port_is_said_and_tried_again(app, caplog, monkeypatch):
    monkeypatch.setattr("mcp_server.http.server._AGAIN_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        section = app.config.mcp.http.model_copy(update={"port": port})
        mcp = app.config.mcp.model_copy(update={"http": section})
        server = HttpServer(app.config.model_copy(update={"mcp": mcp}), lambda: app, ENV)
        server.start()
        until = time.monotonic() + 10
        while "cannot listen" not in caplog.text and time.monotonic() < until:
            time.sleep(0.01)
        assert "the monitor goes on without it" in caplog.text
    until = time.monotonic() + 20
    while not server.is_up and time.monotonic() < until:
        time.sleep(0.01)
    assert post(server.url, READ).status_code == 200
    server.stop()
    with pytest.raises(httpx.ConnectError):
        post(server.url, READ)


@contextlib.contextmanager
def running(folder, port, **env):
    config = folder / "paypulse.toml"
    config.write_text(
        '[platform]\nbase_url = "http://127.0.0.1:9"\n'
        f"[mcp.http]\nenabled = true\nport = {port}\n[checks.services]\nevery_seconds = 1\n"
    )
    command = [sys.executable, "-c", "from monitor.cli.main import main; main()", "run"]
    errors = (folder / "stderr").open("w")
    process = subprocess.Popen(
        [*command, "-c", str(config)],
        cwd=folder,
        env={**os.environ, **ENV, **env},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        errors.close()


def answers_at(url):
    with contextlib.suppress(httpx.TransportError):
        return post(url, READ).status_code == 200
    return False


def soon(condition, seconds=40):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


@pytest.mark.slow
def test_the_running_monitor_answers_over_http_and_ends_with_its_scheduler(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with running(tmp_path, port) as process:
        soon(lambda: answers_at(url))
        names, result = over_http(url, READ, ("check_all_services", {}), "legacy")
        assert "list_alerts" in names and result.structured_content["verdict"] == "unknown"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=40)
    errors = (tmp_path / "stderr").read_text()
    assert process.returncode == 0, errors
    assert f"MCP at {url}" in out and "Traceback" not in errors
    assert not answers_at(url)


@pytest.mark.slow
def test_a_way_in_that_cannot_open_does_not_stop_the_monitoring(tmp_path):
    def passes():
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(tmp_path / "paypulse.db")) as db,
        ):
            return db.execute("SELECT count(*) FROM snapshots").fetchone()[0]
        return 0

    with contextlib.ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        process = stack.enter_context(running(tmp_path, taken.getsockname()[1]))
        errors = tmp_path / "stderr"
        soon(lambda: "cannot listen" in errors.read_text())
        before = passes()
        soon(lambda: passes() > before)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
    assert process.returncode == 0
    assert "the monitor goes on without it" in errors.read_text()


@pytest.mark.slow
def test_a_way_in_that_is_not_safe_stops_the_start(tmp_path):
    with running(tmp_path, 0, PAYPULSE_MCP_READ_TOKEN="short") as process:
        process.communicate(timeout=40)
    assert process.returncode == 3 and "16 characters" in (tmp_path / "stderr").read_text()


def bridge(url, tmp_path, token=READ):
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", "from monitor.cli.main import main; main()", "mcp", "--connect", url],
        env={"PAYPULSE_MCP_TOKEN": token, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd=tmp_path,
    )


def over_bridge(params, call, mode, answers=None, between=lambda: None):
    async def elicited(context, asked):
        return answers(asked)

    async def run():
        callback = elicited if answers else None
        with anyio.fail_after(60):
            async with Client(params, mode=mode, elicitation_callback=callback) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                await anyio.to_thread.run_sync(between)
                return names, await client.call_tool(*call)

    return anyio.run(run)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_bridge_passes_calls_and_questions_in_both_eras(app, tmp_path, mode):
    with listening(app) as server:
        params = bridge(server.url, tmp_path, WRITE)
        names, done = over_bridge(params, NOTE, mode, lambda asked: YES)
    assert {"note", "list_alerts"} <= names
    assert not done.is_error and len(rows(app.store, "SELECT * FROM notes")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_bridge_outlives_a_restart_of_the_monitor(app, tmp_path, mode):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        server = first.enter_context(listening(app))

        def restart():
            first.close()
            stack.enter_context(listening(app, port=server.port))

        call = ("list_alerts", {})
        _, result = over_bridge(bridge(server.url, tmp_path), call, mode, between=restart)
    assert not result.is_error


@pytest.mark.slow
@pytest.mark.parametrize("token", ["wrong-token-0123456789", ""])
def test_the_bridge_says_what_is_wrong_with_the_token(app, tmp_path, token):
    with listening(app) as server:
        said = told(lambda: over_bridge(bridge(server.url, tmp_path, token), NOTE, "legacy"))
    assert "wants a token" in said and "--token-env" in said


@pytest.mark.slow
def test_the_bridge_says_that_nobody_answers(tmp_path):
    params = bridge(f"http://127.0.0.1:{free_port()}/mcp", tmp_path)
    assert "cannot be reached" in told(lambda: over_bridge(params, NOTE, "legacy"))
