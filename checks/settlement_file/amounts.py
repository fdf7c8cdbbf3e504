"""Amounts as people write them: one mark for thousands and one for decimals in a whole file."""

from __future__ import annotations

import re
from functools import cache

TEXT_MAX = 200
_MONEY_MAX = 10**15
_DIGITS_MAX = 15
_KRW = re.compile(r"krw|won|원|[₩￦\s]", re.IGNORECASE)
_EXPONENT = re.compile(r"\A(-?)(\d++)(?:[.,](\d++))?[eE]([+-]?\d{1,3})", re.ASCII)


class FieldError(Exception):
    """A field that cannot be read: its name, a reason, and its text."""

    def __init__(self, name: str, reason: str, text: str) -> None:
        super().__init__(name, reason, text)
        self.name, self.reason, self.text = name, reason, text[:TEXT_MAX]


def money(text: str, thousands: str, name: str = "amount", decimal: str = ".") -> float:
    """An amount: 1,000  -1000.00  (1,000)  1000-  ₩1,000  1,000원."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return float(text)
    bare = _bare(text)
    if not _written(thousands, decimal).fullmatch(bare):
        value = _rounded(bare, name, text)
        return _refused(bare, thousands, decimal, name, text) if value is None else value
    if thousands:
        bare = bare.replace(thousands, "")
    value = float(bare.replace(decimal, "."))
    if abs(value) > _MONEY_MAX:
        raise FieldError(name, "no_amount", text)
    return value


def _bare(text: str) -> str:
    """Without currency and spaces, a minus in front."""
    bare = _KRW.sub("", text).replace("\N{MINUS SIGN}", "-")
    if bare.startswith("(") and bare.endswith(")"):
        return f"-{bare[1:-1]}"
    return f"-{bare[:-1]}" if bare.endswith("-") else bare.removeprefix("+")


@cache
def _written(thousands: str, decimal: str) -> re.Pattern[str]:
    """Thousands stand in groups of three, or not at all."""
    whole = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+" if thousands else r"\d+"
    mark = re.escape(decimal)
    return re.compile(rf"-?(?:(?:{whole})(?:{mark}\d*)?|{mark}\d+)", re.ASCII)


def _rounded(bare: str, name: str, text: str) -> float | None:
    """2.5900E+04 is exact; of 2.59E+04 a spreadsheet may have cut the last digits off."""
    match = _EXPONENT.fullmatch(bare)
    if match is None:
        return None
    sign, whole, decimals, exponent = match[1], match[2], match[3] or "", int(match[4])
    value = float(f"{sign}{whole}.{decimals or 0}e{exponent}")
    if abs(value) > _MONEY_MAX:
        raise FieldError(name, "no_amount", text)
    if exponent > len(decimals):
        raise FieldError(name, "exponent", text)
    return value


def _refused(bare: str, thousands: str, decimal: str, name: str, text: str) -> float:
    """A separator in the wrong place has a reason of its own: the decimal mark may be another."""
    marked = rf"-?[0-9][0-9.,{re.escape(thousands + decimal)}]*"
    is_number = re.fullmatch(marked, bare) is not None
    marks = sum(mark in bare for mark in ".,")
    raise FieldError(name, "thousands" if is_number and marks else "no_amount", text)
