"""What to look at after a load test: advice follows from evidence, or is not given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.load_test.history import MAIN, Judged
from monitor.domain.load_test.result import LoadResult, dropped_share
from monitor.domain.statement import Statement

_DROPPED_MIN = 0.001
_SHARE_MIN = 0.01
_TAIL_TIMES = 5.0
_TAIL_MS_MIN = 100.0
_BUSY_PER_CPU = 1.5
_GREW_TIMES = 2.0
_LAG_MIN = 100.0
_AGE_SECONDS_MIN = 20.0


@dataclass(frozen=True, slots=True)
class Level:
    """A figure of the platform: its median before the run, and its worst during it."""

    before: float | None
    worst: float

    def grew(self, least: float, times: float = _GREW_TIMES) -> bool:
        """Whether it rose to at least that much, and to twice of what was usual."""
        return self.worst >= least and self.worst >= times * (self.before or 0.0)


Platform = Mapping[str, Level]  # by series: `lag_messages{payment-consumer/…}`


def advise(judged: Judged, platform: Platform | None = None) -> tuple[Statement, ...]:
    """Advice on a run (words of [load_advice]), the most telling first; empty if none is needed."""
    result = judged.run.result
    refused = [*_refusals(result)] if result is not None else []
    found = refused or [*_invalid(judged)]  # what the platform refused explains what failed
    if result is not None:
        found += _generator(judged, result)
    if result is not None and judged.run.is_valid:
        found += [*_platform(judged, platform or {}), *_times(judged, result)]
    return tuple({advice.code: advice for advice in found}.values())


_INVALID = {
    "nothing_answered": "check_target",
    "connections_refused": "check_target",
    "script_raised": "fix_script",
    "iterations_raised": "fix_script",
    "no_requests": "fix_script",
    "checks_failed": "fix_script",
    "bad_options": "fix_script",
    "bad_command": "fix_script",
    "threshold_without_data": "fix_thresholds",
    "requests_failed": "look_at_errors",
    "platform_critical": "heal_first",
}


def _invalid(judged: Judged) -> Iterator[Statement]:
    for doubt in judged.run.doubts:
        if doubt.code in _INVALID:
            yield Statement(_INVALID[doubt.code])


def _generator(judged: Judged, result: LoadResult) -> Iterator[Statement]:
    """Load that was not made: k6 ran out of users, or its machine out of breath."""
    share = dropped_share(result)
    if share <= _DROPPED_MIN:
        return
    host = judged.run.host
    cpus, load = host.get("cpus", 0.0), host.get("load_after", 0.0)
    params: dict[str, str | int | float] = {
        "percent": 100 * share,
        "dropped": int(result.value("dropped_iterations", "count") or 0),
    }
    if cpus and load > _BUSY_PER_CPU * cpus:
        yield Statement("generator_busy", {**params, "load": load, "cpus": int(cpus)})
        return
    vus = judged.run.options.get("vus") or result.value("vus_max", "max") or 0
    yield Statement("generator_short_of_vus", {**params, "vus": int(vus)})


def _refusals(result: LoadResult) -> Iterator[Statement]:
    """409 means two things: without a payment's id the payment gateway refused."""
    refused = result.value("pg_refused", "rate") or 0.0
    if refused > _SHARE_MIN:
        yield Statement("pg_refuses", {"percent": 100 * refused})
    duplicates = result.value("duplicate_requests", "rate") or 0.0
    if duplicates > _SHARE_MIN:
        yield Statement("keys_used_before", {"percent": 100 * duplicates})


def _platform(judged: Judged, platform: Platform) -> Iterator[Statement]:
    """What the platform did meanwhile, where it explains what the run measured."""
    slower = _is_slower(judged)
    waiting = _worst(platform, "pool_pending_threads", 1)
    if waiting and slower:
        yield Statement("pool_waits", {"pool": waiting[0], "pending": waiting[1].worst})
    full = _worst(platform, "connections_used_percent", 80, times=0)
    if full:
        yield Statement("connections_short", {"shard": full[0], "percent": full[1].worst})
    refused = _worst(platform, "breaker_not_permitted_calls", 1)
    if refused:
        yield Statement("breaker_rejects", {"breaker": refused[0], "calls": refused[1].worst})
    lag = _worst(platform, "lag_messages", _LAG_MIN)
    if lag:
        yield Statement("consumers_behind", {"group": lag[0], "messages": lag[1].worst})
    age = _worst(platform, "outbox_oldest_age_seconds", _AGE_SECONDS_MIN)
    if age:
        yield Statement("relay_behind", {"shard": age[0], "seconds": age[1].worst})
    blocked = _worst(platform, "blocked_merchants", 1)
    if blocked:
        yield Statement("merchants_blocked", {"merchants": blocked[1].worst})


def _worst(
    platform: Platform, metric: str, least: float, times: float = _GREW_TIMES
) -> tuple[str, Level] | None:
    """The subject of a metric that rose most, if one did."""
    told = [
        (series.partition("{")[2].rstrip("}") or metric, level)
        for series, level in platform.items()
        if series.partition("{")[0] == metric and level.grew(least, times)
    ]
    return max(told, key=lambda each: each[1].worst, default=None)


def _is_slower(judged: Judged) -> bool:
    """Worse than before, or over a limit on times."""
    rulings = judged.rulings.get(MAIN[0], {}).values()
    crossed = judged.run.result.crossed if judged.run.result else ()
    is_over = any(rule.startswith("http_req_duration") for rule in crossed)
    return is_over or any(ruling.word is Comparison.REGRESSION for ruling in rulings)


def _times(judged: Judged, result: LoadResult) -> Iterator[Statement]:
    slow = sorted(
        name
        for name, measure in result.endpoints.items()
        if any(
            ruling.word is Comparison.REGRESSION
            for ruling in judged.rulings.get(measure.name, {}).values()
        )
    )
    if slow and len(slow) < len(result.endpoints):
        yield Statement("some_endpoints_slower", {"endpoints": ", ".join(slow)[:200]})
    elif _is_slower(judged) and judged.rulings:
        yield Statement("all_slower" if slow else "over_limit")
    p95, p99 = (result.value("http_req_duration", s) for s in ("p(95)", "p(99)"))
    if p95 and p99 and p99 > max(_TAIL_TIMES * p95, _TAIL_MS_MIN):
        yield Statement("long_tail", {"p95_ms": p95, "p99_ms": p99})


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A series during a run: its worst and last value, and its median in the half hour before."""

    check: str
    series: str
    unit: str
    before: float | None
    worst: float
    last: float
    readings: int
