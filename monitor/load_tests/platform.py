"""What the platform did while a load test ran, from what the checks stored meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.metrics import METRICS, Worse, spec_of
from monitor.store.series.history import metric_history, series_names

if TYPE_CHECKING:
    from monitor.store.database import Connection

BEFORE = timedelta(minutes=30)
AFTER = timedelta(seconds=90)  # the first look after the load still sees what it left behind
_TOLD = (
    *("lag_messages", "outbox_oldest_age_seconds", "outbox_waiting_messages"),
    *("breaker_failed_calls", "breaker_failure_percent", "breaker_not_permitted_calls"),
    *("pool_used_percent", "pool_pending_threads", "connections_used_percent"),
    *("publish_lag_seconds_p95", "request_ms", "response_ms", "refused_percent"),
    *("redis_memory_percent", "blocked_merchants"),
)
_ROWS_MAX = 20


def platform_during(tx: Connection, run: LoadTestRun, now: datetime) -> list[Meanwhile]:
    """The platform's figures during a run, those that moved most first."""
    found = sorted(_found(tx, run, now), key=_moved, reverse=True)
    return found[:_ROWS_MAX]


def _found(tx: Connection, run: LoadTestRun, now: datetime) -> Iterator[Meanwhile]:
    start, end = run.started_at, (run.ended_at or now) + AFTER
    told = [(check, name) for check, name in series_names(tx) if _is_told(name)]
    for check, name in told:
        values = [p.value for p in metric_history(tx, check, name, start, end).points]
        if not values:
            continue
        earlier = metric_history(tx, check, name, start - BEFORE, start).points
        spec = spec_of(name)
        worst = min(values) if spec.worse is Worse.LOWER else max(values)
        before = median(p.value for p in earlier) if earlier else None
        yield Meanwhile(check, name, spec.unit, before, worst, values[-1], len(values))


def _is_told(series: str) -> bool:
    name = series.partition("{")[0]
    return name in METRICS and name in _TOLD


def _moved(each: Meanwhile) -> float:
    """By how much a series left its usual place; one that was at zero comes first."""
    before = each.before or 0.0
    return abs(each.worst - before) / (abs(before) or 1.0)
