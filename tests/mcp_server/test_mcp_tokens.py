"""Where tokens come from: named files and variables, rotation, and the monitor's own file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from mcp_case import writing_app
from store_case import rows
from test_mcp_http import (
    ENV,
    NOTE,
    READ,
    WRITE,
    YES,
    bridge,
    listening,
    over_bridge,
    over_http,
    post,
)
from typer.testing import CliRunner

from mcp_server.access.token_file import own_token, own_token_file, tokens_in
from mcp_server.access.tokens import tokens_of, tokens_to_serve
from monitor.cli.main import main
from monitor.config.models import ConfigError, parse
from monitor.domain.statement import InvalidError

A, B, C = "first-token-0123456789", "second-token-0123456789", "third-token-0123456789"


@pytest.fixture
def app(tmp_path):
    made = writing_app(tmp_path, "note")
    made.config = made.config.model_copy(update={"database": tmp_path / "paypulse.db"})
    yield made
    made.close()


def token_file(folder, *lines, name="reports.tokens", mode=0o600):
    file = folder / name
    file.write_text("".join(f"{line}\n" for line in lines))
    file.chmod(mode)
    return file


def section(*lines):
    return parse("\n".join(["[mcp.http]", *lines]), {}).mcp.http


def who(tokens, shown):
    found = anyio.run(tokens.verify_token, shown)
    return found and (found.client_id, found.scopes)


def test_a_named_token_of_a_file_or_a_variable_says_who_comes_and_what_they_may(tmp_path):
    file = token_file(tmp_path, "# of the reports", A, "", B)
    tokens = tokens_of(
        section(
            f"tokens.reports = {{ file = '{file}' }}",
            "tokens.night-shift = { env = 'NIGHT', scopes = ['write'] }",
        ),
        {**ENV, "NIGHT": C},
    )
    assert who(tokens, A) == who(tokens, B) == ("reports token", ["read"])
    assert who(tokens, C) == ("night-shift token", ["read", "write"])
    assert who(tokens, READ) == ("read token", ["read"])
    assert who(tokens, WRITE) == ("write token", ["read", "write"])
    assert who(tokens, "") is who(tokens, "# of the reports") is who(tokens, A + B) is None
    assert not {A, B, C} & set(repr(tokens).replace(",", " ").split())


def test_a_file_is_read_again_without_a_restart(app, tmp_path):
    file = token_file(tmp_path, A)
    own = section(f"tokens.reports = {{ file = '{file}' }}")
    mcp = app.config.mcp.model_copy(update={"http": own})
    app.config = app.config.model_copy(update={"mcp": mcp})
    with listening(app, env={}) as server:
        seen = [post(server.url, token).status_code for token in (A, B)]
        token_file(tmp_path, A, B)
        seen += [post(server.url, token).status_code for token in (A, B)]
        token_file(tmp_path, B)
        seen += [post(server.url, token).status_code for token in (A, B)]
    assert seen == [200, 401, 200, 200, 401, 200]


SPOILED = {
    "gone": lambda folder, file: file.unlink(),
    "read by the group": lambda folder, file: file.chmod(0o640),
    "written by others": lambda folder, file: file.chmod(0o602),
    "empty": lambda folder, file: file.write_text("# none\n"),
    "short": lambda folder, file: file.write_text(f"{A}\nshort\n"),
    "two on a line": lambda folder, file: file.write_text(f"{A} {B}\n"),
    "not ASCII": lambda folder, file: file.write_text(f"{A}é\n"),
    "not text": lambda folder, file: file.write_bytes(b"\xff" * 40),
    "huge": lambda folder, file: file.write_text(f"{A}\n" * 10_000),
    "a folder": lambda folder, file: (file.unlink(), file.mkdir()),
    "a pipe": lambda folder, file: (file.unlink(), os.mkfifo(file, 0o600)),
    "a device": lambda folder, file: (file.unlink(), file.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_protects_nothing_stops_the_start_and_opens_to_nobody_later(
    tmp_path, caplog, spoil
):
    file = token_file(tmp_path, A)
    own = section(f"tokens.reports = {{ file = '{file}' }}")
    running = tokens_of(own, {})
    assert who(running, A)
    spoil(tmp_path, file)
    with pytest.raises(InvalidError, match="token_"):
        tokens_of(own, {})
    assert who(running, A) is who(running, A) is None
    assert caplog.text.count("no token of") == 1
    assert A not in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(tmp_path):
    file = token_file(tmp_path, A)
    os.chown(file, 12_345, 12_345)
    with pytest.raises(InvalidError, match="token_file_open"):
        tokens_in(file)


def test_a_token_of_two_callers_may_only_what_both_may(tmp_path):
    file = token_file(tmp_path, A)
    tokens = tokens_of(
        section(
            f"tokens.reports = {{ file = '{file}' }}",
            "tokens.night = { env = 'NIGHT', scopes = ['read', 'write'] }",
        ),
        {"NIGHT": B},
    )
    token_file(tmp_path, B)
    assert who(tokens, B) == ("reports token", ["read"])


@pytest.mark.parametrize(
    ("lines", "env", "words"),
    [
        (["tokens.a = { env = 'A' }"], {}, "secret .*tokens.a"),
        (["tokens.a = { env = 'A' }"], {"A": "short"}, "token_short"),
        (["tokens.a = { env = 'A' }", "tokens.b = { env = 'B' }"], {"A": A, "B": A}, "tokens_same"),
        (["tokens.read = { env = 'A' }"], {"A": A, **ENV}, "token_names_same .*read"),
    ],
    ids=["not set", "short", "same token", "same name"],
)
def test_named_tokens_that_say_nothing_of_the_caller_are_refused(lines, env, words):
    with pytest.raises(InvalidError, match=words):
        tokens_of(section(*lines), env)


@pytest.mark.parametrize(
    "line",
    [
        "tokens.a = {}",
        "tokens.a = { env = 'A', file = 'a' }",
        "tokens.a = { env = 'A', scopes = [] }",
        "tokens.a = { env = 'A', scopes = ['admin'] }",
        "tokens.a = { env = 'not a name' }",
        "tokens.'a b' = { env = 'A' }",
        f"tokens.{'a' * 41} = {{ env = 'A' }}",
        "tokens.a = 'first-token-0123456789'",
    ],
)
def test_a_table_of_tokens_that_is_wrong_is_named_and_not_repeated(line):
    with pytest.raises(ConfigError, match=r"mcp\.http\.tokens") as raised:
        section(line)
    assert A not in str(raised.value)


def test_without_tokens_the_monitor_makes_one_that_may_read_and_asks_for_it(app, tmp_path):
    with listening(app, env={}) as server:
        file = tmp_path / "paypulse.db.token"
        (token,) = tokens_in(file)
        assert post(server.url).status_code == post(server.url, A).status_code == 401
        _, read = over_http(server.url, token, ("list_alerts", {}), "auto")
        _, refused = over_http(server.url, token, NOTE, "auto", lambda params: YES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(token) >= 40
    assert not read.is_error
    assert refused.is_error and rows(app.store, "SELECT * FROM notes") == []
    assert token not in json.dumps(rows(app.store, "SELECT * FROM audit"))


def test_the_own_token_stays_the_same_over_restarts_and_is_read_again(tmp_path):
    config = parse(f"database = '{tmp_path / 'p.db'}'", {})
    first = tokens_in(own_token(config.database))
    tokens = tokens_to_serve(config, {})
    assert tokens_in(own_token(config.database)) == first
    assert who(tokens, first[0]) == ("local token", ["read"])
    token_file(tmp_path, A, name="p.db.token")
    assert who(tokens, first[0]) is None and who(tokens, A)


def test_two_that_start_at_once_have_the_same_token(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: own_token(tmp_path / "p.db"), range(8)))
    assert len({tokens_in(file) for file in files}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["p.db.token"]


def test_where_tokens_are_configured_none_is_made(tmp_path):
    assert tokens_to_serve(parse(f"database = '{tmp_path / 'p.db'}'", {}), ENV)
    assert list(tmp_path.iterdir()) == []


def test_an_own_token_that_others_know_stops_the_start(tmp_path):
    token_file(tmp_path, A, name="p.db.token", mode=0o644)
    with pytest.raises(InvalidError, match="token_file_open"):
        own_token(tmp_path / "p.db")


def test_a_token_that_cannot_be_kept_stops_the_start(tmp_path):
    with pytest.raises(InvalidError, match="token_file_unwritable"):
        own_token(tmp_path / "not there" / "p.db")


OTHER_USER = """
import encodings.idna, os, sys, urllib.error, urllib.request
os.setgid(12345); os.setuid(12345)
url, file, body = sys.argv[1:]
try:
    open(file).read()
