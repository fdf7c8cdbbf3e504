"""What the ledger consumer read and skipped: offsets go on, but no entry and no dead letter comes.

It tries an event that it cannot book ten times within a few seconds and goes on without it. Three
witnesses must agree before that is said: more was read than was booked or given up; captured
payments of the same time have no entry; and nothing that merely waits accounts for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.payments import Affected, Written
from checks.sources.facts.platform import GroupLag, TopicEnds
from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.check import Finding, Params, ProbeContext, Status

GROUP, DLQ = "payment-consumer", "payment.dlq"
_TOPICS = ("payment.captured", "payment.refunded")
_MARKS_MAX = 100

# What was read, booked and given up until one moment: {"at", "commits", "waits", "entries",
# "dead"}; `commits` by partition, `entries` by shard, `waits` what was not committed yet.
Mark = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Booking:
    """The marks up to now, and what became of the payments since the one that makes suspicious."""

    marks: Sequence[Mark]
    affected: Fact[Affected] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """So many events at least were read since a moment and neither booked nor given up."""

    since: datetime
    events: int
    waiting: int


def is_seen(written: Mapping[str, Fact[Written]]) -> bool:
    """Whether the entries of every shard are counted, each by itself.

    The platform's own figures count the first shard's only and do not say so.
    """
    counted = all(isinstance(rows, Written) for rows in written.values())
    return counted and bool(written) and "" not in written


def observe(
    context: ProbeContext, lag: GroupLag, written: Mapping[str, Fact[Written]], before: Any
) -> Booking:
    """The marks with this moment's, and the payments that lack an entry if they are suspicious."""
    platform, options, now = context.platform, context.options, context.now
    seen = mark(lag, written, _dead(platform.kafka), now) if is_seen(written) else None
    known = marks(before, seen, now, timedelta(minutes=options.skipped_minutes))
    found = skipped(known)
    if seen is None or found is None or found.events < options.skipped_min:
        return Booking(known)
    return Booking(known, platform.database.affected(found.since, now))


def judge(booking: Booking, events_min: int) -> Finding | None:
    """The finding, if captured payments of that time bear it out; what waits may book some yet."""
    seen, affected = skipped(booking.marks), booking.affected
    if seen is None or not isinstance(affected, Mapping):
        return None
    unbooked, krw = affected.get("not_booked", (0, 0))
    events = min(seen.events, unbooked - seen.waiting)
    if events < events_min:
        return None
    params: Params = {
        "group": GROUP,
        "events": events,
        "since": seen.since.isoformat(),
        "unbooked": unbooked,
        "unbooked_krw": krw,
    }
    return Finding("events_skipped", Status.CRIT, GROUP, params)


def _dead(kafka: Any) -> Fact[TopicEnds]:
    """The end of the DLQ; one that does not exist yet is not asked for: that could create it."""
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return cluster
    if DLQ not in cluster.topics:
        return TopicEnds(DLQ, {}, 0)
    found: Fact[tuple[TopicEnds, ...]] = kafka.topic_ends(DLQ)
    return found if isinstance(found, Unavailable) else found[0]


def mark(
    lag: GroupLag, written: Mapping[str, Fact[Written]], dead: Fact[TopicEnds], now: datetime
) -> Mark | None:
    """What is seen now; None where the dead letters are not."""
    if isinstance(dead, Unavailable):
        return None
    read = [p for p in lag.partitions if p.topic in _TOPICS and p.has_commit]
    shards = {shard: rows for shard, rows in written.items() if isinstance(rows, Written)}
    return {
        "at": now.isoformat(),
        "commits": {f"{p.topic}/{p.partition}": p.committed_offset for p in read},
        "waits": sum(p.lag_messages for p in lag.partitions if p.topic in _TOPICS),
        "entries": {shard: rows.entries for shard, rows in shards.items()},
        "dead": dead.end_offset_total,
    }


def marks(before: Any, seen: Mark | None, now: datetime, span: timedelta) -> list[Mark]:
    """The marks of the latest `span`, and the last one before it; they begin anew where something
    went back: offsets that were set, entries that were deleted, a topic made anew."""
    known = [one for one in before if isinstance(one, Mapping)] if before else []
    if seen is None:
        return known
    if known and not _goes_on(known[-1], seen):
        return [seen]
    kept = [one for one in known if now - _at(one) <= span]
    return [*(kept or known[-1:])[1 - _MARKS_MAX :], seen]


def skipped(known: Sequence[Mark]) -> Skipped | None:
    """What was skipped at least since the mark from which most was; None: nothing.

    What was booked at a mark may have been committed after it: all that waited then is let off.
    """
    if len(known) < 2:
        return None
    last = known[-1]
    counted = [(_balance(one, last) - one["waits"], n) for n, one in enumerate(known[:-1])]
    most, n = max(counted)
    return Skipped(_at(known[n]), most, last["waits"]) if most > 0 else None


def _at(one: Mark) -> datetime:
    return datetime.fromisoformat(one["at"])


def _balance(earlier: Mark, later: Mark) -> int:
    """How much more was read between two marks than was booked or given up."""
    read, booked = (
        sum(later[name].values()) - sum(earlier[name].values()) for name in ("commits", "entries")
    )
    dead: int = later["dead"] - earlier["dead"]
    return int(read - booked - dead)


def _goes_on(earlier: Mark, later: Mark) -> bool:
    """Whether everything that is counted is still there and only grew."""
    return later["dead"] >= earlier["dead"] and all(
        earlier[name].keys() == later[name].keys()
        and all(later[name][key] >= count for key, count in earlier[name].items())
        for name in ("commits", "entries")
    )
