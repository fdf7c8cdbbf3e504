"""Do the consumer groups keep up? Judged by how offsets move, not by how large a lag is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from checks.sources.facts.platform import Group, GroupLag
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gaps
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

_LOOKS_MAX = 100

# One look at a group: {"at": time, "lags": {"topic/partition": [committed, lag]}}, where
# partitions without lag are left out: a partition that reached zero is well.
Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The groups that must work, and how long a window is looked at.

    A partition is stuck when its offset stood still with a lag for `stuck_looks` looks over
    `stuck_seconds`; a group falls behind when its lag grew over `rising_looks` looks and
    `rising_seconds` to `lag_min` or more. A lag that reached
    zero in between is well. One that moves is too slow when, at its speed, what waits would take
    longer than `drain_seconds_max`.
    """

    groups: tuple[str, ...] = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
    stuck_looks: int = 3
    stuck_seconds: float = 60.0
    rising_looks: int = 5
    rising_seconds: float = 120.0
    lag_min: int = 10
    drain_seconds_max: float = 3600.0
    looks: int = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """The groups that exist, and the lag of those that are looked at."""

    groups: Fact[tuple[Group, ...]]
    lags: Mapping[str, Fact[GroupLag]]


def probe(context: ProbeContext) -> Facts:
    """Ask which groups exist, then for the lag of the wanted ones that have members."""
    kafka = context.platform.kafka
    groups = kafka.groups()
    if isinstance(groups, Unavailable):
        return Facts(groups, {})
    working = {g.group_id for g in groups if not _is_empty(g)}
    return Facts(groups, {g: kafka.group_lag(g) for g in context.options.groups if g in working})


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Absent and empty groups, stuck offsets, and lags that only grow."""
    if isinstance(facts.groups, Unavailable):
        return Verdict.of(monitoring_gaps([(facts.groups, "")])), context.memory
    lags = {g: lag for g, lag in facts.lags.items() if isinstance(lag, GroupLag)}
    unavailable = [(lag, g) for g, lag in facts.lags.items() if isinstance(lag, Unavailable)]
    memory = {g: _window(g, lags.get(g), context) for g in context.options.groups}
    findings = [
        *_without_members(facts.groups, context.options.groups),
        *(f for group, lag in lags.items() for f in _judge(lag, memory[group], context.options)),
        *monitoring_gaps(unavailable),
    ]
    return Verdict.of(findings, _metrics(lags)), memory


def _is_empty(group: Group) -> bool:
    return group.state in ("EMPTY", "DEAD")


def _without_members(groups: Sequence[Group], wanted: Sequence[str]) -> Iterator[Finding]:
    known = {group.group_id: group for group in groups}
    for name in wanted:
        if name not in known or known[name].state == "DEAD":
            yield Finding("group_absent", Status.CRIT, name, {"group": name})
        elif _is_empty(known[name]):
            yield Finding("group_empty", Status.CRIT, name, {"group": name})


def _window(group: str, lag: GroupLag | None, context: ProbeContext) -> list[Seen]:
    """The last looks at a group, with this one; a look that saw nothing adds nothing."""
    before: list[Seen] = list(context.memory.get(group, ()))
    if lag is None:
        return before
    behind = {
        f"{p.topic}/{p.partition}": [p.committed_offset, p.lag_messages]
        for p in lag.partitions
        if p.lag_messages
    }
    now = {"at": context.now.isoformat(), "lags": behind}
    return _trimmed([*before, now], context.options)


def _trimmed(window: list[Seen], options: Options) -> list[Seen]:
    """So many looks, and more where they follow so quickly that they would span too little."""
    span = max(options.stuck_seconds, options.rising_seconds)
    first = max(0, len(window) - options.looks)
    while first > 0 and len(window) - first < _LOOKS_MAX:
        if _seconds(window[first]["at"], window[-1]["at"]) >= span:
            break
        first -= 1
    return window[first:]


def _judge(lag: GroupLag, window: Sequence[Seen], options: Options) -> Iterator[Finding]:
    stuck = {key: since for key in window[-1]["lags"] if (since := _stuck(key, window, options))}
    if stuck:
        yield Finding("lag_stuck", Status.CRIT, lag.group_id, _stuck_params(lag, stuck, window))
    elif (drain := _drain_seconds(window, options)) and drain > options.drain_seconds_max:
        params = {**_rising_params(lag, window, options), "drain_seconds": round(drain)}
        yield Finding("lag_drains_slowly", Status.CRIT, lag.group_id, params)
    elif _is_rising(window, options):
        yield Finding("lag_rising", Status.WARN, lag.group_id, _rising_params(lag, window, options))


def _stuck(key: str, window: Sequence[Seen], options: Options) -> str | None:
    """Since when a partition's offset has stood still with a lag that does not fall."""
    run = [window[-1]]
    for earlier in reversed(window[:-1]):
        if key not in earlier["lags"] or not _stood(earlier["lags"][key], run[-1]["lags"][key]):
            break
        run.append(earlier)
    since: str = run[-1]["at"]
    long = _seconds(since, window[-1]["at"]) >= options.stuck_seconds
    return since if len(run) >= options.stuck_looks and long else None


