"""How values are written: durations, numbers, amounts, times, and text that is not ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context, Undefined

from monitor.text.masking import masked
from monitor.text.particles import particle

PLATFORM_TEXT_MAX = 200
_MS_MAX = 10_000  # what takes longer is read in seconds
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")  # controls, direction marks, halves, private, unassigned
_ACTIVE = tuple("=+-@\t\r\n|%")  # what begins a formula, full-width as well
_JOINER = "\u200d"

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SPAN_NAMES = {
    "en": {"d": " d", "h": " h", "min": " min", "s": " s"},
    "ko": {"d": "일", "h": "시간", "min": "분", "s": "초"},
}
_PARTS = {"kafka": "Kafka", "redis": "Redis"}
_DAYS = {"en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "ko": tuple("월화수목금토일")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def filters(language: str, zone: tzinfo) -> Mapping[str, Callable[..., str]]:
    """The filters that sentences may use."""

    @pass_context
    def local(context: Context, value: datetime | str, beside: datetime | str = "") -> str:
        return clock(value, zone, language, context.get("_now"), beside=beside)

    def with_particle(value: Any, forms: str, *, alone: bool = False) -> str:
        word = str(_given(value))
        return ("" if alone else word) + particle(word, forms)

    return {
        "duration": lambda value: duration(_given(value), language),
        "number": lambda value: number(_given(value)),
        "krw": lambda value: krw(_given(value), language),
        "percent": lambda value: percent(_given(value), language),
        "reading": lambda value, unit: metric_value(_given(value), unit, language),
        "capital": lambda value: capital(_given(value)),
        "cut": lambda value, limit: cut(str(_given(value)), limit),
        "clock": local,
        "particle": with_particle,
        "part": lambda value: _PARTS.get(str(_given(value)), str(value)),
    }


def _given(value: Any) -> Any:
    """The value itself; a missing one is an error of the sentence, not an empty place."""
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises here, with the name that is missing
    return value


def clean(value: Any, limit: int = PLATFORM_TEXT_MAX) -> Any:
    """Text without control characters and without what looks personal or secret, on one line, cut
    to length; other values as they are.
    """
    if not isinstance(value, str):
        return value
    spaced = "".join(" " if ch in "\t\r\n\x0b\x0c\u2028\u2029" else ch for ch in value[: 4 * limit])
    shown = "".join(ch for ch in spaced if unicodedata.category(ch) not in _HIDDEN or ch == _JOINER)
    return cut(masked(" ".join(shown.split())), limit)


def inert(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula and no terminal for a command; other values
    as they are."""
    if not isinstance(value, str):
        return value
    shown = "".join(ch for ch in value if ch in "\t\r\n" or unicodedata.category(ch) not in _HIDDEN)
    first = unicodedata.normalize("NFKC", shown.lstrip(" \u3000\xa0"))[:1]
    return f"'{shown}" if first in _ACTIVE and shown.strip() else shown


def cut(text: str, limit: int) -> str:
    """Text of at most `limit` characters; an ellipsis marks what is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def capital(text: str) -> str:
    """Text with its first letter large; the rest stays (`Kafka`, `p95`)."""
    return text[:1].upper() + text[1:]


def duration(seconds: float, language: str) -> str:
    """A span in its two largest units: `5 min 3 s`, `5분 3초`."""
    names = _SPAN_NAMES.get(language, _SPAN_NAMES["en"])
    whole = round(abs(seconds))
    if whole == 0 and seconds:
        return f"{abs(seconds):.1f}{names['s']}"
    parts: list[tuple[int, str]] = []
    for size, name in _SPANS:
        count, whole = divmod(whole, size)
        if count or (parts and len(parts) < 2):
            parts.append((count, name))
    shown = [f"{count}{names[name]}" for count, name in parts[:2] if count]
    return " ".join(shown) or f"0{names['s']}"


def number(value: float) -> str:
    """A number with thousands separators and as many decimals as its size deserves."""
    size = abs(value)
    decimals = 0 if size >= 100 or float(value).is_integer() else 1 if size >= 10 else 2
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def krw(value: float, language: str) -> str:
    """An amount in won: `₩12,000`, `12,000원`."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value):,.0f}원" if language == "ko" else f"{sign}₩{abs(value):,.0f}"


def percent(value: float, language: str, *, signed: bool = False) -> str:
    """A percentage that is already in percent: `12.3 %`, `12.3%`."""
    decimals = 0 if abs(value) >= 1000 else 1
    shown = f"{value:{'+' if signed else ''},.{decimals}f}"
    shown = shown.removesuffix(".0").replace("-", "−" if signed else "-")
    return f"{shown}%" if language == "ko" else f"{shown} %"


def metric_value(value: Any, unit: str, language: str) -> str:
    """A reading with its unit; a dash where there is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return "–"
    if unit == "s":
        return duration(value, language)
    if unit == "ms" and abs(value) >= _MS_MAX:
        return duration(value / 1000, language)
    if unit == "share":
        return percent(100 * value, language)
    if unit == "%":
        return percent(value, language)
    if unit == "KRW":
        return krw(value, language)
    shown = _UNITS.get(language, {}).get(unit, f" {unit}")
    return f"{number(value)}{shown}".rstrip()


_UNITS = {
    "ko": {
        "calls": "회",
        "brokers": "대",
        "partitions": "개",
        "messages": "건",
        "keys": "개",
        "instances": "대",
        "threads": "개",
        "merchants": "곳",
        "settlements": "건",
        "refunds": "건",
        "breaks": "건",
        "payments": "건",
        "payments/min": "건/분",
        "requests/s": "건/초",
    }
}


def clock(
    value: datetime | str,
    zone: tzinfo,
    language: str,
    now: datetime | None = None,
    *,
    beside: datetime | str = "",
) -> str:
    """A local time: the hour alone on the day of `now`, with its date otherwise.

    `beside`: a time that is told before it, whose date holds for both if they share their day.
    """
    at = as_time(value).astimezone(zone)
    if now is None:
        return f"{at:%Y-%m-%d %H:%M}"
    known = as_time(beside) if beside else now
    if at.date() == known.astimezone(zone).date():
        return f"{at:%H:%M}"
    return f"{day_text(at, language)} {at:%H:%M}"


def day_text(at: date, language: str) -> str:
    """A date without its year: `22 Nov`, `11월 22일`."""
    return f"{at.month}월 {at.day}일" if language == "ko" else f"{at.day} {_MONTHS[at.month - 1]}"


def dated(at: datetime, language: str) -> str:
    """A local time with its day, year and zone, as it stands once in a message."""
    if language == "ko":
        return (
            f"{at.year}년 {day_text(at, language)}({_DAYS[language][at.weekday()]}) {at:%H:%M %Z}"
        )
    return f"{_DAYS['en'][at.weekday()]} {day_text(at, language)} {at.year}, {at:%H:%M %Z}"


def as_time(value: datetime | str) -> datetime:
    """An aware time from ISO-8601 text; text without an offset is in UTC."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
