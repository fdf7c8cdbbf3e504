"""How long another client of Redis waits while we look: our walk over all keys against KEYS.

Run it as `python benchmarks/redis_scan.py [--keys 1000000] [--rounds 5]`. It starts a Redis of its
own and fills it. Redis and the other client go before all other work of the machine where that is
allowed (root), so that they wait for each other only. Beside what the other client saw stands the
longest command by Redis' own clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis

from checks.sources.facts.unavailable import Unavailable
from checks.sources.redis.source import Redis
from checks.sources.redis.sweep import Bounds

FILL = """
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  if n % 100 == 0 then
    redis.call('SET', 'rate:authorize:M-' .. n, '7', 'EX', 86400)
  else
    local key = 'idem:authorize:M-' .. n % 1000 .. ':k' .. n
    redis.call('SET', key, '{"paymentId": ' .. n .. '}', 'EX', 86400)
  end
end
"""
FILL_STEP = 50_000
PING_EVERY_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to: the longest stall, the longest command, and the whole of it, in ms."""

    stall_ms: float
    command_ms: float
    took_ms: float


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    binary = shutil.which("redis-server")
    if binary is None:
        print("redis-server is not installed: scripts/services up installs it")
        return
    with _server(binary) as port:
        client = redis.Redis(port=port)
        _fill(client, given.keys)
        rows = {"nobody looks": lambda: time.sleep(1), **_looks(client, port)}
        print(f"{given.keys:,} keys, median of {given.rounds} rounds (worst), ms")
        print(f"{'':14} {'longest stall':>20} {'longest command':>20} {'all of it':>10}")
        found = {
            name: [_watched(client, port, look) for _ in range(given.rounds)]
            for name, look in rows.items()
        }
        for name, seen in found.items():
            print(_row(name, seen))
        ours, theirs = (_median(found[n], "stall_ms") for n in ("our walk", "KEYS"))
        print(f"KEYS stalls another client {theirs / ours:.0f} times as long as our walk")


def _looks(client: Any, port: int) -> dict[str, Callable[[], Any]]:
    source = Redis(f"redis://127.0.0.1:{port}/0", fresh_seconds=0, bounds=Bounds(seconds_max=120))

    def ours() -> None:
        for fact in (source.stats(), source.rate_uses()):
            assert not isinstance(fact, Unavailable), fact

    return {"our walk": ours, "KEYS": lambda: client.keys("rate:*")}


def _row(name: str, seen: list[Seen]) -> str:
    shown = (
        f"{_median(seen, field):.1f} ({max(getattr(s, field) for s in seen):.1f})"
        for field in ("stall_ms", "command_ms")
    )
    stall, command = shown
    return f"{name:14} {stall:>20} {command:>20} {_median(seen, 'took_ms'):>10,.0f}"


def _median(seen: list[Seen], field: str) -> float:
    return statistics.median(getattr(one, field) for one in seen)


def _watched(client: Any, port: int, look: Callable[[], Any]) -> Seen:
    """One look, with another client beside it."""
    client.config_resetstat()
    with _other_client(port) as longest:
        started = time.perf_counter()
        look()
        took = time.perf_counter() - started
    return Seen(longest.value * 1000, _longest_command_ms(client), took * 1000)


def _longest_command_ms(client: Any) -> float:
    """By Redis' own clock, of the commands of a look."""
    stats = client.info("latencystats")
    names = ("scan", "ttl", "get", "keys")
    found = [stats.get(f"latency_percentiles_usec_{name}", {}) for name in names]
    return max((float(each.get("p100", 0)) for each in found), default=0.0) / 1000


@contextmanager
def _other_client(port: int) -> Iterator[Synchronized[float]]:
    stop, longest = multiprocessing.Event(), multiprocessing.Value("d", 0.0)
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=_ping, args=(port, ready, stop, longest))
    process.start()
    ready.wait(10)
    try:
        yield longest  # type: ignore[misc]
    finally:
        stop.set()
        process.join(10)


def _first_in_line(pid: int) -> bool:
    """Whether a process could be put before all others."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(10))
    except (AttributeError, OSError):  # not on this system, or not for this user
        return False
    return True


def _ping(port: int, ready: Event, stop: Event, longest: Synchronized[float]) -> None:
    _first_in_line(0)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not stop.is_set():
            started = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            waited = time.perf_counter() - started
            if ready.is_set():
                longest.value = max(longest.value, waited)
            ready.set()  # the first one is not counted
            time.sleep(PING_EVERY_SECONDS)


def _fill(client: Any, keys: int) -> None:
    for first in range(1, keys + 1, FILL_STEP):
        client.eval(FILL, 0, first, min(keys, first + FILL_STEP - 1))


@contextmanager
def _server(binary: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    plain = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    tracked = ["--latency-tracking-info-percentiles", "100"]
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "--port", f"{port}", "--dir", folder, *plain, *tracked]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await(port)
            if not _first_in_line(process.pid):
                print("without priority: what else the machine does counts too")
            yield port
        finally:
            process.kill()
            process.wait(10)


def _await(port: int) -> None:
    ends_at = time.monotonic() + 10
    while time.monotonic() < ends_at:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise SystemExit("redis-server did not start")


if __name__ == "__main__":
    main()
