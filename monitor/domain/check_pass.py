"""A pass of a check: how it is planned, and what it came to before it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.alert import Rule
from monitor.domain.check import Check, Memory, Verdict
from monitor.domain.incident import Policy


@dataclass(frozen=True, slots=True)
class Planned:
    """A check as it is configured."""

    check: Check
    options: Any
    every: timedelta
    cron: str
    timeout: timedelta
    rule: Rule
    policy: Policy
    jitter_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """What a pass came to before it is recorded."""

    name: str
    at: datetime
    took_ms: float
    verdict: Verdict
    memory: Memory
    unjudged: frozenset[str] = frozenset()  # watched series that lack the history to be judged
