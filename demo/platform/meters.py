"""What ingest counts about the requests it answered."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Meter:
    """Requests of one kind: how many, and how long they took together."""

    count: int = 0
    seconds_total: float = 0.0


@dataclass(slots=True)
class Meters:
    """One meter per method, uri and status, since the platform started."""

    requests: dict[tuple[str, str, int], Meter] = field(default_factory=dict)

    def record(self, method: str, uri: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        meter = self.requests.setdefault((method, uri, status), Meter())
        meter.count += 1
        meter.seconds_total += seconds
