"""Reconciliation at a person's request: a window of any width, or all rows, and every break of
them.

It starts from what the check remembers, so that a break keeps its age, and leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from checks.books.blocks import Rotated, after_rotation
from checks.books.findings import across_name
from checks.books.judgement import Facts, Options, evaluate, selected, window_of
from checks.books.memory import Known, is_stopped, open_breaks, open_ids
from checks.books.rotation import rotate
from checks.books.streams import Streams, look_at_streams
from checks.books.sweep import Progress, Sweep
from checks.sources.database.books.examine import Window, window_start
from checks.sources.facts.books import Books
from checks.sources.facts.platform import Platform
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gap
from monitor.domain.books.discrepancies import Extent, OpenBreaks
from monitor.domain.books.reconciliation import FoundBreak, LookedAt, Reconciled
from monitor.domain.check import Finding, Memory, Params, ProbeContext, Status, Verdict, worst

BREAKS_MAX = 100_000  # of one invariant in one look: more are told as "at least"
IDS_MAX = 100_000
ALL_PAYMENTS = 10**12
PARTS_MAX = 1000  # of a rotation through all blocks; each ends after half a minute
_APPEND_ONLY = "L12"
_TOGETHER = ("S1", "S3", "S4", "L13", "X1", "X2", "X3")


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What is to be looked at: all rows, or those since a time, or what is new (None).

    Breaks of the invariants `only` are listed, if any are named; all are looked for. A sweep ends
    after `seconds_max`.
    """

    options: Options
    memory: Memory
    is_full: bool = False
    since: datetime | None = None
    shard: str = ""
    only: tuple[str, ...] = ()
    seconds_max: float | None = None

    def __post_init__(self) -> None:
        """Refuse names that no invariant has."""
        replace(self.options, only=self.only)

    @property
    def known(self) -> Mapping[str, Known]:
        """What is remembered, by shard."""
        shards: Mapping[str, Known] = self.memory.get("shards", {})
        return shards

    def wants(self, shard: str) -> bool:
        """Whether a shard was asked for."""
        return self.shard in ("", shard)


def reconcile(
    platform: Platform, request: ReconcileRequest, clock: Callable[[], datetime], progress: Progress
) -> Reconciled:
    """Look, judge, and give back every break; what could not be examined stays unknown."""
    now, window = clock(), _window(request)
    ids = {shard: open_ids(known) for shard, known in request.known.items()}
    books = platform.database.books(now, window, ids, request.shard)
    sweep = Sweep(platform.database, replace(window, counts_rows=True), clock, progress)
    sweep.seconds_max = request.seconds_max
    swept = sweep.run(request.shard) if request.is_full else ()
    names = frozenset(e.id for e in selected(request.options.only, request.options.ignore))
    streams = Streams() if request.shard else look_at_streams(platform.kafka, names)
    options = replace(request.options, known_max=BREAKS_MAX)
    shards, rotated = _rotated(platform, request, books, window, now)
    facts = Facts(books, swept, rotated, streams)
    memory = {**request.memory, "shards": shards}
    verdict, after = evaluate(facts, ProbeContext(platform, options, memory, now))
    findings = [f for f in verdict.findings if _is_asked(f, request)]
    findings += _unexamined(request, facts, names)
    return Reconciled(
        at=now,
        status=worst(finding.status for finding in findings),
        breaks=tuple(_breaks(request, facts, after)),
        unavailable=tuple({f.key: f for f in findings if f.status is Status.UNKNOWN}.values()),
        looks=tuple(_looks(facts, window, now, sweep.totals, _extents(verdict))),
        examined={each.shard: each.examined for each in _books(facts)},
        truncated=frozenset((b.shard, name) for b in _books(facts) for name in b.truncated),
        full_only=() if request.is_full else _full_only(request),
        together_only=tuple(i for i in _TOGETHER if i in names) if request.shard else (),
        is_full=request.is_full,
    )


def _window(request: ReconcileRequest) -> Window:
    window = window_of(request.options, request.memory)
    return replace(window, since=request.since, breaks_max=BREAKS_MAX, ids_max=IDS_MAX)


