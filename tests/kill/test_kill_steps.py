"""kill -9 at every step between the look and the mark: nothing is lost, at most one repeat."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from kill_case import Site, await_killed, ready, repeats, site, stop, until

from demo.stand_in import StandIn

pytestmark = pytest.mark.slow

# Step -> what the database holds of the message when the process is dead ("held": under a
# lease), and whether Slack has taken it.
PASS_STEPS = {
    "looked": ("", False),
    "snapshot": ("", False),
    "alert": ("", False),
    "incident": ("", False),
    "notice": ("", False),
    "owed": ("", False),
    "recorded": ("owed", False),
}
DELIVERY_STEPS = {
    "claiming": ("owed", False),
    "claimed": ("held", False),
    "posting": ("held", False),
    "asked": ("held", True),
    "posted": ("held", True),
    "marking": ("held", True),
    "marked": ("sent", True),
}
STEPS = PASS_STEPS | DELIVERY_STEPS


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        pytest.param(PASS_STEPS, "found", id="of a pass"),
        pytest.param(DELIVERY_STEPS, "clear", id="of a delivery"),
    ],
)
def test_a_kill_at_any_step_loses_nothing_and_repeats_only_what_slack_had_taken(
    tmp_path: Path, steps: dict[str, tuple[str, bool]], first: str
) -> None:
    with site(tmp_path, {"services": ""}) as place:
        process = place.start()
        until(place.snapshots, "the first pass")
        if first == "clear":
            place.standin.set_fault("redis_down", True)
            place.await_told(1)
        seen = cycle(["found", "clear"] if first == "found" else ["clear", "found"])
        for step, found_or_clear in zip(steps, seen, strict=False):
            process = kill_at(place, process, step, found_or_clear)
        place.standin.set_fault("redis_down", False)
        place.await_told(8)
        assert stop(ready(process)) == 0
        assert len(place.owed()) == 8
        assert len(repeats(place)) == sum(s == ("held", True) for s in steps.values())


def test_what_can_be_seen_only_once_is_told_once_wherever_the_pass_that_saw_it_died(
    tmp_path: Path,
) -> None:
    with site(tmp_path, {"dead_letters": "hold_minutes = 0.0005"}) as place:
        process = place.start()
        until(place.snapshots, "the first pass")
        for told, step in enumerate(["looked", "owed", "recorded"]):
            place.order(step, "found")
            poison_once(place.standin)
            await_killed(process)
            place.countermand()
            process = place.start()
            place.await_told(2 * told + 2)
        assert stop(ready(process)) == 0
        counts = [json.loads(row["payload"])["root"]["params"]["count"] for row in place.owed()]
        assert counts == [1] * 6
        assert repeats(place) == []


def poison_once(standin: StandIn) -> None:
    """One message that nobody can read, carried through to its dead-letter topic."""
    standin.set_fault("poison_message", True)
    standin.advance(standin.now + timedelta(seconds=1))
    standin.set_fault("poison_message", False)
    standin.advance(standin.now + timedelta(seconds=20))


def kill_at(place: Site, process: Any, step: str, seen: str) -> Any:
    """The fault comes or goes, the process dies at the step, and the next one tells of it."""
    told, taken, before = len(place.owed()), len(place.slack.accepted), place.snapshots()
    place.order(step, seen)
    place.standin.set_fault("redis_down", seen == "found")
    await_killed(process)
    assert_stopped_at(place, step, told, taken)
    after = place.snapshots()
    assert before <= after
    place.countermand()
    process = place.start()
    place.await_told(told + 1)
    assert after <= place.snapshots()
    return process


def assert_stopped_at(place: Site, step: str, told: int, taken: int) -> None:
    state, is_taken = STEPS[step]
    rows = place.owed()
    found = [state_of(row) for row in rows[told:]]
    assert found == ([state] if state else []), [(step, r["key"], r["state"]) for r in rows]
    if is_taken:  # Slack may still be reading what the dead process sent
        until(lambda: len(place.slack.accepted) > taken, "Slack to take the message")
    stories = [message.story for message in place.slack.accepted]
    assert len(stories) == taken + is_taken, (step, stories)


def state_of(row: dict[str, Any]) -> str:
    if row["state"] == "waiting":
        return "held" if row["lease_until"] else "owed"
    return str(row["state"])
