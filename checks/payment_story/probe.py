"""All that the platform tells of one payment right now: rows, dead letters, lags, breakers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.payments import Written
from checks.sources.facts.platform import Breaker, DeadLetter, GroupLag, Platform
from checks.sources.facts.story import PaymentRecords
from checks.sources.facts.unavailable import Fact, Unavailable

DEAD_LETTERS_MAX = 500  # newest messages read of each partition of a dead-letter topic
DLQS = ("payment.dlq", "settlement.dlq", "refund.dlq")
GROUPS = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
_FINISHED = ("CAPTURED", "REFUNDED")
_AROUND = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen: rows by shard, the dead letters that name the payment, lags and breakers.

    `cut_off` names the dead-letter topics of which only the newest messages were read. `written`
    counts, by shard, the rows that the workers have written.
    """

    payment_id: int
    records: Mapping[str, Fact[PaymentRecords]]
    dead_letters: Mapping[str, Fact[tuple[DeadLetter, ...]]] = field(default_factory=dict)
    lags: Mapping[str, Fact[GroupLag]] = field(default_factory=dict)
    breakers: Mapping[str, Fact[tuple[Breaker, ...]]] = field(default_factory=dict)
    cut_off: frozenset[str] = frozenset()
    written: Mapping[str, Fact[Written]] = field(default_factory=dict)


def probe(platform: Platform, payment_id: int, shard: str = "") -> Facts:
    """Ask every part side by side: one that is slow delays no other."""
    asked: dict[str, Callable[[], Any]] = {
        "records": lambda: platform.database.payment(payment_id, shard),
        "dead_letters": lambda: _dead_letters(platform),
        "breakers": platform.breakers.breakers,
        "written": platform.database.written,
        **{group: _lag_of(platform, group) for group in GROUPS},
    }
    with ThreadPoolExecutor(len(asked), "payment") as pool:
        found = dict(zip(asked, pool.map(lambda ask: ask(), asked.values()), strict=True))
    return Facts(
        payment_id,
        found["records"],
        {
            topic: _naming(dead_letters, payment_id)
            for topic, dead_letters in found["dead_letters"].items()
        },
        {group: found[group] for group in GROUPS},
        found["breakers"],
        frozenset(
            topic
            for topic, dead_letters in found["dead_letters"].items()
            if _is_cut_off(dead_letters)
        ),
        found["written"],
    )


def _lag_of(platform: Platform, group: str) -> Callable[[], Fact[GroupLag]]:
    return lambda: platform.kafka.group_lag(group)


def _dead_letters(platform: Platform) -> dict[str, Fact[tuple[DeadLetter, ...]]]:
    """The newest messages of each dead-letter topic; asking for one could create it."""
    cluster = platform.kafka.cluster()
    if isinstance(cluster, Unavailable):
        return dict.fromkeys(DLQS, cluster)
    return {
        topic: platform.kafka.dead_letters(topic, DEAD_LETTERS_MAX)
        if topic in cluster.topics
        else ()
        for topic in DLQS
    }


def _naming(
    dead_letters: Fact[tuple[DeadLetter, ...]], payment_id: int
) -> Fact[tuple[DeadLetter, ...]]:
    if isinstance(dead_letters, Unavailable):
        return dead_letters
    return tuple(
        dead_letter for dead_letter in dead_letters if dead_letter.payment_id == payment_id
    )


def _is_cut_off(dead_letters: Fact[tuple[DeadLetter, ...]]) -> bool:
    if isinstance(dead_letters, Unavailable):
        return False
    partitions = [dead_letter.partition for dead_letter in dead_letters]
    return any(partitions.count(one) >= DEAD_LETTERS_MAX for one in set(partitions))


# --- which stored history belongs to it ---------------------------------------------------------


def moments(facts: Facts) -> tuple[datetime, ...]:
    """When the state of broker and breaker mattered to the payment."""
    found: set[datetime] = set()
    for records in facts.records.values():
        if not isinstance(records, Unavailable):
            found |= set(_moments(records))
    return tuple(sorted(found))


def _moments(records: PaymentRecords) -> list[datetime]:
    payment = records.payment
    at = [] if payment is None or isinstance(payment, Unavailable) else [payment.requested_at]
    events = () if isinstance(records.events, Unavailable) else records.events
    return [*at, *(event.created_at for event in events)]


def spans(facts: Facts, now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """From when to when things happened to the payment on each shard; unfinished: until now."""
    found = []
    for records in facts.records.values():
        if not isinstance(records, Unavailable) and (start := min(_moments(records), default=None)):
            found.append((start - _AROUND, _end(records, now)))
    return tuple(found)


def _end(records: PaymentRecords, now: datetime) -> datetime:
    payment = records.payment
    if payment is None or isinstance(payment, Unavailable) or payment.state not in _FINISHED:
        return now
    events = () if isinstance(records.events, Unavailable) else records.events
    if not events or not records.entries or not all(event.published for event in events):
        return now
    last = max([payment.updated_at, *(e.published_at or e.created_at for e in events)])
    return min(now, last + _AROUND)
