"""What Prometheus tells: readings of a moment, and what happened in a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

TRANSITIONS_MAX = 100
# The labels of a series and its readings, oldest first.
Course: TypeAlias = tuple[Mapping[str, str], Sequence[tuple[datetime, float]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One series at one moment."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Transition:
    """A change from one value to the next."""

    at: datetime
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Happened:
    """What one series did in a window; `first` and `last` are its ends as far as it had readings.

    `increase` is that of a counter: a fall means that it began again from zero; `per_second` is
    spread over the time between the first and the last reading (None: only one reading).
    `transitions` are its newest changes, `changes` says how many there were.
    """

    labels: Mapping[str, str]
    readings: int
    first_at: datetime
    last_at: datetime
    first: float
    last: float
    low: float
    high: float
    increase: float
    per_second: float | None
    changes: int
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A breaker went from one state to another."""

    instance: str
    name: str
    at: datetime
    before: str
    after: str


def happened(labels: Mapping[str, str], points: Sequence[tuple[datetime, float]]) -> Happened:
    """What a series did; it must have at least one point."""
    values = [value for _, value in points]
    changes = [
        Transition(at, before, after)
        for (_, before), (at, after) in pairwise(points)
        if before != after
    ]
    seconds = (points[-1][0] - points[0][0]).total_seconds()
    grown = _increase(values)
    return Happened(
        labels,
        len(points),
        points[0][0],
        points[-1][0],
        values[0],
        values[-1],
        min(values),
        max(values),
        grown,
        grown / seconds if seconds else None,
        len(changes),
        tuple(changes[-TRANSITIONS_MAX:]),
    )


def _increase(values: Sequence[float]) -> float:
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def turns(states: Iterable[tuple[datetime, str]], instance: str, name: str) -> list[Turn]:
    """The changes in what one breaker was seen in, moment by moment."""
    ordered = sorted(states)
    return [
        Turn(instance, name, at, before, after)
        for (_, before), (at, after) in pairwise(ordered)
        if before != after
    ]
