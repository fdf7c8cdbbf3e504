"""A platform and a Slack that stay up while the monitor between them is killed and restarted."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slack_server import TOKEN, Accepted, SlackServer

from demo.api.server import serve
from demo.stand_in import StandIn
from monitor import plugins

LAUNCHER = Path(__file__).with_name("killed.py")
ROOT = LAUNCHER.parents[2]
WAIT_SECONDS = 30.0
Row = dict[str, Any]


def config_text(
    folder: Path, url: str, slack_url: str, checks: Mapping[str, str], daily: str
) -> str:
    """The named checks every second, told at the first sighting; Slack on loopback."""
    sections = [
        f"[checks.{n}]\n" + (f"every_seconds = 1\n{checks[n]}" if n in checks else "enabled=false")
        for n in plugins.load("checks", "CHECK")
    ]
    return f"""
timezone = "UTC"
database = "{folder}/paypulse.db"
[platform]
base_url = "{url}"
[report]
daily = "{daily}"
[baseline]
enabled = false
[alerts]
fire = 1
within = 1
resolve = 1
wait_seconds = 0
[receivers.slack]
kind = "slack"
channel = "C1"
base_url = "{slack_url}"
""" + "\n".join(sections)


def until(found: Callable[[], Any], what: str) -> Any:
    """What is found once it is true; an error if that takes too long."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {WAIT_SECONDS:.0f} s for {what}")


@dataclass
class Site:
    """One platform, one Slack, one database, and one process after the other on it."""

    folder: Path
    standin: StandIn
    slack: SlackServer
    _warm: subprocess.Popen[str] | None = None
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "paypulse.toml"

    @property
    def database(self) -> Path:
        """The monitor's database."""
        return self.folder / "paypulse.db"

    def start(self) -> subprocess.Popen[str]:
        """The next process, at once: it was warmed up while the one before it ran."""
        process = self._warm or self._warmed()
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "warm\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        self._warm = self._warmed()
        return process

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of the product as anyone starts it."""
        code = "from monitor.cli.main import main; main(prog_name='paypulse')"
        return self._popen([sys.executable, "-c", code, *arguments, "-c", str(self.config)])

    def order(self, step: str, seen: str) -> None:
        """From now on the process dies at this step of a pass that saw this: found or clear."""
        waiting = self.folder / "order.new"
        waiting.write_text(f"{step} {seen}", encoding="utf-8")
        waiting.replace(self.folder / "order")

    def countermand(self) -> None:
        """No process dies by itself any more."""
        (self.folder / "order").unlink(missing_ok=True)

    def rows(self, sql: str) -> list[Row]:
        """What is committed; empty while there is no database yet."""
        if not self.database.is_file():
            return []
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(sql)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def owed(self) -> list[Row]:
        """All notifications, in their order."""
        return self.rows("SELECT *, payload ->> 'kind' AS notice FROM notifications ORDER BY id")

    def snapshots(self) -> set[tuple[Any, ...]]:
        """All recorded passes."""
        return {tuple(row.values()) for row in self.rows("SELECT * FROM snapshots")}

    def await_told(self, count: int) -> None:
        """Wait until so many messages are marked as sent."""
        until(
            lambda: sum(row["state"] == "sent" for row in self.owed()) >= count,
            f"{count} messages to be told; there are {[r['state'] for r in self.owed()]}",
        )

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            process.kill()
            process.communicate()

    def _warmed(self) -> subprocess.Popen[str]:
        run = ("run", "-c", str(self.config))
        return self._popen([sys.executable, str(LAUNCHER), str(self.folder / "order"), *run])

    def _popen(self, command: Sequence[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SLACK_BOT_TOKEN": TOKEN},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process


@contextmanager
def site(folder: Path, checks: Mapping[str, str], daily: str = "") -> Iterator[Site]:
    """A platform in good health, a Slack that takes everything, and no monitor yet."""
    standin = StandIn(folder / "platform", start=datetime.now(UTC), payments_per_minute=0.0)
    running = serve(standin)
    try:
        with SlackServer() as slack:
            place = Site(folder, standin, slack)
            text = config_text(folder, running.url, slack.api_url, checks, daily)
            place.config.write_text(text, encoding="utf-8")
            try:
                yield place
            finally:
                place.close()
    finally:
        running.stop()
        standin.close()


def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """The process, once it has said that it watches the platform."""
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "checks on" in said, (said, process.communicate())
    return process


def await_killed(process: subprocess.Popen[str]) -> None:
    """Wait until a process has died of its order, and of nothing else."""
    code = process.wait(WAIT_SECONDS)
    assert code == -signal.SIGKILL, (code, process.communicate())


def stop(process: subprocess.Popen[str]) -> int:
    """End a process with SIGTERM: its exit code."""
    process.terminate()
    return process.wait(WAIT_SECONDS)


def repeats(place: Site, *, may_merge: bool = False) -> list[Accepted]:
    """What Slack took and nobody noted: the first of each message that came twice.

    Everything else must hold: what is noted did arrive, an end is in the thread of its beginning,
    no incident lacks its beginning or its end, and the file is whole. `may_merge`: what began and
    ended while nobody sent may be told in one message.
    """
    taken = {message.ts: message for message in place.slack.accepted}
    sent = [row for row in place.owed() if row["state"] == "sent"]
    assert {row["state"] for row in place.owed()} <= {"sent"} | ({"merged"} if may_merge else set())
    references = [row["ts"] for row in place.rows(_REFERENCES)]
    assert len(set(references)) == len(references) == len(sent)
    assert set(references) <= set(taken)
    noted = {taken[ts].story for ts in references}
    again = [message for ts, message in taken.items() if ts not in references]
    assert all(_is_noted(message.story, noted) for message in again)
    _assert_stories(place, taken, may_merge=may_merge)
    assert place.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    return again


def _is_noted(story: str, noted: set[str]) -> bool:
    """Whether a message was noted later, if need be together with the end of its incident."""
    return story in noted or story.replace(":firing", ":brief") in noted


_REFERENCES = "SELECT reference ->> 'ts' AS ts FROM notifications WHERE state = 'sent' ORDER BY id"
_STORIES = (
    "SELECT thread, group_concat(payload ->> 'kind') AS kinds, group_concat(reference ->> 'ts') AS"
    " refs FROM (SELECT * FROM notifications WHERE thread <> '' AND state = 'sent' ORDER BY id)"
    " GROUP BY thread"
)


def _assert_stories(place: Site, taken: Mapping[str, Accepted], *, may_merge: bool) -> None:
    stories = place.rows(_STORIES)
    told = {f"incident:{row['id']}" for row in place.rows(_TOLD)}
    assert {story["thread"] for story in stories} == told
    for story in stories:
        first, *later = story["refs"].split(",")
        assert story["kinds"] in ("firing,resolved", *(["brief"] if may_merge else []))
        assert [taken[ts].thread_ts for ts in later] == [first] * len(later)
    assert place.rows("SELECT id FROM incidents WHERE closed = 0") == []


_TOLD = "SELECT id FROM incidents WHERE announced IS NOT NULL"
