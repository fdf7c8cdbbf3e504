"""How fast a consumer group works off what waits for it, by its latest looks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from checks.lag_parts.course import Look, seconds, written


def recent(looks: Sequence[Look], looks_min: int, seconds_min: float) -> Sequence[Look]:
    """The looks over which a lag is compared: enough of them, over enough time."""
    first = max(0, len(looks) - looks_min)
    while first and seconds(looks[first]["at"], looks[-1]["at"]) < seconds_min:
        first -= 1
    return looks[first:]


def over_seconds(looks: Sequence[Look]) -> float:
    """How much time these looks span."""
    return seconds(looks[0]["at"], looks[-1]["at"])


def is_rising(looks: Sequence[Look], lag_min: int) -> bool:
    """Whether what waits only grew, to so much at least, and was never nothing."""
    totals = [look["left"] for look in looks]
    if totals[-1] < lag_min or 0 in totals:
        return False
    return all(a <= b for a, b in pairwise(totals)) and totals[0] < totals[-1]


def drain_seconds(looks: Sequence[Look], lag_min: int) -> float | None:
    """How long what waits would take at the speed of these looks; None: not known."""
    left, dealt = looks[-1]["left"], _dealt(looks)
    if dealt <= 0 or left < lag_min or any(look["lag"] == 0 for look in looks):
        return None
    return float(left * over_seconds(looks) / dealt)


def _dealt(looks: Sequence[Look]) -> int:
    """How many messages were dealt with: by the rows that were written, since offsets move a
    batch at a time; by offsets too where they move from look to look (not every message makes a
    row), or where no rows are seen."""
    pairs = list(pairwise(looks))
    rows = sum(written(a["rows"], b["rows"]) for a, b in pairs)
    done: int = looks[-1]["done"] - looks[0]["done"]
    steady = 2 * sum(a["done"] != b["done"] for a, b in pairs) > len(pairs)
    return max(rows, done) if steady or not any(look["rows"] for look in looks) else rows
