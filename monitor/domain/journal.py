"""What is on record for people: stories of incidents, acts that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.domain.alert import Alert
from monitor.domain.incident import Incident


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """An incident with its alerts, in the order in which they joined, and what was said of it."""

    incident: Incident
    alerts: tuple[Alert, ...]
    notices: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A notice of an incident, and when it was given."""

    at: datetime
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. outcome: started (its end was never recorded), done, failed, refused, declined.

    `confirmed_by`: how the caller confirmed it (elicitation, token), "" if nobody did.
    """

    at: datetime
    tool: str
    caller: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    confirmed_by: str = ""
    outcome: str = "started"
    said: str = ""
    ended_at: datetime | None = None
    id: int | None = None
