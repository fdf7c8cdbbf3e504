"""Whether a payment's capture and refund are in the ledger as they should be; if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checks.payment_story.case import CAPTURED, Case, booked_as
from checks.payment_story.publishing import not_published
from checks.payment_story.worker import consumed
from checks.sources.facts.payments import Written
from checks.sources.facts.story import LedgerEntry, PaymentRecords, PaymentRow
from checks.sources.facts.unavailable import Unavailable
from monitor.domain.books.payment_story import Reason
from monitor.domain.check import Status

CONSUMER, DLQ = "payment-consumer", "payment.dlq"
STAGE = "ledger"


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of entry: which it is, whose it is, and the topic that brings it."""

    name: str
    topic: str
    states: tuple[str, ...]

    def fits(self, entry: LedgerEntry) -> bool:
        """Whether an entry is of this kind."""
        return booked_as(entry) == self.name


SIDES = (
    Side("capture", "payment.captured", CAPTURED),
    Side("refund", "payment.refunded", ("REFUNDED",)),
)


def booked(case: Case) -> Iterator[Reason]:
    """Everything that is wrong with the payment's entries; nothing: they are as they should be."""
    entries = case.records.entries
    if isinstance(entries, Unavailable):
        yield Reason("entries_unavailable", Status.UNKNOWN, STAGE, _about(case, SIDES[0]))
        return
    for side in SIDES:
        own = [entry for entry in entries if side.fits(entry)]
        yield from _judged(case, side, own)
    strange = [e for e in entries if not any(side.fits(e) for side in SIDES)]
    if strange:
        params = _about(case, SIDES[0]) | {"debit": strange[0].debit_account}
        params |= {"credit": strange[0].credit_account, "entry_id": strange[0].entry_id}
        yield Reason("entry_accounts", Status.CRIT, STAGE, params)


def _about(case: Case, side: Side) -> dict[str, Any]:
    return {
        "shard": case.records.shard,
        "payment_id": case.payment.payment_id,
        "side": side.name,
        "topic": side.topic,
        "amount_krw": case.payment.amount_krw,
        "state": case.payment.state,
    }


def _judged(case: Case, side: Side, entries: Sequence[LedgerEntry]) -> Iterator[Reason]:
    is_due = case.payment.state in side.states
    good = [e for e in entries if is_due and e.amount_krw == case.payment.amount_krw]
    if is_due and not entries:
        yield _absent(case, side)
        return
    surplus = [entry for entry in entries if entry is not (good[0] if good else None)]
    if not surplus:
        return
    foreign = next((e for e in surplus if _owner(case, side, e) is not None), None)
    if foreign is not None:
        owner = _owner(case, side, foreign)
        yield _of_entry(case, side, "entry_foreign", foreign, {"other": owner and owner.shard})
        if is_due and not good and len(surplus) == 1:
            yield _absent(case, side)
    elif good:
        yield _of_entry(case, side, "entry_twice", surplus[0], {"count": len(entries)})
    elif is_due:
        yield _of_entry(case, side, "entry_amount", surplus[0], {})
    elif not case.is_young:
        yield _of_entry(case, side, "entry_early", surplus[0], {})


def _of_entry(
    case: Case, side: Side, code: str, entry: LedgerEntry, more: dict[str, Any]
) -> Reason:
    params = _about(case, side) | {
        "entry_id": entry.entry_id,
        "booked_krw": entry.amount_krw,
        "occurred_at": entry.occurred_at.isoformat(),
    }
    return Reason(code, Status.CRIT, STAGE, params | more)


def _owner(case: Case, side: Side, entry: LedgerEntry) -> PaymentRecords | None:
    """The payment with the same id on another shard that lacks just this entry."""
    return next((twin for twin in case.twins if _lacks(twin, side, entry.amount_krw)), None)


def _lacks(records: PaymentRecords, side: Side, amount_krw: int) -> bool:
    payment, entries = records.payment, records.entries
    if not isinstance(payment, PaymentRow) or isinstance(entries, Unavailable):
        return False
    is_due = payment.state in side.states and payment.amount_krw == amount_krw
    return is_due and not any(side.fits(entry) for entry in entries)


def _elsewhere(case: Case, side: Side) -> tuple[PaymentRecords, LedgerEntry] | None:
    """An entry on another shard's payment of the same id, which has no right to it."""
    for twin in case.twins:
        payment = twin.payment
        if not isinstance(payment, PaymentRow) or isinstance(twin.entries, Unavailable):
            continue
        theirs = [entry for entry in twin.entries if side.fits(entry)]
        is_due = payment.state in side.states
        rightful = [e for e in theirs if is_due and e.amount_krw == payment.amount_krw][:1]
        for entry in theirs:
            if entry not in rightful and entry.amount_krw == case.payment.amount_krw:
                return twin, entry
    return None


def _absent(case: Case, side: Side) -> Reason:
    """Why an entry is missing: misposted, given up, not sent, not read yet, skipped, or lost."""
    about = _about(case, side)
    if found := _elsewhere(case, side):
        twin, entry = found
        more = {"other": twin.shard, "entry_id": entry.entry_id}
        return Reason("entry_elsewhere", Status.CRIT, STAGE, about | more)
    dead_letters = case.dead_letters(DLQ)
    if not isinstance(dead_letters, Unavailable):
        mine = [one for one in dead_letters if one.original_topic in ("", side.topic)]
        if mine:
            last = mine[-1]
            more = {
                "error": last.error,
                "at": last.at.isoformat(),
                "partition": last.partition,
                "offset": last.offset,
                "is_shared": any(
                    _lacks(twin, side, case.payment.amount_krw) for twin in case.twins
                ),
            }
            return Reason("entry_dead_lettered", Status.CRIT, STAGE, about | more)
    return _on_its_way(
        case, side, about, are_dead_letters_seen=not isinstance(dead_letters, Unavailable)
    )


def _on_its_way(
    case: Case, side: Side, about: dict[str, Any], *, are_dead_letters_seen: bool
) -> Reason:
    events = case.events("PAYMENT_CAPTURED")
    by_api = [] if side.name != "capture" or isinstance(events, Unavailable) else events
    waiting = [event for event in by_api if not event.published]
    if waiting:
        return not_published(case, waiting[0], STAGE)
    if case.is_young:
        return Reason("entry_under_way", Status.OK, STAGE, about)
    if _is_never_booked(case):
        return Reason("entry_skipped", Status.CRIT, STAGE, about | {"is_never_booked": True})
    late = consumed(case, STAGE, CONSUMER, side.topic, about)
    if late is not None and late.status is not Status.UNKNOWN:
        return late
    seen = are_dead_letters_seen and late is None and DLQ not in case.facts.cut_off
    if seen and by_api:
        return Reason("entry_skipped", Status.CRIT, STAGE, about | {"is_never_booked": False})
    return Reason("entry_missing", Status.CRIT, STAGE, about | {"is_lost": seen})


def _is_never_booked(case: Case) -> bool:
    """Whether its shard settles payments and has not a single entry: there all events are skipped,
    however many wait behind."""
    rows = case.facts.written.get(case.records.shard)
    return isinstance(rows, Written) and rows.settlements > 0 and rows.entries == 0
