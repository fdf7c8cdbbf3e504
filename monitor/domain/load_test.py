"""A run of a load test, as it is stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadTestRun:
    """One run of k6. `state`: running, passed, failed (a threshold was crossed) or invalid.

    `figures` are the numbers that are compared (http_req_duration p95 in ms, requests per
    second, failed share, dropped iterations, ...); `summary` is k6's own JSON.
    """

    scenario: str
    target: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    exit_code: int | None = None
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
