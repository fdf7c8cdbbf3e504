"""What is asked for, done or refused at somebody's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

APPROVAL_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. outcome: started (its end was never recorded), done, failed, refused, declined.

    `confirmed_by`: how it was confirmed (elicitation, or approval:NAME), "" if nobody did.
    `repeats`: how many refusals more this line stands for.
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
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Approval:
    """An act that waits for a person, or for its caller to repeat it once it is approved.

    `digest` is the same for the same tool, arguments and caller only; `question` is what a person
    is shown. `approved_by` is "" until somebody approved it.
    """

    code: str
    digest: str
    tool: str
    caller: str
    question: str
    asked_at: datetime
    expires_at: datetime
    arguments: Mapping[str, Any] = field(default_factory=dict)
    approved_by: str = ""
