"""Over a database that cannot be used, every command says unknown, and never "no incidents"."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
from typer.testing import CliRunner

from mcp_server.context import ToolContext
from monitor.app import build
from monitor.cli.main import main
from monitor.config.models import load
from monitor.store.database import StoreError, migrate

COMMANDS = (["check"], ["alerts", "list"], ["doctor"], ["db", "backup", "copy.db"])


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "paypulse.toml"
    path.write_text('database = "paypulse.db"\n[platform]\nbase_url = "http://127.0.0.1:9"\n')
    migrate(tmp_path / "paypulse.db")
    return path


HOLD = """
import sys
from pathlib import Path
from monitor.scheduling.lock import only_scheduler
with only_scheduler(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another_process(database: Path) -> Iterator[None]:
    """A monitor runs on this database, in a process of its own."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield
        process.communicate()


def scribbled(path: Path) -> None:
    """No header any more."""
    with path.open("r+b") as opened:
        opened.write(b"\xff" * 4096)


def emptied(path: Path) -> None:
    """Tables whose pages hold nothing that SQLite knows."""
    with closing(sqlite3.connect(path)) as database:
        size = database.execute("PRAGMA page_size").fetchone()[0]
        names = ("alerts", "incidents", "snapshots")
        pages = database.execute(
            f"SELECT rootpage FROM sqlite_master WHERE name IN {names}"
        ).fetchall()
    with path.open("r+b") as opened:
        for (page,) in pages:
            opened.seek((page - 1) * size)
            opened.write(b"\x00" * size)


@pytest.mark.parametrize("breaks", [scribbled, emptied])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_damaged_database_is_unknown(file, words, breaks):
    breaks(file.parent / "paypulse.db")
    done = CliRunner().invoke(main, [*words, "-c", str(file)])
    assert done.exit_code == 3, done.output
    assert "o incidents" not in done.output and "no alerts" not in done.output.lower()
    assert not (file.parent / "copy.db").exists()


def test_a_database_that_is_missing_under_a_running_monitor_is_not_made_anew(file):
    database = file.parent / "paypulse.db"
    with held_by_another_process(database):
        database.unlink()
        for words in (["check"], ["alerts", "list"]):
            done = CliRunner().invoke(main, [*words, "-c", str(file)])
            assert (done.exit_code, database.exists()) == (3, False), done.output


def test_a_run_that_cannot_start_tells_its_receivers_once(file):
    scribbled(file.parent / "paypulse.db")
    told = [CliRunner().invoke(main, ["run", "-c", str(file)]).stdout for _ in range(2)]
    assert ["cannot use its own database" in text for text in told] == [True, False]


def test_a_damaged_file_that_still_opens_is_told_at_the_start(file, monkeypatch):
    def end_at_once(_scheduler):
        raise StoreError("ended")

    emptied(file.parent / "paypulse.db")
    monkeypatch.setattr("monitor.scheduling.schedule.Scheduler.start", end_at_once)
    done = CliRunner().invoke(main, ["run", "-c", str(file)])
    assert "cannot use its own database" in done.stdout


def test_a_tool_over_a_damaged_database_cannot_be_opened(file):
    config = load(file)
    emptied(config.database)
    context = ToolContext(lambda: build(config))
    with pytest.raises(StoreError):
        context.latest()


def test_it_is_said_in_korean(file):
    file.write_text('language = "ko"\n' + file.read_text())
    scribbled(file.parent / "paypulse.db")
    done = CliRunner().invoke(main, ["alerts", "list", "-c", str(file)])
    assert "확인 불가" in done.output
