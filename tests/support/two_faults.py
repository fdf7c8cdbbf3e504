"""Two faults one after the other: what was told of them, and whether that was right."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import permutations
from pathlib import Path

from fault_signs import FAULTS, HIDDEN_BY
from simulated import World, world

from monitor.domain.incident.message import IncidentMessage

GAPS_SECONDS = (2, 10, 30, 60, 120, 300, 600)
LEARN_MINUTES, FRESH_MINUTES, QUIET_MINUTES_MAX = 25 * 60, 15, 40


@dataclass(frozen=True, slots=True)
class Pair:
    """The second fault begins so long after the first."""

    first: str
    second: str
    gap_seconds: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a pair: by incident its root, when it spoke, and how it went on."""

    pair: Pair
    began_at: datetime
    incidents: tuple[tuple[IncidentMessage, ...], ...]
    left: tuple[str, ...]


def pairs(seed: int = 1) -> list[Pair]:
    """Every ordered pair in an order of chance, each with a gap in its turn."""
    chance = random.Random(seed)
    ordered = list(permutations(FAULTS, 2))
    chance.shuffle(ordered)
    return [Pair(a, b, GAPS_SECONDS[n % len(GAPS_SECONDS)]) for n, (a, b) in enumerate(ordered)]


def healthy(folder: Path) -> World:
    """A world with a learned day behind it, looked at every minute."""
    made = world(folder, every=1800, payments_per_minute=3)
    made.live(LEARN_MINUTES)
    made.watch_every(60, hold_minutes=4)
    made.live(3)
    return made


def lived(life: World, pair: Pair) -> Told:
    """Switch the first on, the second after it, both off together, and wait until all is quiet."""
    life.live(FRESH_MINUTES)
    before, began_at = len(life.told), life.life.clock()
    life.switch([pair.first], True)
    life.life.live(began_at + timedelta(seconds=pair.gap_seconds))
    life.switch([pair.second], True)
    life.live(max(FAULTS[pair.first][1], FAULTS[pair.second][1]))
    life.switch([pair.first, pair.second], False)
    life.live_until_quiet(QUIET_MINUTES_MAX)
    found: dict[int, list[IncidentMessage]] = {}
    for message in life.told[before:]:
        found.setdefault(message.incident_id, []).append(message)
    return Told(pair, began_at, tuple(map(tuple, found.values())), tuple(life.unrest))


def wrong(told: Told) -> Iterator[str]:
    """What is not as it should be: each visible fault has one first message and each message one
    end; a fault that the other hides may go without; nothing else is told."""
    names = (told.pair.first, told.pair.second)
    roots = [messages[-1].root.key for messages in told.incidents]
    for name, other in (names, names[::-1]):
        count = sum(fnmatchcase(root, FAULTS[name][0]) for root in roots)
        may_hide = other in HIDDEN_BY.get(name, {})
        if count > 1 or (count == 0 and not may_hide):
            yield f"{name} was told {count} times"
    known = [FAULTS[name][0] for name in names]
    yield from (f"{r} was told" for r in roots if not any(fnmatchcase(r, k) for k in known))
    yield from (f"{r} had {n} ends" for r, n in zip(roots, _ends(told), strict=True) if n != 1)
    yield from (f"left: {one}" for one in told.left)


def row(told: Told) -> str:
    """A line of the table."""
    firsts = ", ".join(_at(told, messages[0]) for messages in told.incidents)
    ends = ", ".join(_at(told, messages[-1]) for messages in told.incidents)
    faults = "; ".join(wrong(told)) or "right"
    pair = told.pair
    cells = (f"`{pair.first}`", f"`{pair.second}`", f"{pair.gap_seconds} s", firsts, ends, faults)
    return "| " + " | ".join(cells) + " |"


def _ends(told: Told) -> Sequence[int]:
    return [sum(m.kind == "resolved" for m in messages) for messages in told.incidents]


def _at(told: Told, message: IncidentMessage) -> str:
    minutes = (message.made_at - told.began_at).total_seconds() / 60
    return f"`{message.root.key}` +{minutes:.0f} min ({message.kind})"
