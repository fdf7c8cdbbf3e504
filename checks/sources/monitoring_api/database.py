"""The books as the monitoring-service shows them; it looks at shard 1 more than it says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import floor
from typing import Any

from checks.sources.facts.books import Books, RotationPart, Size, Swept
from checks.sources.facts.payments import (
    Affected,
    OutboxState,
    PaymentStatistics,
    StatusCount,
    Written,
)
from checks.sources.facts.platform import BookCounts, WorkStats
from checks.sources.facts.psp import Record
from checks.sources.facts.story import LedgerEntry, PaymentRow
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.monitoring_api.ask import Ask, unavailable_part
from checks.sources.monitoring_api.facts import DatabaseStats, Reconciliation
from checks.sources.monitoring_api.fields import Fields
from checks.sources.monitoring_api.shards import book_counts, shard_facts
from monitor.domain.check import Params

_OUTBOX_BYTES_MAX = 32_000_000  # the platform sets no limit, and an outage fills the list
_ROWS_BYTES_MAX = 4_000_000
_OLDEST_SHOWN = 5


class DatabaseReads:
    """The paths under /monitoring/database and /stats."""

    _ask: Ask

    def database_stats(self) -> Fact[DatabaseStats]:
        """The row counts and the shards' states."""
        return self._ask("database", "/monitoring/database/stats", _database_stats)

    def counts(self) -> Fact[BookCounts]:
        """The row counts; a shard that is down makes them unavailable, as a sum would lack it.

        Where they leave a shard out, the payments are counted by the statistics of all shards.
        """
        found = self.database_stats()
        if isinstance(found, Unavailable):
            return found
        lacking = [f for f in found.shards.values() if isinstance(f, Unavailable)]
        refused = [f for f in lacking if f.why is Why.REFUSED]
        if refused:
            return refused[0]
        if any(f.reason == "shard_not_counted" for f in lacking):
            return self._counted_by_statistics(found.counts)
        return found.counts

    def _counted_by_statistics(self, counts: BookCounts) -> Fact[BookCounts]:
        every = self._all_shards("all", "database/shard2")
        if isinstance(every, Unavailable):
            return every
        return replace(counts, payments=every.count, shards=dict.fromkeys(counts.shards, "UP"))

    def shards_answer(self, part: str) -> Fact[PaymentStatistics]:
        """The last hour of all shards: it fails, slowly, when one of them is gone."""
        return self._all_shards("last_hour", part)

    def _all_shards(self, time_range: str, part: str) -> Fact[PaymentStatistics]:
        path = "/monitoring/database/statistics"
        return self._ask(part, path, _statistics, {"timeRange": time_range})

    def outbox(self, now: datetime) -> tuple[Fact[OutboxState], ...]:
        """What waits in the outbox, not told apart by shard; and the shards not looked at."""
        return self._outbox(now, 0)

    def outbox_late(self, now: datetime, before: datetime) -> tuple[Fact[OutboxState], ...]:
        """What waits in the outbox for so many whole minutes, as the platform counts them."""
        return self._outbox(now, max(0, floor((now - before).total_seconds() / 60)))

    def _outbox(self, now: datetime, minutes: int) -> tuple[Fact[OutboxState], ...]:
        path = "/monitoring/database/outbox"
        waiting = self._ask(
            "database",
            path,
            lambda f: _outbox(f, now),
            {"maxAgeMinutes": minutes},
            bytes_max=_OUTBOX_BYTES_MAX,
        )
        if isinstance(waiting, Unavailable):
            return (waiting,)
        found = self.database_stats()
        if isinstance(found, Unavailable):
            return waiting, found
        return waiting, *(f for f in found.shards.values() if isinstance(f, Unavailable))

    def statistics(self, time_range: str, now: datetime) -> Fact[PaymentStatistics]:
        """Payments of a time range on all shards; nobody knows whose midnight begins "today"."""
        statistics = self._all_shards(time_range, "database")
        if isinstance(statistics, Unavailable) or time_range != "today":
            return statistics
        return replace(statistics, unavailable=(_unknown_day(),))

    def work(self, kind: str, now: datetime) -> Fact[WorkStats]:
        """What the settlement or refund worker did; and the shards not looked at."""
        work = self._ask("database", f"/stats/{kind}", lambda f: _work(f, kind))
        return (
            work if isinstance(work, Unavailable) else replace(work, unavailable=self._left_out())
        )

    def written(self) -> Mapping[str, Fact[Written]]:
        """How many rows the workers have written, on the shards that the figures cover."""
        return {"": self._ask("database", "/monitoring/database/stats", _written)}

    def _left_out(self) -> tuple[Unavailable, ...]:
        """The shards that the platform's figures leave out, by its row counts."""
        found = self.database_stats()
        if isinstance(found, Unavailable):
            return (found,)
        return tuple(fact for fact in found.shards.values() if isinstance(fact, Unavailable))

    def books(
        self, now: datetime, window: Any, open_ids: Mapping[str, tuple[int, ...]], only: str = ""
    ) -> tuple[Fact[Books], ...]:
        """Never seen: the platform's reconciliation compares a column with itself."""
        expected = "the entries and payments themselves (a direct database source)"
        return (unavailable_part("reconciliation", "gateway_tautology", expected, ""),)

    def sizes(self, only: str = "") -> Mapping[str, Fact[Size]]:
        """None: there are no shards to sweep."""
        return {}

    def sweep(
        self, now: datetime, window: Any, steps: Mapping[str, int]
    ) -> tuple[Fact[Swept], ...]:
        """Never asked for: there are no shards to sweep."""
        return ()

    def rotate(
        self, now: datetime, rotations: Mapping[str, Any]
    ) -> Mapping[str, Fact[RotationPart]]:
        """Never asked for: there are no shards to go through."""
        return {}

    def examine_blocks(
        self, now: datetime, window: Any, blocks: Mapping[str, tuple[tuple[int, int], ...]]
    ) -> Mapping[str, tuple[Fact[Books], ...]]:
        """Never asked for: there are no blocks."""
        return {}

    def affected(self, start: datetime, now: datetime) -> Fact[Affected]:
        """Never seen: the platform's figures know no time of their own."""
        expected = "the payments of a time (a direct database source)"
        return unavailable_part("database", "gateway_shows_no_requests", expected, "")

    def pg_records(
        self,
        start: datetime,
        end: datetime,
        take: Callable[[Sequence[Record]], None],
        shards: Collection[str] | None = None,
    ) -> Mapping[str, Fact[int]]:
        """Never seen: the platform shows how many requests there are, and none of them."""
        expected = "the settlement and refund requests (a direct database source)"
        return {"": unavailable_part("database", "gateway_shows_no_requests", expected, "")}

    def reconciliation(self) -> Fact[Reconciliation]:
        """The platform's own comparison, for what it is worth."""
        return self._ask("database", "/monitoring/database/reconciliation", _reconciliation)

    def listed_payments(self, words: str, limit: int = 10) -> Fact[tuple[PaymentRow, ...]]:
        """Payments by the platform's filter words; unknown words list everything."""
        path = "/monitoring/database/payments"
        return self._ask(
            "database",
            path,
            _payments,
            {"filter": words, "limit": limit},
            bytes_max=_ROWS_BYTES_MAX,
        )

    def ledger(
        self, payment_id: int | None = None, merchant_id: str | None = None
    ) -> Fact[tuple[LedgerEntry, ...]]:
        """The latest 20 entries of a payment or of a merchant."""
        given = {"paymentId": payment_id, "merchantId": merchant_id}
        query = {name: value for name, value in given.items() if value is not None}
        return self._ask("database", "/monitoring/database/ledger", _ledger, query)


