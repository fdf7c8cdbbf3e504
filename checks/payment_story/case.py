"""One payment on one shard, with all that bears on it, as the judging modules look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from checks.payment_story.probe import Facts
from checks.sources.facts.payments import kind_of
from checks.sources.facts.platform import DeadLetter
from checks.sources.facts.story import LedgerEntry, OutboxEvent, PaymentRecords, PaymentRow
from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.alert import Alert
from monitor.domain.books.payment_story import BREAKER, BROKER, History
from monitor.domain.check import Status

GRACE = timedelta(seconds=60)  # what takes no longer is under way
CAPTURED = ("CAPTURED", "REFUND_REQUESTED", "REFUND_FAILED", "REFUNDED")
BROKER_DOWN = ("service_down:kafka",)
BREAKER_OPEN = (
    "breaker_open:*/kafka-publisher",
    "breaker_forced:*/kafka-publisher",
    "breaker_half_open_long:*/kafka-publisher",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A payment on a shard; `twins` are those with the same id on other shards."""

    payment: PaymentRow
    records: PaymentRecords
    facts: Facts
    history: History
    now: datetime
    twins: tuple[PaymentRecords, ...] = ()

    def events(self, kind: str) -> Fact[list[OutboxEvent]]:
        """Its events of one kind, oldest first."""
        events = self.records.events
        return events if isinstance(events, Unavailable) else [e for e in events if e.kind == kind]

    def dead_letters(self, topic: str) -> Fact[list[DeadLetter]]:
        """The dead letters of a topic that name it and can be this shard's."""
        found = self.facts.dead_letters.get(topic, ())
        if isinstance(found, Unavailable):
            return found
        return [one for one in found if one.amount_krw in (None, self.payment.amount_krw)]

    def live(self, *patterns: str) -> Alert | None:
        """The oldest alert of these patterns that is live now."""
        return live_at(self.history, self.now, *patterns)

    @property
    def is_young(self) -> bool:
        """Whether its last change is so young that what follows may be under way."""
        return self.now - self.payment.updated_at < GRACE


def matches(alert: Alert, *patterns: str) -> bool:
    """Whether an alert is one of these (`code:subject`, with *)."""
    return any(fnmatchcase(alert.key, pattern) for pattern in patterns)


def live_at(history: History, at: datetime, *patterns: str) -> Alert | None:
    """The oldest alert of these patterns that was live at a moment."""
    found = [
        alert
        for alert in history.alerts
        if matches(alert, *patterns)
        and alert.since <= at
        and (alert.ended_at is None or alert.ended_at > at)
    ]
    return min(found, key=lambda alert: alert.since, default=None)


def around(history: History, at: datetime) -> dict[str, str]:
    """How broker and breaker were at a moment, by alerts and by the last pass before it."""
    return {
        BROKER: _state(history, at, "services", BROKER_DOWN, "up"),
        BREAKER: _state(history, at, "breakers", BREAKER_OPEN, "closed"),
    }


def _state(history: History, at: datetime, check: str, wrong: tuple[str, ...], well: str) -> str:
    alert = live_at(history, at, *wrong)
    if alert is not None:
        return _word(alert.params.get("state"))
    glances = [g for g in history.glances if g.check == check and g.at <= at]
    last = max(glances, key=lambda glance: glance.at, default=None)
    if last is None:
        return "unwatched"
    for finding in last.findings:
        if any(fnmatchcase(finding.key, pattern) for pattern in wrong):
            return _word(finding.params.get("state"))
        if finding.status is Status.UNKNOWN and not _is_of_another(finding.subject):
            return "unavailable"
    return well


def _word(state: object) -> str:
    return str(state).lower() if state else "down"


def _is_of_another(subject: str) -> bool:
    """Whether what was not seen then was neither the broker, nor its breaker, nor the way."""
    return subject.endswith("/pg-auth-api") or subject.startswith(_OTHERS)


_OTHERS = ("redis", "database", "consumer", "settlement", "refund", "k6", "prometheus", "eureka")


def booked_as(entry: LedgerEntry) -> str:
    """What an entry books: capture, refund or other."""
    return kind_of(entry.debit_account, entry.credit_account)
