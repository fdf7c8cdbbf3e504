"""Facts that only the monitoring-service's HTTP API offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checks.sources.facts.platform import BookCounts
from checks.sources.facts.unavailable import Fact


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The platform's own comparison; both of its sides sum the same column of the same rows."""

    balanced: bool
    debits_krw: int
    credits_krw: int
    debit_accounts: Mapping[str, int]
    credit_accounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """The row counts, and each shard's state (UP, DOWN) or why it was not counted."""

    counts: BookCounts
    shards: Mapping[str, Fact[str]]


@dataclass(frozen=True, slots=True)
class BlockedMerchant:
    """A merchant that the platform lists as blocked (its own limit of 100, authorize only)."""

    merchant_id: str
    count: int
    ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the platform says of one merchant's limit (its own limit of 100, authorize only)."""

    merchant_id: str
    count: int
    limit: int
    remaining: int
    ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class BreakerHealth:
    """The breaker in one line; `failure_percent` None: no data yet."""

    healthy: bool
    state: str
    failure_percent: float | None


@dataclass(frozen=True, slots=True)
class BreakerDiagnosis:
    """What the platform itself says about its breaker."""

    state: str
    failure_percent: float | None
    slow_percent: float | None
    reported_problems: tuple[str, ...]
    recommendations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KafkaHealth:
    """Whether the brokers answer; says nothing about partitions."""

    healthy: bool
    cluster_id: str
    brokers: int
    detail: str


@dataclass(frozen=True, slots=True)
class PlatformLoadTest:
    """A k6 summary that the platform keeps."""

    file: str
    at: datetime | None
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoadTestAnalysis:
    """The platform's reading of its last k6 summary (its texts carry their units)."""

    grade: str
    response_time: Mapping[str, str]
    success_percent: float | None
    failed_percent: float | None
    throughput: str
    recommendations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load-test scenario that the platform describes."""

    name: str
    description: str
