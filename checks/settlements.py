"""Do settlements and refunds succeed, and in good time?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.sources.facts.platform import WorkStats
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, CountOrZero, FloorPercent, Minutes, Switch
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
    worst,
)
from monitor.domain.detection.usual_share import Share, learned, unusual

KINDS = ("settlement", "refund")
Sample = Sequence[object]  # [time, succeeded, failed]
_SAMPLES_MAX = 70


@dataclass(frozen=True, slots=True)
class Options:
    """When the failures of the last `window_minutes` are more than usual.

    They are judged against the platform's own past and the number of tries, since what is normal
    differs from platform to platform; success below `warn_percent` or `crit_percent` is a finding
    whatever is usual (0: no such floor). Where fewer than `requests_min` were decided in that
    time, the window reaches back further, up to `window_max_minutes`; with still fewer there is
    no judgement. `late` False: nobody shows late requests here, and it need not be said.
    """

    warn_percent: FloorPercent = 0.0
    crit_percent: FloorPercent = 0.0
    requests_min: Count = 20
    window_minutes: Minutes = 15.0
    window_max_minutes: Minutes = 60.0
    delayed_max: CountOrZero = 0
    late: Switch = True

    def __post_init__(self) -> None:
        """The window that reaches back further is not the shorter one."""
        if self.window_minutes > self.window_max_minutes:
            raise ValueError("window_minutes must not be more than window_max_minutes")


Facts = Mapping[str, Fact[WorkStats]]


def probe(context: ProbeContext) -> Facts:
    """Ask what both workers did."""
    database = context.platform.database
    return {kind: database.work(kind, context.now) for kind in KINDS}


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """The rate of success over a window, late requests, and requests that were given up."""
    seen = {kind: work for kind, work in facts.items() if isinstance(work, WorkStats)}
    hidden = _hidden_late(seen, context)
    memory = {**context.memory, **{k: _samples(work, context) for k, work in seen.items()}}
    memory["late_hidden"] = hidden
    shares = {kind: _share(work, memory[kind], context) for kind, work in seen.items()}
    usual = context.memory.get("usual", {})
    words = {k: _status(s, usual.get(k, {}), context.options) for k, s in shares.items()}
    memory["usual"] = {**usual, **_usual(usual, words, memory, context)}
    findings = [
        *(f for kind, work in seen.items() for f in _judge(work, shares[kind], words[kind])),
        *(f for work in seen.values() for f in _left(work, context.options)),
        *monitoring_gaps(
            (work, kind) for kind, work in facts.items() if isinstance(work, Unavailable)
        ),
        *monitoring_gaps(
            (shard, shard.part) for work in seen.values() for shard in work.unavailable
        ),
        *monitoring_gaps(_late_unavailable(kind) for kind in hidden if context.options.late),
    ]
    metrics = [m for kind, work in seen.items() for m in _metrics(work, shares[kind])]
    return Verdict.of(findings, metrics), memory


def _samples(work: WorkStats, context: ProbeContext) -> list[Sample]:
    """The totals of the last hour, a minute apart; totals that fell begin a new history."""
    before: list[Sample] = list(context.memory.get(work.work, ()))
    if before and work.succeeded < _number(before[-1], 1):
        before = []
    if before and _minutes_ago(before[-1], context.now) < 1:
        return before
    limit = context.options.window_max_minutes + 20
    kept = [sample for sample in before if _minutes_ago(sample, context.now) <= limit]
    return [*kept[1 - _SAMPLES_MAX :], [context.now.isoformat(), work.succeeded, work.failed]]


def _share(work: WorkStats, samples: Sequence[Sample], context: ProbeContext) -> Share | None:
    """What failed in the shortest window back from now that is long enough and has enough in it."""
    options: Options = context.options
    for sample in reversed(samples):
        failed = max(0, work.failed - _number(sample, 2))
        decided = work.succeeded - _number(sample, 1) + failed
        share = Share(decided, failed, _minutes_ago(sample, context.now))
        if share.minutes > options.window_max_minutes:
            return None
        if share.minutes >= options.window_minutes and decided >= options.requests_min:
            return share
    return None


def _status(share: Share | None, past: Memory, options: Options) -> Status:
    """How bad a share is, by what is usual and by the configured floors."""
    if share is None:
        return Status.OK
    success, found = 100 - share.percent, unusual(share, past)
    if success < options.crit_percent:
        return Status.CRIT
    return worst((found, Status.WARN)) if success < options.warn_percent else found


def _usual(
    known: Memory, words: Mapping[str, Status], samples: Memory, context: ProbeContext
) -> dict[str, Memory]:
    """What is usual of each kind, learned from what every window has left behind."""
    found = {}
    for kind, word in words.items():
        limit = context.options.window_max_minutes
        aged = [s for s in samples[kind] if _minutes_ago(s, context.now) > limit]
        at, succeeded, failed = aged[-1] if aged else (None, 0, 0)
        until = None if at is None else [at, succeeded + failed, failed]
        found[kind] = learned(known.get(kind, {}), until, word is not Status.OK, context.now)
    return found


def _number(sample: Sample, index: int) -> int:
    return int(str(sample[index]))


def _minutes_ago(sample: Sample, now: datetime) -> float:
    return (now - datetime.fromisoformat(str(sample[0]))).total_seconds() / 60


def _judge(work: WorkStats, share: Share | None, status: Status) -> Iterator[Finding]:
    if share is not None and status is not Status.OK:
        params: Params = {
            "work": work.work,
            "success_percent": round(100 - share.percent, 2),
            "failed": round(share.hits),
            "decided": round(share.tries),
            "window_minutes": round(share.minutes, 1),
        }
        yield Finding("work_failing", status, work.work, params)


def _left(work: WorkStats, options: Options) -> Iterator[Finding]:
    """What is late, and what was given up."""
    if work.delayed is not None and work.delayed > options.delayed_max:
        late: Params = {"work": work.work, "delayed": work.delayed}
        yield Finding("work_delayed", Status.WARN, work.work, late)
    if work.dead_letters:
        dead: Params = {"work": work.work, "dead_letters": work.dead_letters}
        yield Finding("work_dead_lettered", Status.CRIT, work.work, dead)


def _hidden_late(seen: Mapping[str, WorkStats], context: ProbeContext) -> list[str]:
    """The work of which the source never shows what is late, however that source is at the moment.

    Such a source does not say that nothing is late.
    """
    before: Sequence[str] = context.memory.get("late_hidden", ())
    hidden = {kind: work.delayed is None for kind, work in seen.items()}
    return [kind for kind in KINDS if hidden.get(kind, kind in before)]


def _late_unavailable(kind: str) -> tuple[Unavailable, str]:
    part = f"{kind}/late"
    return Unavailable(part, Why.NOT_VISIBLE, "late_not_shown", {"work": kind}), part


def _metrics(work: WorkStats, share: Share | None) -> Iterator[Metric]:
    if work.delayed is not None:
        yield Metric(f"{work.work}s_delayed", work.delayed)
    if share is not None:
        yield Metric(f"{work.work}_success_percent", 100 - share.percent)


CHECK = Check(name="settlements", options=Options, probe=probe, evaluate=evaluate)
