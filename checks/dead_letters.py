"""Did messages arrive in a dead-letter topic? Counted by end offsets, since the last pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.platform import DeadLetter, TopicEnds
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gaps
from monitor.config.option_types import Count, MinutesOrZero
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

_KINDS_MAX = 5


@dataclass(frozen=True, slots=True)
class Options:
    """`critical`: topics in which every message is money that was not booked."""

    topics: tuple[str, ...] = ("payment.dlq", "settlement.dlq", "refund.dlq")
    critical: tuple[str, ...] = ("payment.dlq",)
    hold_minutes: MinutesOrZero = 30.0
    evidence_max: Count = 3
    sample_max: Count = 50


@dataclass(frozen=True, slots=True)
class Facts:
    """The ends of the topics, and samples of those in which something arrived."""

    ends: Mapping[str, Fact[TopicEnds]]
    samples: Mapping[str, Fact[tuple[DeadLetter, ...]]]


def probe(context: ProbeContext) -> Facts:
    """Ask for the ends of the topics that exist, and for messages where they moved."""
    kafka, options = context.platform.kafka, context.options
    cluster = kafka.cluster()
    if isinstance(cluster, Unavailable):
        return Facts(dict.fromkeys(options.topics, cluster), {})
    ends = {t: _ends(kafka, t, t in cluster.topics) for t in options.topics}
    moved = [t for t, end in ends.items() if isinstance(end, TopicEnds) and _moved(end, context)]
    return Facts(ends, {topic: _sample(kafka, topic, options.sample_max) for topic in moved})


def _ends(kafka: Any, topic: str, exists: bool) -> Fact[TopicEnds]:
    """A topic that does not exist yet has never had a message; asking could create it."""
    if not exists:
        return TopicEnds(topic, {}, 0)
    found: Fact[tuple[TopicEnds, ...]] = kafka.topic_ends(topic)
    return found if isinstance(found, Unavailable) else found[0]


def _moved(ends: TopicEnds, context: ProbeContext) -> bool:
    known = context.memory.get(ends.topic)
    return known is not None and ends.end_offset_total > known["end"]


def _sample(kafka: Any, topic: str, limit: int) -> Fact[tuple[DeadLetter, ...]]:
    found: Fact[tuple[DeadLetter, ...]] = kafka.dead_letters(topic, limit)
    if isinstance(found, Unavailable):
        return found
    return tuple(sorted(found, key=lambda dead_letter: dead_letter.at)[-limit:])


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Arrivals are told for a while after the last of them; the first pass only learns."""
    seen = {t: end for t, end in facts.ends.items() if isinstance(end, TopicEnds)}
    kept = {t: known for t, known in context.memory.items() if t not in seen}
    memory = {**kept, **{t: _remembered(end, facts, context) for t, end in seen.items()}}
    told = [t for t in seen if "last_at" in memory[t]]
    unavailable = [(end, t) for t, end in facts.ends.items() if isinstance(end, Unavailable)]
    findings = [
        *(_finding(t, memory[t], context.options) for t in told),
        *monitoring_gaps(unavailable),
    ]
    return Verdict.of(findings, [m for end in seen.values() for m in _metrics(end)]), memory


def _remembered(ends: TopicEnds, facts: Facts, context: ProbeContext) -> Mapping[str, Any]:
    """The end of a topic and what arrived; an end that fell is another topic: learn it anew."""
    end, known = ends.end_offset_total, context.memory.get(ends.topic)
    if known is None or end < known["end"]:
        return {"end": end}
    if end > known["end"]:
        return _arrived(ends, known, facts.samples.get(ends.topic, ()), context)
    return known if _is_held(known, context) else {"end": end}


def _arrived(
    ends: TopicEnds,
    known: Mapping[str, Any],
    sample: Fact[tuple[DeadLetter, ...]],
    context: ProbeContext,
) -> Mapping[str, Any]:
    end, now = ends.end_offset_total, context.now.isoformat()
    seen = () if isinstance(sample, Unavailable) else sample
    new = seen[-(end - known["end"]) :]
    return {
        "end": end,
        "count": known.get("count", 0) + end - known["end"],
        "first_at": known.get("first_at", now),
        "last_at": now,
        "rows": [_row(dead_letter) for dead_letter in seen[-context.options.evidence_max :]]
        or known.get("rows", []),
        "kinds": _kinds(known.get("kinds", {}), new),
        "unread": isinstance(sample, Unavailable),
    }


def _kinds(before: Mapping[str, int], dead_letters: Sequence[DeadLetter]) -> dict[str, int]:
    """What was given up and why, counted over the messages that were read; most frequent first."""
    kinds = Counter(before)
    kinds.update(text for dead_letter in dead_letters if (text := _kind(dead_letter)))
    return dict(kinds.most_common(_KINDS_MAX))


def _kind(dead_letter: DeadLetter) -> str:
    return ": ".join(text for text in (dead_letter.original_topic, dead_letter.error) if text)


def _row(dead_letter: DeadLetter) -> Params:
    return {
        "partition": dead_letter.partition,
        "offset": dead_letter.offset,
        "at": dead_letter.at.isoformat(),
        "payment_id": dead_letter.payment_id,
        "error": dead_letter.error,
        "value": dead_letter.value,
    }


def _is_held(known: Mapping[str, Any], context: ProbeContext) -> bool:
    if "last_at" not in known:
        return False
    held = timedelta(minutes=context.options.hold_minutes)
    return context.now - datetime.fromisoformat(known["last_at"]) < held


def _finding(topic: str, known: Mapping[str, Any], options: Options) -> Finding:
    status = Status.CRIT if topic in options.critical else Status.WARN
    params: Params = {
        "topic": topic,
        "count": known["count"],
        "first_at": known["first_at"],
        "last_at": known["last_at"],
        "hold_minutes": options.hold_minutes,
        "kinds": ", ".join(f"{n} × {kind}" for kind, n in known.get("kinds", {}).items()),
        "unread": known.get("unread", False),
    }
    rows = tuple(known["rows"])
    return Finding("dead_letters_arrived", status, topic, params, rows, passes_required=1)


def _metrics(ends: TopicEnds) -> tuple[Metric, ...]:
    return (
        Metric("dlq_arrived_messages", ends.end_offset_total, ends.topic),
        Metric("dlq_retained_messages", ends.messages, ends.topic),
    )


CHECK = Check(name="dead_letters", options=Options, probe=probe, evaluate=evaluate)
