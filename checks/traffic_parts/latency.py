"""What the traffic check remembers of latency: how long ingest took for its latest answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.platform import RequestCount
from monitor.domain.check import Memory
from monitor.domain.metrics import increase

_THINNED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Latency:
    """Requests answered since `since`, and how long they took together."""

    memory: Memory
    requests: float
    seconds_total: float
    since: datetime

    @property
    def mean_ms(self) -> float:
        """How long an answer took; 0 where nothing was asked."""
        return 1000 * self.seconds_total / self.requests if self.requests else 0.0


def latency(
    counted: Mapping[str, tuple[RequestCount, ...]],
    known: Memory,
    now: datetime,
    requests_min: int,
    window: timedelta,
) -> Latency:
    """The shortest recent time with `requests_min` authorizations in it, the window at most.

    So a busy platform is judged by its last minute, and a quiet one never by a single request.
    """
    raw = dict(known.get("raw", {}))
    samples = list(known.get("samples", ()))
    requests, seconds = samples[-1][1:] if samples else (0.0, 0.0)
    for instance, found in counted.items():
        before, after = raw.get(instance), _totals(found)
        if before is not None:
            grown = _grown(before, after)
            requests, seconds = requests + grown[0], seconds + grown[1]
        raw[instance] = after
    kept = _kept(samples, now, window)
    first = _first([*kept, [now.isoformat(), requests, seconds]], requests_min)
    memory = {"raw": raw, "samples": [*kept, [now.isoformat(), requests, seconds]]}
    since = datetime.fromisoformat(first[0])
    return Latency(memory, requests - first[1], seconds - first[2], since)


def _totals(found: Sequence[RequestCount]) -> list[float]:
    asked = [r for r in found if "authorize" in r.uri]
    return [sum(r.count for r in asked), sum(r.seconds_total for r in asked)]


def _grown(before: Sequence[float], after: Sequence[float]) -> Sequence[float]:
    """A restart is seen by the count alone: both begin again together."""
    if after[0] < before[0]:
        return after
    return increase(before[0], after[0]) or 0.0, max(0.0, after[1] - before[1])


def _kept(samples: Sequence[Any], now: datetime, window: timedelta) -> list[Any]:
    """The samples of the window and the one at which it begins, no closer than 30 seconds."""
    older = [s for s in samples if now - datetime.fromisoformat(s[0]) >= window]
    kept = [*older[-1:], *samples[len(older) :]]
    if len(kept) > 1 and now - datetime.fromisoformat(kept[-2][0]) < _THINNED:
        kept.pop()
    return kept


def _first(samples: Sequence[Any], requests_min: int) -> Any:
    enough = [s for s in samples if samples[-1][1] - s[1] >= requests_min]
    return enough[-1] if enough else samples[0]
