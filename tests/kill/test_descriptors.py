"""`paypulse run` that can open nothing more: its reserve serves to say so, once, and its end."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_case import until
from watched_run import LOG_BYTES_MAX, Watched, running, site_with_console

from monitor.recording import reserve
from monitor.recording.reserve import KEPT, DescriptorReserve

LACKING, AGAIN = "paypulse has no file descriptors left", "paypulse has file descriptors again"


def open_numbers(run: Watched) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{run.process.pid}/fd").iterdir()}


def limit(run: Watched, count: int) -> None:
    _, hard = resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, (count, hard))


@pytest.mark.slow
def test_a_lack_is_told_once_to_each_receiver_and_the_watch_goes_on(tmp_path: Path) -> None:
    with site_with_console(tmp_path) as place, running(place) as run:
        until(lambda: run.passes() > 4, "a few passes")
        before, _ = resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE)
        used = open_numbers(run)
        limit(run, next(number for number in range(3, 10_000) if number not in used))
        until(lambda: run.told(LACKING) == (1, 1), "both receivers to be told")
        passes = run.passes()
        until(lambda: run.passes() > passes + 2, "passes that are recorded meanwhile")
        place.standin.set_fault("redis_down", True)
        until(lambda: run.told("Redis is down")[0] == 1, "an alert in the midst of it")
        time.sleep(3)
        assert (run.told(LACKING), run.told(AGAIN)) == ((1, 1), (0, 0))
        limit(run, before)
        until(lambda: run.told(AGAIN) == (1, 1), "both receivers to be told of the end")
        assert run.stop() == 0
        assert run.told(LACKING) == (1, 1)
        assert [
            m for m in place.slack.accepted if "down" in m.marker and "Redis" not in m.marker
        ] == []
        assert run.log.stat().st_size < LOG_BYTES_MAX


def lacking(monkeypatch: pytest.MonkeyPatch, free: Callable[[], int]) -> list[int]:
    """A process that may open so many; what it has open."""
    opened: list[int] = []

    def open_(*_: object) -> int:
        if len(opened) >= free():
            raise OSError(24, "Too many open files")
        opened.append(len(opened) + 1000)
        return opened[-1]

    monkeypatch.setattr(reserve.os, "open", open_)
    monkeypatch.setattr(reserve.os, "close", lambda number: opened.pop())
    return opened


def test_the_reserve_is_let_go_and_taken_again_only_with_some_to_spare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = [100]
    opened = lacking(monkeypatch, lambda: free[0])
    kept = DescriptorReserve()
    seen = []
    for free[0] in (100, KEPT + 1, KEPT, KEPT + 1, KEPT + 8):
        seen.append((kept.lacking() is None, len(opened)))
    assert seen == [(True, KEPT), (True, KEPT), (False, 0), (False, 0), (True, KEPT)]
    kept.release()
    assert opened == []
