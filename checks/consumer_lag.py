"""Do the consumer groups keep up? Judged by how offsets and the rows they write move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.lag_parts import skipped
from checks.lag_parts.course import Keep, Look, Seen, course, seconds
from checks.lag_parts.speed import drain_seconds, is_rising, over_seconds, recent
from checks.lag_parts.standing import (
    Patience,
    partitions_standing,
    standing,
    works,
    works_without_membership,
)
from checks.sources.facts.agreement import GROUP_STATES
from checks.sources.facts.payments import Written
from checks.sources.facts.platform import Group, GroupLag
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, CountOrZero, Minutes, Seconds
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

_BOOKING = "booking"  # of the memory: what was read and booked; the rest is by group
_WRITES = {
    "settlement-worker-group": "settlements",
    "refund-worker-group": "refunds",
    "payment-consumer": "entries",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The groups that must work, and how long a window is looked at.

    A group is stuck when none of its offsets moved for `stuck_looks` looks over `stuck_seconds`,
    and longer than its own usual gap between commits allows, while messages wait and nothing
    that it writes (settlements, refunds, ledger entries) moves. While that moves it works through
    a batch, of `poll_records_max` at most. One partition is stuck when it stands for
    `partition_seconds` while others move. A group falls behind when what waits grew over
    `rising_looks` looks and `rising_seconds` to `lag_min` or more; a lag that reached zero in
    between is well. It is too slow when, at the speed at which it writes, what waits would take
    longer than `drain_seconds_max`. The ledger consumer skips events when over `skipped_minutes`
    it read at least `skipped_min` more than were booked or given up, and as many captured payments
    lack their entry; that is seen with direct databases only.
    """

    groups: tuple[str, ...] = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
    stuck_looks: Count = 3
    stuck_seconds: Seconds = 60.0
    partition_seconds: Seconds = 300.0
    poll_records_max: Count = 500
    rising_looks: Count = 5
    rising_seconds: Seconds = 120.0
    lag_min: CountOrZero = 10
    drain_seconds_max: Seconds = 3600.0
    looks: Count = 10
    skipped_minutes: Minutes = 15.0
    skipped_min: Count = 3

    def __post_init__(self) -> None:
        """No more looks can be asked for than are kept: what would never be told is refused."""
        for name in ("stuck_looks", "rising_looks"):
            if getattr(self, name) > self.looks:
                raise ValueError(f"{name} must not be more than looks ({self.looks})")


@dataclass(frozen=True, slots=True)
class Facts:
    """The groups that exist, the lag of those that are looked at, and by shard what is written;
    what of it the ledger consumer booked of what it read."""

    groups: Fact[tuple[Group, ...]]
    lags: Mapping[str, Fact[GroupLag]]
    written: Mapping[str, Fact[Written]] = field(default_factory=dict)
    booking: skipped.Booking | None = None


def probe(context: ProbeContext) -> Facts:
    """Ask which groups exist, for the lag of the wanted ones, and for the rows they write."""
    kafka = context.platform.kafka
    groups = kafka.groups()
    if isinstance(groups, Unavailable):
        return Facts(groups, {})
    known = {g.group_id for g in groups if g.state != "DEAD"}
    lags = {g: kafka.group_lag(g) for g in context.options.groups if g in known}
    written = context.platform.database.written() if _must_count(lags, context.memory) else {}
    ledger = lags.get(skipped.GROUP)
    if not written or not isinstance(ledger, GroupLag):
        return Facts(groups, lags, written)
    booking = skipped.observe(context, ledger, written, context.memory.get(_BOOKING))
    return Facts(groups, lags, written, booking)


def _must_count(lags: Mapping[str, Fact[GroupLag]], memory: Memory) -> bool:
    """Whether the rows must be counted: something waits, or what is booked can be seen by them."""
    waits = any(isinstance(lag, GroupLag) and lag.lag_messages for lag in lags.values())
    can_see = bool(memory.get(_BOOKING)) or _BOOKING not in memory
    return waits or (skipped.GROUP in lags and can_see)


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """Absent and empty groups, stuck offsets, long batches, and lags that only grow."""
    if isinstance(facts.groups, Unavailable):
        return Verdict.of(monitoring_gaps([(facts.groups, "")])), context.memory
    empty = {group.group_id for group in facts.groups if group.state == "EMPTY"}
    lags = {g: lag for g, lag in facts.lags.items() if isinstance(lag, GroupLag)}
    hidden = [(lag, g) for g, lag in facts.lags.items() if isinstance(lag, Unavailable)]
    found: list[Finding] = []
    memory = dict(context.memory)
    for group, lag in lags.items():
        known = _course(group, Seen(lag, _rows(facts, group), group in empty), context)
        memory[group] = known
        finding = _judge(group, known, context.options)
        found += [finding] if finding else []
    if facts.booking:
        memory[_BOOKING] = facts.booking.marks
    told = {finding.subject for finding in found}
    findings = [
        *(
            f
            for f in _without_members(facts.groups, context.options.groups)
            if f.subject not in told
        ),
        *found,
        *(f for lag in lags.values() for f in _beyond_end(lag)),
        *_skipped(facts, context.options),
        *monitoring_gaps((lag, group) for lag, group in hidden if group not in empty),
        *monitoring_gaps(_unreadable(facts.groups, context.options.groups)),
    ]
    return Verdict.of(findings, _metrics(lags)), memory


def _course(group: str, seen: Seen, context: ProbeContext) -> Memory:
    options: Options = context.options
    keep = Keep(options.looks, max(options.stuck_seconds, options.rising_seconds))
    return course(context.memory.get(group), seen, context.now, keep)


