"""kill -9 again and again while Slack refuses two requests in five."""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_storm import kill_often

KILLS = 20


@pytest.mark.slow
def test_kills_under_a_receiver_that_often_fails_lose_nothing_and_repeat_at_most_once_each(
    tmp_path: Path,
) -> None:
    tally = kill_often(tmp_path, KILLS, seed=1)
    assert tally.kills == KILLS
    assert tally.sent > 5
    assert tally.repeated <= KILLS
    assert tally.slowest_seconds < 60
