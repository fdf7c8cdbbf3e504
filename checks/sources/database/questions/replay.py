"""What waits in the outbox of one shard, why, and what publishing it now would do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, String, and_, func, literal_column, select

from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import LEDGER, OUTBOX, PAYMENT, ROWS, aware_utc
from checks.sources.facts.payments import ReplayState, WaitingGroup
from checks.sources.facts.unavailable import Fact, cut

EVENTS_MAX = 5000
IDS_SHOWN = 20
_UNTRIED = timedelta(seconds=60)  # so long after its creation, a relay has tried an event
_O, _P, _L = OUTBOX.c, PAYMENT.c, LEDGER.c
_WAITS = _O.published == literal_column("0")
_WAITING = select(func.count().label("waiting")).where(_WAITS)
_LAST = (
    select(_O.created_at, _O.published_at)
    .where(_O.published == literal_column("1"))
    .order_by(_O.created_at.desc())
    .limit(ROWS)
)


def _booked(debit: str) -> Any:
    """The id of an entry that books a payment from this side; NULL: there is none."""
    of_payment = and_(
        _L.payment_id == _O.aggregate_id,
        _L.debit_account == literal_column(f"'{debit}'", String()),
    )
    return select(func.min(_L.entry_id)).where(of_payment).correlate(OUTBOX).scalar_subquery()


_EVENTS = (
    select(
        *(_O.event_id, _O.aggregate_id, _O.event_type, _O.retry_count, _O.created_at),
        *(_P.status, _P.amount),
        _booked("merchant_receivable").label("capture_entry"),
        _booked("cash").label("refund_entry"),
    )
    .select_from(OUTBOX.outerjoin(PAYMENT, _P.payment_id == _O.aggregate_id))
    .where(_WAITS)
    .order_by(_O.created_at)
    .limit(ROWS)
)


def replay(
    snapshot: Snapshot, now: datetime, retries_max: int, parity: int | None
) -> Fact[ReplayState]:
    """The events that wait, grouped by reason, kind and effect; the oldest few thousand of them."""
    if missing := snapshot.lacks(_EVENTS, _LAST):
        return snapshot.unavailable_columns(missing)
    waiting = snapshot.rows(_WAITING, {})[0].waiting
    events = snapshot.rows(_EVENTS, {"rows": EVENTS_MAX}) if waiting else []
    last = next(iter(snapshot.rows(_LAST, {"rows": 1})), None)
    newest_sent = None if last is None else aware_utc(last.created_at)
    groups: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for event in events:
        why = _why(event, now, retries_max, parity, newest_sent)
        groups.setdefault((why, cut(event.event_type, 40), _effect(event)), []).append(event)
    return ReplayState(
        snapshot.shard,
        waiting,
        len(events),
        parity,
        retries_max,
        None if last is None or last.published_at is None else aware_utc(last.published_at),
        tuple(_groups(groups)),
    )


def _why(
    event: Row[Any],
    now: datetime,
    retries_max: int,
    parity: int | None,
    newest_sent: datetime | None,
) -> str:
    """unreachable: never tried, of the other parity, while later events went out."""
    if event.retry_count >= retries_max:
        return "exhausted"
    at = aware_utc(event.created_at)
    passed_over = newest_sent is not None and newest_sent > at and now - at > _UNTRIED
    other_parity = parity is not None and event.aggregate_id % 2 != parity
    if passed_over and other_parity and event.retry_count == 0:
        return "unreachable"
    return "waiting"


def _effect(event: Row[Any]) -> str:
    """What the consumers of an event would do with it now (they keep no list of what they saw)."""
    if event.status is None:
        return "orphan"
    match event.event_type:
        case "PAYMENT_CAPTURE_REQUESTED":
            return "needed" if event.status == "CAPTURE_REQUESTED" else "done"
        case "PAYMENT_CAPTURED":
            return "needed" if event.capture_entry is None else "twice"
        case "PAYMENT_REFUND_REQUESTED":
            if event.status == "REFUND_REQUESTED":
                return "needed"
            return "twice" if event.status == "REFUNDED" else "done"
        case "PAYMENT_AUTHORIZED":
            return "unread"
    return "unknown"


def _groups(groups: dict[tuple[str, str, str], list[Row[Any]]]) -> Iterator[WaitingGroup]:
    for (why, event_type, effect), events in sorted(groups.items()):
        yield WaitingGroup(
            why,
            event_type,
            effect,
            len(events),
            sum(int(event.amount or 0) for event in events),
            aware_utc(events[0].created_at),
            tuple(event.event_id for event in events[:IDS_SHOWN]),
        )
