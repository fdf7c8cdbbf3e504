"""Which shards the platform's row counts really cover."""

from __future__ import annotations

from collections.abc import Mapping

from checks.sources.facts.platform import BookCounts
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.monitoring_api.ask import unavailable_part
from checks.sources.monitoring_api.fields import Fields


def shard_facts(fields: Fields) -> dict[str, Fact[str]]:
    """Each shard: UP, or why it was not looked at."""
    sharding = fields.object("databaseSharding")
    shards = {name: _state(sharding, name) for name in ("shard1", "shard2")}
    if shards["shard2"] == "UP" and _repeats_shard1(fields, sharding):
        shards["shard2"] = _uncounted(fields, sharding)
    return shards


def book_counts(fields: Fields, shards: Mapping[str, Fact[str]]) -> BookCounts:
    """The row counts, with the word UNAVAILABLE for a shard that they do not cover."""
    outbox = fields.object("outboxEvents")
    total = outbox.count("total")
    return BookCounts(
        fields.count("totalPayments"),
        total,
        outbox.count("unpublished") if total or outbox.has("unpublished") else 0,  # null: no rows
        {name: _word(fact) for name, fact in shards.items()},
    )


def _state(sharding: Fields, name: str) -> Fact[str]:
    state = cut(sharding.text(f"{name}Status"), 40)
    if state == "UP":
        return state
    part = f"database/{name}"
    if state == "UNCONFIGURED":
        return unavailable_part(part, "shard_unconfigured", f"{name} in the answer", state)
    return unavailable_part(part, "shard_down", f"{name} UP", state, Why.REFUSED)


def _repeats_shard1(fields: Fields, sharding: Fields) -> bool:
    """Whether the total is that of shard 1 alone, and so what is called shard 2 was not counted.

    Payments that arrive between the platform's queries move the figures a little: the total is
    compared with what it is nearer to.
    """
    first, second = sharding.count("shard1Total"), sharding.count("shard2Total")
    total = fields.count("totalPayments")
    if not first and not second and not total:
        return True  # a copy of 0 looks like any other 0
    return second > 0 and abs(total - first) < abs(total - first - second)


def _uncounted(fields: Fields, sharding: Fields) -> Unavailable:
    first, second = sharding.count("shard1Total"), sharding.count("shard2Total")
    expected = f"a total of {first + second} payments over both shards"
    got = f"{fields.count('totalPayments')} payments"
    return unavailable_part("database/shard2", "shard_not_counted", expected, got)


def _word(fact: Fact[str]) -> str:
    if not isinstance(fact, Unavailable):
        return fact
    return "DOWN" if fact.why is Why.REFUSED else "UNAVAILABLE"
