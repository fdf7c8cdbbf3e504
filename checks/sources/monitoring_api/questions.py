"""Single payments and entries as far as the monitoring-service shows them: its newest rows.

Its words for statuses find nothing and its unknown words find everything, so it is asked only for
what it cannot get wrong (a merchant, a lower amount), and the rows are chosen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from checks.sources.facts.payments import (
    Count,
    Entry,
    EntryFilter,
    EntryPage,
    KeyFindings,
    MerchantShard,
    Payment,
    PaymentFilter,
    PaymentPage,
    PaymentStatistics,
    Periods,
    ReplayState,
    kind_of,
    position,
)
from checks.sources.facts.story import LedgerEntry, PaymentRow
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from checks.sources.monitoring_api.ask import unavailable_part
from checks.sources.monitoring_api.database import DatabaseReads

ROWS_MAX = 1000
_ENTRIES_MAX = 20  # the platform's own limit
_DIRECT = "a direct database source"


class QuestionReads(DatabaseReads):
    """The part of Gateway that implements PaymentsSource."""

    def shard_names(self) -> tuple[str, ...]:
        """None: the answers do not tell the shards apart."""
        return ()

    def payments(self, wanted: PaymentFilter) -> tuple[Fact[PaymentPage], ...]:
        """A page of the newest payments that the platform lists, and the shards it left out."""
        if wanted.shard:
            return (_blind("gateway_no_shard"),)
        page = self._listed(wanted)
        return (page,) if isinstance(page, Unavailable) else (page, *self._left_out())

    def _listed(self, wanted: PaymentFilter) -> Fact[PaymentPage]:
        found = self.listed_payments(_words(wanted), ROWS_MAX)
        if isinstance(found, Unavailable):
            return found
        fitting = [_payment(row) for row in found if _fits(row, wanted)]
        lacks = () if _is_complete(found, wanted) else (_beyond(len(found)),)
        return _page(fitting, wanted, lacks)

    def entries(self, wanted: EntryFilter) -> tuple[Fact[EntryPage], ...]:
        """The latest entries of a payment or a merchant; of others nothing is shown."""
        is_asked = wanted.payment_id is not None or bool(wanted.merchant_id)
        if wanted.shard or not is_asked:
            return (_blind("gateway_no_shard" if wanted.shard else "gateway_entries_of"),)
        by_payment = wanted.payment_id is not None
        found = self.ledger(wanted.payment_id, None if by_payment else wanted.merchant_id)
        if isinstance(found, Unavailable):
            return (found,)
        rows = [_entry(e, "" if by_payment else wanted.merchant_id) for e in found]
        rows = [e for e in rows if _is_within(e.occurred_at, wanted.start, wanted.end)]
        whole = len(found) < _ENTRIES_MAX
        lacks = () if whole else (_beyond(len(found)),)
        totals = _sums((e.kind, e.amount_krw) for e in rows) if whole else _beyond(len(found))
        shown = tuple(rows[: wanted.limit]) if wanted.lists else ()
        page = EntryPage("", shown, len(rows) > wanted.limit, totals, lacks)
        return page, *self._left_out()

    def statistics_between(
        self, start: datetime | None, end: datetime
    ) -> tuple[tuple[str, Fact[PaymentStatistics]], ...]:
        """Never seen: the platform knows a few time ranges only."""
        return (("", _blind("gateway_no_range")),)

    def shared_keys(self, start: datetime, now: datetime) -> Fact[KeyFindings]:
        """Never seen."""
        return _blind("gateway_needs_direct")

    def replay(self, now: datetime) -> tuple[Fact[ReplayState], ...]:
        """Never seen: the platform shows neither retries nor what became of the payments."""
        return (_blind("gateway_needs_direct"),)

    def merchant(self, merchant_id: str, periods: Periods) -> tuple[Fact[MerchantShard], ...]:
        """A merchant's payments, if the platform lists all of them that are asked for."""
        wanted = PaymentFilter(merchant_id=merchant_id, limit=ROWS_MAX)
        wanted = replace(wanted, start=min((start for start, _ in periods), default=None))
        page, unavailable = self._listed(wanted), self._left_out()
        if isinstance(page, Unavailable):
            return (page,)
        if page.lacks:
            return page.lacks
        mine = page.payments
        counts = tuple(_counts_within(mine, start, end) for start, end in periods)
        ends = [p.requested_at for p in mine]
        first, last = min(ends, default=None), max(ends, default=None)
        return MerchantShard("", None, first, last, counts), *unavailable


