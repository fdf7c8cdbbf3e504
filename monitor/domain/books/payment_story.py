"""The story of one payment: what happened to it on each shard, and why it is where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.domain.alert import Alert
from monitor.domain.books.discrepancies import OpenBreak
from monitor.domain.check import Finding, Params, Status, worst

BROKER, BREAKER = "broker", "breaker"


@dataclass(frozen=True, slots=True)
class Glance:
    """A stored pass of a check: what it saw, and when."""

    check: str
    at: datetime
    status: Status
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What the monitor had stored of the time of a payment: alerts, passes, breaks of it.

    A break comes with when it was resolved (None: it is open).
    """

    alerts: tuple[Alert, ...] = ()
    glances: tuple[Glance, ...] = ()
    breaks: tuple[tuple[OpenBreak, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. `code` is a word of [story.happening] in templates.

    `around` says how broker and breaker were then: {"broker": "up"}; empty: of no matter.
    `alert` is that of an alert_began or alert_ended.
    """

    at: datetime
    code: str
    params: Params = field(default_factory=dict)
    status: Status = Status.OK
    around: Mapping[str, str] = field(default_factory=dict)
    alert: Alert | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a payment is where it is. `code` is a word of [story.reason] in templates.

    `stage` is what it is about: payment, capture, refund or ledger.
    """

    code: str
    status: Status
    stage: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A payment on one shard: its row (None: none, or unavailable), its course, and the reasons.

    The worst reason comes first. `unavailable` are findings "could not look", each with its reason;
    `read_until` names tables that were read up to a time only.
    """

    shard: str
    reasons: tuple[Reason, ...]
    payment: Params | None = None
    happenings: tuple[Happening, ...] = ()
    unavailable: tuple[Finding, ...] = ()
    read_until: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """As bad as the worst reason; what is not seen is not well."""
        hidden = [Status.UNKNOWN] if self.unavailable else []
        return worst([*(reason.status for reason in self.reasons), *hidden])


@dataclass(frozen=True, slots=True)
class Story:
    """A payment on every shard that was asked; `conclusion` is the answer in one reason."""

    payment_id: int
    at: datetime
    chapters: tuple[Chapter, ...]
    conclusion: Reason

    @property
    def status(self) -> Status:
        """As bad as the worst chapter, and as the conclusion."""
        return worst([self.conclusion.status, *(chapter.status for chapter in self.chapters)])
