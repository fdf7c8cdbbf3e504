"""Do the circuit breakers of every ingest instance let calls through?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checks.sources.facts.platform import Breaker
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, Minutes, Percent
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

Breakers = Mapping[str, Fact[tuple[Breaker, ...]]]
_FORCED = {
    "FORCED_OPEN": Status.CRIT,
    "DISABLED": Status.CRIT,
    "METRICS_ONLY": Status.WARN,
}


@dataclass(frozen=True, slots=True)
class Options:
    """When a breaker is worth a word, and which breakers every instance must show.

    A closed breaker is failing when it counts `failing_calls` failures, the last of them within
    `failing_minutes`, and they are `failing_percent` of its calls (where it knows a rate).
    """

    names: tuple[str, ...] = ("kafka-publisher", "pg-auth-api")
    half_open_minutes: Minutes = 5.0
    failing_calls: Count = 3
    failing_percent: Percent = 20.0
    failing_minutes: Minutes = 15.0


def probe(context: ProbeContext) -> Breakers:
    """Ask every instance for its breakers."""
    breakers: Breakers = context.platform.breakers.breakers()
    return breakers


def evaluate(facts: Breakers, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Judge each breaker by its state, and a closed one by the failures it counts."""
    seen = [b for fact in facts.values() if not isinstance(fact, Unavailable) for b in fact]
    kept = {key: record for key, record in context.memory.items() if _is_unavailable(key, facts)}
    memory = {**kept, **{_key(b): _remembered(b, context) for b in seen}}
    findings = [f for b in seen for f in _judge(b, memory[_key(b)], context)]
    findings += monitoring_gaps(_unavailable(facts, context.options.names))
    return Verdict.of(findings, [m for b in seen for m in _metrics(b)]), memory


def _key(breaker: Breaker) -> str:
    return f"{breaker.instance}/{breaker.name}"


def _is_unavailable(key: str, facts: Breakers) -> bool:
    return isinstance(facts.get(key.partition("/")[0]), Unavailable)


def _remembered(breaker: Breaker, context: ProbeContext) -> dict[str, Any]:
    """The state and since when, since when it has not been closed, and when failures last grew."""
    now = context.now.isoformat()
    before = context.memory.get(_key(breaker), {})
    same_state = before.get("state") == breaker.state
    grew = breaker.failed_calls > before.get("failed", 0)
    tripped = {"OPEN": before.get("tripped_at") or now, "HALF_OPEN": before.get("tripped_at")}
    return {
        "state": breaker.state,
        "since": before["since"] if same_state else now,
        "tripped_at": tripped.get(breaker.state),
        "failed": breaker.failed_calls,
        "failed_at": now if grew else before.get("failed_at", now),
    }


def _judge(breaker: Breaker, record: Mapping[str, Any], context: ProbeContext) -> Iterator[Finding]:
    """An open breaker that tries a few calls is still open, until it closes or tries too long."""
    since = record["since"]
    if breaker.state in _FORCED:
        yield _finding("breaker_forced", _FORCED[breaker.state], breaker, since)
    elif breaker.state == "HALF_OPEN" and _is_half_open_long(record, context):
        yield _finding("breaker_half_open_long", Status.WARN, breaker, since)
    elif record["tripped_at"]:
        yield _finding("breaker_open", Status.CRIT, breaker, record["tripped_at"])
    elif breaker.state == "CLOSED" and _is_failing(breaker, record, context):
        yield _finding("breaker_failing", Status.WARN, breaker, since)


def _is_half_open_long(record: Mapping[str, Any], context: ProbeContext) -> bool:
    options: Options = context.options
    return _minutes(record["since"], context.now) > options.half_open_minutes


def _is_failing(breaker: Breaker, record: Mapping[str, Any], context: ProbeContext) -> bool:
    """Successes of a closed breaker may go uncounted: old failures stay, new ones matter."""
    options: Options = context.options
    if breaker.failed_calls < options.failing_calls:
        return False
    if breaker.failure_percent is not None and breaker.failure_percent < options.failing_percent:
        return False
    return _minutes(record["failed_at"], context.now) <= options.failing_minutes


def _minutes(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 60


def _finding(code: str, status: Status, breaker: Breaker, since: str) -> Finding:
    return Finding(code, status, _key(breaker), _params(breaker, since))


def _params(breaker: Breaker, since: str) -> Params:
    return {
        "instance": breaker.instance,
        "name": breaker.name,
        "state": breaker.state,
        "since": since,
        "failed_calls": breaker.failed_calls,
        "failure_percent": breaker.failure_percent,
        "not_permitted_calls": breaker.not_permitted_calls,
    }


def _unavailable(facts: Breakers, names: tuple[str, ...]) -> Iterator[tuple[Unavailable, str]]:
    """Instances that did not answer, and breakers that their answers do not show."""
    for instance, fact in facts.items():
        if isinstance(fact, Unavailable):
            yield fact, instance
            continue
        shown = {breaker.name for breaker in fact}
        for name in names:
            if name not in shown:
                yield _missing(instance, name), f"{instance}/{name}"


def _missing(instance: str, name: str) -> Unavailable:
    params = {"path": "", "got": "", "expected": f"a breaker {name}"}
    return Unavailable(f"{instance}/{name}", Why.NOT_VISIBLE, "breaker_not_shown", params)


def _metrics(breaker: Breaker) -> Iterator[Metric]:
    key = _key(breaker)
    yield Metric("breaker_failed_calls", breaker.failed_calls, key)
    yield Metric("breaker_not_permitted_calls", breaker.not_permitted_calls, key)
    if breaker.failure_percent is not None:
        yield Metric("breaker_failure_percent", breaker.failure_percent, key)


CHECK = Check(name="breakers", options=Options, probe=probe, evaluate=evaluate)
