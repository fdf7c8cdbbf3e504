"""How a PG settlement file is laid out, and one row of it as a line; a wrong field says which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checks.sources.facts.psp import Kind, Line

FIELDS = ("transaction_id", "payment_id", "amount", "at", "status", "kind", "fee", "merchant_id")
_USUAL = {name: name for name in FIELDS[:6]}
_NEEDED = ("amount", "at")
_KEYS = ("transaction_id", "payment_id")
_MONEY_MAX = 10**15
_ID_MAX = 2**63 - 1
_YEARS = range(1990, 2101)
_TEXT_MAX = 200
_KRW = re.compile(r"krw|won|원|[₩￦\s]", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The columns by what they hold, and how their values are written.

    Without a `kind` column the sign of the amount tells a refund from a capture; without a
    `status` column every line is money that moved. `at_format` "iso" takes 2026-11-26,
    20261126, 2026-11-26 13:45:10 and the like; anything else is a pattern of strptime.
    """

    columns: dict[str, str] = field(default_factory=lambda: dict(_USUAL))
    separator: str = ","
    encoding: str = "utf-8-sig"
    zone: str = "Asia/Seoul"
    at_format: str = "iso"
    thousands: str = ","
    capture_words: tuple[str, ...] = ("capture", "승인")
    refund_words: tuple[str, ...] = ("refund", "cancel", "취소")
    done_words: tuple[str, ...] = ("success", "done", "완료")
    failed_words: tuple[str, ...] = ("failed", "실패")
    skip_first: int = 0
    ignore_first_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a layout with which nothing could be read."""
        if strange := sorted(set(self.columns) - set(FIELDS)):
            raise ValueError(f"columns: no such field {strange[0]!r}; known are {_list(FIELDS)}")
        if missing := [name for name in _NEEDED if not self.columns.get(name)]:
            raise ValueError(f"columns: {missing[0]} must be mapped to a column of the file")
        if not any(self.columns.get(name) for name in _KEYS):
            raise ValueError(f"columns: one of {_list(_KEYS)} must be mapped")
        if len(self.separator) != 1:
            raise ValueError("separator is one character, such as ',' or '\\t'")
        _known_codec(self.encoding)
        _ = self.place

    @cached_property
    def place(self) -> tzinfo:
        """The zone of times without one, and of the file's days."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"zone: no time zone {self.zone!r}, such as 'Asia/Seoul'") from None

    @cached_property
    def mapped(self) -> dict[str, str]:
        """The fields that have a column."""
        return {name: column for name, column in self.columns.items() if column}

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The words of a kind column, in lower case."""
        return {
            **{word.lower(): Kind.CAPTURE for word in self.capture_words},
            **{word.lower(): Kind.REFUND for word in self.refund_words},
        }

    @cached_property
    def states(self) -> dict[str, bool]:
        """The words of a status column, in lower case, and whether money moved."""
        done = {word.lower(): True for word in self.done_words}
        return done | {word.lower(): False for word in self.failed_words}


class FieldError(Exception):
    """A field that cannot be read: its name, a reason, and its text."""

    def __init__(self, name: str, reason: str, text: str) -> None:
        super().__init__(name, reason, text)
        self.name, self.reason, self.text = name, reason, text[:_TEXT_MAX]


def line_of(row: Sequence[str], places: Mapping[str, int], layout: Layout, number: int) -> Line:
    """A row as a line; FieldError: it cannot be one. `places`: field -> index in the row."""
    given = {name: row[index].strip() for name, index in places.items()}
    amount = money(given["amount"], layout.thousands, "amount")
    kind = _kind(given, amount, layout)
    transaction = _bounded(given, "transaction_id")
    payment = _payment(given.get("payment_id", ""))
    if not transaction and payment is None:
        raise FieldError("transaction_id", "no_key", "")
    fee = given.get("fee")
    return Line(
        number,
        kind,
        transaction,
        payment,
        abs(amount),
        _time(given["at"], layout),
        _state(given.get("status"), layout),
        money(fee, layout.thousands, "fee") if fee else None,
        _bounded(given, "merchant_id"),
    )


def money(text: str, thousands: str, name: str = "amount") -> float:
    """An amount: 1,000  -1000.00  (1,000)  1000-  ₩1,000  1,000원."""
    bare = _KRW.sub("", text)
    if bare.startswith("(") and bare.endswith(")"):
        bare = f"-{bare[1:-1]}"
    elif bare.endswith("-"):
        bare = f"-{bare[:-1]}"
    if thousands:
        bare = bare.replace(thousands, "")
    try:
        value = Decimal(bare.replace("\N{MINUS SIGN}", "-"))
    except InvalidOperation:
        raise FieldError(name, "no_amount", text) from None
    if not value.is_finite() or abs(value) > _MONEY_MAX:
        raise FieldError(name, "no_amount", text)
    return float(value)


def _kind(given: Mapping[str, str], amount: float, layout: Layout) -> Kind:
    if "kind" not in given:
        return Kind.REFUND if amount < 0 else Kind.CAPTURE
    kind = layout.kinds.get(given["kind"].lower())
    if kind is None:
        raise FieldError("kind", "unknown_word", given["kind"])
    return kind


def _state(text: str | None, layout: Layout) -> bool:
    if text is None:
        return True
    state = layout.states.get(text.lower())
    if state is None:
        raise FieldError("status", "unknown_word", text)
    return state


def _payment(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text[:30]) > _ID_MAX:
        raise FieldError("payment_id", "no_number", text)
    return int(text)


def _bounded(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "")
    if len(text) > _TEXT_MAX:
        raise FieldError(name, "too_long", text)
    return text


def _time(text: str, layout: Layout) -> datetime:
    try:
        if layout.at_format == "iso":
            at = datetime.fromisoformat(text)
        else:
            at = datetime.strptime(text, layout.at_format)  # noqa: DTZ007 - the zone comes next
    except ValueError:
        raise FieldError("at", "no_time", text) from None
    if at.year not in _YEARS:
        raise FieldError("at", "no_time", text)
    return at if at.tzinfo else at.replace(tzinfo=layout.place)


def _known_codec(name: str) -> None:
    try:
        "".encode(name)
    except LookupError:
        raise ValueError(
            f"encoding: no encoding {name!r}, such as 'utf-8-sig' or 'cp949'"
        ) from None


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
