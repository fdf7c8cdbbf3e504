"""How times are written in files: one form for a whole column, never value by value.

A column that two forms read equally well and differently (01/02/2026) is ambiguous, unless its
order tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

_PROBED = 200  # texts by which the forms are chosen that are tried on the whole column
_STRAY_SHARE = 0.1  # texts that only another order of day and month reads: more is no accident
_YEARS = range(1990, 2101)
_EPOCH_FROM, _EPOCH_TO = 946_684_800, 4_102_444_800  # 2000 to 2100
_SERIAL_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zones
_SERIALS = (36_526, 73_051)  # 2000 to 2100
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "KST": 9}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HALF = r"오전|오후|[ap]\.?m\.?"
_CLOCK = (
    rf"(?:[\sT,:]+(?P<before>{_HALF})?\s*(?P<hour>\d{{1,2}})\s*(?:시|:)\s*"
    r"(?:(?P<minute>\d{1,2})\s*(?:분|:)?\s*"
    r"(?:(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?\s*초?)?)?"
    rf"\s*(?P<after>{_HALF})?)?"
    r"\s*(?P<zone>Z|UTC|GMT|KST|[+-]\d{2}:?\d{2})?"
)
_WEEKDAY = r"(?:\s*\(\w\))?"
_NUMBER = re.compile(r"\d{1,20}(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)


@dataclass(frozen=True, slots=True)
class TimeForm:
    """One way to write times. `shape` shows it to a person; `read` gives None for what is none.

    A time without a zone is naive. `is_order`: day, month and year could stand in another order.
    """

    name: str
    shape: str
    read: Callable[[str], datetime | None]
    is_order: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The form of a column, None where none reads it or `rivals` read it as well."""

    form: TimeForm | None
    rivals: tuple[TimeForm, ...] = ()


def choose_form(texts: Sequence[str]) -> Chosen:
    """The form that reads most of a column; of equals the one under which it is in order."""
    probed = [text for text in texts[:_PROBED] if text]
    tried = [form for form in FORMS if any(form.read(text) for text in probed)]
    read = _read(tried, texts)
    tried = list(read)
    counts = {form: sum(at is not None for at in found) for form, found in read.items()}
    most = max(counts.values(), default=0)
    if not most:
        return Chosen(None)
    best = [form for form in tried if counts[form] == most]
    if not best[0].is_order:
        return Chosen(best[0])
    if strays := [form for form in tried if _contradicts(read, best[0], form)]:
        return Chosen(None, (best[0], *strays))
    best = _in_order(read, best)
    return Chosen(best[0]) if len(best) == 1 else Chosen(None, tuple(best))


Read = dict[TimeForm, list[datetime | None]]


def _read(forms: Sequence[TimeForm], texts: Sequence[str]) -> Read:
    """The column in each form; where one reads all of it, others only if they do so, too."""
    read: Read = {}
    is_whole = False
    for form in forms:
        found: list[datetime | None] = []
        for text in texts:
            found.append(form.read(text))
            if is_whole and found[-1] is None:
                break
        else:
            read[form] = found
            is_whole = is_whole or None not in found
    return read


def _contradicts(read: Read, form: TimeForm, other: TimeForm) -> bool:
    """Whether too many texts are read by another order of day, month and year alone."""
    if not other.is_order:
        return False
    both = list(zip(read[form], read[other], strict=True))
    strays = sum(a is None and b is not None for a, b in both)
    own = sum(a is not None and b is None for a, b in both)
    return strays > _STRAY_SHARE * own


def _in_order(read: Read, forms: Sequence[TimeForm]) -> list[TimeForm]:
    """The only form under which the times rise; all of them where that tells nothing."""
    first = read[forms[0]]
    if all(read[form] == first for form in forms[1:]):
        return [forms[0]]
    rising = [form for form in forms if _rises(read[form])]
    return rising if len(rising) == 1 else list(forms)


def _rises(found: Sequence[datetime | None]) -> bool:
    known = [at for at in found if at is not None]
    return all(a <= b for a, b in pairwise(known))


def form_named(name: str) -> TimeForm | None:
    """A form by its name."""
    return next((form for form in FORMS if form.name == name), None)


def _dated(match: re.Match[str] | None) -> datetime | None:
    """The time that a match of one of the patterns stands for."""
    if match is None:
        return None
    told = match.groupdict()
    try:
        at = datetime(_year(told["year"]), _month(told["month"]), int(told["day"]))  # noqa: DTZ001
        at += _clock(told)
        return at.replace(tzinfo=_zone(told["zone"])) if told.get("zone") else at
    except ValueError:
        return None


