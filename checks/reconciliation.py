"""Reconciliation: do the books of every shard hold what must hold in them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from checks.invariants.catalogue import Invariant, catalogue
from checks.sources.database_books import Examination, LastLook, Window
from checks.sources.database_tables import Scope
from checks.sources.facts import Books, Break, Fact, Unseen, Why, blind
from monitor.domain.check import Check, Finding, Look, Memory, Metric, Params, Status, Verdict


@dataclass(frozen=True, slots=True)
class Options:
    """How far back each pass looks, how often it looks at everything, and how much it tells."""

    window_hours: float = 24.0
    full_sweep_hours: float = 24.0
    sweep_retry_minutes: float = 60.0
    grace_seconds: float = 300.0
    evidence_max: int = 5
    breaks_max: int = 1000


def probe(look: Look) -> tuple[Fact[Books], ...]:
    """The books of every shard: the window, what is open, and now and then all of it."""
    options: Options = look.options
    shards: Mapping[str, Any] = look.memory.get("shards", {})
    window = Window(
        examinations=_examinations(options.grace_seconds),
        span=timedelta(hours=options.window_hours),
        last_looks={
            shard: LastLook(_time(known["looked_at"]), known["entry_last"])
            for shard, known in shards.items()
            if not _due(known, look)
        },
        breaks_max=options.breaks_max,
        ids_max=_IDS_MAX,
    )
    open_ids = {shard: _open_ids(known) for shard, known in shards.items()}
    books: tuple[Fact[Books], ...] = look.platform.database.books(look.now, window, open_ids)
    return books


_IDS_MAX = 1000
_KNOWN_MAX = 300  # breaks remembered of one invariant on one shard


@lru_cache(maxsize=8)
def _examinations(grace_seconds: float) -> tuple[Examination, ...]:
    return tuple(
        Examination(
            entry.id,
            entry.build(Scope()),
            entry.build(Scope(by_ids=True)),
            timedelta(
                seconds=grace_seconds if entry.grace_seconds is None else entry.grace_seconds
            ),
        )
        for entry in catalogue()
    )


def _due(known: Mapping[str, Any], look: Look) -> bool:
    """Whether a shard is to be swept whole; a sweep that failed is not tried at every pass."""
    options: Options = look.options
    swept, tried = known.get("swept_at"), known.get("tried_at")
    if swept and look.now - _time(swept) < timedelta(hours=options.full_sweep_hours):
        return False
    if not tried:
        return True
    return look.now - _time(tried) >= timedelta(minutes=options.sweep_retry_minutes)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _open_ids(known: Mapping[str, Any]) -> tuple[int, ...]:
    ids = {row[0] for rows in known.get("breaks", {}).values() for row in rows.values()}
    return tuple(sorted(i for i in ids if i is not None))[:_IDS_MAX]


def evaluate(facts: Sequence[Fact[Books]], look: Look) -> tuple[Verdict, Memory]:
    """One finding per shard and invariant that does not hold; what was not seen is unknown."""
    shards = dict(look.memory.get("shards", {}))
    findings: list[Finding] = []
    metrics: list[Metric] = []
    for fact in facts:
        if isinstance(fact, Unseen):
            findings.append(blind(fact, hides=_shard_of(fact)))
            continue
        known = shards.get(fact.shard, {})
        shards[fact.shard] = _remember(known, fact, look.now)
        findings += _broken(fact, known, shards[fact.shard], look.options)
        findings += _not_examined(fact)
        metrics += _metrics(fact)
    return Verdict.of(findings, metrics), {"shards": shards}


def _shard_of(unseen: Unseen) -> str:
    return unseen.part.partition("/")[2]


def _remember(known: Mapping[str, Any], books: Books, now: datetime) -> dict[str, Any]:
    """What the next pass must know of a shard: its open breaks and since when, its sweeps."""
    before: Mapping[str, Any] = known.get("breaks", {})
    kept = {i: rows for i, rows in before.items() if i not in books.examined}
    stopped = any(unseen.why is Why.LIMIT for unseen in books.unseen.values())
    swept = books.swept and not stopped
    return {
        "breaks": {**kept, **_known_breaks(before, books, now)},
        "looked_at": now.isoformat(),
        "entry_last": books.entry_last,
        "swept_at": now.isoformat() if swept else known.get("swept_at"),
        "tried_at": now.isoformat() if books.swept else known.get("tried_at"),
    }


def _known_breaks(before: Mapping[str, Any], books: Books, now: datetime) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for one in sorted(books.breaks, key=_age):
        rows = known.setdefault(one.invariant, {})
        if len(rows) < _KNOWN_MAX:
            since = before.get(one.invariant, {}).get(one.key, (None, now.isoformat()))[1]
            rows[one.key] = [one.payment_id, since]
    return known


def _age(one: Break) -> int:
    return one.payment_id or 0


def _broken(
    books: Books, known: Mapping[str, Any], after: Mapping[str, Any], options: Options
) -> Iterator[Finding]:
    for entry in catalogue():
        breaks = sorted((b for b in books.breaks if b.invariant == entry.id), key=_age)
        if breaks:
            again = entry.id in known.get("breaks", {})
            since = {key: row[1] for key, row in after["breaks"][entry.id].items()}
            yield Finding(
                "books_broken",
                Status.CRIT if entry.worsens and again else entry.severity,
                f"{books.shard}/{entry.id}",
                _params(books, entry, breaks, since),
                tuple(_evidence(b, since) for b in breaks[: options.evidence_max]),
                sightings=entry.sightings,
            )


def _params(
    books: Books, entry: Invariant, breaks: Sequence[Break], since: Mapping[str, str]
) -> Params:
    return {
        "invariant": entry.id,
        "shard": books.shard,
        "count": len(breaks),
        "at_least": entry.id in books.truncated,
        "amount_krw": sum(abs(_difference(b)) for b in breaks),
        "drift_krw": sum(_difference(b) for b in breaks),
        "first_seen_at": min(since.values()),
        "oldest_payment_id": breaks[0].payment_id,
    }


def _difference(one: Break) -> int:
    """Booked less expected, in KRW; 0 where it is not about money."""
    actual, expected = one.params.get("actual_krw"), one.params.get("expected_krw")
    return int(actual or 0) - int(expected or 0)


def _evidence(one: Break, since: Mapping[str, str]) -> Params:
    seen: Params = {"first_seen_at": since[one.key]} if one.key in since else {}
    return {"row": one.key, "payment_id": one.payment_id, **one.params, **seen}


def _not_examined(books: Books) -> Iterator[Finding]:
    """What a shard's look left out: one finding, as wide as what it hides."""
    reasons = dict(books.unseen)
    for entry in catalogue():
        if entry.id not in books.examined and entry.id not in reasons:
            reasons[entry.id] = Unseen("", Why.BLIND, "not_examined", {"shard": books.shard})
    if not reasons:
        return
    first, names = next(iter(reasons.values())), list(reasons)
    subject = books.shard if len(names) > 1 else f"{books.shard}/{names[0]}"
    params: Params = {**first.params, "invariants": ", ".join(names)}
    yield blind(Unseen(f"database/{subject}", first.why, first.reason, params), hides=subject)


def _metrics(books: Books) -> Iterator[Metric]:
    """Nothing half-counted: without all invariants the number of breaks is not known."""
    if not books.unseen:
        yield Metric("breaks", len(books.breaks), books.shard)
    if _CONTROL in books.examined:
        drift = sum(_difference(b) for b in books.breaks if b.invariant == _CONTROL)
        yield Metric("control_drift_krw", abs(drift), books.shard)


_CONTROL = "L11"

CHECK = Check(
    name="reconciliation",
    options=Options,
    probe=probe,
    evaluate=evaluate,
    every=timedelta(minutes=5),
    timeout=timedelta(seconds=60),
)
