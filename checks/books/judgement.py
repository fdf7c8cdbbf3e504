"""Reconciliation's judgement: what a look at the books says, with what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from checks.books.blocks import Rotated, after_rotation, extent_of, with_control
from checks.books.findings import across_name, metrics_of, old, told, untold
from checks.books.memory import (
    Known,
    after_look,
    after_sweep,
    entry_mark,
    merchants,
    open_breaks,
)
from checks.books.streams import Streams, growths, lost, repeated, unexplained
from checks.invariants.catalogue import Invariant, catalogue
from checks.sources.database.books.examine import Examination, LastLook, Window, window_start
from checks.sources.database.servers.tables import Scope
from checks.sources.facts.books import Books, Swept
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gap
from monitor.config.option_types import (
    Count,
    HourOfDay,
    Hours,
    Minutes,
    MinutesOrZero,
    SecondsOrZero,
)
from monitor.domain.books.discrepancies import OpenBreaks
from monitor.domain.check import Finding, Memory, Metric, ProbeContext, Verdict
from monitor.domain.statement import InvalidError


@dataclass(frozen=True, slots=True)
class Options:
    """How far back each pass looks, when everything is swept, what is told and how much.

    Payments are totalled in blocks of `block_payments`, in rotation, `payments_per_hour` of them.
    Of one invariant on one shard, `breaks_max` breaks are read and `known_max` are remembered.
    `only` and `ignore` name invariants. Ignored by default, for this platform breaks them by
    design: S4 (each shard counts its payments from 1), T9 and R6 (nothing retries what the
    payment gateway refused), and X2 (a replayed dead letter stays in its topic).
    """

    overlap_minutes: MinutesOrZero = 15.0
    sweep_hour_utc: HourOfDay = 18
    sweep_rows: Count = 200_000
    sweep_retry_minutes: Minutes = 60.0
    block_payments: Count = 50_000
    payments_per_hour: Count = 5_000_000
    grace_seconds: SecondsOrZero = 300.0
    old_warn_hours: Hours = 24.0
    old_crit_hours: Hours = 72.0
    evidence_max: Count = 5
    breaks_max: Count = 1000
    known_max: Count = 500
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ("S4", "T9", "R6", "X2")

    def __post_init__(self) -> None:
        """Refuse names that no invariant has."""
        known = {entry.id for entry in catalogue()}
        for key, named in (("only", self.only), ("ignore", self.ignore)):
            if strange := sorted({*named} - known):
                raise InvalidError(
                    "no_invariant", key=key, given=strange[0], known=", ".join(_ids())
                )


def _ids() -> list[str]:
    return [entry.id for entry in catalogue()]


@lru_cache(maxsize=8)
def selected(only: tuple[str, ...], ignore: tuple[str, ...]) -> tuple[Invariant, ...]:
    """The invariants that are looked at."""
    return tuple(e for e in catalogue() if (not only or e.id in only) and e.id not in ignore)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pass saw: the window on every shard, a step of each sweep, and the streams."""

    books: tuple[Fact[Books], ...]
    swept: tuple[tuple[str, Fact[Swept]], ...] = ()
    rotated: Mapping[str, Rotated] = field(default_factory=dict)
    streams: Streams = field(default_factory=Streams)


def window_of(options: Options, memory: Memory) -> Window:
    """Where the next look begins, by what is remembered of the last."""
    shards: Mapping[str, Known] = memory.get("shards", {})
    streams: Mapping[str, Any] = memory.get("streams", {})
    since = streams.get("at")
    window = Window(
        examinations=_examinations(options.only, options.ignore, options.grace_seconds),
        overlap=timedelta(minutes=options.overlap_minutes),
        breaks_max=options.breaks_max,
        published_since=datetime.fromisoformat(since) if since else None,
        known_merchants=merchants(shards.get(across_name(), {})),
        sweep_rows=options.sweep_rows,
    )
    looks = {
        shard: LastLook(datetime.fromisoformat(known["looked_at"]), entry_mark(known))
        for shard, known in shards.items()
        if known.get("looked_at")
    }
    return replace(window, last_looks=looks)


