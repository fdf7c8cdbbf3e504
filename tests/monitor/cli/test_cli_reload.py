"""A monitor that runs takes a new configuration on SIGHUP, and keeps the old over a wrong one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.cli.configuration.reload import changed

CONFIG = """
database = "{folder}/p.db"
[platform]
base_url = "http://127.0.0.1:9"
[checks.load_test]
[report]
daily = "{daily}"
"""


def written(folder: Path, daily: str) -> Path:
    file = folder / "paypulse.toml"
    file.write_text(CONFIG.format(folder=folder, daily=daily))
    return file


def awaited(log: Path, text: str) -> None:
    ends_at = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.2)


@pytest.mark.slow
def test_a_signal_brings_a_valid_configuration_in_and_keeps_a_wrong_one_out(tmp_path):
    file, log = written(tmp_path, "08:30"), tmp_path / "log"
    command = "from monitor.cli.main import run_main; run_main()"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", command, "run", "-c", str(file)], stdout=out, stderr=out
        )
        try:
            awaited(log, "08:30")
            written(tmp_path, "25:99")
            process.send_signal(signal.SIGHUP)
            awaited(log, "report.daily")
            assert "the old one is kept" in log.read_text()
            written(tmp_path, "09:45")
            process.send_signal(signal.SIGHUP)
            awaited(log, "09:45")
            assert "changed (report.daily)" in log.read_text()
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_what_changed_is_named_by_its_keys_alone():
    before = {"a": {"token": "x", "b": 1}, "c": 1}
    assert changed(before, {"a": {"token": "y", "b": 1}, "d": 1}) == ["a.token", "c", "d"]
