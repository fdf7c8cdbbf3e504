"""The doctor names the key of the part that is out of reach; what is impossible is refused."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.main import main

NOWHERE = """
database = "{folder}/p.db"
[platform]
base_url = "http://127.0.0.1:1"
timeout_seconds = 1
actuators = {{ ingest = "http://127.0.0.1:1" }}
prometheus = {{ url = "http://127.0.0.1:1" }}
[platform.redis]
via = "direct"
url = "redis://127.0.0.1:1"
[platform.kafka]
via = "direct"
bootstrap = "127.0.0.1:1"
[platform.database]
via = "direct"
urls.shard1 = "mysql://u:p@127.0.0.1:1/pay"
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "paypulse.toml"
    file.write_text(NOWHERE.format(folder=tmp_path))
    return str(file)


def test_each_part_that_cannot_be_reached_is_told_with_its_own_key(config):
    said = CliRunner().invoke(main, ["doctor", "-c", config]).output
    keys = {
        "monitoring": "platform.base_url",
        "ingest": "platform.actuators.ingest",
        "prometheus": "platform.prometheus.url",
        "redis": "platform.redis.url",
        "kafka": "platform.kafka.bootstrap",
        "database/shard1": "platform.database.urls.shard1",
    }
    lines = [line for line in said.splitlines() if "not seen" in line]
    told = {part: key for part, key in keys.items() for x in lines if _tells(x, part, key)}
    assert told == keys


def _tells(line: str, part: str, key: str) -> bool:
    return f" {part}: " in line and f"address is {key}" in line


@pytest.mark.parametrize("option", ["ssl_ca", "ssl_cert", "ssl_key"])
def test_a_certificate_that_is_not_there_is_a_line_of_the_doctor_and_not_its_end(config, option):
    file = Path(config)
    file.write_text(file.read_text().replace('/pay"', f'/pay?{option}=/nowhere/ca.pem"'))
    result = CliRunner().invoke(main, ["doctor", "-c", config])
    assert result.exit_code == 3
    assert "platform.database.urls.shard1: " in result.output
    assert "/nowhere/ca.pem" in result.output
    assert "Heartbeat" in result.output


def test_a_report_of_a_day_to_come_is_refused(config):
    result = CliRunner().invoke(main, ["report", "--date", "2099-01-01", "-c", config])
    assert (result.exit_code, "has not come yet" in result.output) == (3, True)


def test_that_no_file_was_found_is_said_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:1")
    result = CliRunner().invoke(main, ["check", "redis_health"])
    first = result.output.splitlines()[0]
    assert first.startswith("No configuration file") and "paypulse config example" in first
