"""Passes over the books for tests: with all examinations, or those of an option."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

import books

from checks.invariants.catalogue import catalogue
from checks.sources.database.books.examine import Examination, LastLook, Window
from checks.sources.database.servers.tables import Scope
from checks.sources.database.source import Database
from checks.sources.facts.books import Books, Swept

ENTRIES = {entry.id: entry for entry in catalogue()}
EXAMINATIONS = tuple(
    Examination(
        entry.id,
        entry.build(Scope()),
        entry.build(Scope(by_ids=True)),
        timedelta(seconds=300 if entry.grace_seconds is None else entry.grace_seconds),
        entry.whole() if entry.whole else None,
    )
    for entry in catalogue()
    if entry.build is not None
)
BY_STATEMENT = {examination.id for examination in EXAMINATIONS}


def looked(
    shards: Sequence[books.Shard],
    *,
    open_ids=(),
    now=books.NOW,
    after=None,
    hours=24.0,
    retries=5,
    **window,
) -> tuple[Books, ...]:
    """One look at the window of some shards; "shards" comes last if there are two."""
    names = [f"shard{n + 1}" for n in range(len(shards))]
    database = _database(tuple(s.url for s in shards))
    lasts = {}
    for name, shard in zip(names, shards, strict=True):
        newest = shard.ask("SELECT max(entry_id) FROM ledger_entry") or 0
        lasts[name] = LastLook(now - timedelta(minutes=5), newest if after is None else after)
    asked = Window(EXAMINATIONS, timedelta(hours=hours), last_looks=lasts, **window)
    facts = database.books(now, asked, {"shard1": tuple(open_ids)})
    for fact in facts:
        assert isinstance(fact, Books), fact
    return facts


def swept(shard: books.Shard, *more: books.Shard, now=books.NOW, rows=200_000) -> list[Swept]:
    """A sweep of the first shard, step by step to its end."""
    database = _database(tuple(s.url for s in (shard, *more)))
    lasts = {"shard1": LastLook(now, 10**9)}
    window = Window(EXAMINATIONS, sweep_rows=rows, last_looks=lasts)
    steps: list[Swept] = []
    while not steps or not steps[-1].is_last:
        (step,) = database.sweep(now, window, {"shard1": len(steps)})
        assert isinstance(step, Swept), step
        steps.append(step)
    return steps


@lru_cache(maxsize=2)
def _database(urls: tuple[str, ...]) -> Database:
    return Database({f"shard{n}": url for n, url in enumerate(urls, 1)})


def ids(*looks: Books) -> set[str]:
    return {one.invariant for books in looks for one in books.breaks}


def implied_by(invariant: str) -> set[str]:
    """All that a fault may break besides."""
    entry = ENTRIES[invariant]
    found = {*entry.implies, *entry.implies_anywhere}
    return found | {further for direct in found for further in implied_by(direct)}
