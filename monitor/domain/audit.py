"""What was done, or refused, at somebody's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