def _database_stats(fields: Fields) -> DatabaseStats:
    shards = shard_facts(fields)
    return DatabaseStats(book_counts(fields, shards), shards)


def _written(fields: Fields) -> Written:
    settlements, refunds = (
        sum(row.count("count") for row in fields.rows(name))
        for name in ("settlementsByStatus", "refundsByStatus")
    )
    return Written(settlements, refunds, fields.count("ledgerEntryCount"))


def _outbox(fields: Fields, now: datetime) -> OutboxState:
    if fields.flag("healthy"):
        return OutboxState("", 0, 0.0, None)
    events, count = fields.rows("events"), fields.count("count")
    if not 0 < len(events) <= count:
        raise fields.misfit("at least the number of `events`, which is not 0, as", "count")
    timed = sorted(((row.time("created_at"), row) for row in events), key=lambda pair: pair[0])
    age = (now - timed[0][0]).total_seconds()
    oldest = tuple(_event(row, at) for at, row in timed[:_OLDEST_SHOWN])
    return OutboxState("", count, max(0.0, age), None, oldest)


def _event(row: Fields, at: datetime) -> Params:
    return {
        "event_id": row.count("event_id"),
        "payment_id": row.count("aggregate_id"),
        "event_type": cut(row.text("event_type"), 40),
        "created_at": at.isoformat(),
    }


