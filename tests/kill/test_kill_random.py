"""kill -9 at random moments, many times: what was recorded stays, what was owed arrives."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from kill_case import Site, ready, repeats, site, stop, until

KILLS = 15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_kills_at_random_moments_lose_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with site(tmp_path, {"services": ""}) as place:
        place.standin.set_fault("redis_down", True)
        process = place.start()
        place.await_told(1)
        process.kill()
        recorded: set[tuple[object, ...]] = set()
        for number in range(KILLS):
            recorded |= live_and_die(place, chance, is_ill=number % 2 == 1)
        place.standin.set_fault("redis_down", False)
        process = ready(place.start())
        passes = len(place.snapshots()) + 1
        until(lambda: is_all_told(place, passes), "the end of every incident")
        assert stop(process) == 0
        assert recorded <= place.snapshots()
        assert len(place.owed()) >= 2
        assert len(repeats(place, may_merge=True)) <= KILLS + 1
        assert place.rows(_UNPAIRED) == []


def live_and_die(place: Site, chance: random.Random, is_ill: bool) -> set[tuple[object, ...]]:
    """One short life; the passes that were on record just before its end."""
    if chance.random() < 0.3:
        place.slack.plan.append("after")  # Slack takes a message and is slow to say so
    process = place.start()
    place.standin.set_fault("redis_down", is_ill)
    time.sleep(chance.uniform(0.05, 1.3))
    recorded = place.snapshots()
    process.kill()
    process.wait()
    return recorded


def is_all_told(place: Site, passes: int) -> bool:
    """Whether more passes than these are on record, all incidents closed, and all is sent."""
    if len(place.snapshots()) <= passes or place.rows(_OPEN):
        return False
    return all(row["state"] in ("sent", "merged") for row in place.owed())


_OPEN = "SELECT id FROM incidents WHERE closed = 0"
_UNPAIRED = "SELECT slot_at FROM snapshots EXCEPT SELECT slot_at FROM job_runs"