def _rotated(
    platform: Platform,
    request: ReconcileRequest,
    books: tuple[Fact[Books], ...],
    window: Window,
    now: datetime,
) -> tuple[Mapping[str, Known], Mapping[str, Rotated]]:
    """The next part of the rotation, or all of it; and what is known before its last part."""
    names = frozenset(e.id for e in selected(request.options.only, request.options.ignore))
    shards: dict[str, Known] = dict(request.known)
    if not request.is_full:
        options = replace(request.options, known_max=BREAKS_MAX)
        return shards, rotate(platform.database, books, shards, window, options, names, now)
    options = replace(request.options, known_max=BREAKS_MAX, payments_per_hour=ALL_PAYMENTS)
    shards = {shard: {**known, "rotation": {}} for shard, known in shards.items()}
    for _ in range(PARTS_MAX):
        rotated = rotate(platform.database, books, shards, window, options, names, now)
        if all(isinstance(r.part, Unavailable) or r.part.is_last for r in rotated.values()):
            break
        for shard, one in rotated.items():
            known = shards.get(shard, {})
            shards[shard] = after_rotation(known, one, options, now, names, BREAKS_MAX)
    return shards, rotated


def _is_asked(finding: Finding, request: ReconcileRequest) -> bool:
    """A finding without an own shard ("could not look") is everybody's."""
    shard = str(finding.params.get("shard", request.shard))
    is_named = finding.params.get("invariant") in request.only
    is_named = is_named or not request.only or finding.status is Status.UNKNOWN
    return is_named and request.wants(shard)


def _full_only(request: ReconcileRequest) -> tuple[str, ...]:
    """What is examined in whole tables or by their sums only."""
    entries = selected(request.options.only, request.options.ignore)
    return tuple(e.id for e in entries if e.whole is not None or e.id == _APPEND_ONLY)


def _books(facts: Facts) -> Iterator[Books]:
    """Every look: at the window, and at each step of a sweep."""
    yield from (each for each in facts.books if isinstance(each, Books))
    yield from (each.books for _, each in facts.swept if not isinstance(each, Unavailable))
    looks = [look for each in facts.rotated.values() for look in each.looks.values()]
    yield from (look for look in looks if isinstance(look, Books))


def _unexamined(
    request: ReconcileRequest, facts: Facts, names: frozenset[str]
) -> Iterator[Finding]:
    """What the judgement does not know that it was not looked at."""
    for each in facts.books:
        if isinstance(each, Books) and each.overflow and not request.is_full:
            params: Params = {"shard": each.shard, "payments": IDS_MAX}
            unavailable = Unavailable(
                f"database/{each.shard}", Why.LIMIT, "too_many_touched", params
            )
            yield monitoring_gap(unavailable, obscures=each.shard)
    if _APPEND_ONLY not in names:
        return
    compared = {shard for shard, known in request.known.items() if known.get("blocks")}
    for shard in dict.fromkeys(shard for shard, _ in facts.swept):
        if shard not in compared:
            part = f"database/{shard}/{_APPEND_ONLY}"
            yield monitoring_gap(
                Unavailable(part, Why.NOT_VISIBLE, "no_earlier_sums", {"shard": shard}),
                obscures=shard,
            )


def _extents(verdict: Verdict) -> Mapping[str, Extent]:
    records = [record for record in verdict.records if isinstance(record, OpenBreaks)]
    return {extent.shard: extent for record in records for extent in record.extents}


def _looks(
    facts: Facts,
    window: Window,
    now: datetime,
    totals: Mapping[str, int],
    extents: Mapping[str, Extent],
) -> Iterator[LookedAt]:
    rows: dict[str, int] = {}
    for shard, step in facts.swept:
        rows.setdefault(shard, 0)
        if not isinstance(step, Unavailable) and not is_stopped(step.books):
            rows[shard] += step.rows or 0
    for each in facts.books:
        if isinstance(each, Books) and each.shard != across_name():
            since = None if each.shard in rows else window_start(window, each.shard, now)
            done, total = rows.get(each.shard), totals.get(each.shard)
            extent = extents.get(each.shard)
            yield LookedAt(each.shard, since, each.payments_seen, done, total, extent)


def _breaks(request: ReconcileRequest, facts: Facts, after: Memory) -> Iterator[FoundBreak]:
    """All breaks that are open now, by shard and invariant, oldest first."""
    listed = selected(request.options.only, request.options.ignore)
    entries = {e.id: e for e in listed if not request.only or e.id in request.only}
    fresh = {(b.shard, b.invariant, b.key): b for books in _books(facts) for b in books.breaks}
    for shard in [each for each in after["shards"] if request.wants(each)]:
        open_ = open_breaks(shard, after["shards"][shard])
        before = request.known.get(shard, {}).get("breaks", {})
        for one in sorted(open_, key=lambda b: (b.invariant, b.first_seen_at, b.payment_id or 0)):
            if one.invariant in entries:
                found = fresh.get((shard, one.invariant, one.key))
                is_new = one.key not in before.get(one.invariant, {})
                severity = entries[one.invariant].severity
                yield FoundBreak(one, severity, found.params if found else {}, is_new)
