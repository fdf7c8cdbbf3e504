"""One part of the rotation through all blocks of the shards that a look reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from checks.books.blocks import Rotated, is_rotated, rotation_of, to_examine
from checks.books.findings import across_name
from checks.books.memory import Known, after_look
from checks.sources.database.books.examine import Window
from checks.sources.facts.books import Books
from checks.sources.facts.platform import DatabaseSource
from checks.sources.facts.unavailable import Fact, Unavailable


def rotate(
    database: DatabaseSource,
    books: Iterable[Fact[Books]],
    shards: Mapping[str, Known],
    window: Window,
    options: Any,
    names: frozenset[str],
    now: datetime,
) -> dict[str, Rotated]:
    """Total the next blocks of each shard, and examine those that are not as they should be."""
    seen = [b for b in books if isinstance(b, Books) and b.shard != across_name()]
    if not is_rotated(names) or not seen:
        return {}
    known = {
        b.shard: after_look(shards.get(b.shard, {}), b, now, names, options.known_max) for b in seen
    }
    rotations = {b.shard: rotation_of(known[b.shard], b.low, options, now) for b in seen}
    parts = database.rotate(now, rotations)
    wanted = {
        shard: [(t.number, t.low, t.high) for t in to_examine(known[shard], part)]
        for shard, part in parts.items()
        if not isinstance(part, Unavailable)
    }
    ranges = {s: tuple((low, high) for _, low, high in w) for s, w in wanted.items() if w}
    looks = database.examine_blocks(now, window, ranges) if ranges else {}
    return {
        shard: Rotated(part, _looks(wanted.get(shard, ()), looks.get(shard, ())))
        for shard, part in parts.items()
    }


def _looks(
    wanted: Iterable[tuple[int, int, int]], looks: Iterable[Fact[Books]]
) -> dict[int, Fact[Books]]:
    return {number: look for (number, _, _), look in zip(wanted, looks, strict=True)}
