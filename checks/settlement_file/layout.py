"""How a PG settlement file is laid out: its columns, its words, and how its values are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checks.settlement_file.profiles import PROFILES
from checks.sources.facts.psp import Kind
from monitor.config.option_types import CountOrZero, Switch
from monitor.domain.books.time_forms import NAMES
from monitor.domain.statement import InvalidError

FIELDS = (
    *("transaction_id", "payment_id", "amount", "at", "status", "kind", "fee", "merchant_id"),
    *("debit", "credit", "currency", "direction"),
)
MONEY = ("amount", "debit", "credit")
_USUAL = {name: name for name in FIELDS[:6]}
_KEYS = ("transaction_id", "payment_id")
_ONE_OF = {
    "id_case": ("", "upper", "lower"),
    "sign": ("plain", "reversed"),
    "refund_sign": ("auto", "plus", "minus"),
}


@dataclass(frozen=True)
class Layout:
    """The columns by what they hold, and how their values are written.

    `profile` names a PG whose layout is known; what is set beside it comes first. Without a header
    (`has_header`) columns are numbered from "1". Without a `kind` column the sign of the amount
    tells a refund from a capture; without a `status` column every line is money that moved. The
    amount is `amount` and `credit` less `debit`; where `direction` holds one of the debit_words it
    is money that goes. `ignore_words` are kinds that are no captures or refunds: fees, payouts.
    `at_format` "iso" takes whatever begins with the year (2026-11-26, 20261126 13:45,
    2026년 11월 26일 오후 1:45); a name of a form (dmy, mdy, epoch_ms, serial) or a pattern of
    strptime takes others. `decimal` is the decimal mark; amounts in minor units have
    `minor_digits`. `id_replace` is a regular expression and what comes in its place in transaction
    ids, `payment_replace` in payment ids; `id_width` fills an id with zeros.
    """

    columns: dict[str, str] = field(default_factory=lambda: dict(_USUAL))
    profile: str = ""
    separator: str = ","
    encoding: str = "utf-8-sig"
    zone: str = "Asia/Seoul"
    at_format: str = "iso"
    thousands: str = ","
    decimal: str = "."
    minor_digits: CountOrZero = 0
    currency: str = "KRW"
    sign: str = "plain"
    refund_sign: str = "auto"
    capture_words: tuple[str, ...] = ("capture", "승인")
    refund_words: tuple[str, ...] = ("refund", "cancel", "취소")
    ignore_words: tuple[str, ...] = (
        *("fee", "fees", "payout", "dispute", "chargeback", "adjustment", "transfer", "summary"),
        *("total", "subtotal", "merchantpayout", "수수료", "지급", "입금", "합계", "소계", "총계"),
    )
    debit_words: tuple[str, ...] = ("debit", "dr", "d", "-", "출금")
    done_words: tuple[str, ...] = ("success", "done", "완료")
    failed_words: tuple[str, ...] = ("failed", "실패")
    id_replace: tuple[str, ...] = ()
    id_case: str = ""
    id_width: CountOrZero = 0
    payment_replace: tuple[str, ...] = ()
    has_header: Switch = True
    skip_first: CountOrZero = 0
    ignore_first_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a layout with which nothing could be read."""
        _take_profile(self)
        if strange := sorted(set(self.columns) - set(FIELDS)):
            raise InvalidError("no_field", given=strange[0], known=_list(FIELDS))
        if not any(self.columns.get(name) for name in MONEY):
            raise InvalidError("field_missing", name="amount")
        if not self.columns.get("at"):
            raise InvalidError("field_missing", name="at")
        if not any(self.columns.get(name) for name in _KEYS):
            raise InvalidError("no_key_field", known=_list(_KEYS))
        if not self.has_header:
            _check_numbers(self.mapped)
        if len(self.separator) != 1:
            raise InvalidError("separator")
        _check_values(self)
        _known_codec(self.encoding)
        _ = self.place

    @cached_property
    def place(self) -> tzinfo:
        """The zone of times without one, and of the file's days."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise InvalidError("layout_zone", given=self.zone) from None

    @cached_property
    def mapped(self) -> dict[str, str]:
        """The fields that have a column."""
        return {name: column for name, column in self.columns.items() if column}

    @cached_property
    def marks(self) -> tuple[str, str]:
        """Of thousands and of decimals; who sets one of them to the other's means both."""
        if self.thousands != self.decimal:
            return self.thousands, self.decimal
        return (".", ",") if self.decimal == "," else (self.thousands, ",")

    @cached_property
    def kinds(self) -> dict[str, Kind | None]:
        """The words of a kind column, in lower case; None: such a line is passed over."""
        return {
            **{word.lower(): None for word in self.ignore_words},
            **{word.lower(): Kind.CAPTURE for word in self.capture_words},
            **{word.lower(): Kind.REFUND for word in self.refund_words},
        }

    @cached_property
    def states(self) -> dict[str, bool]:
        """The words of a status column, in lower case, and whether money moved."""
        done = {word.lower(): True for word in self.done_words}
        return done | {word.lower(): False for word in self.failed_words}

    @cached_property
    def debits(self) -> frozenset[str]:
        """The words of a direction column for money that goes."""
        return frozenset(word.lower() for word in self.debit_words)


def _take_profile(layout: Layout) -> None:
    """What is left as it is by default is as the profile says."""
    if not layout.profile:
        return
    if layout.profile not in PROFILES:
        known = _list(sorted(PROFILES))
        raise InvalidError("profile", given=layout.profile, known=known)
    given = dict(layout.columns)
    for each in fields(Layout):
        usual = each.default if each.default is not MISSING else _USUAL
        if getattr(layout, each.name) == usual:
            value = PROFILES[layout.profile].get(each.name, usual)
            object.__setattr__(layout, each.name, value)
    if given != _USUAL:
        known = PROFILES[layout.profile]["columns"]
        object.__setattr__(layout, "columns", {**known, **given})


def _check_numbers(mapped: dict[str, str]) -> None:
    for name, column in mapped.items():
        if not (column.isascii() and column.isdigit() and int(column) > 0):
            raise InvalidError("column_number", name=name)


def _check_values(layout: Layout) -> None:
    for name, allowed in _ONE_OF.items():
        if getattr(layout, name) not in allowed:
            known = _list([repr(each) for each in allowed])
            raise InvalidError("layout_one_of", name=name, known=known)
    for name in ("id_replace", "payment_replace"):
        given = getattr(layout, name)
        if given and len(given) != 2:
            raise InvalidError("replacement", name=name)
        try:
            if given:  # the empty alternative always matches, so that both parts are tried
                re.sub(f"{given[0]}|", given[1], "")
        except re.error as error:
            raise InvalidError("pattern", name=name, error=str(error)) from None
    if layout.decimal not in (".", ",") or len(layout.thousands) > 1:
        raise InvalidError("marks")
    if not 0 <= layout.minor_digits <= 4 or not 0 <= layout.id_width <= 64:
        raise InvalidError("digits")
    if "%" not in layout.at_format and layout.at_format not in ("iso", *NAMES):
        raise InvalidError("at_format", known=_list(NAMES))


def _known_codec(name: str) -> None:
    try:
        "".encode(name)
    except LookupError:
        raise InvalidError("encoding", given=name) from None


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
