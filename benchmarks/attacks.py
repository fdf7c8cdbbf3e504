"""A real `paypulse run` under attack: by how much passes are late, how soon an outage is told.

PYTHONPATH=. python benchmarks/attacks.py [SECONDS]   (of each attack; loopback only, bounded)

Watched is the embedded stand-in, once a second; in each attack a part of it dies and comes back
(none more than twice: at the third end within an hour an incident is called unsteady).
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from mcp_case import PING
from own_server import free_port

TOKEN = "read-token-0123456789"
PAYPULSE = [sys.executable, "-c", "from monitor.cli.main import main; main()"]
ERA = {"MCP-Protocol-Version": "2025-11-25"}


class Target:
    """The monitor, its server, and the platform that it watches."""

    def __init__(self, folder: Path, platform: int, port: int) -> None:
        self.folder, self.platform, self.port = folder, platform, port
        self.url = f"http://127.0.0.1:{port}/mcp"

    def post(self, body: Any, token: str = TOKEN, **headers: str) -> httpx.Response:
        """One request to the server."""
        accept = {"Accept": "application/json, text/event-stream"}
        auth = {"Authorization": f"Bearer {token}"}
        return httpx.post(self.url, json=body, headers={**accept, **auth, **headers}, timeout=10)

    def call(self, session: str, tool: str, **arguments: Any) -> None:
        """One tool call within a session."""
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
        self.post(body, **ERA, **{"Mcp-Session-Id": session})

    def rows(self, sql: str, *given: object) -> list[Any]:
        """What the monitor's database holds."""
        with contextlib.closing(sqlite3.connect(self.folder / "paypulse.db", timeout=10)) as db:
            return db.execute(sql, given).fetchall()

    def fault(self, name: str, state: str) -> None:
        """Switch a fault on or off."""
        url = f"http://127.0.0.1:{self.platform}"
        command = [*PAYPULSE, "demo", "fault", name, state, "--url", url]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[Target, int]]:
    """The target, and the process id of its watch."""
    platform, port = free_port(), free_port()
    checks = "".join(
        f"[checks.{name}]\nevery_seconds = 1\n"
        for name in ("services", "kafka_cluster", "redis_health")
    )
    (folder / "paypulse.toml").write_text(
        f'[platform]\nbase_url = "http://127.0.0.1:{platform}"\n'
        f"[mcp.http]\nenabled = true\nport = {port}\n"
        f'[receivers.console]\nkind = "console"\n{checks}'
    )
    env = {**os.environ, "PAYPULSE_MCP_READ_TOKEN": TOKEN}
    stand_in = [*PAYPULSE, "demo", "platform", "--port", str(platform), "--folder", "platform"]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))
        watch = 0
        for command in (stand_in, [*PAYPULSE, "run", "-c", "paypulse.toml"]):
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            watch = process.pid
        target = Target(folder, platform, port)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if target.post(PING).status_code == 200:
                    break
            time.sleep(0.2)
        time.sleep(5)
        yield target, watch


def nothing(target: Target, until: float) -> None:
    """No attack, for comparison."""
    time.sleep(max(0.0, until - time.monotonic()))


def idle_connections(target: Target, until: float) -> None:
    """1,400 connections without a token that send a byte now and then."""
    with contextlib.ExitStack() as stack:
        while time.monotonic() < until:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    address = ("127.0.0.1", target.port)
                    opened = stack.enter_context(socket.create_connection(address, timeout=1))
                    opened.send(b"P")
            time.sleep(1)


def sessions(target: Target, until: float) -> None:
    """As many sessions as can be opened."""
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            target.post(PING)


def wrong_tokens(target: Target, until: float) -> None:
    """A flood of wrong tokens."""
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            target.post(PING, token="wrong-token-0123456789")


def hostile_sentences(target: Target, until: float) -> None:
    """Sentences that once took exponential time, from eight callers."""

    def ask() -> None:
        session = target.post(PING).headers.get("mcp-session-id", "")
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                target.call(session, "query_payments", filter="5천만" * 100)

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()


def large_bodies(target: Target, until: float) -> None:
    """Bodies of a megabyte that are no JSON."""
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            target.post("x" * 900_000)


ATTACKS: tuple[Callable[[Target, float], None], ...] = (
    nothing,
    idle_connections,
    wrong_tokens,
    hostile_sentences,
    large_bodies,
    sessions,
)


OUTAGES = ("broker_down", "redis_down", "shard_down")


def measured(
    target: Target, attack: Callable[[Target, float], None], outage: str, seconds: float
) -> str:
    """One line: by how much passes were late, how soon the outage was told."""
    began = time.time()
    until = time.monotonic() + seconds
    attacking = threading.Thread(target=attack, args=(target, until))
    attacking.start()
    time.sleep(seconds / 4)
    broken = time.time()
    target.fault(outage, "on")
    attacking.join()
    target.fault(outage, "off")
    time.sleep(15)
    sql = 'SELECT at FROM snapshots WHERE at > ? AND "check" = ? ORDER BY at'
    times = [at / 1e6 for (at,) in target.rows(sql, int(began * 1e6), "services")]
    late = max((b - a - 1 for a, b in pairwise(times)), default=float("nan"))
    sql = "SELECT min(sent_at) FROM notifications WHERE created_at > ? AND state = 'sent'"
    told = target.rows(sql, int(broken * 1e6))[0][0]
    soon = f"{told / 1e6 - broken:.1f} s" if told else "never"
    return f"{attack.__name__:20} {len(times):5} {late:8.2f} s {soon:>10}"


def main(seconds: float = 20.0) -> None:
    """Each attack in turn, against one monitor."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as (target, watch):
        print(f"{'attack':20} passes  latest by  outage told after")
        for attack, outage in zip(ATTACKS, cycle(OUTAGES), strict=False):
            print(measured(target, attack, outage, seconds), flush=True)
        status = Path(f"/proc/{watch}/status").read_text()
        log = (Path(folder) / "log").stat().st_size
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    print(f"memory of the watch: {int(rss.split()[1]) / 1024:.0f} MB; log: {log / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
