"""Questions to Prometheus that have a name, and the PromQL they become.

Metrics are chosen by `job`: the label `application` is rewritten by service discovery and does
not name the same thing everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

_REQUESTS = "http_server_requests_seconds"
_BREAKER = "resilience4j_circuitbreaker"
_HOUR = timedelta(hours=1)
_POOL = "hikaricp_connections"


Name = Literal[
    "breaker_failure_rate",
    "breaker_state",
    "error_rate",
    "server_errors",
    "refused_requests",
    "request_rate",
    "request_count",
    "latency_p95",
    "latency",
    "cpu",
    "memory",
    "pool_pending",
    "pool",
    "publish_errors",
    "threads",
    "instances_up",
]


@dataclass(frozen=True, slots=True)
class Named:
    """What a name asks. In `promql`, §range§ stands for the time over which values are taken."""

    promql: str
    unit: str
    usual: timedelta = timedelta(minutes=5)


_ERRORS = f'sum by (job) (rate({_REQUESTS}_count{{uri!~"/actuator.*", status=~"5.."}}[§range§]))'
_ALL = f'sum by (job) (rate({_REQUESTS}_count{{uri!~"/actuator.*"}}[§range§]))'
QUESTIONS: dict[Name, Named] = {
    "breaker_failure_rate": Named(f"{_BREAKER}_failure_rate >= 0", "%"),
    "breaker_state": Named(f"{_BREAKER}_state == 1", ""),
    "error_rate": Named(f"100 * ({_ERRORS} or 0 * {_ALL}) / {_ALL}", "%"),
    "server_errors": Named(
        f'sum by (job, uri, status) (increase({_REQUESTS}_count{{status=~"5.."}}[§range§]))',
        "requests",
        _HOUR,
    ),
    "refused_requests": Named(
        f'sum by (job, uri, status) (increase({_REQUESTS}_count{{status=~"4.."}}[§range§]))',
        "requests",
        _HOUR,
    ),
    "request_rate": Named(_ALL, "requests/s"),
    "request_count": Named(
        f'sum by (job) (increase({_REQUESTS}_count{{uri!~"/actuator.*"}}[§range§]))',
        "requests",
        _HOUR,
    ),
    "latency_p95": Named(
        f"1000 * histogram_quantile(0.95, sum by (job, le)"
        f' (rate({_REQUESTS}_bucket{{uri!~"/actuator.*"}}[§range§])))',
        "ms",
    ),
    "latency": Named(
        f'1000 * sum by (job, uri) (rate({_REQUESTS}_sum{{uri!~"/actuator.*"}}[§range§]))'
        f' / (sum by (job, uri) (rate({_REQUESTS}_count{{uri!~"/actuator.*"}}[§range§])) > 0)',
        "ms",
    ),
    "cpu": Named("100 * avg_over_time(process_cpu_usage[§range§])", "%"),
    "memory": Named("sum by (job, instance, area) (jvm_memory_used_bytes) / 1048576", "MiB"),
    "pool_pending": Named(f"{_POOL}_pending", "threads"),
    "pool": Named(f"100 * {_POOL}_active / {_POOL}_max", "%"),
    "publish_errors": Named(
        "sum by (job, instance) (increase(kafka_producer_record_error_total[§range§]))",
        "messages",
        _HOUR,
    ),
    "threads": Named("executor_active_threads", "threads"),
    "instances_up": Named("up", ""),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as it is put to Prometheus. `name` "": PromQL as it was given."""

    promql: str
    name: str = ""
    unit: str = ""


def question(query: str, over: timedelta | None) -> Question:
    """A question by its name, over its usual time unless another is given, or PromQL as it is."""
    name = query.strip().lower().replace(" ", "_")
    named = next((one for key, one in QUESTIONS.items() if key == name), None)
    if named is None:
        return Question(query.strip())
    length = f"{max(15, round((over or named.usual).total_seconds()))}s"
    return Question(named.promql.replace("§range§", length), name, named.unit)
