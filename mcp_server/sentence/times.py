"""Stretches of time: "last hour", "since yesterday 14:00", "지난 3일", "오늘 오후 2시부터"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from mcp_server.sentence.rest import Rest, compiled
from monitor.periods import days_before, period

_ENGLISH_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
}
_KOREAN_NUMBERS = {
    "한": 1,
    "두": 2,
    "세": 3,
    "네": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
    "열": 10,
    "일": 1,
    "이": 2,
    "삼": 3,
    "십": 10,
    "삼십": 30,
}
_NUMBERS = _ENGLISH_NUMBERS | _KOREAN_NUMBERS
_SECONDS = {"m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7, "M": 30}
_UNITS = (
    ("m", r"minutes?|mins?|분"),
    ("h", r"hours?|hrs?|h|시간"),
    ("d", r"days?|d|일"),
    ("w", r"weeks?|주일|주"),
    ("M", r"months?|개월|달"),
)
_WHOLE = {
    "하루": (1, "d"),
    "이틀": (2, "d"),
    "사흘": (3, "d"),
    "나흘": (4, "d"),
    "일주일": (1, "w"),
}
_NUMBER = rf"\d{{1,4}} | (?:{'|'.join(_ENGLISH_NUMBERS)})\b | {'|'.join(_KOREAN_NUMBERS)}"
_UNIT = "|".join(rf"(?:{forms})(?![A-Za-z])" for _, forms in _UNITS)
_LENGTH = rf"(?: (?:{_NUMBER}) \s* -? (?:{_UNIT}) | {'|'.join(_WHOLE)} )"
_WITHIN = r"(?:간|동안|사이|이내|내|안)(?:에|의|에서|만)?"
_PAST = compiled(
    rf"""\b(?:in|within|during|over|for)?\s*(?:the\s)?(?:last|past|previous|latest)\s+
        (?P<a>{_LENGTH}|minute|hour|day|week|month)\b(?!\s*ago)
    | (?:지난|최근|근래) \s* (?P<b>{_LENGTH}) (?:{_WITHIN}|\s*{_WITHIN})?(?:의|에)?
    | (?P<c>{_LENGTH}) \s* {_WITHIN}
    | \bwithin \s+ (?P<d>{_LENGTH}) | (?<![\w.])(?P<e>\d{{1,3}}(?:h|d))\b"""
)
_OLDER = compiled(
    rf"""\b(?:older|longer|earlier)\s+than\s+(?P<a>{_LENGTH})(?:\s+ago)?
    | (?:for|since)\s+(?:over|more\sthan)\s+(?P<b>{_LENGTH})
    | (?P<c>{_LENGTH}) \s* (?:을|를|이)? \s* (?:넘은|넘게|넘는|이상|초과)(?:\s*(?:된|지난|동안|째))?
    | (?P<d>{_LENGTH}) \s* (?:전|이전)\s*(?:보다\s*)?(?:에\s*)?(?:이전|오래된|전)"""
)
_JUST = compiled(r"\bjust\s+now\b | \bmoments?\s+ago\b | 방금(?:\s*전)?(?:에|의)?")
_JUST_NOW = timedelta(minutes=5)
_NAMED = (
    ("this_week", r"\bthis\s+week\b | 이번\s*주 | 금주"),
    ("last_week", r"\b(?:last|previous)\s+week\b | (?:지난|저번)\s*주(?!일) | 전주"),
    ("this_month", r"\bthis\s+month\b | 이번\s*달 | 이달 | 금월"),
    ("last_month", r"\b(?:last|previous)\s+month\b | (?:지난|저번)\s*달 | 전월"),
)
_NAME = {name: compiled(rf"(?:{forms})(?:에|의|에서|동안|\s*동안)?") for name, forms in _NAMED}
_DAY_WORDS = {
    "today": 0, "오늘": 0, "금일": 0, "yesterday": 1, "어제": 1, "전일": 1, "그제": 2, "그저께": 2
}  # fmt: skip
_DAY = rf"""(?: \d{{4}}-\d{{1,2}}-\d{{1,2}} | \d{{1,2}}월\s*\d{{1,2}}일
    | {"|".join(sorted(_DAY_WORDS, key=len, reverse=True))} )"""
_CLOCK = r"""(?: \d{1,2}:\d{2}(?::\d{2})? (?:\s*[ap]m\b)? | \d{1,2}\s*[ap]m\b
    | \bnoon\b | \bmidnight\b | 정오 | 자정
    | (?:오전|오후|새벽|아침|저녁|밤|낮)?\s*\d{1,2}시(?!간)(?:\s*\d{1,2}분|\s*반)? )"""
_POINT = (
    rf"(?: {_DAY} (?: (?:의)?\s*(?:at\s|t)?\s* {_CLOCK} )? | {_CLOCK} (?:\s+(?:on\s+)?{_DAY})? )"
)
_RANGE = compiled(
    rf"""\b(?:between|from)\s+(?P<a>{_POINT})\s*(?:and|to|till|until|-|~)\s*(?P<b>{_POINT})
    (?P<day>\s+(?:on\s+)?{_DAY})?
    | (?P<a2>{_POINT})\s*(?:부터|에서|~|-)\s*(?P<b2>{_POINT})\s*(?:까지|사이)?(?:의|에)?"""
)
_SINCE = compiled(
    rf"""\b(?:since|after|from|starting)\s+(?:the\s)?(?P<a>{_POINT})(?:\s+(?:on|onwards?))?
    | (?P<b>{_POINT})\s*(?:부터|이후|이래|후)(?:로|에|의)?"""
)
_UNTIL = compiled(rf"\b(?:until|till|up\sto)\s+(?P<a>{_POINT}) | (?P<b>{_POINT})\s*까지(?:의)?")
_BEFORE = compiled(
    rf"\bbefore\s+(?P<a>{_POINT}) | (?P<b>{_POINT})\s*(?:이전|전(?!체|부|일|주))(?:에|의)?"
)
_ALONE = compiled(
    rf"(?:\bon\s+)?(?P<a>(?<!\d){_DAY})(?:자|'s)?(?:에|의|에서|은|는)?(?![A-Za-z0-9_-])"
)
_CLOCK_ONLY = compiled(_CLOCK)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to before `end`; None: open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Point:
    day: date | None
    clock: time | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Now, and the zone whose midnights and clocks are meant."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The local date."""
        return self.now.astimezone(self.zone).date()

    def at(self, day: date, clock: time = time()) -> datetime:
        """A local time as UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def ago(self, length: str) -> datetime:
        """So long before now; days are days of the calendar."""
        count, unit = _length(length)
        if unit in _SECONDS:
            return self.now - timedelta(seconds=count * _SECONDS[unit])
        return days_before(self.now, count * _DAYS[unit], self.zone)


def stretches(rest: Rest, calendar: Calendar) -> Iterator[Stretch]:
    """Every stretch of time in the sentence; ValueError for a day or a clock that is none."""
    for match in rest.take(_OLDER):
        yield Stretch(end=calendar.ago(_first(match)))
    for name, pattern in _NAME.items():
        for _ in rest.take(pattern):
            yield _named(name, calendar)
    for match in rest.take(_PAST):
        yield Stretch(calendar.ago(_first(match)), calendar.now)
    for _ in rest.take(_JUST):
        yield Stretch(calendar.now - _JUST_NOW, calendar.now)
    yield from _pointed(rest, calendar)


def moment(text: str, calendar: Calendar) -> datetime:
    """A single moment: "14:00" (the latest one), "어제 오후 2시"; ValueError for anything else."""
    found = compiled(_POINT).fullmatch(" ".join(text.split()).rstrip("에").strip())
    point = _point(text, calendar) if found else _Point(None, None)
    if point.clock is None:
        raise ValueError(text)
    at = calendar.at(point.day or calendar.today, point.clock)
    is_ahead = point.day is None and at > calendar.now
    return days_before(at, 1, calendar.zone) if is_ahead else at


def _pointed(rest: Rest, calendar: Calendar) -> Iterator[Stretch]:
    """What is said by days and clocks; a day said apart is the day of the clocks."""
    ranges, since = list(rest.take(_RANGE)), list(rest.take(_SINCE))
    until, before = list(rest.take(_UNTIL)), list(rest.take(_BEFORE))
    days = [_point(m["a"], calendar).day for m in rest.take(_ALONE)]
    anchor = days[0] if len(days) == 1 else None
    for match in ranges:
        a, b = (_point(match[k] or match[f"{k}2"], calendar) for k in ("a", "b"))
        behind = _point(match["day"], calendar).day if match["day"] else None
        yield _between(a, b, behind or anchor or calendar.today, calendar)
    found: list[Stretch] = []
    has_clock_alone = any(_point(m["a"] or m["a2"], calendar).day is None for m in ranges)
    readers: tuple[tuple[list[re.Match[str]], Callable[..., Stretch]], ...] = (
        (since, _since),
        (until, _until),
        (before, _before),
    )
    for matches, read in readers:
        for match in matches:
            point = _point(_first(match), calendar)
            has_clock_alone |= point.day is None
            found.append(read(point, anchor or calendar.today, calendar))
    if not (anchor and has_clock_alone):
        yield from (_whole(day, calendar) for day in days if day)
        yield from found
    elif found:
        yield _within(_whole(anchor, calendar), found)


def _within(day: Stretch, parts: Sequence[Stretch]) -> Stretch:
    """The part of a day that is meant."""
    starts = [s.start for s in (day, *parts) if s.start]
    ends = [s.end for s in (day, *parts) if s.end]
    return Stretch(max(starts), min(ends))


def _first(match: re.Match[str]) -> str:
    return next(text for text in match.groups() if text)


def _length(text: str) -> tuple[int, str]:
    plain = text.strip().lower()
    if plain in _WHOLE:
        return _WHOLE[plain]
    for unit, forms in sorted(_UNITS, key=lambda u: -max(map(len, u[1].split("|")))):
        found = re.fullmatch(rf"(.*?)\s*-?\s*(?:{forms})", plain)
        number = found[1].strip() if found else None
        if number is not None and (number == "" or number.isdecimal() or number in _NUMBERS):
            return int(number) if number.isdecimal() else _NUMBERS.get(number, 1), unit
    raise ValueError(text)


def _named(name: str, calendar: Calendar) -> Stretch:
    if name in ("this_week", "last_week"):
        span = period(name, calendar.now, calendar.zone)
        return Stretch(span.start, span.end)
    first = calendar.today.replace(day=1)
    if name == "this_month":
        return Stretch(calendar.at(first), calendar.now)
    return Stretch(calendar.at((first - timedelta(days=1)).replace(day=1)), calendar.at(first))


def _point(text: str, calendar: Calendar) -> _Point:
    clock = _CLOCK_ONLY.search(text)
    left = text if clock is None else text[: clock.start()] + text[clock.end() :]
    found = re.search(compiled(_DAY), left)
    return _Point(_date(found[0], calendar) if found else None, _time(clock[0]) if clock else None)


def _date(text: str, calendar: Calendar) -> date:
    plain = text.strip().lower()
    if plain in _DAY_WORDS:
        return calendar.today - timedelta(days=_DAY_WORDS[plain])
    numbers = [int(n) for n in re.findall(r"\d+", plain)]
    if len(numbers) == 3:
        return date(*numbers)
    found = date(calendar.today.year, *numbers)
    return found if found <= calendar.today else found.replace(year=found.year - 1)


def _time(text: str) -> time:
    plain = text.strip().lower()
    if plain in ("noon", "정오"):
        return time(12)
    if plain in ("midnight", "자정"):
        return time(0)
    numbers = [int(n) for n in re.findall(r"\d+", plain)]
    hour, minute = numbers[0], numbers[1] if len(numbers) > 1 else 0
    minute = 30 if plain.endswith("반") else minute
    is_later = any(word in plain for word in ("pm", "오후", "저녁", "밤", "낮"))
    if is_later and hour < 12 and not (hour < 6 and "밤" in plain):
        hour += 12
    elif hour == 12 and any(word in plain for word in ("am", "오전", "새벽", "밤")):
        hour = 0
    return time(hour, minute)


def _between(a: _Point, b: _Point, day: date, calendar: Calendar) -> Stretch:
    first = a.day or b.day or day
    start = calendar.at(first, a.clock or time())
    if b.clock is None:
        return Stretch(start, _day(b.day or first, calendar).end)
    end = calendar.at(b.day or first, b.clock)
    if end <= start and b.day is None and b.clock.hour < 12:  # 2 p.m. to 3: the later 3
        end += timedelta(hours=12)
    return Stretch(start, end)


def _since(point: _Point, day: date, calendar: Calendar) -> Stretch:
    return Stretch(start=calendar.at(point.day or day, point.clock or time()))


def _until(point: _Point, day: date, calendar: Calendar) -> Stretch:
    if point.clock is None:
        return Stretch(end=_day(point.day or day, calendar).end)
    return Stretch(end=calendar.at(point.day or day, point.clock))


def _before(point: _Point, day: date, calendar: Calendar) -> Stretch:
    return Stretch(end=calendar.at(point.day or day, point.clock or time()))


def _day(day: date, calendar: Calendar) -> Stretch:
    return Stretch(calendar.at(day), calendar.at(day + timedelta(days=1)))


def _whole(day: date, calendar: Calendar) -> Stretch:
    """A day; today goes until now."""
    found = _day(day, calendar)
    return Stretch(found.start, calendar.now) if day == calendar.today else found
