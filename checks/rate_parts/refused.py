"""Requests that a rate limit refused (429), by action: how many of them in the last minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.sources.facts.platform import RequestCount
from monitor.domain.check import Memory
from monitor.domain.metrics import increase

ACTIONS = ("authorize", "capture", "refund")
ANY = "any"
_REFUSED = 429
Counts = Mapping[str, tuple[RequestCount, ...]]


@dataclass(frozen=True, slots=True)
class Refused:
    """The requests refused by action over `minutes`; `earlier` of them at an unknown time."""

    memory: Memory
    by_action: Mapping[str, float]
    minutes: float
    earlier: float


def refused(counted: Counts, known: Memory, now: datetime, window: timedelta) -> Refused:
    """The growth of every instance's counts; what it counted before it was seen has no time."""
    raw = dict(known.get("raw", {}))
    samples = list(known.get("samples", ()))
    totals = Counter[str](samples[-1][1] if samples else {})
    earlier = 0.0
    for instance, found in counted.items():
        after = _by_action(found)
        before = raw.get(instance)
        if before is None:
            earlier += sum(after.values())
        else:
            totals.update({a: increase(before.get(a, 0.0), n) or 0.0 for a, n in after.items()})
        raw[instance] = after
    kept = _kept([*samples, [now.isoformat(), dict(totals)]], now, window)
    since, first = kept[0]
    grown = {action: n - first.get(action, 0.0) for action, n in totals.items()}
    minutes = (now - datetime.fromisoformat(since)).total_seconds() / 60
    memory = {"raw": raw, "samples": kept}
    return Refused(memory, {a: n for a, n in grown.items() if n > 0}, minutes, earlier)


def _by_action(found: Iterable[RequestCount]) -> dict[str, float]:
    counts = Counter[str]()
    for one in found:
        if one.status == _REFUSED:
            counts[action_of(one.uri)] += one.count  # type: ignore[assignment]
    return dict(counts)


def action_of(uri: str) -> str:
    """The action that a path asks for."""
    return next((action for action in ACTIONS if action in uri), ANY)


def _kept(samples: Sequence[list], now: datetime, window: timedelta) -> list[list]:  # type: ignore[type-arg]
    """The samples of the window, and the one before it from which it is counted."""
    older = [s for s in samples[:-1] if now - datetime.fromisoformat(s[0]) >= window]
    return [*older[-1:], *samples[len(older) :]]
