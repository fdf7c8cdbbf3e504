"""The message broker, whatever it is: the platform's topics and groups, and what they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

TOPICS: Mapping[str, int] = {
    "payment.authorized": 6,
    "payment.capture-requested": 1,
    "payment.captured": 6,
    "payment.refund-requested": 1,
    "payment.refunded": 6,
    "payment.dlq": 3,
    "settlement.dlq": 1,
    "refund.dlq": 1,
}
DLQS = ("payment.dlq", "settlement.dlq", "refund.dlq")
SETTLEMENT_GROUP = "settlement-worker-group"
REFUND_GROUP = "refund-worker-group"
LEDGER_GROUP = "payment-consumer"
SUBSCRIPTIONS: Mapping[str, tuple[str, ...]] = {
    SETTLEMENT_GROUP: ("payment.capture-requested",),
    REFUND_GROUP: ("payment.refund-requested",),
    LEDGER_GROUP: ("payment.captured", "payment.refunded"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One message; `merchant_id` is a header by which the workers find the shard."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str | None
    value: str
    merchant_id: str | None = None


class Log(Protocol):
    """One partition: the offset that its next record will get, and its latest records."""

    @property
    def end(self) -> int: ...
    @property
    def records(self) -> Sequence[Record]: ...


class Broker(Protocol):
    """The one broker of the cluster; every question fails with PartDownError while it is down."""

    @property
    def up(self) -> bool: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def topics(self) -> Mapping[str, Sequence[Log]]: ...
    @property
    def committed(self) -> Mapping[str, Mapping[tuple[str, int], int]]: ...
    @property
    def temporary_groups(self) -> Sequence[str]: ...
    def append(
        self,
        topic: str,
        key: str | None,
        value: str,
        at: datetime,
        merchant_id: str | None = None,
    ) -> Record: ...
    def unread(self, group: str, until: datetime) -> list[Record]: ...
    def commit(self, group: str, record: Record) -> None: ...
    def settle(self) -> None: ...
    def take_back(self) -> None: ...
    def expel(self, group: str, out: bool) -> None: ...
    def state(self, group: str) -> str: ...
    def end_offsets(self, topic: str) -> list[int]: ...
    def retained(self, topic: str) -> int: ...
    def create_topic(self, topic: str) -> None: ...
    def leave_temporary_group(self, name: str) -> None: ...
    def go_down(self) -> None: ...
    def come_back(self) -> None: ...
    def close(self) -> None: ...
