"""The one thing that may be changed on the platform: a merchant's rate-limit counters go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from checks.sources.facts.unavailable import Fact


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was cleared. `via`: redis (itself) or gateway (the monitoring-service).

    `actions`: whose counters are known to be gone; None: the gateway does not tell.
    """

    via: str
    actions: tuple[str, ...] | None


class RateLimitReset(Protocol):
    """Clears a merchant's counters, and nothing else."""

    @property
    def via(self) -> str: ...
    @property
    def by_action(self) -> bool: ...  # whether single actions can be cleared
    def clear(self, merchant_id: str, actions: Sequence[str]) -> Fact[Cleared]: ...
