"""`paypulse run` whose database fails in its hands: told once to each receiver, and its end."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kill_case import WAIT_SECONDS, Site, until
from watched_run import LOG_BYTES_MAX, Watched, running, site_with_console

pytestmark = pytest.mark.slow

FAILING, OVER = "cannot use its own database", "can use its own database again"
STEADY_SECONDS = 4.0
MIB = 1 << 20
Undo = Callable[[], object]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site_with_console(tmp_path) as made:
        yield made


def assert_settled(run: Watched, failing: tuple[int, int], over: tuple[int, int]) -> None:
    """Nothing else is said for a while, and the process lives."""
    time.sleep(STEADY_SECONDS)
    assert run.process.poll() is None
    assert (run.told(FAILING), run.told(OVER)) == (failing, over)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


# What happens to the database of a running process; each gives back what undoes it.


def too_large(run: Watched) -> Undo:
    pid, none = run.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, none))
    return lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (none, none))


def locked(run: Watched) -> Undo:
    writer = sqlite3.connect(run.database, isolation_level=None, timeout=30)
    writer.execute("BEGIN IMMEDIATE")
    return writer.close


def immutable(run: Watched) -> Undo:
    files = [str(path) for path in run.database.parent.glob("paypulse.db*")]
    done = subprocess.run(["chattr", "+i", *files], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no file can be made immutable here")
    return lambda: subprocess.run(["chattr", "-i", *files], check=True)


def moved_away(run: Watched) -> Undo:
    away = run.database.with_name("away.db")
    run.database.rename(away)
    return lambda: away.rename(run.place.database)


def replaced(run: Watched) -> Undo:
    away, other = run.database.with_name("away.db"), run.database.with_name("other.db")
    with closing(sqlite3.connect(run.database)) as source, closing(sqlite3.connect(other)) as copy:
        source.backup(copy)
    run.database.rename(away)
    other.rename(run.place.database)
    return lambda: away.replace(run.place.database)


def log_moved_away(run: Watched) -> Undo:
    log = run.database.with_name("paypulse.db-wal")
    away = log.with_name("away-wal")
    log.rename(away)
    return lambda: away.rename(log)


def disk_full(run: Watched) -> Undo:
    filler = run.database.with_name("filler")
    with filler.open("wb") as file:
        for size in (MIB, 4096, 1):
            while True:
                try:
                    os.write(file.fileno(), b"x" * size)
                except OSError:
                    break
    return filler.unlink


COMES_AND_GOES = [too_large, locked, immutable, moved_away, replaced, log_moved_away]


def assert_told_and_ended(run: Watched, happens: Callable[[Watched], Undo]) -> None:
    until(lambda: run.passes() > 2, "a few passes")
    undo = happens(run)
    try:
        until(lambda: run.told(FAILING) == (1, 1), "both receivers to be told")
        assert_settled(run, (1, 1), (0, 0))
    finally:
        undo()
    until(lambda: run.told(OVER) == (1, 1), "both receivers to be told of the end")
    before = run.passes()
    until(lambda: run.passes() > before, "passes that are recorded")
    assert run.stop() == 0
    assert (run.told(FAILING), run.told(OVER)) == ((1, 1), (1, 1))
    assert run.log.stat().st_size < LOG_BYTES_MAX


@pytest.mark.parametrize("happens", COMES_AND_GOES)
def test_what_befalls_the_database_is_told_once_and_so_is_its_end(
    place: Site, happens: Callable[[Watched], Undo]
) -> None:
    with running(place) as run:
        assert_told_and_ended(run, happens)


def test_a_disk_that_is_full_is_told_once_and_so_is_its_end(place: Site, small_disk: Path) -> None:
    place.database.symlink_to(small_disk / "paypulse.db")
    text = place.config.read_text("utf-8").replace(
        f"{place.folder}/paypulse", f"{small_disk}/paypulse"
    )
    place.config.write_text(text, encoding="utf-8")
    with running(place) as run:
        assert_told_and_ended(run, disk_full)


# What no running process can mend; afterwards the next one begins with a new file, or cannot.


def deleted(run: Watched) -> None:
    run.database.unlink()


def replaced_for_good(run: Watched) -> None:
    replaced(run)


def log_deleted(run: Watched) -> None:
    run.database.with_name("paypulse.db-wal").unlink()


def scribbled(run: Watched) -> None:
    """As a stray `dd` does it; what is only in the log is brought into the file before."""
    with closing(sqlite3.connect(run.database, timeout=30)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with run.database.open("r+b") as file:
        file.write(b"\xff" * 65536)


@pytest.mark.parametrize("happens", [deleted, replaced_for_good, log_deleted])
def test_what_only_a_restart_mends_is_told_once_and_its_end_after_that(
    place: Site, happens: Callable[[Watched], None]
) -> None:
    with running(place) as run:
        until(lambda: run.passes() > 2, "a few passes")
        happens(run)
        until(lambda: run.told(FAILING) == (1, 1), "both receivers to be told")
        assert_settled(run, (1, 1), (0, 0))
        run.stop()
    with running(place) as run:
        until(lambda: run.told(OVER) == (1, 1), "both receivers to be told of the end")
        assert_settled(run, (1, 1), (1, 1))
        assert run.stop() == 0
    assert run.log.stat().st_size < LOG_BYTES_MAX


def test_a_beginning_that_is_scribbled_over_is_told_once_also_by_the_next_process(
    place: Site,
) -> None:
    with running(place) as run:
        until(lambda: run.passes() > 2, "a few passes")
        scribbled(run)
        until(lambda: run.told(FAILING) == (1, 1), "both receivers to be told")
        assert_settled(run, (1, 1), (0, 0))
        run.stop()
    with running(place) as run:
        assert run.process.wait(WAIT_SECONDS) == 3
        assert (run.told(FAILING), run.told(OVER)) == ((1, 1), (0, 0))
    assert "Unknown: the monitor's own database cannot be used" in run.log.read_text(
        "utf-8", "replace"
    )
    assert run.log.stat().st_size < LOG_BYTES_MAX


def test_a_file_that_may_not_be_written_at_the_start_is_told_once(place: Site) -> None:
    with running(place) as run:
        until(lambda: run.passes() > 2, "a few passes")
        run.stop()
    undo = immutable(run)
    try:
        with running(place) as run:
            assert run.process.wait(WAIT_SECONDS) == 3
    finally:
        undo()
    assert run.told(FAILING) == (1, 1)
    assert run.log.stat().st_size < LOG_BYTES_MAX
