"""The doctor says whether somebody outside would notice the monitor's own end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.main import main
from monitor.config.models import ConfigError, parse
from monitor.delivery.heartbeat import HEARTBEAT
from monitor.store.database import migrate, open_store
from monitor.store.job_runs import JobRun, record_run

SECRET = "https://hc.example/SECRET-UUID"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "paypulse.toml"
    path.write_text(
        f'database = "{tmp_path}/paypulse.db"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 1\n'
        f'[heartbeat]\nurl = "{SECRET}"\n'
    )
    return path


def accepted(file: Path, ago: timedelta, state: str = "done") -> None:
    database = file.with_name("paypulse.db")
    migrate(database)
    store, at = open_store(database), datetime.now(UTC) - ago
    with store.write() as tx:
        record_run(tx, JobRun(HEARTBEAT, at, at, at, state, 0))
    store.close()


def doctor(file: Path) -> str:
    told = CliRunner().invoke(main, ["doctor", "-c", str(file)]).output
    assert "SECRET" not in told
    return next(line for line in told.splitlines() if "eartbeat" in line)


def test_it_shows_when_it_was_last_accepted(file):
    accepted(file, timedelta(seconds=20))
    assert doctor(file).startswith("🟢 Heartbeat: last accepted ")


def test_one_that_was_accepted_long_ago_is_red(file):
    accepted(file, timedelta(minutes=10))
    assert doctor(file).startswith("🔴 Heartbeat: last accepted ")
    assert ", 10 min" in doctor(file)


@pytest.mark.parametrize("state", ["failed", "skipped", "running"])
def test_one_that_was_not_accepted_does_not_count(file, state):
    accepted(file, timedelta(seconds=20), state)
    assert doctor(file).startswith("🟠 Heartbeat: never accepted")


def test_one_that_was_never_accepted_and_none_are_told_apart(file):
    assert "never accepted" in doctor(file)
    file.write_text(file.read_text().partition("[heartbeat]")[0])
    assert "Heartbeat: none" in doctor(file)


def test_the_address_comes_from_the_environment_and_is_never_shown():
    config = parse('[heartbeat]\nurl = "${HEART}"', {"HEART": SECRET})
    assert config.heartbeat.url == SECRET
    assert "SECRET" not in repr(config)


@pytest.mark.parametrize(
    "url", ["hc.example/SECRET", "ftp://SECRET", "http://", "http://a b/SECRET"]
)
def test_what_is_no_address_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match=r"heartbeat\.url") as raised:
        parse(f'[heartbeat]\nurl = "{url}"', {})
    assert "SECRET" not in str(raised.value)
