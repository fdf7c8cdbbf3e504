"""Why a capture or a refund that was requested is not done, or what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checks.payment_story.case import GRACE, Case
from checks.payment_story.publishing import not_published, published_late
from checks.sources.facts.platform import GroupLag
from checks.sources.facts.story import OutboxEvent, PgRequest
from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.books.payment_story import Reason
from monitor.domain.check import Status


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a payment: its event, the group that works on it, and how it may end."""

    name: str
    event: str
    topic: str
    group: str
    dlq: str
    waiting: str
    failed: str


CAPTURE = Stage(
    *("capture", "PAYMENT_CAPTURE_REQUESTED", "payment.capture-requested"),
    *("settlement-worker-group", "settlement.dlq", "CAPTURE_REQUESTED", "CAPTURE_FAILED"),
)
REFUND = Stage(
    *("refund", "PAYMENT_REFUND_REQUESTED", "payment.refund-requested"),
    *("refund-worker-group", "refund.dlq", "REFUND_REQUESTED", "REFUND_FAILED"),
)


def waiting(case: Case, stage: Stage) -> Reason:
    """Why a requested capture or refund is still waiting, along its way."""
    requests = _requests(case, stage)
    if not isinstance(requests, Unavailable) and requests:
        return _contradicting(case, stage, requests[-1])
    dead_letter = _given_up(case, stage)
    if dead_letter is not None:
        return dead_letter
    events = case.events(stage.event)
    if isinstance(events, Unavailable):
        return Reason("events_unavailable", Status.UNKNOWN, stage.name, _about(case, stage))
    if not events:
        return _no_event(case, stage)
    unpublished = [event for event in events if not event.published]
    if len(unpublished) == len(events):
        return not_published(case, events[0], stage.name)
    return _at_the_worker(case, stage, next(event for event in events if event.published))


def _requests(case: Case, stage: Stage) -> Fact[tuple[PgRequest, ...]]:
    return case.records.settlements if stage is CAPTURE else case.records.refunds


def _about(case: Case, stage: Stage) -> dict[str, Any]:
    return {
        "shard": case.records.shard,
        "payment_id": case.payment.payment_id,
        "group": stage.group,
        "topic": stage.topic,
        "dlq": stage.dlq,
        "event_type": stage.event,
        "state": case.payment.state,
    }


def _no_event(case: Case, stage: Stage) -> Reason:
    """Not written at all, or beyond what was read."""
    until = case.records.read_until.get("outbox_event")
    if until is None:
        return Reason("event_missing", Status.CRIT, stage.name, _about(case, stage))
    params = _about(case, stage) | {"read_until": until.isoformat()}
    return Reason("event_beyond", Status.UNKNOWN, stage.name, params)


def _contradicting(case: Case, stage: Stage, request: PgRequest) -> Reason:
    """The worker has an outcome and the payment does not show it."""
    params = _about(case, stage) | _of_request(request)
    return Reason("outcome_contradicts", Status.CRIT, stage.name, params)


def _of_request(request: PgRequest) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "request_state": request.state,
        "pg_code": request.code,
        "pg_message": request.message,
        "requested_at": request.requested_at.isoformat(),
        "retries": request.retries,
        "last_retry_at": request.last_retry_at.isoformat() if request.last_retry_at else None,
    }


def _given_up(case: Case, stage: Stage) -> Reason | None:
    dead_letters = case.dead_letters(stage.dlq)
    if isinstance(dead_letters, Unavailable) or not dead_letters:
        return None
    last = dead_letters[-1]
    params = _about(case, stage) | {
        "error": last.error,
        "at": last.at.isoformat(),
        "partition": last.partition,
        "offset": last.offset,
    }
    return Reason("worker_gave_up", Status.CRIT, stage.name, params)


def _at_the_worker(case: Case, stage: Stage, event: OutboxEvent) -> Reason:
    published_at = event.published_at or event.created_at
    params = _about(case, stage) | {
        "published_at": published_at.isoformat(),
        "age_seconds": max(0.0, (case.now - published_at).total_seconds()),
    }
    if case.now - published_at < GRACE:
        return Reason("worker_under_way", Status.OK, stage.name, params)
    return consumed(case, stage.name, stage.group, stage.topic, params) or Reason(
        "worker_skipped", Status.CRIT, stage.name, params
    )


def consumed(
    case: Case, stage: str, group: str, topic: str, params: dict[str, Any]
) -> Reason | None:
    """Why a group has not read a message yet; None: it has read all there is."""
    params = {**params, "group": group, "topic": topic}
    stopped = case.live(*(f"{c}:{group}" for c in ("group_absent", "group_empty", "lag_stuck")))
    if stopped is not None:
        since = stopped.since.isoformat()
        return Reason("worker_stopped", Status.CRIT, stage, params | {"since": since})
    lag = case.facts.lags.get(group)
    if lag is None or isinstance(lag, Unavailable):
        return Reason("worker_unavailable", Status.UNKNOWN, stage, params)
    behind = _behind(lag, topic)
    if behind:
        return Reason("worker_behind", Status.WARN, stage, params | {"lag_messages": behind})
    return None


def _behind(lag: GroupLag, topic: str) -> int:
    return sum(one.lag_messages for one in lag.partitions if one.topic == topic)


def failed(case: Case, stage: Stage) -> Reason:
    """What the payment gateway said to a capture or refund that failed, and what was tried."""
    requests = _requests(case, stage)
    if isinstance(requests, Unavailable):
        return Reason("requests_unavailable", Status.UNKNOWN, stage.name, _about(case, stage))
    refused = [request for request in requests if request.state == "FAILED"]
    if not refused:
        return Reason("failed_unexplained", Status.CRIT, stage.name, _about(case, stage))
    last, most = refused[-1], case.records.work_retries_max
    params = _about(case, stage) | _of_request(last) | {"retries_max": most}
    code = "pg_refused"
    if last.retries >= most:
        code = "retries_exhausted"
    elif last.last_retry_at is None:
        code = "pg_refused_untried"
    return Reason(code, Status.WARN, stage.name, params)


def done(case: Case, stage: Stage) -> Iterator[Reason]:
    """When a capture or refund was done and what held it up; or that nothing explains it."""
    requests, events = _requests(case, stage), case.events(stage.event)
    by_api = case.events("PAYMENT_CAPTURED") if stage is CAPTURE else []
    about = _about(case, stage) | {"amount_krw": case.payment.amount_krw}
    if isinstance(requests, Unavailable) or isinstance(by_api, Unavailable):
        yield Reason("requests_unavailable", Status.UNKNOWN, stage.name, about)
        return
    paid = [request for request in requests if request.state == "SUCCESS"]
    if not paid and not by_api and not case.is_young:
        is_cut_off = bool(case.records.read_until)
        code = "outcome_beyond" if is_cut_off else f"{stage.name}_unexplained"
        yield Reason(code, Status.UNKNOWN if is_cut_off else Status.CRIT, stage.name, about)
        return
    if len(paid) > 1:
        more = {"count": len(paid), "paid_krw": sum(request.amount_krw for request in paid)}
        yield Reason(f"{stage.name}_twice", Status.CRIT, stage.name, about | more)
        return
    at = paid[-1].completed_at if paid else by_api[-1].created_at if by_api else None
    params = {"at": (at or case.payment.updated_at).isoformat(), "is_by_api": not paid}
    yield Reason(f"{stage.name}_done", Status.OK, stage.name, about | params)
    late = [
        published_late(case, e, stage.name)
        for e in ([] if isinstance(events, Unavailable) else events)
    ]
    yield from (reason for reason in late if reason is not None)