def _blind(reason: str) -> Unavailable:
    return unavailable_part("database", reason, _DIRECT, "")


def _beyond(rows: int) -> Unavailable:
    return unavailable_part("database", "gateway_rows_only", _DIRECT, str(rows), Why.LIMIT)


def _words(wanted: PaymentFilter) -> str:
    """What the platform reads rightly; everything, where nothing of it fits."""
    words = []
    if re.fullmatch(r"[A-Za-z0-9._-]+", wanted.merchant_id):
        words.append(f"merchant {wanted.merchant_id}")
    words.append(f"over {max((wanted.amount_min or 1) - 1, 0)}")
    return " ".join(words)


def _fits(row: PaymentRow, wanted: PaymentFilter) -> bool:
    low, high = wanted.amount_min, wanted.amount_max
    return (
        (not wanted.statuses or row.state in wanted.statuses)
        and wanted.merchant_id in ("", row.merchant_id)
        and wanted.payment_id in (None, row.payment_id)
        and (low is None or row.amount_krw >= low)
        and (high is None or row.amount_krw <= high)
        and _is_within(row.requested_at, wanted.start, wanted.end)
    )


def _is_within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or at >= start) and (end is None or at < end)


def _is_complete(rows: Sequence[PaymentRow], wanted: PaymentFilter) -> bool:
    """Whether nothing that is wanted lies behind the rows: they come newest first."""
    if len(rows) < ROWS_MAX:
        return True
    return wanted.start is not None and rows[-1].requested_at < wanted.start


def _page(
    fitting: Sequence[Payment], wanted: PaymentFilter, lacks: tuple[Unavailable, ...]
) -> PaymentPage:
    is_down = wanted.order in ("newest", "largest")

    def place(payment: Payment) -> tuple[str | int, int]:
        return position(payment, wanted.order)

    ordered = sorted(fitting, key=place, reverse=is_down)
    after = (wanted.after or {}).get("")
    if after:
        ordered = [p for p in ordered if (place(p) < after) == is_down and place(p) != after]
    totals = lacks[0] if lacks else _sums((p.status, p.amount_krw) for p in fitting)
    shown = tuple(ordered[: wanted.limit])
    return PaymentPage("", shown, len(ordered) > wanted.limit, totals, lacks)


def _sums(rows: Iterable[tuple[str, int]]) -> tuple[Count, ...]:
    sums: dict[str, Count] = {}
    for kind, amount in rows:
        before = sums.get(kind, Count(kind, 0, 0))
        sums[kind] = Count(kind, before.count + 1, before.amount_krw + amount)
    return tuple(sums[kind] for kind in sorted(sums))


def _counts_within(
    payments: Sequence[Payment], start: datetime, end: datetime
) -> tuple[Count, ...]:
    return _sums(
        (p.status, p.amount_krw) for p in payments if _is_within(p.requested_at, start, end)
    )


def _payment(row: PaymentRow) -> Payment:
    return Payment(
        *("", row.payment_id, row.merchant_id, row.amount_krw, row.currency, row.state),
        *(row.requested_at, row.updated_at),
    )


def _entry(row: LedgerEntry, merchant_id: str) -> Entry:
    kind = kind_of(row.debit_account, row.credit_account)
    accounts = (row.debit_account, row.credit_account)
    return Entry(
        *("", row.entry_id, row.payment_id, merchant_id, kind, *accounts),
        *(row.amount_krw, row.occurred_at),
    )
