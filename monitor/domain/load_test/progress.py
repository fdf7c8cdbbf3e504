"""How far a load test is, as it can be told while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Live:
    """What k6 says of itself while it runs; None: not yet, or not told.

    k6's interface knows no statistics but its defaults, whatever --summary-trend-stats says.
    """

    requests: float | None = None
    requests_per_second: float | None = None
    p95_ms: float | None = None
    failed_share: float | None = None
    dropped: float = 0.0
    iterations: float | None = None
    vus: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `seconds_planned` None: it does not say how long it takes."""

    run_id: int
    seconds: float
    seconds_planned: float | None
    live: Live | None = None
    is_over: bool = False

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1."""
        if self.is_over:
            return 1.0
        return min(1.0, self.seconds / self.seconds_planned) if self.seconds_planned else None

    @property
    def seconds_left(self) -> float | None:
        """How long it still takes."""
        if self.seconds_planned is None:
            return None
        return 0.0 if self.is_over else max(0.0, self.seconds_planned - self.seconds)