def _year(text: str) -> int:
    year = int(text) + (2000 if len(text) == 2 else 0)
    if year not in _YEARS:
        raise ValueError(text)
    return year


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _clock(told: dict[str, str | None]) -> timedelta:
    hour, minute, second = (int(told.get(n) or 0) for n in ("hour", "minute", "second"))
    half = (told.get("before") or told.get("after") or "").lower().replace(".", "")
    if half and not 1 <= hour <= 12:
        hour = hour if half in ("오후", "pm") and hour < 24 else 99  # 오후 15시 is written, too
    elif half:
        hour = hour % 12 + (12 if half in ("오후", "pm") else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no time of day")
    micros = int((told.get("fraction") or "").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _zone(text: str) -> timezone:
    if text.upper() in _ZONES:
        return timezone(timedelta(hours=_ZONES[text.upper()]))
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone((1 if text[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _pattern(date: str) -> Callable[[str], datetime | None]:
    full = re.compile(date + _WEEKDAY + _CLOCK, re.IGNORECASE)
    return lambda text: _dated(full.fullmatch(text))


_SPELLED_YMD = _pattern(
    r"(?P<year>\d{4})\s*[-./년]\s*(?P<month>\d{1,2})\s*[-./월]\s*(?P<day>\d{1,2})\s*[일.]?"
)


def _ymd(text: str) -> datetime | None:
    """ISO 8601, and everything else that begins with a year of four digits."""
    if text[4:5] == "-":
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return _SPELLED_YMD(text)
        return at if at.year in _YEARS else None
    return _SPELLED_YMD(text)


def _compact(text: str) -> datetime | None:
    return _dated(_COMPACT.fullmatch(text)) if len(text) >= 8 else None


def _epoch(per_second: int) -> Callable[[str], datetime | None]:
    def read(text: str) -> datetime | None:
        if not _NUMBER.fullmatch(text):
            return None
        seconds = float(text) / per_second
        return datetime.fromtimestamp(seconds, UTC) if _EPOCH_FROM <= seconds < _EPOCH_TO else None

    return read


def _serial(text: str) -> datetime | None:
    """Days since 1900 as spreadsheets count them, to the second."""
    if not _NUMBER.fullmatch(text):
        return None
    days = float(text)
    if not _SERIALS[0] <= days < _SERIALS[1]:
        return None
    return _SERIAL_DAY_ZERO + timedelta(seconds=round(days * 86_400))


_D, _M, _Y4, _Y2 = (
    r"(?P<day>\d{1,2})",
    r"(?P<month>\d{1,2})",
    r"(?P<year>\d{4})",
    r"(?P<year>\d{2})",
)
_NAMED_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_GAP = r"\s*[-./]\s*"
_SLASH = r"\s*[-/]\s*"  # nobody writes month.day.year

FORMS: tuple[TimeForm, ...] = (
    TimeForm("ymd", "yyyy-mm-dd", _ymd),
    TimeForm("compact", "yyyymmddHHMMSS", _compact),
    TimeForm("epoch_s", "seconds since 1970", _epoch(1)),
    TimeForm("epoch_ms", "milliseconds since 1970", _epoch(10**3)),
    TimeForm("epoch_us", "microseconds since 1970", _epoch(10**6)),
    TimeForm("epoch_ns", "nanoseconds since 1970", _epoch(10**9)),
    TimeForm("serial", "spreadsheet days since 1900", _serial),
    TimeForm("dmy", "dd/mm/yyyy", _pattern(_GAP.join((_D, _M, _Y4))), is_order=True),
    TimeForm("mdy", "mm/dd/yyyy", _pattern(_SLASH.join((_M, _D, _Y4))), is_order=True),
    TimeForm("ymd2", "yy-mm-dd", _pattern(_GAP.join((_Y2, _M, _D))), is_order=True),
    TimeForm("dmy2", "dd/mm/yy", _pattern(_GAP.join((_D, _M, _Y2))), is_order=True),
    TimeForm("mdy2", "mm/dd/yy", _pattern(_SLASH.join((_M, _D, _Y2))), is_order=True),
    TimeForm(
        "d_mon_y", "dd Mon yyyy", _pattern(rf"{_DAY_NAME}{_D}[-\s/]+{_NAMED_MONTH}[-\s/,]+{_Y4}")
    ),
    TimeForm("mon_d_y", "Mon dd, yyyy", _pattern(rf"{_DAY_NAME}{_NAMED_MONTH}\s+{_D},?\s+{_Y4}")),
)
NAMES = tuple(form.name for form in FORMS)
