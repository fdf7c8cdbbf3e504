"""Typed facts of the payment gateway (PG): a line of its settlement file, and our row beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What money did: it came with a capture, or went back with a refund."""

    CAPTURE = "capture"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file; `is_done` False: a try that moved no money.

    `is_reversal`: the PG took back what a line of the other kind had moved.
    `file` is 0 in the file that is matched, and -1 or 1 in that of the day before or after it.
    """

    number: int
    kind: Kind
    transaction_id: str
    payment_id: int | None
    amount_krw: float
    at: datetime
    is_done: bool = True
    fee_krw: float | None = None
    merchant_id: str = ""
    file: int = 0
    is_reversal: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A settlement or refund request of a shard, with what the PG answered."""

    shard: str
    id: int
    kind: Kind
    transaction_id: str
    payment_id: int
    amount_krw: float
    at: datetime
    status: str
    merchant_id: str = ""

    @property
    def is_done(self) -> bool:
        """Whether money moved, as we have it."""
        return self.status == "SUCCESS"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read: a reason (word of table `pg_line`) and the text in question."""

    number: int
    reason: str
    text: str = ""
    column: str = ""
