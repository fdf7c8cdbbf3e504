"""Whether a load test may begin: its size, the hour, the platform's health. Every no has a code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol

from monitor.domain.check import Status
from monitor.domain.incident.model import Incident
from monitor.domain.statement import InvalidError, Statement

Refusal = Statement  # why a run may not begin: a word of templates (table `reason`)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a script asks for, as far as k6 can tell beforehand; None: not bounded by itself.

    `seconds` is how long it makes load, `seconds_max` with everything around it, `rate` the
    highest number of iterations that it begins in a second.
    """

    seconds: float | None = None
    seconds_max: float | None = None
    rate: float | None = None
    vus: int | None = None


class Rules(Protocol):
    """The bounds of load tests, from the configuration (checks/load_test.py has the defaults)."""

    @property
    def rate_max(self) -> int:
        """Iterations begun in a second."""

    @property
    def vus_max(self) -> int:
        """Virtual users."""

    @property
    def seconds_max(self) -> float:
        """How long the load lasts."""

    @property
    def limit_seconds(self) -> float:
        """When a run is ended, whatever it still has to do."""

    @property
    def hours(self) -> str:
        """When it may begin, in the configured zone: `01:00-06:00`; empty: always."""


def over_bounds(asked: Asked, rules: Rules) -> Refusal | None:
    """A script that asks for more than it may."""
    for code, value, most in (
        ("load_over_rate", asked.rate, rules.rate_max),
        ("load_over_vus", asked.vus, rules.vus_max),
        ("load_over_seconds", asked.seconds or asked.seconds_max, _longest(rules)),
    ):
        if value is not None and value > most:
            return Refusal(code, {"asked": value, "most": most})
    return None


def _longest(rules: Rules) -> float:
    return min(rules.seconds_max, rules.limit_seconds)


_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def hours_of(text: str) -> tuple[time, time] | None:
    """The two ends of `01:00-06:00`; None for nothing, InvalidError for what is neither."""
    if not text.strip():
        return None
    ends = [each.strip() for each in text.split("-")]
    if len(ends) != 2 or not all(_HOUR.fullmatch(each) for each in ends):
        raise InvalidError("hours", given=text)
    return time.fromisoformat(ends[0]), time.fromisoformat(ends[1])


def outside_hours(local: datetime, rules: Rules) -> Refusal | None:
    """An hour at which no load may begin; a span may reach over midnight."""
    span = hours_of(rules.hours)
    if span is None:
        return None
    begin, end = span
    now = local.time()
    inside = begin <= now < end if begin <= end else now >= begin or now < end
    params = {"now": f"{now:%H:%M}", "hours": rules.hours}
    return None if inside else Refusal("load_outside_hours", params)


def unhealthy(seen: Mapping[str, Status], titles: Mapping[str, Sequence[str]]) -> Refusal | None:
    """A platform that is critical already, or that nobody could look at."""
    critical = [name for name, status in seen.items() if status is Status.CRIT]
    if critical:
        told = [title for name in critical for title in titles.get(name, ())] or critical
        return Refusal("load_platform_critical", {"what": "; ".join(told)[:300]})
    if seen and all(status is Status.UNKNOWN for status in seen.values()):
        return Refusal("load_platform_unseen", {"checks": ", ".join(seen)[:200]})
    return None


def in_trouble(incidents: Iterable[Incident]) -> Refusal | None:
    """A critical incident that is open; what load tests themselves found is none."""
    for incident in incidents:
        is_open = incident.ended_at is None and incident.status is Status.CRIT
        if is_open and not incident.root.startswith("load_test_"):
            return Refusal("load_incident_open", {"id": incident.id or 0, "root": incident.root})
    return None
