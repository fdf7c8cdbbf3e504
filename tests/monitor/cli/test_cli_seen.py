"""What a person sees of nothing: empty lists, ports that are taken, pipes that close."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.main import main
from monitor.domain.check import Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.store.database import migrate, open_store
from monitor.store.passes.record import record_pass

COMMAND = [sys.executable, "-c", "from monitor.cli.main import run_main; run_main()"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "paypulse.toml"
    path.write_text(
        f'database = "{tmp_path}/paypulse.db"\nlanguage = "en"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 1\n'
    )
    migrate(tmp_path / "paypulse.db")
    return path


def call(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


def look(file: Path, status: Status, ago: timedelta) -> None:
    store, at = open_store(file.with_name("paypulse.db")), datetime.now(UTC) - ago
    with store.write() as tx:
        record_pass(tx, Observed("services", at, 1.0, Verdict(status), {}), at)
    store.close()


@pytest.mark.parametrize(
    ("passes", "sign", "said"),
    [
        pytest.param([], "⚪", "nobody has looked yet", id="never"),
        pytest.param([(Status.OK, 1)], "🟢", "No incidents since", id="now"),
        pytest.param([(Status.UNKNOWN, 1)], "⚪", "nothing could be checked", id="blind"),
        pytest.param([(Status.OK, 300)], "⚪", "nobody has looked since", id="once"),
        pytest.param([(Status.OK, 9000)], "⚪", "nobody has looked since", id="long-ago"),
    ],
)
def test_no_incidents_is_well_only_where_somebody_looked(file, passes, sign, said):
    for status, minutes in passes:
        look(file, status, timedelta(minutes=minutes))
    for hours in (0, 24):
        told = call("alerts", "list", "--hours", hours, "-c", file)
        assert told.startswith(sign)
        assert said in told


def test_an_empty_list_of_one_scenario_does_not_speak_of_all(file):
    assert "No load test of x" in call("loadtest", "list", "--scenario", "x", "-c", file)


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_told_in_one_sentence(file, taken, tmp_path):
    told = call("demo", "platform", "--port", taken, "--folder", tmp_path / "demo", code=3)
    assert told.strip().count("\n") == 0
    assert f"port {taken} is taken" in told
    file.write_text(f"{file.read_text()}\n[mcp.http]\nenabled = true\nport = {taken}\n")
    told = call("mcp", "http", "-c", file, code=3)
    assert told.strip().count("\n") == 0
    assert f"port {taken} is taken" in told


@pytest.mark.parametrize(
    "words",
    [["check"], ["check", "--json"], ["alerts", "list"], ["db", "stats"], ["config", "example"]],
    ids=" ".join,
)
def test_a_reader_that_goes_away_leaves_no_traceback(file, words):
    given = ["-c", str(file)] if words[0] != "config" else []
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *words, *given],
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_check_tells_of_a_receiver_that_config_check_refuses(file, monkeypatch):
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    file.write_text(f'{file.read_text()}\n[receivers.slack]\nkind = "slack"\nchannel = "#x"\n')
    refused = call("config", "check", "-c", file, code=3).strip()
    assert "SLACK_BOT_TOKEN" in refused
    assert refused in call("check", "breakers", "-c", file, code=3)
    assert refused in call("check", "breakers", "--json", "-c", file, code=3)


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"], ids=["xlsx", "xls"])
def test_a_workbook_in_place_of_a_series_is_named_as_that(tmp_path, start):
    path = tmp_path / "series.csv"
    path.write_bytes(start + bytes(range(256)) * 4)
    assert "Excel workbook" in call("backtest", path, code=3)