@lru_cache(maxsize=8)
def _examinations(
    only: tuple[str, ...], ignore: tuple[str, ...], grace_seconds: float
) -> tuple[Examination, ...]:
    return tuple(
        Examination(
            entry.id,
            entry.build(Scope()),
            entry.build(Scope(by_ids=True)),
            timedelta(
                seconds=grace_seconds if entry.grace_seconds is None else entry.grace_seconds
            ),
            entry.whole() if entry.whole else None,
        )
        for entry in selected(only, ignore)
        if entry.build is not None
    )


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """One finding per shard and invariant that does not hold; what was not seen is unknown."""
    options: Options = context.options
    entries = selected(options.only, options.ignore)
    names = frozenset(entry.id for entry in entries)
    before: Mapping[str, Known] = context.memory.get("shards", {})
    books = _with_streams(facts, context, names)
    after = _remembered(books, facts, context, names)
    findings = list(_unavailable(books, facts, entries))
    metrics: list[Metric] = []
    seen = {each.shard for each in books if isinstance(each, Books)} | {across_name()}
    for shard, known in after.items():
        if shard not in seen:
            continue  # hidden by what could not be seen of it
        found = _found(shard, books, facts)
        findings += told(shard, known, before.get(shard, {}), found, entries, options)
        findings += old(shard, open_breaks(shard, known), context.now, options)
        metrics += metrics_of(shard, known, found, context.now)
    breaks = tuple(b for shard, known in after.items() for b in open_breaks(shard, known))
    streams = facts.streams.remembered(context.memory.get("streams", {}), context.now)
    memory = {"shards": after, "streams": streams}
    window = window_of(options, context.memory)
    extents = tuple(
        extent_of(shard, after[shard], window_start(window, shard, context.now))
        for shard in after
        if shard in seen and shard != across_name()
    )
    record = OpenBreaks(breaks, extents)
    return replace(Verdict.of(findings, metrics), records=(record,)), memory


def _with_streams(
    facts: Facts, context: ProbeContext, names: frozenset[str]
) -> tuple[Fact[Books], ...]:
    """The books, with what the streams add to those of all shards together."""
    if any(isinstance(each, Unavailable) for each in facts.books):
        return facts.books
    books = [each for each in facts.books if isinstance(each, Books)]
    mine = [b for b in books if b.shard != across_name()]
    together = next((b for b in books if b.shard == across_name()), None)
    together = together or Books(across_name(), (), (), 0, 0)
    known = context.memory.get("streams", {})
    grown = growths(facts.streams, mine, known)
    for one in (lost(grown), repeated(grown), unexplained(facts.streams, mine, context.now)):
        together = one.added_to(together, names)
    return (*mine, together)


def _remembered(
    books: tuple[Fact[Books], ...], facts: Facts, context: ProbeContext, names: frozenset[str]
) -> dict[str, Known]:
    shards: dict[str, Known] = dict(context.memory.get("shards", {}))
    most: int = context.options.known_max
    for each in books:
        if isinstance(each, Books):
            shards[each.shard] = after_look(
                shards.get(each.shard, {}), each, context.now, names, most
            )
    for shard, swept in facts.swept:
        shards[shard] = after_sweep(shards.get(shard, {}), swept, context.now, names, most)
    for shard, rotated in facts.rotated.items():
        shards[shard] = after_rotation(
            shards.get(shard, {}), rotated, context.options, context.now, names, most
        )
    return {shard: with_control(known, names, context.now) for shard, known in shards.items()}


def _found(shard: str, books: tuple[Fact[Books], ...], facts: Facts) -> tuple[Books, ...]:
    """All that this pass looked at on a shard."""
    swept = (each for name, each in facts.swept if name == shard)
    looks = facts.rotated[shard].looks if shard in facts.rotated else {}
    return (
        *(each for each in books if isinstance(each, Books) and each.shard == shard),
        *(each.books for each in swept if not isinstance(each, Unavailable)),
        *(each for each in looks.values() if isinstance(each, Books)),
    )


def _unavailable(
    books: tuple[Fact[Books], ...], facts: Facts, entries: tuple[Invariant, ...]
) -> Iterator[Finding]:
    for each in books:
        if isinstance(each, Unavailable):
            yield monitoring_gap(each, obscures=each.part.partition("/")[2])
        elif each.shard != across_name():
            yield from untold(each, entries)
    for shard, swept in facts.swept:
        failed = (
            swept
            if isinstance(swept, Unavailable)
            else next(iter(swept.books.unavailable.values()), None)
        )
        if failed is not None and failed.reason not in _STANDING:
            yield monitoring_gap(
                replace(failed, part=f"database/{shard}/sweep"), obscures=f"{shard}/sweep"
            )
    for shard, rotated in facts.rotated.items():
        for failed in rotated.failures():
            yield monitoring_gap(
                replace(failed, part=f"database/{shard}/rotation"), obscures=f"{shard}/rotation"
            )
    yield from facts.streams.monitoring_gaps()


_STANDING = ("column_missing", "table_is_view", "shard_rule_unknown")  # the window says it too
