"""Do settlements and refunds succeed, and in good time?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.sources.facts.platform import WorkStats
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
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

KINDS = ("settlement", "refund")
Sample = Sequence[object]  # [time, succeeded, failed]
_SAMPLES_MAX = 70


@dataclass(frozen=True, slots=True)
class Options:
    """The success that is expected of the last `window_minutes`.

    Where fewer than `requests_min` were decided in that time, the window reaches back further,
    up to `window_max_minutes`; with still fewer there is no judgement. `late` False: nobody shows
    late requests here, and it need not be said.
    """

    warn_percent: float = 97.0
    crit_percent: float = 90.0
    requests_min: int = 20
    window_minutes: float = 15.0
    window_max_minutes: float = 60.0
    delayed_max: int = 0
    late: bool = True


@dataclass(frozen=True, slots=True)
class Rate:
    """What was decided within a window."""

    succeeded: int
    failed: int
    minutes: float

    @property
    def decided(self) -> int:
        """Successes and failures."""
        return self.succeeded + self.failed

    @property
    def success_percent(self) -> float:
        """The share of successes."""
        return 100 * self.succeeded / self.decided


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
    rates = {kind: _rate(work, memory[kind], context) for kind, work in seen.items()}
    findings = [
        *(f for kind, work in seen.items() for f in _judge(work, rates[kind], context.options)),
        *monitoring_gaps(
            (work, kind) for kind, work in facts.items() if isinstance(work, Unavailable)
        ),
        *monitoring_gaps(
            (shard, shard.part) for work in seen.values() for shard in work.unavailable
        ),
        *monitoring_gaps(_late_unavailable(kind) for kind in hidden if context.options.late),
    ]
    metrics = [m for kind, work in seen.items() for m in _metrics(work, rates[kind])]
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


def _rate(work: WorkStats, samples: Sequence[Sample], context: ProbeContext) -> Rate | None:
    """The shortest window back from now that is long enough and has enough in it."""
    options: Options = context.options
    for sample in reversed(samples):
        rate = Rate(
            work.succeeded - _number(sample, 1),
            max(0, work.failed - _number(sample, 2)),
            _minutes_ago(sample, context.now),
        )
        if rate.minutes > options.window_max_minutes:
            return None
        if rate.minutes >= options.window_minutes and rate.decided >= options.requests_min:
            return rate
    return None


def _number(sample: Sample, index: int) -> int:
    return int(str(sample[index]))


def _minutes_ago(sample: Sample, now: datetime) -> float:
    return (now - datetime.fromisoformat(str(sample[0]))).total_seconds() / 60


def _judge(work: WorkStats, rate: Rate | None, options: Options) -> Iterator[Finding]:
    if rate is not None and rate.success_percent < options.warn_percent:
        yield _failing(work, rate, options)
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


def _failing(work: WorkStats, rate: Rate, options: Options) -> Finding:
    crit = rate.success_percent < options.crit_percent
    params: Params = {
        "work": work.work,
        "success_percent": round(rate.success_percent, 2),
        "failed": rate.failed,
        "decided": rate.decided,
        "window_minutes": round(rate.minutes, 1),
    }
    return Finding("work_failing", Status.CRIT if crit else Status.WARN, work.work, params)


def _metrics(work: WorkStats, rate: Rate | None) -> Iterator[Metric]:
    if work.delayed is not None:
        yield Metric(f"{work.work}s_delayed", work.delayed)
    if rate is not None:
        yield Metric(f"{work.work}_success_percent", rate.success_percent)


CHECK = Check(name="settlements", options=Options, probe=probe, evaluate=evaluate)
