"""What the payment gateway (PG) itself wrote down: its book, and the file it makes of a day."""

from __future__ import annotations

import csv
import io
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_SEOUL = ZoneInfo("Asia/Seoul")
_KEPT_MAX = 1_000_000
_FEE_PERCENT = 2.2
_COLUMNS = (
    *("transaction_id", "payment_id", "merchant_id", "kind", "amount", "fee", "at", "status"),
)


class NothingToSpoilError(Exception):
    """The day has no refund that could be paid twice, or no capture that could be left out."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Money that the PG took from a customer (capture) or gave back (refund)."""

    at: datetime
    kind: str
    transaction_id: str
    payment_id: int
    merchant_id: str
    amount: int


@dataclass(slots=True)
class PgBook:
    """All that moved, oldest first; the PG forgets what is very old."""

    moved: deque[Moved] = field(default_factory=lambda: deque(maxlen=_KEPT_MAX))

    def add(self, moved: Moved) -> None:
        """Write one down."""
        self.moved.append(moved)

    def file(self, day: date, *, spoilt: bool = False) -> str:
        """The settlement file of a day in Seoul; spoilt: one refund paid twice, one line missing.

        NothingToSpoilError: the day has not what it takes for that.
        """
        rows = [m for m in self.moved if m.at.astimezone(_SEOUL).date() == day]
        return _csv(_spoil(rows) if spoilt else rows)


def _spoil(rows: list[Moved]) -> list[Moved]:
    refunds = [m for m in rows if m.kind == "refund"]
    refunded = {m.payment_id for m in refunds}
    captures = [m for m in rows if m.kind == "capture" and m.payment_id not in refunded]
    if not (refunds and captures):
        raise NothingToSpoilError
    refund, capture = refunds[-1], captures[len(captures) // 2]  # far from the day's ends
    once_more = f"RFD_{zlib.crc32(refund.transaction_id.encode()):08X}"
    again = replace(refund, transaction_id=once_more, at=refund.at + timedelta(seconds=1))
    return [*(m for m in rows if m is not capture), again]


def _csv(rows: Iterable[Moved]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        fee = round(row.amount * _FEE_PERCENT / 100)
        at = f"{row.at.astimezone(_SEOUL):%Y-%m-%d %H:%M:%S}"
        about = (row.transaction_id, row.payment_id, row.merchant_id, row.kind)
        writer.writerow((*about, row.amount, fee, at, "success"))
    return text.getvalue()
