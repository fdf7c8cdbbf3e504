"""Typed facts about one payment: its rows on one shard, and what of them was not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checks.sources.facts.unavailable import Fact


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment as the platform lists it."""

    payment_id: int
    merchant_id: str
    amount_krw: int
    currency: str
    state: str
    idempotency_key: str
    requested_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An entry of the ledger."""

    entry_id: int
    payment_id: int
    debit_account: str
    credit_account: str
    amount_krw: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event of the outbox; `published_at` and `retries` None: this shard does not keep them.

    Of an event that waits: `passed` counts events that were written later and are published
    already (None: not known; counted up to a limit), `passed_alike` those among them whose
    payment id is odd or even as this one's.
    """

    event_id: int
    kind: str
    created_at: datetime
    published: bool
    published_at: datetime | None = None
    retries: int | None = None
    last_retry_at: datetime | None = None
    passed: int | None = None
    passed_alike: int | None = None


@dataclass(frozen=True, slots=True)
class PgRequest:
    """What a worker asked of the payment gateway; `kind` is settlement or refund."""

    kind: str
    request_id: int
    amount_krw: int
    state: str
    requested_at: datetime
    completed_at: datetime | None = None
    transaction_id: str = ""
    code: str = ""
    message: str = ""
    reason: str = ""
    retries: int = 0
    last_retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered to the merchant and kept; `payment_id` None: it names none."""

    http_status: int
    payment_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRecords:
    """All rows of one payment on one shard ("": the source does not tell shards apart).

    `payment` None: this shard has no such payment. `read_until` names the tables that were read
    up to a time only (no index leads to a payment's rows there), and around later moments.
    `parity` is that of the payment ids which this shard's relay takes, where relays divide them.
    """

    shard: str
    payment: Fact[PaymentRow | None]
    entries: Fact[tuple[LedgerEntry, ...]]
    events: Fact[tuple[OutboxEvent, ...]]
    settlements: Fact[tuple[PgRequest, ...]]
    refunds: Fact[tuple[PgRequest, ...]]
    answer: Fact[StoredAnswer | None]
    read_until: Mapping[str, datetime] = field(default_factory=dict)
    parity: int | None = None
    outbox_retries_max: int = 5
    work_retries_max: int = 10
