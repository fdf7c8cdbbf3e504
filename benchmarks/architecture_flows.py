"""The six flows of docs/architecture.md, really run: which of our files each goes through.

architecture.py writes them down. A stand-in platform lives two days of history, then each flow
runs in a process of its own, with cold caches, while a profiler notes each function of ours at its
first call. Left out is what runs at import, reads the configuration or builds the app, and so are
lambdas and comprehensions; templates and scripts are noted when they are opened or started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import anyio
from mcp import Client

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ("simulated.py", "slack_server.py")
sys.path[:0] = [str(ROOT), *(str(next((ROOT / "tests").rglob(n)).parent) for n in HELPERS)]

from simulated import config_text, world  # noqa: E402
from slack_server import TOKEN, SlackServer  # noqa: E402

from demo.api.server import Ticker, serve  # noqa: E402
from mcp_server.server import build_server  # noqa: E402
from monitor import app as application  # noqa: E402
from monitor.cli.main import main as commands  # noqa: E402
from monitor.config import models as configuration  # noqa: E402

# What runs once at the start; whatever it calls belongs to it.
START = {application.build.__code__, configuration.load.__code__}
TEMPLATES = ROOT / "templates"
TRACED = ("monitor", "checks", "mcp_server", "templates")
HISTORY = timedelta(days=2)
CHECK = "outbox_age"
MORE = """
[alerts]
wait_seconds = 0
[receivers.slack]
kind = "slack"
channel = "#payments"
base_url = "{slack}"
[checks.load_test]
target = "{url}"
targets_allowed = ["{url}"]
"""


@dataclass(frozen=True, slots=True)
class Way:
    """What a flow went through: the files in the order of their first call, how many functions."""

    files: tuple[str, ...]
    functions: int

    @property
    def modules(self) -> int:
        """How many of the files hold code of ours."""
        return sum(name.endswith(".py") for name in self.files)


@dataclass(slots=True)
class Tracer:
    """Notes what is entered while it is on, in whatever thread."""

    is_on: bool = False
    seen: dict[tuple[str, str], None] = field(default_factory=dict)
    _known: set[CodeType] = field(default_factory=set)
    _starting: threading.local = field(default_factory=threading.local)

    def install(self) -> None:
        """Watch this thread, and every one that begins from now on."""
        sys.addaudithook(self._audit)
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what is entered meanwhile."""
        self.is_on = True
        yield
        self.is_on = False

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if not self.is_on or event not in ("call", "return"):
            return
        depth = getattr(self._starting, "depth", 0)
        if code.co_name == "<module>" or code in START:
            self._starting.depth = max(0, depth + (1 if event == "call" else -1))
        elif event == "call" and not depth and code not in self._known:
            self._known.add(code)
            self._note(Path(code.co_filename), code.co_qualname)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event == "open" and isinstance(arguments[0], str):
            file = Path(arguments[0])
            if file.is_relative_to(TEMPLATES):  # all sentences of a language are read at once
                self._note(file.parent if file.suffix == ".toml" else file)
        elif self.is_on and event == "subprocess.Popen":
            for word in arguments[1]:
                self._note(Path(word))

    def _note(self, file: Path, function: str = "") -> None:
        is_part = function.rpartition(".")[2].startswith("<")  # a lambda or a comprehension
        if not is_part and any(file.is_relative_to(ROOT / folder) for folder in TRACED):
            self.seen.setdefault((file.relative_to(ROOT).as_posix(), function))

    def way(self) -> Way:
        """What was noted."""
        files = tuple(dict.fromkeys(name for name, _ in self.seen))
        return Way(files, sum(bool(function) for _, function in self.seen))


def one_pass(tracer: Tracer, config: Path, url: str) -> None:
    """The calendar wakes a check: it looks, judges, compares with the past, and becomes a row."""
    app = application.build(configuration.load(config), senders={})
    job, at = _job(app, CHECK), app.clock() + timedelta(minutes=1)  # the history may end just now
    with tracer.noting():
        assert app.calendar.wake(job, at)


def message(tracer: Tracer, config: Path, url: str) -> None:
    """The message of an incident is claimed, rendered, sent to Slack and marked."""
    now = datetime.now(UTC)
    app = application.build(configuration.load(config), clock=lambda: now)
    with _broken(url, "redis_down"):
        for _ in range(5):
            now += timedelta(minutes=1)
            app.calendar.wake(_job(app, "services"), now)
    with tracer.noting():
        assert app.deliver()


