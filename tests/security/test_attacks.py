"""Attacks on the way in: the watch goes on in time, and who behaves is answered."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from mcp_case import PING
from own_server import free_port

TOKEN = "read-token-0123456789"
LATE_SECONDS_MAX = 1.0
pytestmark = pytest.mark.slow


class Watched:
    """A `paypulse run` that looks once a second and answers over HTTP."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], port: int) -> None:
        self.folder, self.process, self.port = folder, process, port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def ask(self, token: str = TOKEN, timeout: float = 20) -> int:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}",
        }
        return httpx.post(self.url, json=PING, headers=headers, timeout=timeout).status_code

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.ask(timeout=2) == 200
        return False

    def gaps(self, since: float) -> list[float]:
        """Seconds between passes since then."""
        with contextlib.closing(sqlite3.connect(self.folder / "paypulse.db")) as db:
            found = db.execute(
                "SELECT at FROM snapshots WHERE at > ? ORDER BY at", (int(since * 1e6),)
            ).fetchall()
        times = [at / 1e6 for (at,) in found]
        return [b - a for a, b in pairwise(times)]

    @property
    def server_pid(self) -> int:
        """The process that serves."""
        found = [
            int(pid)
            for task in Path(f"/proc/{self.process.pid}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        assert len(found) == 1
        return found[0]


def soon(condition, seconds=40):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("watched")
    port = free_port()
    config = tmp_path / "paypulse.toml"
    config.write_text(
        f'[platform]\nbase_url = "http://127.0.0.1:9"\n[mcp.http]\nenabled = true\nport = {port}\n'
        "[checks.services]\nevery_seconds = 1\n"
    )
    command = [sys.executable, "-c", "from monitor.cli.main import main; main()", "run"]
    env = {**os.environ, "PAYPULSE_MCP_READ_TOKEN": TOKEN}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "-c", str(config)], cwd=tmp_path, env=env, stdout=log, stderr=log, text=True
        )
        given = Watched(tmp_path, process, port)
        try:
            soon(given.answers)
            yield given
        finally:
            process.kill()
            process.wait()


def opened(port: int, count: int, first: bytes = b"P") -> list[socket.socket]:
    made = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            connected = socket.create_connection(("127.0.0.1", port), timeout=1)
            made.append(connected)
            connected.sendall(first)
    return made


def trickle(sockets: list[socket.socket], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.send(b"x")
        time.sleep(1)


def late(watched: Watched, since: float) -> float:
    """By how much the latest of the passes was late."""
    gaps = watched.gaps(since)
    assert len(gaps) > 3
    return max(gaps) - 1


def test_slow_senders_neither_blind_the_watch_nor_keep_others_out(watched):
    since = time.time()
    sockets = opened(watched.port, 300)
    trickle(sockets, 13)
    assert watched.answers()
    open_now = len(list(Path(f"/proc/{watched.server_pid}/fd").iterdir()))
    for each in sockets:
        each.close()
    assert open_now < 120
    assert late(watched, since) < LATE_SECONDS_MAX
    assert (watched.folder / "log").stat().st_size < 20_000


def test_wrong_tokens_in_a_flood_are_refused_and_not_logged_one_by_one(watched):
    since = time.time()
    until = time.monotonic() + 5
    with httpx.Client() as client:
        headers = {"Authorization": "Bearer wrong-token-0123456789"}
        while time.monotonic() < until:
            assert client.post(watched.url, json=PING, headers=headers).status_code == 401
    assert watched.answers() and late(watched, since) < LATE_SECONDS_MAX
    assert (watched.folder / "log").stat().st_size < 20_000


def test_a_server_that_dies_is_started_again_beside_the_watch(watched):
    since, before = time.time(), watched.server_pid
    os.kill(before, signal.SIGKILL)
    soon(lambda: watched.answers() and watched.server_pid != before, 60)
    soon(lambda: len(watched.gaps(since)) > 3)
    assert late(watched, since) < LATE_SECONDS_MAX


def test_many_callers_at_once_do_not_delay_the_watch(watched):
    since = time.time()
    until = time.monotonic() + 6

    def call() -> None:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                watched.ask()

    callers = [threading.Thread(target=call) for _ in range(16)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert late(watched, since) < LATE_SECONDS_MAX


def test_the_watch_ends_in_time_though_its_server_hangs(watched):
    os.kill(watched.server_pid, signal.SIGSTOP)
    watched.process.terminate()
    assert watched.process.wait(10) == 0
