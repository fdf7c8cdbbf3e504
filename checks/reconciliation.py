"""Reconciliation: do the books of every shard hold what must hold in them?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from checks.books.findings import across_name
from checks.books.judgement import Facts, Options, evaluate, selected, window_of
from checks.books.memory import Known, is_sweep_due, open_ids
from checks.books.rotation import rotate
from checks.books.streams import look_at_streams
from checks.sources.facts.books import Books
from checks.sources.facts.unavailable import Fact
from monitor.domain.check import Check, ProbeContext


def probe(context: ProbeContext) -> Facts:
    """The books of every shard: the window, what is open, and part by part all of it."""
    options: Options = context.options
    shards: Mapping[str, Known] = context.memory.get("shards", {})
    window = window_of(options, context.memory)
    ids = {shard: open_ids(known) for shard, known in shards.items()}
    books: tuple[Fact[Books], ...] = context.platform.database.books(context.now, window, ids)
    steps = {
        each.shard: shards.get(each.shard, {}).get("step", 0)
        for each in books
        if isinstance(each, Books)
        and each.shard != across_name()
        and is_sweep_due(shards.get(each.shard, {}), options, context.now)
    }
    swept = context.platform.database.sweep(context.now, window, steps) if steps else ()
    names = frozenset(entry.id for entry in selected(options.only, options.ignore))
    database = context.platform.database
    rotated = rotate(database, books, shards, window, options, names, context.now)
    is_seen = any(isinstance(each, Books) for each in books)  # else they explain nothing
    kafka = getattr(context.platform, "kafka", None) if is_seen else None
    steps_swept = tuple(zip(steps, swept, strict=True))
    return Facts(books, steps_swept, rotated, look_at_streams(kafka, names))


CHECK = Check(
    name="reconciliation",
    options=Options,
    probe=probe,
    evaluate=evaluate,
    every=timedelta(minutes=5),
    timeout=timedelta(minutes=4),
)
