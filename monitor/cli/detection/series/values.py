"""Numbers as people write them in files: one decimal mark and one unit for a whole column."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

BLANK = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_HUGE = 1e100
_PARTS = re.compile(
    r"(?P<front>[₩￦$€£¥]?)\s*+(?P<sign>[+\-\N{MINUS SIGN}]?)\s*+(?P<back>[₩￦$€£¥]?)\s*+"
    r"(?P<number>[0-9.](?:[0-9.,']|\s(?=[0-9]))*+(?:[eE][+-]?[0-9]+)?)\s*+(?P<unit>[^0-9.,]{0,16})"
)
_WRITTEN = {
    ".": re.compile(r"(?:[0-9]{1,3}(?:([, '])[0-9]{3})(?:\1[0-9]{3})*|[0-9]*)(?:\.[0-9]*)?"),
    ",": re.compile(r"(?:[0-9]{1,3}(?:([. '])[0-9]{3})(?:\1[0-9]{3})*|[0-9]*)(?:,[0-9]*)?"),
}
_PLAIN = re.compile(r"-?[0-9]+(?:\.([0-9]+))?")
_EXPONENT = re.compile(r"(.*?)([eE][+-]?[0-9]+)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How the numbers of a column are written."""

    decimal: str = "."
    unit: str = ""

    def read(self, text: str) -> tuple[float | None, str]:
        """The value; or None and why: it is no number (value), or has another unit (unit)."""
        if not self.unit and self.decimal == ".":
            try:
                return _bounded(float(text))
            except ValueError:
                pass
        parts = _parts(text)
        if parts is None:
            return None, "value"
        number, unit = parts
        if unit != self.unit:
            return None, "unit"
        value = _number(number, self.decimal)
        return (None, "value") if value is None else _bounded(value)


@dataclass(slots=True)
class NumberSurvey:
    """What all cells of a column say of how its numbers are written."""

    cells: int = 0
    units: Counter[str] = field(default_factory=Counter)
    by_point: int = 0
    by_comma: int = 0
    either: set[str] = field(default_factory=set)  # marks in numbers that both ways read
    flags: bool = True

    def add(self, text: str) -> None:
        """Count a cell in."""
        plain = _PLAIN.fullmatch(text)
        if plain and len(plain[1] or "") != 3:  # nearly always; 1.234 may be a thousand
            self.cells += 1
            self.units[""] += 1
            self.flags &= text in ("0", "1")
            self.by_point += 1
            self.by_comma += plain[1] is None
            return
        parts = None if text.lower() in BLANK else _parts(text)
        self.cells += text.lower() not in BLANK
        if parts is None:
            return
        number, unit = parts
        point, comma = _number(number, "."), _number(number, ",")
        if point is None and comma is None:
            return
        self.units[unit] += 1
        self.flags &= number in ("0", "1")
        self.by_point += point is not None
        self.by_comma += comma is not None
        if point is not None and comma is not None and point != comma:
            self.either |= {mark for mark in ",." if mark in number}

    @property
    def is_number(self) -> bool:
        """Whether most of the cells are numbers."""
        return 2 * sum(self.units.values()) >= self.cells > 0

    def form(self, decimal: str, separator: str) -> NumberForm | None:
        """How to read the column; None where 1,234 may be a thousand or little more than one."""
        unit = next(iter(self.units.most_common(1)), ("", 0))[0]
        if decimal:
            return NumberForm(decimal, unit)
        if self.by_point != self.by_comma:
            return NumberForm("." if self.by_point > self.by_comma else ",", unit)
        if "," in self.either and separator != ",":
            return None
        return NumberForm(".", unit)


def _parts(text: str) -> tuple[str, str] | None:
    """The number with its sign, and its unit: the won sign in front or 원 behind alike."""
    match = _PARTS.fullmatch(text.strip())
    if match is None or (match["front"] and match["back"]):
        return None
    unit = match["unit"].strip() or match["front"] or match["back"]
    sign = "-" if match["sign"] in ("-", "\N{MINUS SIGN}") else ""
    return sign + match["number"].strip(), "₩" if unit in ("원", "￦", "KRW") else unit


def _number(text: str, decimal: str) -> float | None:
    sign, bare = text[:1] == "-", text.removeprefix("-")
    match = _EXPONENT.fullmatch(bare)
    whole, exponent = (match[1], match[2] or "") if match else (bare, "")
    if not _WRITTEN[decimal].fullmatch(whole):
        return None
    for mark in " '" + ("," if decimal == "." else "."):
        whole = whole.replace(mark, "")
    try:
        value = float(whole.replace(",", ".") + exponent)
    except ValueError:
        return None
    return -value if sign else value


def _bounded(value: float) -> tuple[float | None, str]:
    is_usual = math.isfinite(value) and abs(value) < _HUGE
    return (value, "") if is_usual else (None, "value")