except PermissionError:
    print("kept secret")
try:
    urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=10)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_another_local_user_neither_reads_the_token_nor_comes_in(app):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own lie where no other user looks
        Path(folder).chmod(0o755)
        database = Path(folder) / "paypulse.db"
        app.config = app.config.model_copy(update={"database": database})
        with listening(app, env={}) as server:
            command = [sys.executable, "-I", "-c", OTHER_USER, server.url]
            done = subprocess.run(
                [*command, str(own_token_file(database)), "{}"],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
    assert done.stdout == "kept secret\n401\n", done.stderr


def nearby(folder, port):
    file = folder / "paypulse.toml"
    file.write_text(f"database = '{folder / 'paypulse.db'}'\n[mcp.http]\nport = {port}\n")
    return file


@pytest.mark.slow
def test_the_bridge_finds_the_token_of_the_monitor_on_this_machine(app, tmp_path):
    with listening(app, env={}) as server:
        nearby(tmp_path, server.port)
        params = bridge(server.url, tmp_path, "")
        names, result = over_bridge(params, ("list_alerts", {}), "auto")
    assert "list_alerts" in names and not result.is_error


@pytest.mark.parametrize(
    ("url", "is_found"),
    [
        ("http://127.0.0.1:8123/mcp", True),
        ("http://localhost:8123/mcp", True),
        ("http://127.0.0.1:8124/mcp", False),
        ("http://127.0.0.1/mcp", False),
        ("http://monitor.test:8123/mcp", False),
        ("https://127.0.0.1.monitor.test:8123/mcp", False),
    ],
)
def test_a_client_is_given_the_file_of_the_monitor_at_that_address_and_of_no_other(
    tmp_path, url, is_found
):
    config = nearby(tmp_path, 8123)
    own_token(tmp_path / "paypulse.db")
    arguments = ["mcp", "install", "--print", "--connect", url, "-c", str(config)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["mcpServers"].values()
    file = str(own_token_file(tmp_path / "paypulse.db"))
    assert (["--token-file", file] == entry["args"][-2:]) is is_found
    assert ("env" in entry) is not is_found
    assert tokens_in(tmp_path / "paypulse.db.token")[0] not in done.output


def test_a_token_file_that_others_read_is_refused_by_the_bridge(tmp_path):
    file = token_file(tmp_path, A, mode=0o644)
    arguments = ["mcp", "--connect", "http://127.0.0.1:9/mcp", "--token-file", str(file)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 3 and "chmod 600" in done.output
