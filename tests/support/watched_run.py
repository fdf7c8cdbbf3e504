"""A hurried `paypulse run` with two receivers, and how often each was told a thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kill_case import ROOT, WAIT_SECONDS, Site, site
from slack_server import TOKEN

HURRIED = ROOT / "tests/support/hurried.py"
LOG_BYTES_MAX = 20_000


@dataclass
class Watched:
    """A run whose two streams go to files, with two receivers: Slack and the console."""

    place: Site
    process: subprocess.Popen[str]

    @property
    def database(self) -> Path:
        """The file itself."""
        return self.place.database.resolve()

    @property
    def log(self) -> Path:
        """What it wrote on standard error."""
        return self.place.folder / "err"

    def told(self, text: str) -> tuple[int, int]:
        """How often Slack and the console were told so."""
        slack = sum(text in message.marker for message in self.place.slack.accepted)
        printed = (self.place.folder / "out").read_text("utf-8", "replace")
        return slack, printed.count(text)

    def passes(self) -> int:
        """How many are recorded."""
        return len(self.place.snapshots())

    def stop(self) -> int:
        """End it with SIGTERM: its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)


@contextmanager
def running(place: Site) -> Iterator[Watched]:
    """A process, until the block ends."""
    out, err = place.folder / "out", place.folder / "err"
    with out.open("a") as to_out, err.open("a") as to_err:
        process = subprocess.Popen(
            [sys.executable, str(HURRIED), "run", "-c", str(place.config)],
            cwd=place.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SLACK_BOT_TOKEN": TOKEN},
            stdout=to_out,
            stderr=to_err,
            text=True,
        )
    try:
        yield Watched(place, process)
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)


@contextmanager
def site_with_console(folder: Path) -> Iterator[Site]:
    """A platform, a Slack, and the console as the second receiver."""
    with site(folder, {"services": "", "consumer_lag": ""}) as made:
        with made.config.open("a", encoding="utf-8") as file:
            file.write('\n[receivers.console]\nkind = "console"\n')
        yield made
