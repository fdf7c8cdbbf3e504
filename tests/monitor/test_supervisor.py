"""What serves people runs beside the watch: it comes again, and it ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from monitor.scheduling.supervisor import Supervised

BEATS = """
import sys, time
print("up", flush=True)
while True:
    print(".", flush=True)
    time.sleep(0.1)
"""
SILENT = "import time; print('up', flush=True); time.sleep(60)"
AFTER = """
import sys
print("up", file=sys.stderr, flush=True)
sys.stdin.buffer.read()
print("alone", file=sys.stderr, flush=True)
"""
SHORT = "print('up', flush=True)"


def supervised(script: str, **given) -> tuple[Supervised, list[str]]:
    said: list[str] = []
    made = Supervised("it", [sys.executable, "-c", script], said.append, **given)
    made.start()
    return made, said


def soon(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def pauses(monkeypatch):
    monkeypatch.setattr("monitor.scheduling.supervisor._END_SECONDS", 2.0)


@pytest.mark.parametrize("script", [SILENT, SHORT], ids=["falls silent", "ends"])
def test_what_falls_silent_or_ends_is_started_again(script, pauses, caplog):
    made, said = supervised(script, silent_seconds_max=0.5, again_seconds_max=0.1)
    soon(lambda: len(said) >= 2)
    made.stop()
    assert set(said) == {"up"}
    assert "the watch goes on" in caplog.text


def test_what_beats_lives_on_and_is_ended_by_stop(pauses):
    made, said = supervised(BEATS, silent_seconds_max=0.5)
    soon(lambda: said)
    pid = made.pid
    time.sleep(1)
    assert (made.pid, said) == (pid, ["up"])
    made.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_stands_still_is_killed_and_started_again(pauses):
    made, said = supervised(BEATS, silent_seconds_max=0.5, again_seconds_max=0.1)
    soon(lambda: said)
    os.kill(made.pid, signal.SIGSTOP)
    soon(lambda: len(said) == 2)
    made.stop()


def test_what_cannot_be_started_does_not_stop_the_watch(pauses, caplog):
    made = Supervised("it", ["/nowhere/at/all"], print)
    made.start()
    soon(lambda: "the watch goes on" in caplog.text)
    made.stop()


def test_it_hears_that_the_watch_was_killed():
    script = (
        "import sys\n"
        "from monitor.scheduling.supervisor import Supervised\n"
        "import time\n"
        f"it = Supervised('it', [sys.executable, '-c', {AFTER!r}], print)\n"
        "it.start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) as process:
        assert process.stderr.readline() == b"up\n"
        process.kill()
        assert process.stderr.readline() == b"alone\n"