def _rows(facts: Facts, group: str) -> dict[str, int]:
    """By shard, how many rows of the group's own kind there are."""
    kind = _WRITES.get(group)
    seen = {shard: w for shard, w in facts.written.items() if isinstance(w, Written)}
    return {shard: getattr(rows, kind) for shard, rows in seen.items()} if kind else {}


def _without_members(groups: Sequence[Group], wanted: Sequence[str]) -> Iterator[Finding]:
    known = {group.group_id: group for group in groups}
    for name in wanted:
        if name not in known or known[name].state == "DEAD":
            yield Finding("group_absent", Status.CRIT, name, {"group": name})
        elif known[name].state == "EMPTY":
            yield Finding("group_empty", Status.CRIT, name, {"group": name})


def _unreadable(
    groups: Sequence[Group], wanted: Sequence[str]
) -> Iterator[tuple[Unavailable, str]]:
    """Groups in a state that says nothing: neither at work nor without members."""
    for group in groups:
        if group.group_id in wanted and group.state not in GROUP_STATES:
            params: Params = {"path": "", "got": group.state or '""', "expected": group.group_id}
            part = f"kafka/{group.group_id}"
            yield Unavailable(part, Why.GARBLED, "group_state_unknown", params), group.group_id


def _beyond_end(lag: GroupLag) -> Iterator[Finding]:
    """A commit beyond the end of the log: the group reads nothing until it is set back."""
    beyond = [p for p in lag.partitions if p.beyond_end_messages]
    if not beyond:
        return
    farthest = max(beyond, key=lambda p: p.beyond_end_messages)
    params: Params = {
        "group": lag.group_id,
        "topic": farthest.topic,
        "partition": farthest.partition,
        "partitions": len(beyond),
        "committed_offset": farthest.committed_offset,
        "end_offset": farthest.end_offset,
        "unread_messages": sum(p.end_offset for p in beyond),
    }
    yield Finding("commit_beyond_end", Status.CRIT, lag.group_id, params)


def _skipped(facts: Facts, options: Options) -> Iterator[Finding]:
    """What the ledger consumer read without booking it or giving it up."""
    if facts.booking and (found := skipped.judge(facts.booking, options.skipped_min)):
        yield found


def _judge(group: str, known: Memory, options: Options) -> Finding | None:
    """What is wrong with a group; of an empty one only whether it works on all the same."""
    if known["looks"][-1]["empty"]:
        return _batch(group, known, options) if works_without_membership(known) else None
    patience = Patience(options.stuck_looks, options.stuck_seconds, options.partition_seconds)
    stands = standing(known, patience)
    is_batch = bool(stands) and works(known, patience)
    stuck = partitions_standing(known, patience) if is_batch or not stands else stands
    if stuck:
        return Finding("lag_stuck", Status.CRIT, group, _stuck_params(group, stuck, known))
    drain = _drain_seconds(known, options)
    if drain is not None and drain > options.drain_seconds_max:
        params = {**_rising_params(group, known, options), "drain_seconds": round(drain)}
        return Finding("lag_drains_slowly", Status.CRIT, group, params)
    if is_batch and known["looks"][-1]["lag"] >= options.lag_min:
        return _batch(group, known, options)
    if _is_rising(known, options):
        return Finding("lag_rising", Status.WARN, group, _rising_params(group, known, options))
    return None


def _recent(known: Memory, options: Options) -> Sequence[Look]:
    return recent(known["looks"], options.rising_looks, options.rising_seconds)


def _is_rising(known: Memory, options: Options) -> bool:
    looks = _recent(known, options)
    enough = len(looks) >= options.rising_looks
    return (
        enough
        and over_seconds(looks) >= options.rising_seconds
        and is_rising(looks, options.lag_min)
    )


def _drain_seconds(known: Memory, options: Options) -> float | None:
    looks = _recent(known, options)
    long = over_seconds(looks) >= options.rising_seconds
    return drain_seconds(looks, options.lag_min) if long else None


def _stuck_params(group: str, standing: Sequence[str], known: Memory) -> Params:
    last, stands = known["looks"][-1], known["stands"]
    is_whole = stands is not None and len(standing) == len(known["parts"])
    since = stands["since"] if is_whole else min(known["parts"][key][1] for key in standing)
    if is_whole and known["wrote_at"]:
        since = max(since, known["wrote_at"])
    return {
        "group": group,
        "lag_messages": last["lag"],
        "since": since,
        "stuck_seconds": seconds(since, last["at"]),
        "partitions": len(standing),
        "topic": standing[0].rpartition("/")[0],
        "writes": _WRITES.get(group, "") if is_whole and last["rows"] else "",
    }


def _batch(group: str, known: Memory, options: Options) -> Finding:
    """It works through a batch that is not committed yet."""
    last, stands = known["looks"][-1], known["stands"]
    waited, done = (stands["lag"], stands["written"]) if stands else (0, 0)
    drain = _drain_seconds(known, options)
    params: Params = {
        "group": group,
        "lag_messages": last["lag"],
        "since": stands["since"] if stands else last["at"],
        "batch_messages": min(max(waited, done), options.poll_records_max),
        "written": done,
        "writes": _WRITES.get(group, ""),
        "is_empty": last["empty"],
        "drain_seconds": None if drain is None else round(drain),
    }
    return Finding("lag_in_batch", Status.WARN, group, params)


def _rising_params(group: str, known: Memory, options: Options) -> Params:
    looks = _recent(known, options)
    return {
        "group": group,
        "lag_messages": looks[-1]["left"],
        "lag_before_messages": looks[0]["left"],
        "over_seconds": over_seconds(looks),
    }


def _metrics(lags: Mapping[str, GroupLag]) -> list[Metric]:
    return [Metric("lag_messages", lag.lag_messages, group) for group, lag in lags.items()]


CHECK = Check(name="consumer_lag", options=Options, probe=probe, evaluate=evaluate)
