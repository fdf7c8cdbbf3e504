"""What reconciliation says: findings and metrics out of what is known and was just found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from checks.books.folding import folded
from checks.books.memory import open_breaks
from checks.invariants.catalogue import Invariant
from checks.sources.database.books.across import ACROSS
from checks.sources.facts.books import Books, Break
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gap
from monitor.domain.books.discrepancies import OpenBreak, ageing, money_in
from monitor.domain.check import Finding, Metric, Params, Status

_CONTROL, _CAPTURES = "L11", "L1"


class TellOptions(Protocol):
    """How much is told, and from when a break is old."""

    @property
    def evidence_max(self) -> int: ...
    @property
    def known_max(self) -> int: ...
    @property
    def old_warn_hours(self) -> float: ...
    @property
    def old_crit_hours(self) -> float: ...


def across_name() -> str:
    """The name of all shards together."""
    return ACROSS


def told(
    shard: str,
    known: Mapping[str, Any],
    before: Mapping[str, Any],
    found: Sequence[Books],
    entries: Sequence[Invariant],
    options: TellOptions,
) -> Iterator[Finding]:
    """A finding for each invariant that is known to be broken on a shard."""
    shown = folded(known.get("breaks", {}))
    earlier = folded(before.get("breaks", {}))
    for entry in entries:
        rows = shown.get(entry.id)
        if rows:
            again = entry.id in earlier
            yield Finding(
                "books_broken",
                Status.CRIT if entry.worsens and again else entry.severity,
                f"{shard}/{entry.id}",
                _params(shard, entry, rows, found, options.known_max),
                _evidence(entry, rows, found, options.evidence_max),
                passes_required=entry.passes_required,
            )


def _params(
    shard: str, entry: Invariant, rows: Mapping[str, Any], found: Sequence[Books], most: int
) -> Params:
    payments = sorted(row[0] for row in rows.values() if row[0] is not None)
    return {
        "invariant": entry.id,
        "shard": shard,
        "count": len(rows),
        "at_least": len(rows) >= most or any(entry.id in books.truncated for books in found),
        "amount_krw": sum(abs(row[3]) for row in rows.values()),
        "drift_krw": sum(row[3] for row in rows.values()),
        "first_seen_at": min(row[1] for row in rows.values()),
        "oldest_payment_id": payments[0] if payments else None,
        "is_never_booked": entry.id == _CAPTURES and any(books.is_never_booked for books in found),
    }


def _evidence(
    entry: Invariant, rows: Mapping[str, Any], found: Sequence[Books], most: int
) -> tuple[Params, ...]:
    """The oldest breaks, with all that is known of them."""
    fresh = {b.key: b for books in found for b in books.breaks if b.invariant == entry.id}
    oldest = sorted(rows.items(), key=lambda item: (item[1][0] or 0, item[0]))[:most]
    return tuple(_row(key, row, fresh.get(key)) for key, row in oldest)


def _row(key: str, row: Sequence[Any], fresh: Break | None) -> Params:
    seen: Params = {"row": key, "payment_id": row[0], "first_seen_at": row[1]}
    return {**seen, **(fresh.params if fresh else {"difference_krw": row[3]})}


def old(
    shard: str, breaks: Sequence[OpenBreak], now: datetime, options: TellOptions
) -> Iterator[Finding]:
    """A finding if breaks stay open for days, with how many are of which age."""
    oldest = min((one.first_seen_at for one in breaks), default=now)
    if now - oldest < timedelta(hours=options.old_warn_hours):
        return
    is_crit = now - oldest >= timedelta(hours=options.old_crit_hours)
    limit = now - timedelta(hours=options.old_warn_hours)
    count = sum(1 for one in breaks if one.first_seen_at <= limit)
    params: dict[str, Any] = {"shard": shard, "count": count, "oldest_at": oldest.isoformat()}
    for bucket in ageing(breaks, now):
        params |= {bucket.name: bucket.count, f"{bucket.name}_krw": bucket.amount_krw}
    yield Finding(
        "breaks_old", Status.CRIT if is_crit else Status.WARN, shard, params, passes_required=1
    )


def untold(books: Books, entries: Sequence[Invariant]) -> Iterator[Finding]:
    """What a shard's look left out: one finding, as wide as what it hides."""
    reasons = dict(books.unavailable)
    for entry in entries:
        if entry.build and entry.id not in books.examined and entry.id not in reasons:
            reasons[entry.id] = Unavailable(
                "", Why.NOT_VISIBLE, "not_examined", {"shard": books.shard}
            )
    if not reasons:
        return
    first, names = next(iter(reasons.values())), list(reasons)
    subject = books.shard if len(names) > 1 else f"{books.shard}/{names[0]}"
    params: Params = {**first.params, "invariants": ", ".join(names)}
    yield monitoring_gap(
        Unavailable(f"database/{subject}", first.why, first.reason, params), obscures=subject
    )


def metrics_of(
    shard: str, known: Mapping[str, Any], found: Sequence[Books], now: datetime
) -> Iterator[Metric]:
    """Nothing half-counted: without all invariants the number of breaks is not known."""
    breaks = open_breaks(shard, known)
    window = [books for books in found if books.reach.ranges]
    if shard == ACROSS or not window:
        return
    if not window[0].unavailable:
        yield Metric("breaks", len(breaks), shard)
        yield Metric("open_breaks_krw", money_in(breaks), shard)
        old_at = now - timedelta(days=1)
        yield Metric("old_breaks", sum(1 for b in breaks if b.first_seen_at <= old_at), shard)
    if _CONTROL in window[0].examined:
        rows = known.get("breaks", {}).get(_CONTROL, {})
        yield Metric("control_drift_krw", abs(sum(row[3] for row in rows.values())), shard)
