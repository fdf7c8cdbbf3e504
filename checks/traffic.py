"""Do payments come in as they do at this hour, and are they accepted?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.sources.facts import (
    BookCounts,
    Fact,
    PaymentStatistics,
    RequestCount,
    Unseen,
    Why,
    blinds,
)
from checks.traffic_rates import Refusals, arrivals, expected_since, refusals
from monitor.domain.check import Check, Finding, Look, Memory, Metric, Params, Status, Verdict


@dataclass(frozen=True, slots=True)
class Options:
    """When silence and refusals matter.

    Traffic is gone when nothing came for `silent_minutes` although the same hours of earlier
    days let one expect `expected_min` payments in that time. `refusals` False: nobody counts
    requests here, and it need not be said.
    """

    silent_minutes: float = 10.0
    expected_min: float = 12.0
    refused_warn_percent: float = 1.0
    refused_crit_percent: float = 5.0
    refused_min: int = 5
    refused_recent_minutes: float = 5.0
    window_minutes: float = 15.0
    refusals: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """The payments ever made, the last hour's, and the requests that ingest answered."""

    counts: Fact[BookCounts]
    last_hour: Fact[PaymentStatistics]
    requests: Mapping[str, Fact[tuple[RequestCount, ...]]]


def probe(look: Look) -> Facts:
    """Ask for the numbers of payments and of answered requests."""
    database = look.platform.database
    counts = database.counts()
    hour = counts if isinstance(counts, Unseen) else database.statistics("last_hour", look.now)
    requests = look.platform.services.requests() if look.options.refusals else {}
    return Facts(counts, hour, requests)


def evaluate(facts: Facts, look: Look) -> tuple[Verdict, Memory]:
    """Silence where traffic is expected, and refusals among the authorizations."""
    payments = None if isinstance(facts.counts, Unseen) else facts.counts.payments
    came = arrivals(
        payments, look.memory.get("arrivals", {}), look.now, look.options.silent_minutes
    )
    told = refusals(_counted(facts), look.memory.get("refusals", {}), look)
    memory = {"arrivals": came.memory, "refusals": told.memory}
    findings = [
        *_gone(came.memory, payments, look),
        *_refused(told, look),
        *blinds(_unseen(facts, look.options)),
    ]
    metrics = [
        *([Metric("payments_created", payments)] if payments is not None else ()),
        *([Metric("payments_per_minute", came.per_minute)] if came.per_minute is not None else ()),
        *_amount(facts.last_hour),
        *([Metric("refused_percent", told.percent)] if told.requests else ()),
    ]
    return Verdict.of(findings, metrics), memory


def _gone(known: Mapping[str, Any], payments: int | None, look: Look) -> Iterator[Finding]:
    if payments is None:
        return
    silent_minutes, expected = expected_since(known, look.now)
    options: Options = look.options
    if silent_minutes < options.silent_minutes or expected < options.expected_min:
        return
    params: Params = {
        "silent_minutes": round(silent_minutes, 1),
        "expected": round(expected),
        "since": known["new_at"],
    }
    yield Finding("traffic_gone", Status.CRIT, "", params)


def _refused(told: Refusals, look: Look) -> Iterator[Finding]:
    """Too many in the window, and still going on."""
    options: Options = look.options
    if told.latest_minutes > options.refused_recent_minutes:
        return
    if told.refused < options.refused_min or told.percent <= options.refused_warn_percent:
        return
    crit = told.percent > options.refused_crit_percent
    params: Params = {
        "refused": round(told.refused),
        "requests": round(told.requests),
        "refused_percent": round(told.percent, 2),
        "window_minutes": round(told.minutes, 1),
    }
    yield Finding("payments_refused", Status.CRIT if crit else Status.WARN, "authorize", params)


def _counted(facts: Facts) -> dict[str, tuple[RequestCount, ...]]:
    return {i: found for i, found in facts.requests.items() if not isinstance(found, Unseen)}


def _unseen(facts: Facts, options: Options) -> Iterator[tuple[Unseen, str]]:
    if isinstance(facts.counts, Unseen):
        yield facts.counts, ""
    else:
        yield from ((_uncounted(s), "") for s, word in facts.counts.shards.items() if word != "UP")
        if isinstance(facts.last_hour, Unseen):
            yield facts.last_hour, facts.last_hour.part
    yield from ((f, "authorize") for f in facts.requests.values() if isinstance(f, Unseen))
    if options.refusals and not facts.requests:
        yield _no_request_counts(), "authorize"


def _uncounted(shard: str) -> Unseen:
    params = {"path": "", "got": "", "expected": f"the payments of {shard}"}
    return Unseen(f"database/{shard}", Why.BLIND, "shard_not_counted", params)


def _no_request_counts() -> Unseen:
    params = {"path": "", "got": "", "expected": "ingest's /actuator/prometheus"}
    return Unseen("ingest/requests", Why.BLIND, "no_request_counts", params)


def _amount(last_hour: Fact[PaymentStatistics]) -> Iterator[Metric]:
    if not isinstance(last_hour, Unseen) and last_hour.count:
        yield Metric("payment_amount_krw_avg", last_hour.amount_krw / last_hour.count)


CHECK = Check(name="traffic", options=Options, probe=probe, evaluate=evaluate)
