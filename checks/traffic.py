"""Do payments come in as they do at this hour, are they accepted, and soon enough?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from checks.sources.facts.payments import PaymentStatistics
from checks.sources.facts.platform import BookCounts, RequestCount
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from checks.traffic_parts.latency import Latency, latency
from checks.traffic_parts.rates import Arrivals, Refusals, arrivals, refusals
from monitor.config.option_types import Amount, Count, Milliseconds, Minutes, Percent, Switch
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Options:
    """When silence, refusals and slow answers matter.

    Traffic is gone when nothing came for `silent_minutes` although the same hours of earlier
    days let one expect `expected_min` payments in that time. Refusals are judged by the last
    `refused_recent_minutes` (by more, where they hold fewer than `refused_min`) against the
    platform's own past and the number of requests, since what is normal differs from platform to
    platform; above `refused_warn_percent` or `refused_crit_percent` they are a finding whatever
    is usual (100: no such limit). Authorizations are slow when the latest `slow_requests_min` of
    them took longer than `slow_ms` on average. `refusals` False: nobody counts requests here, and
    it need not be said.
    """

    silent_minutes: Minutes = 10.0
    expected_min: Amount = 12.0
    refused_warn_percent: Percent = 100.0
    refused_crit_percent: Percent = 100.0
    refused_min: Count = 5
    refused_recent_minutes: Minutes = 5.0
    slow_ms: Milliseconds = 1000.0
    slow_requests_min: Count = 5
    window_minutes: Minutes = 15.0
    refusals: Switch = True


@dataclass(frozen=True, slots=True)
class Facts:
    """The payments ever made, the last hour's, and the requests that ingest answered."""

    counts: Fact[BookCounts]
    last_hour: Fact[PaymentStatistics]
    requests: Mapping[str, Fact[tuple[RequestCount, ...]]]


def probe(context: ProbeContext) -> Facts:
    """Ask for the numbers of payments and of answered requests."""
    database = context.platform.database
    counts = database.counts()
    hour = (
        counts if isinstance(counts, Unavailable) else database.statistics("last_hour", context.now)
    )
    requests = context.platform.services.requests() if context.options.refusals else {}
    return Facts(counts, hour, requests)


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Silence where traffic is expected, and refused or slow authorizations."""
    payments = None if isinstance(facts.counts, Unavailable) else facts.counts.payments
    came = arrivals(payments, context.memory.get("arrivals", {}), context)
    told = refusals(_counted(facts), context.memory.get("refusals", {}), context)
    took = _latency(facts, context)
    memory = {"arrivals": came.memory, "refusals": told.memory, "latency": took.memory}
    findings = [
        *_gone(came),
        *_refused(told),
        *_slow(took, context),
        *monitoring_gaps(_unavailable(facts, came, context.options)),
    ]
    metrics = [
        *([Metric("payments_created", payments)] if payments is not None else ()),
        *([Metric("payments_per_minute", came.per_minute)] if came.per_minute is not None else ()),
        *_amount(facts.last_hour),
        *([Metric("refused_percent", told.window.percent)] if told.window.tries else ()),
        *([Metric("request_ms", took.mean_ms, "authorize")] if _is_enough(took, context) else ()),
    ]
    return Verdict.of(findings, metrics), memory


def _gone(came: Arrivals) -> Iterator[Finding]:
    if came.is_gone:
        params: Params = {
            "silent_minutes": round(came.silent_minutes, 1),
            "expected": round(came.expected),
            "since": came.memory["new_at"],
        }
        yield Finding("traffic_gone", Status.CRIT, "", params)


def _refused(told: Refusals) -> Iterator[Finding]:
    """More than usual in the last minutes."""
    if told.status is Status.OK:
        return
    params: Params = {
        "refused": round(told.latest.hits),
        "requests": round(told.latest.tries),
        "refused_percent": round(told.latest.percent, 2),
        "refused_so_far": round(told.so_far),
        "window_minutes": round(told.latest.minutes, 1),
    }
    yield Finding("payments_refused", told.status, "authorize", params)


def _latency(facts: Facts, context: ProbeContext) -> Latency:
    options: Options = context.options
    known, window = context.memory.get("latency", {}), timedelta(minutes=options.window_minutes)
    return latency(_counted(facts), known, context.now, options.slow_requests_min, window)


def _is_enough(took: Latency, context: ProbeContext) -> bool:
    enough: bool = took.requests >= context.options.slow_requests_min
    return enough


def _slow(took: Latency, context: ProbeContext) -> Iterator[Finding]:
    options: Options = context.options
    if not _is_enough(took, context) or took.mean_ms <= options.slow_ms:
        return
    params: Params = {
        "request_ms": round(took.mean_ms, 1),
        "slow_ms": options.slow_ms,
        "requests": round(took.requests),
        "window_minutes": round((context.now - took.since).total_seconds() / 60, 1),
    }
    yield Finding("requests_slow", Status.WARN, "authorize", params)


def _counted(facts: Facts) -> dict[str, tuple[RequestCount, ...]]:
    return {i: found for i, found in facts.requests.items() if not isinstance(found, Unavailable)}


def _unavailable(
    facts: Facts, came: Arrivals, options: Options
) -> Iterator[tuple[Unavailable, str]]:
    if isinstance(facts.counts, Unavailable):
        yield facts.counts, ""
    else:
        lacking = {s: word for s, word in facts.counts.shards.items() if word != "UP"}
        yield from (_uncounted(shard, word, came) for shard, word in lacking.items())
        if isinstance(facts.last_hour, Unavailable):
            yield facts.last_hour, facts.last_hour.part
    yield from ((f, "authorize") for f in facts.requests.values() if isinstance(f, Unavailable))
    if options.refusals and not facts.requests:
        yield _no_request_counts(), "authorize"


def _uncounted(shard: str, word: str, came: Arrivals) -> tuple[Unavailable, str]:
    """A shard left out: silence on the others says little, but payments that come say all."""
    part, why = f"database/{shard}", Why.REFUSED if word == "DOWN" else Why.NOT_VISIBLE
    params = {"path": "", "got": word, "expected": f"the payments of {shard}"}
    return Unavailable(part, why, "shard_not_counted", params), part if came.is_coming else ""


def _no_request_counts() -> Unavailable:
    params = {"path": "", "got": "", "expected": "ingest's /actuator/prometheus"}
    return Unavailable("ingest/requests", Why.NOT_VISIBLE, "no_request_counts", params)


def _amount(last_hour: Fact[PaymentStatistics]) -> Iterator[Metric]:
    if not isinstance(last_hour, Unavailable) and last_hour.count:
        yield Metric("payment_amount_krw_avg", last_hour.amount_krw / last_hour.count)


CHECK = Check(name="traffic", options=Options, probe=probe, evaluate=evaluate)
