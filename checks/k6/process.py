"""The process of a k6 run: one at a time, bounded in time and output, never left behind."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from checks.k6 import keeper as k6_keeper
from monitor.domain.load_test.plan import Control, Ended

SUMMARY_BYTES_MAX = 2_000_000
LOG_BYTES_MAX = 8_000
_SLICE_SECONDS = 0.2
GRACE_SECONDS = k6_keeper.STOP_SECONDS + 2.0
TREND_STATS = "avg,min,med,max,p(90),p(95),p(99),count"
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def alone(beside: Path | None = None) -> Iterator[tuple[int, ...] | None]:
    """The locks that only one run holds: on this machine, and at a database; None if taken.

    The keeper inherits them: they are free again only when the k6 of a killed parent is gone too.
    """
    whole = Path(tempfile.gettempdir()) / f"paypulse-k6-{os.getuid()}.lock"
    with ExitStack() as held:
        locks = [held.enter_context(claimed(path)) for path in (beside, whole) if path is not None]
        taken = tuple(lock for lock in locks if lock is not None)
        yield taken if len(taken) == len(locks) else None


@contextmanager
def claimed(path: Path) -> Iterator[int | None]:
    """One lock, as long as the block lasts; None if somebody else has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield lock if _taken(lock) else None
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether the lock is ours; who only looks for runs that were killed has it for a moment."""
    for pause in (0.05, 0.1, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False


def free_address() -> str:
    """A port on loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def run_process(
    binary: Path,
    script: Path,
    variables: Mapping[str, str],
    limit_seconds: float,
    locks: Sequence[int],
    control: Control,
) -> Ended:
    """Run a script; OSError if not even the keeper can be started."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paypulse-k6-") as name:
        folder = Path(name)
        log = Log()
        k6 = command(binary, script, folder, control.address)
        with _start(k6, folder, variables, locks) as process:
            stopped = _follow(process, log, started + limit_seconds, control)
        return Ended(
            exit_code=process.returncode,
            stopped=stopped,
            took_seconds=time.monotonic() - started,
            summary=_summary(folder),
            log=log.text,
            thrown=log.thrown,
        )


def command(binary: Path, script: Path, folder: Path, address: str) -> list[str]:
    """Its own interface on a port that we chose, or none (v1 would take 6565 and meet others).

    No redirect to a host that nobody named.
    """
    flags = ["--quiet", "--no-color", "--address", address, "--max-redirects", "0"]
    stats = ["--summary-trend-stats", TREND_STATS]
    export = ["--summary-export", str(folder / "summary.json")]
    return [str(binary), "run", *flags, *stats, *export, str(script)]


def _start(
    k6: list[str], folder: Path, variables: Mapping[str, str], locks: Sequence[int]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", k6_keeper.__file__, str(folder), *k6],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder, variables),
        start_new_session=True,
        pass_fds=locks,
    )


def environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Nothing of ours that k6 need not know, above all no secrets and no other K6_ settings."""
    own = {"HOME": str(folder), "K6_NO_USAGE_REPORT": "true"}
    # k6 must not fetch another binary of itself when a script imports an extension.
    own |= {"K6_BINARY_PROVISIONING": "false", "K6_AUTO_EXTENSION_RESOLUTION": "false"}
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**variables, **passed_on, **own}


def _follow(process: subprocess.Popen[bytes], log: Log, until: float, control: Control) -> str:
    """Read its log until it ends; why it had to be stopped, if it had to be."""
    assert process.stdin and process.stderr  # noqa: S101
    stopped = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while True:
            left = until - time.monotonic()
            if left <= 0 and stopped:
                os.killpg(process.pid, signal.SIGKILL)
                return stopped
            if not stopped and (left <= 0 or control.stopped):
                stopped = control.stopped or "time_limit"
                with suppress(OSError):  # the keeper may be gone
                    os.write(process.stdin.fileno(), b".")
                process.stdin.close()
                until = time.monotonic() + GRACE_SECONDS
            elif selector.select(min(left, _SLICE_SECONDS)):
                chunk = os.read(process.stderr.fileno(), 65_536)
                if not chunk:
                    return stopped
                log.add(chunk)


class Log:
    """The end of k6's log, and how many iterations it says have raised."""

    def __init__(self) -> None:
        self.thrown = 0
        self._kept = b""
        self._line = b""

    def add(self, chunk: bytes) -> None:
        """Take in a piece; lines may be torn anywhere."""
        *lines, rest = (self._line + chunk).split(b"\n")
        self.thrown += sum(b"source=stacktrace" in line and b"executor=" in line for line in lines)
        self._line = rest[-LOG_BYTES_MAX:]
        self._kept = (self._kept + chunk)[-LOG_BYTES_MAX:]

    @property
    def text(self) -> str:
        """What is kept of it."""
        return self._kept.decode("utf-8", "replace").strip()


def _summary(folder: Path) -> bytes:
    """The summary as k6 wrote it; empty if there is none, or more than anybody should read."""
    try:
        with (folder / "summary.json").open("rb") as file:
            text = file.read(SUMMARY_BYTES_MAX + 1)
    except OSError:
        return b""
    return text if len(text) <= SUMMARY_BYTES_MAX else b""
