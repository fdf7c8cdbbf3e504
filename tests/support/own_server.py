"""A real server of one test file's own: it may be stopped, hung and filled without regard."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

GONE = 9  # a port where nobody answers


def program(name: str) -> str:
    """Where a program is; skips the test if it is not installed, fails it if that is required."""
    found = shutil.which(name)
    if found:
        return found
    reason = f"{name} is not installed: scripts/services up installs it"
    if os.environ.get("PAYPULSE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass(slots=True)
class Server:
    """One process and its port."""

    command: Sequence[str]
    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def start(self) -> None:
        self.process = _started(self.command, self.port)


@contextmanager
def running(command: Callable[[int], Sequence[str]], folder: Path) -> Iterator[Server]:
    """A server started with the command that is made for its port."""
    port = free_port()
    argv = [*command(port)]
    server = Server(argv, port, _started(argv, port))
    try:
        yield server
    finally:
        server.stop()


def _started(command: Sequence[str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        time.sleep(0.02)
    process.kill()
    process.wait(10)
    raise AssertionError(f"{command[0]} did not start")


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def prometheus_command(binary: str, folder: Path, target: str, port: int) -> list[str]:
    every = "scrape_interval: 500ms, scrape_timeout: 400ms"
    jobs = [
        f"{{job_name: {name}, static_configs: [{{targets: ['{address}']}}], {every}}}"
        for name, address in (("ingest-service", target), ("refund-worker", f"127.0.0.1:{GONE}"))
    ]
    (folder / "p.yml").write_text(f"scrape_configs: [{', '.join(jobs)}]")
    address = f"--web.listen-address=127.0.0.1:{port}"
    return [binary, f"--config.file={folder}/p.yml", f"--storage.tsdb.path={folder}/d", address]


def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What is seen once it is as wanted, or at last."""
    ends_at = time.monotonic() + 15
    while not wanted(found := look()) and time.monotonic() < ends_at:
        time.sleep(0.1)
    return found
