"""The story of a payment, told from its facts and from what the monitor had stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from checks.payment_story.case import CAPTURED, Case
from checks.payment_story.ledger import booked
from checks.payment_story.probe import Facts
from checks.payment_story.timeline import happenings
from checks.payment_story.worker import CAPTURE, REFUND, done, failed, waiting
from checks.sources.facts.story import PaymentRecords, PaymentRow
from checks.sources.facts.unavailable import Unavailable, monitoring_gap, monitoring_gaps
from monitor.domain.books.payment_story import Chapter, History, Reason, Story
from monitor.domain.check import Finding, Params, Status

_STAGES = ("ledger", "refund", "capture", "payment")  # of equal reasons, the latest stage first


def tell(facts: Facts, history: History, now: datetime) -> Story:
    """The whole story; what could not be seen stays unknown, and hides no other shard."""
    chapters = tuple(_chapter(shard, facts, history, now) for shard in facts.records)
    return Story(facts.payment_id, now, chapters, _conclusion(facts, chapters))


def _conclusion(facts: Facts, chapters: tuple[Chapter, ...]) -> Reason:
    """The worst reason of all shards; or that there is no such payment, as far as was seen."""
    there = [c for c in chapters if c.payment is not None or c.happenings]
    if there:
        return worst_first([chapter.reasons[0] for chapter in there])[0]
    unavailable = [
        shard for shard, records in facts.records.items() if isinstance(records, Unavailable)
    ]
    params: Params = {
        "payment_id": facts.payment_id,
        "shards": ", ".join(facts.records),
        "unavailable": ", ".join(unavailable),
    }
    if unavailable:
        return Reason("perhaps_elsewhere", Status.UNKNOWN, "payment", params)
    return Reason("nowhere", Status.WARN, "payment", params)


def worst_first(reasons: list[Reason]) -> list[Reason]:
    """Reasons by how bad they are."""
    return sorted(reasons, key=lambda r: (r.status.rank, _STAGES.index(r.stage)))


def _chapter(shard: str, facts: Facts, history: History, now: datetime) -> Chapter:
    records = facts.records[shard]
    params: Params = {"shard": shard, "payment_id": facts.payment_id}
    if isinstance(records, Unavailable):
        reason = Reason("shard_unavailable", Status.UNKNOWN, "payment", params)
        return Chapter(shard, (reason,), unavailable=(monitoring_gap(records),))
    payment = records.payment
    if payment is None:
        return Chapter(shard, (Reason("not_here", Status.OK, "payment", params),))
    course = happenings(records, facts, history, now)
    if isinstance(payment, Unavailable):
        unavailable = tuple(_unavailable(records, facts, is_well=False))
        return Chapter(shard, (_by_entries(records, facts),), None, course, unavailable)
    twins = tuple(
        r for s, r in facts.records.items() if s != shard and not isinstance(r, Unavailable)
    )
    case = Case(payment, records, facts, history, now, twins)
    reasons = worst_first([*_reasons(case)])
    unavailable = tuple(_unavailable(records, facts, reasons[0].status is Status.OK))
    return Chapter(shard, tuple(reasons), _told(payment), course, unavailable, records.read_until)


def _told(payment: PaymentRow) -> Params:
    return {
        "merchant_id": payment.merchant_id,
        "amount_krw": payment.amount_krw,
        "currency": payment.currency,
        "state": payment.state,
        "idempotency_key": payment.idempotency_key,
        "requested_at": payment.requested_at.isoformat(),
        "updated_at": payment.updated_at.isoformat(),
    }


def _reasons(case: Case) -> Iterator[Reason]:
    """What is to be said of each stage that the payment has reached."""
    state = case.payment.state
    found = [*_of_state(case, state), *booked(case)]
    yield from found
    if not any(reason.status is Status.CRIT for reason in found):
        yield from _broken(case)


def _of_state(case: Case, state: str) -> Iterator[Reason]:
    if state in (CAPTURE.waiting, "AUTHORIZED"):
        yield waiting(case, CAPTURE)
    elif state == CAPTURE.failed:
        yield failed(case, CAPTURE)
    elif state in CAPTURED:
        yield from done(case, CAPTURE)
        yield from _of_refund(case, state)
    else:
        params: dict[str, Any] = {
            "shard": case.records.shard,
            "payment_id": case.payment.payment_id,
        }
        yield Reason("state_strange", Status.CRIT, "payment", params | {"state": state})


def _of_refund(case: Case, state: str) -> Iterator[Reason]:
    if state == REFUND.waiting:
        yield waiting(case, REFUND)
    elif state == REFUND.failed:
        yield failed(case, REFUND)
    elif state == "REFUNDED":
        yield from done(case, REFUND)
    elif not isinstance(case.records.refunds, Unavailable) and case.records.refunds:
        yield waiting(case, REFUND)  # a refund without its status: it contradicts


def _broken(case: Case) -> Iterator[Reason]:
    """Breaks of it that are open and that no other reason tells of."""
    open_ = [b for b, resolved_at in case.history.breaks if resolved_at is None]
    mine = [b for b in open_ if b.shard == case.records.shard]
    if mine:
        params: dict[str, Any] = {
            "shard": case.records.shard,
            "payment_id": case.payment.payment_id,
            "invariants": ", ".join(dict.fromkeys(b.invariant for b in mine)),
            "invariant": mine[0].invariant,
            "since": mine[0].first_seen_at.isoformat(),
        }
        yield Reason("books_broken", Status.CRIT, "ledger", params)


def _unavailable(records: PaymentRecords, facts: Facts, is_well: bool) -> Iterator[Finding]:
    """What could not be looked at, each part once; Kafka only where something is missing."""
    parts = (records.payment, records.entries, records.events, records.settlements)
    kafka = () if is_well else (*facts.dead_letters.values(), *facts.lags.values())
    found = [
        o for o in (*parts, records.refunds, records.answer, *kafka) if isinstance(o, Unavailable)
    ]
    yield from monitoring_gaps((one, "") for one in found)


def _by_entries(records: PaymentRecords, facts: Facts) -> Reason:
    """What a source that does not show the payment itself can tell of it."""
    entries = () if isinstance(records.entries, Unavailable) else records.entries
    events = () if isinstance(records.events, Unavailable) else records.events
    params: Params = {
        "shard": records.shard,
        "payment_id": facts.payment_id,
        "entries": len(entries),
        "waiting": ", ".join(event.kind for event in events),
    }
    return Reason("payment_unavailable", Status.UNKNOWN, "payment", params)
