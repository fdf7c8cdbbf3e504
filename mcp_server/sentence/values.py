"""Words put together as values: amounts, clocks, days, lengths of time, names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from mcp_server.sentence.times import Calendar, Point
from mcp_server.sentence.tokens import Token

Catalog = Sequence[Token]
Value = tuple[str, Any, int]  # its kind, itself, and of how many words it is made
_WORDS_MAX = 20
_NONE = Token("", None, -1, -1)


def values(tokens: Catalog, calendar: Calendar) -> list[Token]:
    """The words that say something, each value as one; ValueError: there is no such day, clock."""
    words = [token for token in tokens if token.kind != "filler"]
    found: list[Token] = []
    at = 0
    while at < len(words):
        ahead = [*words[at : at + _WORDS_MAX], *[_NONE] * 4]
        kind, value, size = _value(ahead, calendar)
        _add(found, Token(kind, value, words[at].start, words[at + size - 1].end))
        at += size
    return found


def _value(words: Catalog, calendar: Calendar) -> Value:
    """The value that begins here, or the word as it is."""
    found = _merchant(words) or _clock(words) or _day(words, calendar) or _length(words)
    return found or _number(words) or (words[0].kind, words[0].value, 1)


def _add(found: list[Token], token: Token) -> None:
    """A day and a clock that stand together are one point of time."""
    before = found[-1] if found else _NONE
    if {before.kind, token.kind} == {"day", "clock"}:
        a, b = before.value, token.value
        point = Point(a.day or b.day, b.clock if a.clock is None else a.clock)
        found[-1] = Token("point", point, before.start, token.end)
    else:
        found.append(token)


def _merchant(words: Catalog) -> Value | None:
    """A name behind the word "merchant": whatever is no word of the vocabulary."""
    at = 2 if words[1].kind == "exactly" else 1
    name, behind = words[at], words[at + 1]
    if words[0].kind != "merchant":
        return None
    is_name = name.kind in ("id", "quoted") or (name.kind == "unknown" and name.value.isascii())
    is_number = name.kind == "number" and behind.start != name.end
    return ("id", str(name.value), at + 1) if is_name or is_number else None


def _clock(words: Catalog) -> Value | None:
    lead = int(words[0].kind == "part")
    first, second, third, fourth = words[lead : lead + 4]
    minute, seconds, size = 0, 0, 1
    if first.kind == "clock":
        hour = first.value
    elif first.kind == "time":
        hour, minute, seconds = (int(n) for n in f"{first.value}:0".split(":")[:3])
    elif _is_count(first) and second.kind == "oclock":
        is_exact = _is_count(third) and (fourth.kind, fourth.value) == ("unit", "m")
        minute = int(third.value) if is_exact else 30 * (third.kind == "half")
        hour, size = int(first.value), 2 + 2 * is_exact + (third.kind == "half")
    elif _is_count(first) and second.kind == "part" and not lead:
        hour = int(first.value)
    else:
        return None
    part = words[0] if lead else words[size]
    size += part.kind == "part"
    return "clock", Point(clock=time(_hour(hour, str(part.value)), minute, seconds)), size


def _hour(hour: int, part: str) -> int:
    if hour < 12 and (part == "pm" or (part == "night" and hour >= 6)):
        return hour + 12
    return 0 if hour == 12 and part in ("am", "dawn", "night") else hour


def _day(words: Catalog, calendar: Calendar) -> Value | None:
    first, second, third, fourth = words[:4]
    if first.kind == "day":
        return "day", Point(calendar.day(first.value)), 1
    if first.kind == "date":
        return "day", Point(date(*map(int, first.value.split("-")))), 1
    is_day = _is_count(third) and (fourth.kind, fourth.value) == ("unit", "d")
    if not (_is_count(first) and second.kind == "month" and is_day):
        return None
    found = date(calendar.today.year, int(first.value), int(third.value))
    return "day", Point(calendar.latest(found)), 4


def _length(words: Catalog) -> Value | None:
    first, second = words[:2]
    if second.kind not in ("unit", "units", "short") or not (
        _is_count(first) or first.kind == "one"
    ):
        return None
    return "span" if second.kind == "short" else "length", (int(first.value), second.value), 2


def _is_count(word: Token) -> bool:
    if word.kind != "number" or isinstance(word.value, int):
        return word.kind == "number"
    return word.value.isdecimal() and len(word.value) <= 4


def _number(words: Catalog) -> Value | None:
    """An amount, a count of rows, or a plain number."""
    lead = int(words[0].kind == "currency")
    size, total = _scaled(words[lead:])
    if not size:
        return None
    text, behind = words[lead].value, words[lead + size].kind
    if lead or behind == "currency":
        return "won", total, lead + size + (behind == "currency")
    if behind == "rows":
        return "quantity", total, size
    if size > 1 or not text.isdecimal():
        return "scaled" if size > 1 else "amount", total, size
    if behind in ("piece", "th"):
        return "count" if behind == "piece" else "nth", text, 2
    return "int", text, 1


def _scaled(words: Catalog) -> tuple[int, Decimal]:
    """Of how many words a number is made, and what it comes to; each unit is below the last."""
    if words[0].kind == "scale" and words[1].kind == "currency":
        return 1, words[0].value
    size, total, last = 0, Decimal(), Decimal("inf")
    while words[size].kind == "number" and isinstance(words[size].value, str):
        number, scale = words[size], words[size + 1]
        is_scaled = scale.kind == "scale"
        if is_scaled and scale.value >= last:
            break
        if not is_scaled:
            is_end = size == 0 or number.start == words[size - 1].end
            return (size + 1, total + _decimal(number)) if is_end else (size, total)
        size, total, last = size + 2, total + _decimal(number) * scale.value, scale.value
    return size, total


def _decimal(number: Token) -> Decimal:
    return Decimal(number.value.replace(",", ""))