def _statistics(fields: Fields) -> PaymentStatistics:
    overall = fields.object("overall")
    return PaymentStatistics(
        fields.text("timeRange"),
        overall.count("total_count"),
        _krw(overall, "total_amount"),
        tuple(
            StatusCount(cut(row.text("status"), 50), row.count("count"), _krw(row, "total_amount"))
            for row in fields.rows("byStatus")
        ),
        tuple(_merchant(row) for row in fields.rows("topMerchants")),
    )


def _unknown_day() -> Unavailable:
    """The original's day is that of its database server's zone, which no answer tells."""
    return unavailable_part("database/today", "gateway_day", "a direct database source", "")


def _merchant(row: Fields) -> Params:
    return {
        "merchant_id": cut(row.text("merchant_id")),
        "transaction_count": row.count("transaction_count"),
        "amount_krw": _krw(row, "total_amount"),
    }


def _krw(row: Fields, name: str) -> int:
    """An amount; the sum over no rows is null."""
    return row.integer(name) if row.has(name) else 0


def _work(fields: Fields, kind: str) -> WorkStats:
    delayed = "delayedSettlements" if kind == "settlement" else "delayedRefunds"
    return WorkStats(
        kind,
        fields.count("totalCount"),
        fields.count("successCount"),
        fields.count("failedCount"),
        fields.count("pendingCount"),
        fields.count("deadLetterCount"),
        fields.count(delayed) or None,  # it counts rows that nobody ever sees: 0 says nothing
        fields.number("totalAmount"),
    )


def _reconciliation(fields: Fields) -> Reconciliation:
    return Reconciliation(
        fields.flag("balanced"),
        fields.integer("totalDebits"),
        fields.integer("totalCredits"),
        _accounts(fields, "debitAccounts", "debit_account"),
        _accounts(fields, "creditAccounts", "credit_account"),
    )


def _accounts(fields: Fields, name: str, key: str) -> dict[str, int]:
    return {cut(row.text(key)): row.integer("total") for row in fields.rows(name)}


def _payments(fields: Fields) -> tuple[PaymentRow, ...]:
    return tuple(_payment(row) for row in fields.rows("payments"))


def _payment(row: Fields) -> PaymentRow:
    return PaymentRow(
        row.count("payment_id"),
        cut(row.text("merchant_id")),
        row.integer("amount"),
        cut(row.text("currency"), 10),
        cut(row.text("status"), 50),
        cut(row.text("idempotency_key")),
        row.time("requested_at"),
        row.time("updated_at"),
    )


def _ledger(fields: Fields) -> tuple[LedgerEntry, ...]:
    return tuple(_entry(row) for row in fields.rows("entries"))


def _entry(row: Fields) -> LedgerEntry:
    return LedgerEntry(
        row.count("entry_id"),
        row.count("payment_id"),
        cut(row.text("debit_account")),
        cut(row.text("credit_account")),
        row.integer("amount"),
        row.time("occurred_at"),
    )
