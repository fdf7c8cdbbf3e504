"""A pass of a check: how it is planned, and what it came to before it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.alert import Rule
from monitor.domain.check import Check, Memory, OtherFinding, Verdict


@dataclass(frozen=True, slots=True)
class Planned:
    """A check as it is configured."""

    check: Check
    options: Any
    every: timedelta
    cron: str
    timeout: timedelta
    rule: Rule
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

    def as_other_findings(
        self, since: Mapping[tuple[str, str], datetime | None]
    ) -> list[OtherFinding]:
        """This pass as the check that explains others sees it; what goes on began when it began."""
        name, status, found = self.name, self.verdict.status, self.verdict.findings
        if not found:
            return [OtherFinding(name, status, self.at)]
        return [
            OtherFinding(name, status, self.at, f, since.get((name, f.key)) or self.at)
            for f in found
        ]
