"""Many kills in a row while the receiver fails two times in five: what arrives, and how soon."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

from kill_case import Site, repeats, site, stop, until

STEPS = ("looked", "owed", "recorded", "claiming", "claimed", "posting", "posted", "marked")
LIVES_AT_ONCE = 10  # then one is left alone until all is told
FAILS = 0.4


@dataclass
class Tally:
    """What a run came to; `slowest_seconds`: from a restart until all that waited had arrived."""

    kills: int = 0
    sent: int = 0
    repeated: int = 0
    slowest_seconds: float = 0.0


def kill_often(folder: Path, kills: int, seed: int) -> Tally:
    """Kill at random and at chosen moments; asserts that nothing is lost."""
    chance, tally = random.Random(seed), Tally()
    with site(folder, {"services": ""}) as place:
        place.slack.fails, place.slack.chance = FAILS, random.Random(seed + 1)
        place.slack.retry_after = "1"
        while tally.kills < kills:
            for _ in range(min(LIVES_AT_ONCE, kills - tally.kills)):
                _live_and_die(place, chance)
                tally.kills += 1
            tally.slowest_seconds = max(tally.slowest_seconds, _settle(place))
        tally.repeated = len(repeats(place, may_merge=True))
        tally.sent = sum(row["state"] == "sent" for row in place.owed())
    return tally


def _live_and_die(place: Site, chance: random.Random) -> None:
    """Some die while they start, most after they have looked: however slow the machine is."""
    process, looked = place.start(), len(place.snapshots())
    if chance.random() < 0.4:
        place.order(chance.choice(STEPS), chance.choice(("found", "clear")))
    place.standin.set_fault("redis_down", chance.random() < 0.5)
    if chance.random() < 0.8:
        until(lambda: process.poll() is not None or len(place.snapshots()) > looked, "a pass")
    ends_at = time.monotonic() + chance.uniform(0.05, 2)
    while process.poll() is None and time.monotonic() < ends_at:
        time.sleep(0.02)
    process.kill()
    process.wait()
    place.countermand()


def _settle(place: Site) -> float:
    """One life without a kill, and how long it takes until all has arrived."""
    place.standin.set_fault("redis_down", False)
    began, process = time.monotonic(), place.start()
    passes = len(place.snapshots()) + 1
    until(lambda: _is_all_told(place, passes), "all to be told")
    took = time.monotonic() - began
    assert stop(process) == 0
    return took


def _is_all_told(place: Site, passes: int) -> bool:
    if len(place.snapshots()) <= passes or place.rows(_OPEN):
        return False
    return all(row["state"] in ("sent", "merged") for row in place.owed())


_OPEN = "SELECT id FROM incidents WHERE closed = 0"
