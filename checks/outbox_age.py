"""Are events published promptly, or do they wait in the outbox?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.sources.facts.payments import OutboxState
from checks.sources.facts.platform import BookCounts
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gaps
from monitor.config.option_types import Seconds
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

_CAUGHT_UP = timedelta(minutes=7)  # until no late event of a backlog is among the newest


@dataclass(frozen=True, slots=True)
class Options:
    """Ages of the oldest waiting event, and how long nothing may be published while some wait.

    `lag_*_seconds`: how long the newest events may have waited until they were published (p95).
    """

    warn_seconds: Seconds = 60.0
    crit_seconds: Seconds = 300.0
    stall_warn_seconds: Seconds = 60.0
    stall_crit_seconds: Seconds = 180.0
    lag_warn_seconds: Seconds = 5.0
    lag_crit_seconds: Seconds = 30.0
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """The outboxes, shard by shard as far as they are told apart, and the totals."""

    states: tuple[Fact[OutboxState], ...]
    counts: Fact[BookCounts]


def probe(context: ProbeContext) -> Facts:
    """Ask for what waits and for what was ever written."""
    database = context.platform.database
    return Facts(database.outbox(context.now), database.counts())


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Old events, events given up, and a relay that publishes nothing."""
    states = [s for s in facts.states if isinstance(s, OutboxState)]
    unavailable = [s for s in facts.states if isinstance(s, Unavailable)]
    late = _late(states, context)
    memory = {**_progress(facts.counts, context), "late": late}
    findings = [
        *(f for state in states for f in _judge(state, context.options, state.shard in late)),
        *_stalled(states, facts.counts, memory, context),
        *monitoring_gaps(_hidden(unavailable, facts.counts, context.options.ignore)),
    ]
    return Verdict.of(findings, [m for state in states for m in _metrics(state)]), memory


def _late(states: list[OutboxState], context: ProbeContext) -> dict[str, str]:
    """When each shard last had a backlog, as long as its events may still arrive late."""
    known: Mapping[str, str] = context.memory.get("late", {})
    kept = {
        s: at for s, at in known.items() if context.now - datetime.fromisoformat(at) < _CAUGHT_UP
    }
    now = [
        s.shard
        for s in states
        if s.waiting and s.oldest_age_seconds >= context.options.warn_seconds
    ]
    return {**kept, **dict.fromkeys(now, context.now.isoformat())}


def _judge(state: OutboxState, options: Options, is_late: bool) -> Iterator[Finding]:
    age = state.oldest_age_seconds
    if state.waiting and age >= options.warn_seconds:
        status = Status.CRIT if age >= options.crit_seconds else Status.WARN
        params: Params = {
            "shard": state.shard,
            "oldest_age_seconds": round(age, 1),
            "waiting": state.waiting,
        }
        yield Finding("outbox_old", status, state.shard, params, state.oldest)
    lag = state.publish_lag_seconds_p95
    if lag is not None and lag > options.lag_warn_seconds and not is_late:
        status = Status.CRIT if lag > options.lag_crit_seconds else Status.WARN
        slow: Params = {"shard": state.shard, "lag_seconds": round(lag, 1)}
        yield Finding("publishing_slow", status, state.shard, slow)
    if state.exhausted:
        given_up: Params = {"shard": state.shard, "exhausted": state.exhausted}
        yield Finding("outbox_exhausted", Status.CRIT, state.shard, given_up)


def _progress(counts: Fact[BookCounts], context: ProbeContext) -> Memory:
    """How many events were ever published and written when publishing was last seen to go on."""
    if isinstance(counts, Unavailable):
        return context.memory
    published = counts.outbox_total - counts.outbox_waiting
    if context.memory.get("published") == published:
        return context.memory
    return {
        "published": published,
        "written": counts.outbox_total,
        "progress_at": context.now.isoformat(),
    }


def _stalled(
    states: list[OutboxState], counts: Fact[BookCounts], memory: Memory, context: ProbeContext
) -> Iterator[Finding]:
    """Events were written and none published while one waited: the shorter of the two spans."""
    if isinstance(counts, Unavailable) or not states:
        return
    quiet = (context.now - datetime.fromisoformat(memory["progress_at"])).total_seconds()
    waited = max(state.oldest_age_seconds for state in states)
    stalled_seconds = min(quiet, waited)
    written = counts.outbox_total - memory["written"]
    if stalled_seconds < context.options.stall_warn_seconds or written <= 0:
        return
    crit = stalled_seconds >= context.options.stall_crit_seconds
    params = {
        "stalled_seconds": round(stalled_seconds, 1),
        "waiting": counts.outbox_waiting,
        "since": memory["progress_at"],
    }
    yield Finding("relay_stalled", Status.CRIT if crit else Status.WARN, "", params)


def _hidden(
    unavailable: list[Unavailable], counts: Fact[BookCounts], ignore: tuple[str, ...]
) -> list[tuple[Unavailable, str]]:
    hidden = [(one, one.part.partition("/")[2]) for one in unavailable if one.part not in ignore]
    return [*hidden, (counts, "")] if isinstance(counts, Unavailable) else hidden


def _metrics(state: OutboxState) -> Iterator[Metric]:
    yield Metric("outbox_oldest_age_seconds", state.oldest_age_seconds, state.shard)
    yield Metric("outbox_waiting_messages", state.waiting, state.shard)
    if state.publish_lag_seconds_p95 is not None:
        yield Metric("publish_lag_seconds_p95", state.publish_lag_seconds_p95, state.shard)


CHECK = Check(name="outbox_age", options=Options, probe=probe, evaluate=evaluate)
