"""The real services that `scripts/services up` starts, as tests ask for them."""

from __future__ import annotations

import os
import random
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "services"
VARIABLES = {
    "shard1": "PAYPULSE_SHARD1_URL",
    "shard2": "PAYPULSE_SHARD2_URL",
    "shard1_admin": "PAYPULSE_SHARD1_ADMIN_URL",
    "shard2_admin": "PAYPULSE_SHARD2_ADMIN_URL",
    "redis": "PAYPULSE_REDIS_URL",
    "kafka": "PAYPULSE_KAFKA_BOOTSTRAP",
    "prometheus": "PAYPULSE_PROMETHEUS_URL",
}
ALIASES = {"mariadb": "shard1", "mariadb_admin": "shard1_admin"}
PORTS = (23306, 23307, 26379, 29090, 29092, 29093)
OFFSETS = range(1100, 3600, 10)  # beyond those of a developer and of .ci/run


def service(name: str) -> str:
    """Where a service is; skips the test if it is not up, fails it where services are required."""
    variable = VARIABLES[ALIASES.get(name, name)]
    url = os.environ.get(variable) or _started().get(variable, "")
    if url and _listens(url):
        return url
    reason = f"{name} is not up: scripts/services up"
    if os.environ.get("PAYPULSE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def services(*names: str) -> tuple[str, ...]:
    """Several at once."""
    return tuple(service(name) for name in names)


@dataclass(frozen=True, slots=True)
class OwnSet:
    """Services of one test, which it may kill; `env` as the set's file says it."""

    folder: Path
    offset: int

    @property
    def env(self) -> Mapping[str, str]:
        """The addresses and accounts."""
        return read_env(self.folder / "env")

    def run(self, *args: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """One call of scripts/services on this set."""
        return run_script(*args, folder=self.folder, offset=self.offset, timeout=timeout)

    def up(self, *names: str) -> Mapping[str, str]:
        """Start what is down, of all or of some."""
        done = self.run("up", *names)
        assert done.returncode == 0, done.stderr
        return self.env

    def kill(self, *names: str) -> None:
        """As if the power went."""
        done = self.run("kill", *names)
        assert done.returncode == 0, done.stderr


@contextmanager
def own_set(*names: str) -> Iterator[OwnSet]:
    """A set beside the shared one, of all or of some services; asks as `service` does first."""
    for name in names or VARIABLES:
        service(name)
    with tempfile.TemporaryDirectory(prefix="paypulse-set-", ignore_cleanup_errors=True) as folder:
        own = OwnSet(Path(folder), free_offset())
        try:
            own.up(*names)
            yield own
        finally:
            own.run("down")


def run_script(
    *args: str,
    folder: Path,
    offset: int | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """scripts/services in a folder of its own."""
    around = {k: v for k, v in os.environ.items() if not k.startswith("PAYPULSE_SERVICES")}
    around["PAYPULSE_SERVICES_FOLDER"] = str(folder)
    if offset is not None:
        around["PAYPULSE_SERVICES_OFFSET"] = str(offset)
    return subprocess.run(
        [SCRIPT, *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**around, **(env or {})},
        check=False,
    )


def read_env(path: Path) -> Mapping[str, str]:
    """The variables of an env file."""
    words = shlex.split(path.read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words)


def free_offset() -> int:
    """An offset at which nobody listens yet."""
    for offset in random.sample(OFFSETS, len(OFFSETS)):
        if not any(_listens(f"127.0.0.1:{port + offset}") for port in PORTS):
            return offset
    raise AssertionError("all ports are taken")


@cache
def _started() -> Mapping[str, str]:
    """What a developer has started, without the file having been sourced."""
    folder = os.environ.get("PAYPULSE_SERVICES_FOLDER")
    usual = Path(os.environ.get("TMPDIR", "/tmp")) / f"paypulse-services-{os.getuid()}"
    file = (Path(folder) if folder else usual) / "env"
    return read_env(file) if file.is_file() else {}


def _listens(url: str) -> bool:
    address = urlsplit(url if "://" in url else f"//{url}")
    with suppress(OSError):
        socket.create_connection((address.hostname or "", address.port or 0), 2).close()
        return True
    return False
