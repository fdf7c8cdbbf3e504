"""CSV files carry no commands and are not everybody's; a token is not sent in clear."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from monitor.cli.books.csv_file import write
from monitor.cli.main import main
from monitor.text.filters import inert

CELLS = [
    "=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "\t=1",
    "\r=1",
    "\u3000=1",
    "\u200b=1",
    "+1",
    "@x",
]


@pytest.mark.parametrize("cell", CELLS)
def test_no_cell_begins_a_formula_in_whatever_width(cell):
    assert inert(cell).startswith("'")


@pytest.mark.parametrize("cell", ["\x1b[2Jx", "a\x1b]0;title\x07", "x\x9b2J", "a\u202eb", "a\0b"])
def test_no_cell_commands_a_terminal(cell):
    assert all(ch.isprintable() for ch in inert(cell))


@pytest.mark.parametrize("value", [5, -1.5, None, "plain", "홍길동", "a=b"])
def test_other_values_stay_as_they_are(value):
    assert inert(value) == value


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o027, 0o640), (0o022, 0o644)])
def test_a_file_about_payments_keeps_to_the_umask(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write(tmp_path / "rows.csv", ["a"], [{"a": 1}])
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "rows.csv").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("url", "more", "is_sent"),
    [
        ("http://monitor.example.com:8750/mcp", [], False),
        ("http://127.0.0.1.example.com/mcp", [], False),
        ("http://monitor.example.com:8750/mcp", ["--plain-http"], True),
        ("https://monitor.example.com/mcp", [], True),
        ("http://127.0.0.1:8750/mcp", [], True),
        ("http://[::1]:8750/mcp", [], True),
    ],
)
def test_a_token_goes_over_http_to_this_machine_only_unless_told(monkeypatch, url, more, is_sent):
    sent = []
    monkeypatch.setattr(
        "mcp_server.access.bridge.serve_connected", lambda url, token: sent.append(token)
    )
    monkeypatch.setenv("PAYPULSE_MCP_TOKEN", "a-token-0123456789")
    done = CliRunner().invoke(main, ["mcp", "--connect", url, *more])
    assert bool(sent) is is_sent, done.output
    assert "a-token" not in done.output


def test_without_a_token_nothing_is_refused(monkeypatch):
    sent = []
    monkeypatch.setattr(
        "mcp_server.access.bridge.serve_connected", lambda url, token: sent.append(token)
    )
    monkeypatch.delenv("PAYPULSE_MCP_TOKEN", raising=False)
    CliRunner().invoke(main, ["mcp", "--connect", "http://monitor.example.com/mcp"])
    assert sent == [""]
