"""Why an event of the outbox is not published yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from checks.payment_story.case import BREAKER_OPEN, BROKER_DOWN, GRACE, Case, matches
from checks.sources.facts.platform import Breaker
from checks.sources.facts.story import OutboxEvent
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.alert import Alert
from monitor.domain.books.payment_story import Reason
from monitor.domain.check import Status

PASSED_ENOUGH = 8  # so many later events of the other half, and none of this half, are no chance
LATE = timedelta(seconds=60)
_OPEN = ("OPEN", "FORCED_OPEN", "HALF_OPEN")


def not_published(case: Case, event: OutboxEvent, stage: str) -> Reason:
    """The reason why an event waits, the surest first."""
    params = _params(case, event)
    retries_max = case.records.outbox_retries_max
    if event.retries is not None and event.retries >= retries_max:
        return Reason("event_exhausted", Status.CRIT, stage, params)
    if case.now - event.created_at < GRACE:
        return Reason("event_fresh", Status.OK, stage, params)
    if _is_unreached(case, event):
        return Reason("relay_unreached", Status.CRIT, stage, params)
    return _held_up(case, event, stage, params)


def _params(case: Case, event: OutboxEvent) -> dict[str, Any]:
    return {
        "shard": case.records.shard,
        "payment_id": case.payment.payment_id,
        "event_id": event.event_id,
        "event_type": event.kind,
        "created_at": event.created_at.isoformat(),
        "age_seconds": max(0.0, (case.now - event.created_at).total_seconds()),
        "retries": event.retries,
        "retries_max": case.records.outbox_retries_max,
        "passed": event.passed or 0,
        "is_other_half": is_other_half(case),
    }


def is_other_half(case: Case) -> bool:
    """Whether a relay that divides by payment id leaves this payment to another one."""
    parity = case.records.parity
    return parity is not None and case.payment.payment_id % 2 != parity


def _is_unreached(case: Case, event: OutboxEvent) -> bool:
    """Later events went out, all of them of the other half of the ids."""
    passed = event.passed or 0
    return is_other_half(case) and passed >= PASSED_ENOUGH and event.passed_alike == 0


def _held_up(case: Case, event: OutboxEvent, stage: str, params: dict[str, Any]) -> Reason:
    alert = case.live(*BROKER_DOWN)
    if alert is not None or _refuses(case):
        since = alert.since.isoformat() if alert else None
        return Reason("broker_down", Status.CRIT, stage, params | {"since": since})
    alert = case.live(*BREAKER_OPEN)
    breaker = _open_breaker(case)
    if alert is not None or breaker is not None:
        state = breaker.state if breaker else str((alert and alert.params.get("state")) or "OPEN")
        since = alert.since.isoformat() if alert else None
        return Reason("breaker_open", Status.CRIT, stage, params | {"since": since, "state": state})
    alert = case.live("relay_stalled:*")
    if alert is not None:
        since = alert.since.isoformat()
        return Reason("relay_stalled", Status.CRIT, stage, params | {"since": since})
    if event.passed_alike:
        return Reason("event_passed_over", Status.CRIT, stage, params)
    return Reason("relay_quiet", Status.CRIT, stage, params)


def _refuses(case: Case) -> bool:
    """Whether the broker refused just now."""
    found = [*case.facts.dead_letters.values(), *case.facts.lags.values()]
    return any(isinstance(one, Unavailable) and one.why is Why.REFUSED for one in found)


def _open_breaker(case: Case) -> Breaker | None:
    seen = [found for found in case.facts.breakers.values() if not isinstance(found, Unavailable)]
    publishers = (b for found in seen for b in found if b.name == "kafka-publisher")
    return next((b for b in publishers if b.state in _OPEN), None)


def published_late(case: Case, event: OutboxEvent, stage: str) -> Reason | None:
    """Why an event that is published waited long for it; None: it did not."""
    if event.published_at is None or event.published_at - event.created_at < LATE:
        return None
    cause = _cause_between(case, event.created_at, event.published_at)
    params = _params(case, event) | {
        "published_at": event.published_at.isoformat(),
        "waited_seconds": (event.published_at - event.created_at).total_seconds(),
        "cause": cause.code if cause else "",
        "since": cause.since.isoformat() if cause else None,
    }
    return Reason("published_late", Status.OK, stage, params)


def _cause_between(case: Case, start: datetime, end: datetime) -> Alert | None:
    """What held events up in a span, the deepest cause first."""
    for patterns in (BROKER_DOWN, BREAKER_OPEN, ("relay_stalled:*",)):
        for alert in case.history.alerts:
            over = alert.ended_at or case.now
            if matches(alert, *patterns) and alert.since <= end and over >= start:
                return alert
    return None
