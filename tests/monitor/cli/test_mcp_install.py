"""paypulse mcp install: what is there stays, what changes is shown, no secret is written."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcp_server.toolsets import NAMES
from monitor.cli.main import main
from monitor.cli.mcp.client_entry import client_path
from monitor.cli.mcp.client_file import (
    ClientFileError,
    read_client_file,
    with_servers,
    write_client_file,
)
from monitor.cli.mcp.env_file import load_env_file
from monitor.cli.mcp.install import SPLIT

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
OTHER = {
    "theme": "dark",
    "mcpServers": {"other": {"command": "x", "env": {"KEY": "s3cret"}, "비고": "유지"}},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2hunter2")
    (tmp_path / "paypulse.toml").write_text(
        '# ${NOT_USED}\n[platform.redis]\nvia = "direct"\nurl = "redis://:${REDIS_PASSWORD}@h/0"\n'
    )
    return tmp_path


def installed(*options, answer=None):
    return CliRunner().invoke(main, ["mcp", "install", *options], input=answer)


def servers(path):
    return json.loads(path.read_text())["mcpServers"]


FILES = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
}


@pytest.mark.parametrize("client", FILES)
def test_each_client_gets_its_entry_without_the_secret(folder, client):
    result = installed("--client", client, "--yes")
    assert result.exit_code == 0, result.output
    text = (folder / FILES[client]).read_text()
    entry = json.loads(text)["mcpServers"]["paypulse"]
    config = str(folder / "paypulse.toml")
    assert entry["args"][-5:] == ["mcp", "-c", config, "--directory", str(folder)]
    assert Path(entry["command"]).is_absolute()
    assert "hunter2" not in text + result.output and "NOT_USED" not in text
    expected = {"claude-code": "${REDIS_PASSWORD}", "cursor": "${env:REDIS_PASSWORD}"}.get(client)
    assert entry.get("env", {}).get("REDIS_PASSWORD") == expected
    if client == "claude-desktop":
        assert "REDIS_PASSWORD" in result.output and "--env-file" in result.output


@pytest.mark.parametrize(
    ("client", "platform", "env", "path"),
    [
        ("claude-desktop", "darwin", {"HOME": "/u"}, "/u/Library/Application Support/Claude"),
        ("claude-desktop", "win32", {"USERPROFILE": "/u", "APPDATA": "/r"}, "/r/Claude"),
        ("claude-desktop", "linux", {"HOME": "/u"}, "/u/.config/Claude"),
        ("claude-desktop", "linux", {"HOME": "/u", "XDG_CONFIG_HOME": "/x"}, "/x/Claude"),
        ("cursor", "darwin", {"HOME": "/u"}, "/u/.cursor"),
        ("claude-code", "linux", {"HOME": "/u"}, "/project"),
    ],
)
def test_the_file_is_where_the_client_looks(client, platform, env, path):
    assert client_path(client, Path("/project"), env, platform).parent == Path(path)


def test_split_writes_one_entry_for_each_toolset_of_the_originals(folder):
    installed("--yes")
    installed("--split", "--yes")
    found = servers(folder / ".mcp.json")
    assert found.keys() == {f"paypulse-{name}" for name in SPLIT}
    assert set(SPLIT) == set(NAMES) - {"history"}
    for name in SPLIT:
        assert found[f"paypulse-{name}"]["args"][-2:] == ["--toolset", name]
    installed("--yes")
    assert servers(folder / ".mcp.json").keys() == {"paypulse"}


def test_what_is_there_stays_in_its_place_and_its_indentation(folder):
    path = folder / ".mcp.json"
    path.write_text(json.dumps(OTHER, indent=4, ensure_ascii=False))
    path.chmod(0o640)
    result = installed("--yes")
    after = json.loads(path.read_text())
    assert after["theme"] == "dark" and after["mcpServers"]["other"] == OTHER["mcpServers"]["other"]
    assert '\n    "theme"' in path.read_text() and "비고" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    (backup,) = folder.glob(".mcp.json.*.bak")
    assert json.loads(backup.read_text()) == OTHER and backup.stat().st_mode & 0o777 == 0o640
    assert "s3cret" not in result.output and "paypulse" in result.output


def test_what_was_added_to_our_entry_by_hand_stays(folder):
    installed("--yes")
    path = folder / ".mcp.json"
    plain = json.loads(path.read_text())
    plain["mcpServers"]["paypulse"] |= {"timeout": 60, "env": {"API_BASE_URL": "http://m:8082"}}
    path.write_text(json.dumps(plain))
    installed("--yes", "--connect", "http://monitor.test:8750/mcp")
    entry = servers(path)["paypulse"]
    assert entry["timeout"] == 60 and entry["args"][-2:] == [
        "--connect",
        "http://monitor.test:8750/mcp",
    ]
    assert entry["env"] == {
        "API_BASE_URL": "http://m:8082",
        "PAYPULSE_MCP_TOKEN": "${PAYPULSE_MCP_TOKEN}",
    }


def test_twice_is_once(folder):
    installed("--yes")
    before = (folder / ".mcp.json").stat().st_mtime_ns
    assert "nothing to do" in installed("--yes").output
    assert (folder / ".mcp.json").stat().st_mtime_ns == before
    assert list(folder.glob("*.bak")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "mcpServers": {\n    "x": {},\n  }\n}', ["line 4"]),
        ('{\n  // my servers\n  "mcpServers": {}\n}', ["line 2", "comments"]),
        ('{"mcpServers": []}', ["an object mcpServers"]),
        ("[]", ["an object"]),
        ('{"mcpServers": {"a": {}, "a": {}}}', ["'a' stands twice"]),
        ("\x00\xff", ["line 1"]),
    ],
    ids=["comma", "comment", "list", "no object", "twice", "binary"],
)
def test_a_file_that_is_not_plain_json_is_refused_and_left(folder, text, words):
    path = folder / ".mcp.json"
    path.write_text(text)
    result = installed("--yes")
    assert result.exit_code == 3 and all(word in result.output for word in words), result.output
    assert path.read_text() == text and [*folder.glob(".mcp.json*")] == [path]


def test_nothing_is_written_without_a_yes(folder):
    result = installed()
    assert result.exit_code == 3 and "--yes" in result.output
    assert not (folder / ".mcp.json").exists()


def test_print_writes_nothing(folder):
    result = installed("--print")
    assert json.loads(result.stdout)["mcpServers"]["paypulse"]["args"][-4] == "-c"
    assert not (folder / ".mcp.json").exists()


def test_a_link_stays_a_link(folder):
    real = folder / "dotfiles.json"
    real.write_text("{}")
    (folder / ".mcp.json").symlink_to(real)
    installed("--yes")
    assert (folder / ".mcp.json").is_symlink() and "paypulse" in servers(real)


def test_a_file_that_changes_meanwhile_is_left(tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    found = read_client_file(path)
    path.write_text('{"later": 1}')
    with pytest.raises(ClientFileError, match="client_changed"):
        write_client_file(found, with_servers(found, {"a": {}}, frozenset()), NOW)
    assert path.read_text() == '{"later": 1}'


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    found = read_client_file(path)

    def full(handle):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_client_file(found, '{"mcpServers": {}}', NOW)
    assert path.read_text() == "{}"
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".bak"}


def test_the_lines_of_an_env_file_are_taken_and_what_is_set_stays(tmp_path):
    path = tmp_path / "env"
    path.write_text("# mine\nA=1\nexport B='two words'\nC=x=y\n\nSET=new\n")
    path.chmod(0o600)
    env = {"SET": "old"}
    load_env_file(path, env)
    assert env == {"A": "1", "B": "two words", "C": "x=y", "SET": "old"}


@pytest.mark.parametrize(
    ("text", "mode", "words"), [("A=1", 0o644, "env_file_open"), ("s3cret", 0o600, "line=1")]
)
def test_an_env_file_that_is_no_good_is_refused_without_its_values(tmp_path, text, mode, words):
    path = tmp_path / "env"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ValueError, match=words) as raised:
        load_env_file(path, {})
    assert "s3cret" not in str(raised.value)


def test_with_an_env_file_no_variable_is_written_for_any_client(folder):
    secrets = folder / "secrets.env"
    secrets.write_text("REDIS_PASSWORD=x\n")
    for client, name in FILES.items():
        installed("--client", client, "--yes", "--env-file", str(secrets))
        entry = servers(folder / name)["paypulse"]
        assert "env" not in entry and entry["args"][-2:] == ["--env-file", str(secrets)]


def test_without_a_configuration_it_says_how_to_get_one(folder):
    (folder / "paypulse.toml").unlink()
    result = installed("--yes")
    assert result.exit_code == 3 and "paypulse config example" in result.output


def given(folder, entry):
    path = folder / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {"paypulse": entry}}))
    return path


def test_an_entry_for_a_remote_server_becomes_one_that_is_started(folder):
    remote = {"type": "http", "url": "http://old/mcp", "headers": {"Authorization": "x"}}
    path = given(folder, {**remote, "timeout": 9})
    assert installed("--yes").exit_code == 0
    entry = servers(path)["paypulse"]
    assert entry["type"] == "stdio" and entry["timeout"] == 9
    assert not {"url", "headers"} & entry.keys()


def test_a_variable_that_is_not_asked_for_any_more_hides_none_of_an_env_file(folder):
    path = given(folder, {"env": {"REDIS_PASSWORD": "${REDIS_PASSWORD}", "MINE": "${OTHER}"}})
    (folder / "secrets").write_text("REDIS_PASSWORD=x\n")
    assert installed("--yes", "--env-file", str(folder / "secrets")).exit_code == 0
    assert servers(path)["paypulse"]["env"] == {"MINE": "${OTHER}"}


@pytest.mark.parametrize("env", [["x"], "x", None, 7])
def test_an_env_that_is_none_is_replaced(folder, env):
    path = given(folder, {"env": env})
    assert installed("--yes").exit_code == 0
    assert servers(path)["paypulse"]["env"] == {"REDIS_PASSWORD": "${REDIS_PASSWORD}"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1e400}', "too large"),
        ('{"a": NaN}', "NaN"),
        ('{"a": "\\ud800"}', "half a character"),
    ],
)
def test_json_that_would_be_written_back_as_none_is_left(folder, text, words):
    path = folder / ".mcp.json"
    path.write_text(text)
    result = installed("--yes")
    assert result.exit_code == 3 and words in result.output
    assert path.read_text() == text and not list(folder.glob(".mcp.json.*"))


@pytest.mark.parametrize(
    "url",
    ["http://[bad", "ftp://x/mcp", "monitor:8750", "http://kim:pw@h/mcp", "http://h/mcp?token=abc"],
)
@pytest.mark.parametrize("command", [("mcp",), ("mcp", "install", "--print")])
def test_an_address_that_is_none_or_holds_a_secret_is_refused(folder, command, url):
    result = CliRunner().invoke(main, [*command, "--connect", url])
    assert result.exit_code == 3 and "--connect" in result.output
    assert "pw" not in result.output and "abc" not in result.output


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["unix", "windows", "old-mac"])
def test_a_file_of_variables_may_come_from_another_system(tmp_path, mark, end):
    path, env = tmp_path / "env", {}
    path.write_bytes(mark + end.join([b"FIRST=one", b'SECOND="two 2"', b""]))
    path.chmod(0o600)
    load_env_file(path, env)
    assert env == {"FIRST": "one", "SECOND": "two 2"}
