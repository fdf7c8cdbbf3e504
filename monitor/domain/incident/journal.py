"""The story of an incident, as people read it later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.domain.alert import Alert
from monitor.domain.incident.model import Incident


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """An incident with its alerts, in the order in which they joined, and what was said of it."""

    incident: Incident
    alerts: tuple[Alert, ...]
    notices: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A notice of an incident, or (kind "silent") that it is silent from then on, and why."""

    at: datetime
    kind: str
    reason: str
