"""One payment as far as the monitoring-service shows it: its entries and its waiting events."""

from __future__ import annotations

from collections.abc import Mapping

from checks.sources.facts import Fact, Unseen, cut
from checks.sources.facts_story import OutboxEvent, PaymentRecords
from checks.sources.gateway_ask import unseen_part
from checks.sources.gateway_database import DatabaseReads
from checks.sources.gateway_fields import Fields

SHARD, OTHER = "shard1", "shard2"  # it looks up entries and events on the first one only
_BYTES_MAX = 32_000_000  # the platform sets no limit, and an outage fills the list


class StoryReads(DatabaseReads):
    """What it says of one payment; its list of payments cannot be searched by id."""

    def payment(self, payment_id: int, shard: str = "") -> Mapping[str, Fact[PaymentRecords]]:
        """The entries and the waiting events on shard 1; the payment's own row stays unseen."""
        direct = "the shards themselves ([platform.database])"
        answers: dict[str, Fact[PaymentRecords]] = {}
        if shard in ("", SHARD):
            answers[SHARD] = self._payment(payment_id, direct)
        if shard in ("", OTHER):
            answers[OTHER] = unseen_part(f"database/{OTHER}", "gateway_one_shard", direct, "")
        return answers

    def _payment(self, payment_id: int, direct: str) -> Fact[PaymentRecords]:
        unseen = unseen_part(f"database/{SHARD}", "gateway_no_payment", direct, "")
        if not self._left_out():  # then both shards are in one list, and both count from 1
            mixed = unseen_part(f"database/{SHARD}", "gateway_no_shard", direct, "")
            return PaymentRecords(SHARD, unseen, mixed, mixed, unseen, unseen, unseen)
        entries = self.ledger(payment_id)
        if isinstance(entries, Unseen):
            return entries
        path = "/monitoring/database/outbox"
        events = self._ask(
            *("database", path, lambda fields: _waiting(fields, payment_id)),
            {"maxAgeMinutes": 0},
            bytes_max=_BYTES_MAX,
        )
        return PaymentRecords(SHARD, unseen, entries, events, unseen, unseen, unseen)


def _waiting(fields: Fields, payment_id: int) -> tuple[OutboxEvent, ...]:
    if fields.flag("healthy"):
        return ()
    return tuple(
        OutboxEvent(
            row.count("event_id"),
            cut(row.text("event_type"), 40),
            row.time("created_at"),
            published=False,
        )
        for row in fields.rows("events")
        if row.count("aggregate_id") == payment_id
    )