def comparison(tracer: Tracer, config: Path, url: str) -> None:
    """Claude asks `compare_periods` for the last day beside the day before."""
    app = application.build(configuration.load(config), senders={})
    start = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}"

    async def ask() -> Any:
        async with Client(build_server(app)) as client:
            with tracer.noting():
                return await client.call_tool("compare_periods", {"start": start, "against": "day"})

    assert anyio.run(ask).structured_content["evidence"]["series"]


def story(tracer: Tracer, config: Path, url: str) -> None:
    """`paypulse payment 1`: what the shards, the other parts and the history know of it."""
    _command(tracer, f"payment 1 -c {config}", 0)


def load_test(tracer: Tracer, config: Path, url: str) -> None:
    """`paypulse loadtest run`: marked as running, k6 watched, its figures read, judged, shown.

    On a busy machine so short a run may measure nothing (3): it is judged and shown all the same.
    """
    words = "loadtest run authorize-short --rate 5 --duration 2s --anyway"
    _command(tracer, f"{words} -c {config}", 0, 3)


def sentence(tracer: Tracer, config: Path, url: str) -> None:
    """`paypulse reconcile` with a wrong ledger entry: from the catalogue's statements over the
    rows of the shards to the sentences, which are `[invariant.<id>]` among the templates."""
    with _broken(url, "ledger_wrong_amount"):
        _command(tracer, f"reconcile -c {config}", 2)


FLOWS: dict[str, Callable[[Tracer, Path, str], None]] = {
    "a pass": one_pass,
    "a message": message,
    "a comparison": comparison,
    "a payment's story": story,
    "a k6 run": load_test,
    "an invariant's sentence": sentence,
}


def _job(app: Any, check: str) -> Any:
    return next(job for job in app.jobs() if job.name == f"check:{check}")


@contextmanager
def _broken(url: str, fault: str) -> Iterator[None]:
    """A fault of the stand-in is on meanwhile."""
    _switch(f"{url}/demo/faults/{fault}?on=true")
    yield
    _switch(f"{url}/demo/faults/{fault}?on=false")


def _switch(address: str) -> None:
    urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=10).close()


def _command(tracer: Tracer, words: str, *codes: int) -> None:
    with tracer.noting():
        ended = commands(words.split(), standalone_mode=False)
    assert ended in codes, f"{words}: exit code {ended}, not one of {codes}"


def ways() -> dict[str, Way]:
    """All flows, one after the other, on the same platform."""
    with (
        tempfile.TemporaryDirectory() as name,
        SlackServer() as slack,
        _platform(Path(name)) as url,
    ):
        more = MORE.format(url=url, slack=slack.api_url)
        text = config_text(Path(name), more=more).replace("http://platform.test", url)
        config = Path(name) / "paypulse.toml"
        config.write_text(text, "utf-8")
        return {flow: _way(flow, config, url) for flow in FLOWS}


@contextmanager
def _platform(folder: Path) -> Iterator[str]:
    """A stand-in with a history that the monitor has watched; it goes on in real time."""
    start = datetime.now(UTC) - HISTORY
    lived = world(folder, every=3600, payments_per_minute=1, start=start)
    lived.live(HISTORY / timedelta(minutes=1))
    server, ticker = serve(lived.standin), Ticker(lived.standin, period_seconds=0.2)
    ticker.start()
    try:
        yield server.url
    finally:
        ticker.stop()
        server.stop()
        lived.close()


def _way(flow: str, config: Path, url: str) -> Way:
    """A flow in a fresh process; RuntimeError with its words if it fails."""
    result = config.with_name("way.json")
    words = [sys.executable, __file__, flow, str(config), url, str(result)]
    environment = os.environ | {"SLACK_BOT_TOKEN": TOKEN}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{flow}: {done.stdout}{done.stderr}")
    return Way(**json.loads(result.read_text("utf-8")))


def trace(flow: str, config: Path, url: str, result: Path) -> None:
    """Run one flow in this process, and leave in `result` what it went through."""
    tracer = Tracer()
    tracer.install()
    FLOWS[flow](tracer, config, url)
    result.write_text(json.dumps(asdict(tracer.way())), "utf-8")


if __name__ == "__main__":
    trace(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
