"""The little language of the payment search: status words, a merchant, a time, an amount."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from demo.platform.times import row_text
from demo.queries.statistics import start_of_day

Condition = tuple[str, list[Any]]

_STATUSES: Mapping[str, tuple[str, ...]] = {
    "failed": ("CAPTURE_FAILED", "REFUND_FAILED"),
    "cancelled": ("CANCELLED",),
    "refund": ("REFUNDED",),
    "completed": ("CAPTURED",),
    "requested": ("CAPTURE_REQUESTED", "REFUND_REQUESTED"),
}
_ORIGINAL_STATUSES: Mapping[str, tuple[str, ...]] = {
    "failed": ("CANCELLED",),
    "cancelled": ("CANCELLED",),
    "refund": ("REFUNDED",),
    "completed": ("COMPLETED",),
    "requested": ("REQUESTED",),
}
_MERCHANT = re.compile(r"\bmerchant[: ]\s*(\S+)", re.IGNORECASE)
_AMOUNT = re.compile(r"(?:\bover|\babove|>)\s*(\d{1,18})", re.IGNORECASE)
_SPANS = (
    (re.compile(r"\blast hour\b|\b1h\b", re.IGNORECASE), timedelta(hours=1)),
    (re.compile(r"\blast 24h\b|\b24 hours\b", re.IGNORECASE), timedelta(hours=24)),
)
_TODAY = re.compile(r"\btoday\b", re.IGNORECASE)
_SEOUL = timedelta(hours=9)


def parse(words: str, now: datetime) -> Condition:
    """The condition behind the words; a word that means nothing here matches no payment."""
    rest, found = _common(words, now, _SEOUL)
    for word in rest.split():
        found.append(_status(_STATUSES.get(word.lower()) or _exact(word)))
    return _join(found)


def parse_as_original(words: str, now: datetime) -> Condition:
    """The same with statuses that never occur; unknown words are passed over."""
    rest, found = _common(words, now, timedelta(0))
    for word, statuses in _ORIGINAL_STATUSES.items():
        if word in rest.lower():
            found.append(_status(statuses))
    return _join(found)


def _common(words: str, now: datetime, day_offset: timedelta) -> tuple[str, list[Condition]]:
    found: list[Condition] = []
    if match := _MERCHANT.search(words):
        found.append(("merchant_id = ?", [match[1]]))
    if match := _AMOUNT.search(words):
        found.append(("amount > ?", [int(match[1])]))
    for pattern, span in _SPANS:
        if pattern.search(words):
            found.append(("requested_at >= ?", [row_text(now - span)]))
    if _TODAY.search(words):
        found.append(("requested_at >= ?", [row_text(start_of_day(now, day_offset))]))
    rest = words
    for pattern in (_MERCHANT, _AMOUNT, _TODAY, *(pattern for pattern, _ in _SPANS)):
        rest = pattern.sub(" ", rest)
    return rest, found


def _exact(word: str) -> tuple[str, ...]:
    return (word.upper(),)


def _status(statuses: tuple[str, ...]) -> Condition:
    marks = ", ".join("?" * len(statuses))
    return f"status IN ({marks})", list(statuses)


def _join(found: list[Condition]) -> Condition:
    where = " AND ".join(where for where, _ in found) or "1 = 1"
    return where, [param for _, params in found for param in params]
