"""The catalogue of metrics: each declared once, with its unit and which direction is worse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Worse(StrEnum):
    """The direction in which a metric gets worse."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"
    NEITHER = "neither"


class Kind(StrEnum):
    """gauge: the value itself; counter: an ever-growing count, stored as its increase."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric: its unit, its bad direction, and when a change of it is worth a word.

    `watched`: compared with its own past at every pass, so that it can raise a regression.
    `effect_min`: the smallest change, in its unit, that matters to anybody.
    """

    name: str
    unit: str
    worse: Worse
    kind: Kind = Kind.GAUGE
    watched: bool = False
    effect_min: float = 0.0


_GAUGES = (
    # services
    MetricSpec("response_ms", "ms", Worse.HIGHER, watched=True, effect_min=200),
    MetricSpec("instances_up", "instances", Worse.LOWER),
    MetricSpec("pool_used_percent", "%", Worse.HIGHER),
    MetricSpec("pool_pending_threads", "threads", Worse.HIGHER),
    MetricSpec("connections_used_percent", "%", Worse.HIGHER),
    # breakers
    MetricSpec("breaker_failed_calls", "calls", Worse.HIGHER),
    MetricSpec("breaker_failure_percent", "%", Worse.HIGHER),
    # kafka
    MetricSpec("brokers", "brokers", Worse.LOWER),
    MetricSpec("under_replicated_partitions", "partitions", Worse.HIGHER),
    MetricSpec("lag_messages", "messages", Worse.HIGHER, watched=True, effect_min=100),
    MetricSpec("dlq_retained_messages", "messages", Worse.NEITHER),
    # redis
    MetricSpec("redis_keys", "keys", Worse.NEITHER),
    MetricSpec("redis_memory_percent", "%", Worse.HIGHER),
    MetricSpec("redis_hit_percent", "%", Worse.LOWER),
    MetricSpec("blocked_merchants", "merchants", Worse.HIGHER),
    MetricSpec("rate_limit_used_percent_max", "%", Worse.HIGHER),
    # outbox
    MetricSpec("outbox_oldest_age_seconds", "s", Worse.HIGHER, watched=True, effect_min=20),
    MetricSpec("publish_lag_seconds_p95", "s", Worse.HIGHER),
    MetricSpec("outbox_waiting_messages", "messages", Worse.HIGHER, watched=True, effect_min=50),
    # settlements and refunds
    MetricSpec("settlement_success_percent", "%", Worse.LOWER, watched=True, effect_min=2),
    MetricSpec("refund_success_percent", "%", Worse.LOWER, watched=True, effect_min=2),
    MetricSpec("settlements_delayed", "settlements", Worse.HIGHER),
    MetricSpec("refunds_delayed", "refunds", Worse.HIGHER),
    # reconciliation
    MetricSpec("breaks", "breaks", Worse.HIGHER),
    MetricSpec("control_drift_krw", "KRW", Worse.HIGHER),
    MetricSpec("open_breaks_krw", "KRW", Worse.HIGHER),
    MetricSpec("old_breaks", "breaks", Worse.HIGHER),
    # traffic
    MetricSpec("payments_per_minute", "payments/min", Worse.LOWER, watched=True, effect_min=1),
    MetricSpec("payment_amount_krw_avg", "KRW", Worse.NEITHER),
    MetricSpec("refused_percent", "%", Worse.HIGHER, watched=True, effect_min=2),
    MetricSpec("request_ms", "ms", Worse.HIGHER, watched=True, effect_min=200),
    # load tests
    MetricSpec("load_test_p95_ms", "ms", Worse.HIGHER),
    MetricSpec("load_test_median_ms", "ms", Worse.HIGHER),
    MetricSpec("load_test_failed_percent", "%", Worse.HIGHER),
    MetricSpec("load_test_requests_per_second", "requests/s", Worse.LOWER),
)
_COUNTERS = (
    MetricSpec("topic_messages", "messages", Worse.NEITHER, Kind.COUNTER),
    MetricSpec("dlq_arrived_messages", "messages", Worse.HIGHER, Kind.COUNTER),
    MetricSpec("redis_evicted_keys", "keys", Worse.HIGHER, Kind.COUNTER),
    MetricSpec("payments_created", "payments", Worse.NEITHER, Kind.COUNTER),
    MetricSpec("breaker_not_permitted_calls", "calls", Worse.HIGHER, Kind.COUNTER),
)
METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in (*_GAUGES, *_COUNTERS)}


def spec_of(series: str) -> MetricSpec:
    """The declaration behind a series name; KeyError if its metric is not in the catalogue."""
    return METRICS[series.partition("{")[0]]


def increase(before: float | None, value: float) -> float | None:
    """How much a counter grew; a fall means that the platform restarted and counts from zero."""
    if before is None:
        return None
    return value - before if value >= before else value
