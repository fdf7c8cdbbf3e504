"""One payment as far as the monitoring-service shows it: its entries and its waiting events."""

from __future__ import annotations

from collections.abc import Mapping

from checks.sources.facts.story import LedgerEntry, OutboxEvent, PaymentRecords
from checks.sources.facts.unavailable import Fact, Unavailable, cut
from checks.sources.monitoring_api.ask import unavailable_part
from checks.sources.monitoring_api.database import DatabaseReads
from checks.sources.monitoring_api.fields import Fields

SHARD, OTHER = "shard1", "shard2"  # where its lists leave one out, it is the second
_BYTES_MAX = 32_000_000  # the platform sets no limit, and an outage fills the list


class StoryReads(DatabaseReads):
    """What it says of one payment; its list of payments cannot be searched by id."""

    def payment(self, payment_id: int, shard: str = "") -> Mapping[str, Fact[PaymentRecords]]:
        """The entries and waiting events of shard 1, or of all shards in one list ("").

        The payment's own row is unavailable. Where both shards are in one list, nothing in it is
        known to be of a shard that is asked for by name.
        """
        if not self._left_out():
            mixed = _unavailable(shard, "gateway_no_shard")
            return {shard: _of(shard, mixed, mixed) if shard else self._of_list("", payment_id)}
        answers: dict[str, Fact[PaymentRecords]] = {}
        if shard in ("", SHARD):
            answers[SHARD] = self._of_list(SHARD, payment_id)
        if shard in ("", OTHER):
            answers[OTHER] = _unavailable(OTHER, "gateway_one_shard")
        return answers

    def _of_list(self, shard: str, payment_id: int) -> Fact[PaymentRecords]:
        entries = self.ledger(payment_id)
        if isinstance(entries, Unavailable):
            return entries
        events = self._ask(
            *("database", "/monitoring/database/outbox"),
            lambda fields: _waiting(fields, payment_id),
            {"maxAgeMinutes": 0},
            bytes_max=_BYTES_MAX,
        )
        return _of(shard, entries, events)


def _of(
    shard: str,
    entries: Fact[tuple[LedgerEntry, ...]],
    events: Fact[tuple[OutboxEvent, ...]],
) -> PaymentRecords:
    unavailable = _unavailable(shard, "gateway_no_payment")
    return PaymentRecords(
        shard, unavailable, entries, events, unavailable, unavailable, unavailable
    )


def _unavailable(shard: str, reason: str) -> Unavailable:
    part = f"database/{shard}" if shard else "database"
    return unavailable_part(part, reason, "the shards themselves ([platform.database])", "")


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