def _stood(earlier: Sequence[int], later: Sequence[int]) -> bool:
    return earlier[0] == later[0] and earlier[1] <= later[1]


def _is_rising(window: Sequence[Seen], options: Options) -> bool:
    recent = _recent(window, options)
    totals = _totals(recent)
    if totals[-1] < options.lag_min or 0 in totals or len(totals) < options.rising_looks:
        return False
    if _seconds(recent[0]["at"], recent[-1]["at"]) < options.rising_seconds:
        return False
    return all(a <= b for a, b in pairwise(totals)) and totals[0] < totals[-1]


def _drain_seconds(window: Sequence[Seen], options: Options) -> float | None:
    """How long what waits would take at the speed of the recent looks; None: not known."""
    recent = _recent(window, options)
    first, last = recent[0], recent[-1]
    seconds = _seconds(first["at"], last["at"])
    both = first["lags"].keys() & last["lags"].keys()
    done: int = sum(last["lags"][key][0] - first["lags"][key][0] for key in both)
    waiting: int = sum(last["lags"][key][1] for key in both)
    if seconds < options.rising_seconds or done <= 0 or waiting < options.lag_min:
        return None
    return waiting * seconds / done


def _recent(window: Sequence[Seen], options: Options) -> Sequence[Seen]:
    """The looks over which a lag must have grown: enough of them, over enough time."""
    first = max(0, len(window) - options.rising_looks)
    while first and _seconds(window[first]["at"], window[-1]["at"]) < options.rising_seconds:
        first -= 1
    return window[first:]


def _totals(window: Sequence[Seen]) -> list[int]:
    return [sum(lag for _, lag in seen["lags"].values()) for seen in window]


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _stuck_params(lag: GroupLag, stuck: Mapping[str, str], window: Sequence[Seen]) -> Params:
    since = min(stuck.values())
    return {
        "group": lag.group_id,
        "lag_messages": lag.lag_messages,
        "since": since,
        "stuck_seconds": _seconds(since, window[-1]["at"]),
        "partitions": len(stuck),
        "topic": next(iter(stuck)).rpartition("/")[0],
    }


def _rising_params(lag: GroupLag, window: Sequence[Seen], options: Options) -> Params:
    recent = _recent(window, options)
    return {
        "group": lag.group_id,
        "lag_messages": lag.lag_messages,
        "lag_before_messages": _totals(recent)[0],
        "over_seconds": _seconds(recent[0]["at"], recent[-1]["at"]),
    }


def _metrics(lags: Mapping[str, GroupLag]) -> list[Metric]:
    return [Metric("lag_messages", lag.lag_messages, group) for group, lag in lags.items()]


CHECK = Check(name="consumer_lag", options=Options, probe=probe, evaluate=evaluate)
