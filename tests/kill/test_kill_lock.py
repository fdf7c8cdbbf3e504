"""One `paypulse run` per database, others beside it, and a graceful end on SIGTERM."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path

import pytest
from kill_case import WAIT_SECONDS, ready, repeats, site, stop, until

from monitor.scheduling.lock import LockedError, lock_path, only_scheduler

pytestmark = pytest.mark.slow


def test_a_second_run_is_refused_and_reading_commands_work_beside_the_first(
    tmp_path: Path,
) -> None:
    with site(tmp_path, {"services": ""}) as place:
        place.standin.set_fault("redis_down", True)
        first = ready(place.spawn("run"))
        place.await_told(1)
        second = place.spawn("run")
        readers = [place.spawn(*words) for words in (("alerts", "list"), ("db", "stats"))]
        _, refusal = second.communicate(timeout=WAIT_SECONDS)
        answers = [reader.communicate(timeout=WAIT_SECONDS) for reader in readers]
        assert second.returncode == 3
        assert f"process {first.pid} on" in refusal
        assert [reader.returncode for reader in readers] == [0, 0]
        assert "Redis" in answers[0][0] and "snapshots" in answers[1][0]
        began = time.monotonic()
        assert stop(first) == 0
        assert time.monotonic() - began < 5


def test_a_report_can_be_asked_for_beside_a_run(tmp_path: Path) -> None:
    with site(tmp_path, {"services": ""}) as place:
        first = ready(place.spawn("run"))
        report = place.spawn("report", "daily")
        text, said = report.communicate(timeout=WAIT_SECONDS)
        assert (report.returncode, said) == (0, "")
        assert len(text.splitlines()) > 3
        assert stop(first) == 0


@pytest.mark.parametrize(("hangs", "taken"), [("before", 0), ("trickle", 1)])
def test_a_run_that_is_ended_while_slack_hangs_ends_soon_and_the_next_one_tells(
    tmp_path: Path, hangs: str, taken: int
) -> None:
    with site(tmp_path, {"services": ""}) as place:
        place.slack.plan.append(hangs)
        place.standin.set_fault("redis_down", True)
        process = ready(place.start())
        until(lambda: place.slack.requests, "a message that hangs")
        began = time.monotonic()
        assert stop(process) == 0
        assert time.monotonic() - began < 10
        began = time.monotonic()
        process = ready(place.start())
        place.await_told(1)
        assert time.monotonic() - began < 10
        place.standin.set_fault("redis_down", False)
        place.await_told(2)
        assert stop(process) == 0
        assert len(repeats(place)) == taken


def test_who_looks_up_the_holder_keeps_no_scheduler_from_starting(tmp_path: Path) -> None:
    database = tmp_path / "paypulse.db"
    with lock_path(database).open("a+") as asked:
        fcntl.flock(asked, fcntl.LOCK_SH)
        leaves = threading.Timer(0.02, lambda: fcntl.flock(asked, fcntl.LOCK_UN))
        leaves.start()
        with only_scheduler(database), pytest.raises(LockedError), only_scheduler(database):
            pass
        leaves.join()
