"""One row of a PG settlement file as a line; a wrong field says which it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from checks.settlement_file.amounts import TEXT_MAX, FieldError, money
from checks.settlement_file.layout import Layout
from checks.sources.facts.psp import Kind, Line
from monitor.domain.books.time_forms import TimeForm, form_named

_ID_MAX = 2**63 - 1
_YEARS = range(1990, 2101)
_WHOLE = re.compile(r"(\d+)(?:\.0+)?")
_SPOILT_ID = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_TEXT_MARKS = ("'", "=")
_KRW_WORDS = ("krw", "won", "원", "₩", "￦")


class PassedOver(Exception):  # noqa: N818 - no error: a line that is not about a payment
    """A line of a kind that is neither a capture nor a refund; its word."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word[:60]


def line_of(row: Sequence[str], places: Mapping[str, int], layout: Layout, number: int) -> Line:
    """A row as a line; FieldError: it cannot be one. `places`: field -> index in the row.

    With a kind column the amount keeps its sign, of which only the whole file tells the meaning.
    """
    given = {name: row[index] for name, index in places.items()}
    if any(text[:1] in _TEXT_MARKS for text in given.values() if text):
        given = {name: _unmarked(text) for name, text in given.items()}
    known = _known_kind(given, layout)
    _check_currency(given, layout)
    amount = _amount(given, layout)
    kind = known or (Kind.REFUND if amount < 0 else Kind.CAPTURE)
    transaction = _transaction(given, layout)
    payment = _payment(given.get("payment_id", ""), layout)
    if not transaction and payment is None:
        raise FieldError("transaction_id", "no_key", "")
    return Line(
        number,
        kind,
        transaction,
        payment,
        amount if known else abs(amount),
        _time(given["at"], layout),
        _state(given.get("status"), layout),
        _money(given, "fee", layout) if given.get("fee") else None,
        _bounded(given, "merchant_id"),
    )


def _unmarked(text: str) -> str:
    """Without what marks it as text for a spreadsheet: ="123" or '123."""
    if text[:1] == "'":
        return text[1:]
    if text[:2] == '="' and text[-1:] == '"' and len(text) > 2:
        return text[2:-1].strip()
    return text


def _known_kind(given: Mapping[str, str], layout: Layout) -> Kind | None:
    """Of the kind column; None without one."""
    if "kind" not in given:
        return None
    word = given["kind"]
    kind = layout.kinds.get(word.lower(), "")
    if kind is None:
        raise PassedOver(word)
    if not kind:
        raise FieldError("kind", "unknown_word", word)
    return Kind(kind)


def _check_currency(given: Mapping[str, str], layout: Layout) -> None:
    text = given.get("currency", "")
    known = layout.currency.lower()
    if text and text.lower() != known and not (known == "krw" and text.lower() in _KRW_WORDS):
        raise FieldError("currency", "other_currency", text)


def _amount(given: Mapping[str, str], layout: Layout) -> float:
    """Signed: what comes in less what goes out."""
    if "debit" in given or "credit" in given:
        amount = _balance(given, layout)
    else:
        amount = _money(given, "amount", layout)
    if given.get("direction", "").lower() in layout.debits:
        amount = -abs(amount)
    return -amount if layout.sign == "reversed" else amount


def _balance(given: Mapping[str, str], layout: Layout) -> float:
    known = {name: given[name] for name in ("amount", "credit", "debit") if given.get(name)}
    if not known:
        raise FieldError("credit" if "credit" in given else "amount", "no_amount", "")
    told = {name: _money(given, name, layout) for name in known}
    return told.get("amount", 0.0) + told.get("credit", 0.0) - abs(told.get("debit", 0.0))


def _money(given: Mapping[str, str], name: str, layout: Layout) -> float:
    thousands, decimal = layout.marks
    value = money(given[name], thousands, name, decimal)
    return value / 10**layout.minor_digits if layout.minor_digits else value


def _transaction(given: Mapping[str, str], layout: Layout) -> str:
    text = _bounded(given, "transaction_id")
    if _SPOILT_ID.fullmatch(text):
        raise FieldError("transaction_id", "exponent", text)
    if layout.id_replace and text:
        text = _pattern(layout.id_replace[0]).sub(layout.id_replace[1], text, count=1)
    if layout.id_case:
        text = text.upper() if layout.id_case == "upper" else text.lower()
    return text.zfill(layout.id_width) if text and layout.id_width else text


def _payment(text: str, layout: Layout) -> int | None:
    if layout.payment_replace:
        text = _pattern(layout.payment_replace[0]).sub(layout.payment_replace[1], text, count=1)
    if not text:
        return None
    if _SPOILT_ID.fullmatch(text):
        raise FieldError("payment_id", "exponent", text)
    whole = text if text.isdigit() else match[1] if (match := _WHOLE.fullmatch(text)) else ""
    if not (whole.isascii() and whole) or int(whole[:30]) > _ID_MAX:
        raise FieldError("payment_id", "no_number", text)
    return int(whole)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _state(text: str | None, layout: Layout) -> bool:
    if text is None:
        return True
    state = layout.states.get(text.lower())
    if state is None:
        raise FieldError("status", "unknown_word", text)
    return state


def _bounded(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "")
    if len(text) > TEXT_MAX:
        raise FieldError(name, "too_long", text)
    return text


def _time(text: str, layout: Layout) -> datetime:
    at = _read_time(text, layout.at_format)
    if at is None or at.year not in _YEARS:
        raise FieldError("at", "no_time", text)
    return at if at.tzinfo else at.replace(tzinfo=layout.place)


def _read_time(text: str, at_format: str) -> datetime | None:
    if "%" not in at_format:
        return next((at for form in _forms(at_format) if (at := form.read(text))), None)
    try:
        return datetime.strptime(text, at_format)  # noqa: DTZ007 - the zone comes next
    except ValueError:
        return None


@cache
def _forms(name: str) -> tuple[TimeForm, ...]:
    """iso: whatever begins with a year of four digits."""
    names = ("ymd", "compact") if name == "iso" else (name,)
    return tuple(form for each in names if (form := form_named(each)) is not None)
