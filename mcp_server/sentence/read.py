"""A sentence about payments as a filter; what is not understood is named, never passed over."""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from mcp_server.sentence.rules import TIME_RULES, facts
from mcp_server.sentence.statuses import Member, statuses_of
from mcp_server.sentence.times import Calendar, Fact, Point, Stretch, stretches
from mcp_server.sentence.tokens import LENGTH_MAX, Token, plain, tokens
from mcp_server.sentence.values import values
from mcp_server.sentence.words import MEANINGS, Part
from monitor.domain.statement import Statement
from monitor.reports.periods import days_before

LIMIT_MAX = 100
AMOUNT_MAX = 10**15
_NEAR_MAX = 4  # for how many words those like them are looked for, and
_WORD_MAX = 20  # in how many of their letters
_NUMBERS = ("int", "amount", "scaled", "won", "quantity", "number", "length", "point", "clock")
# Words of rules that may as well say nothing.
_SILENT = (
    "payment",
    "rows",
    "piece",
    "th",
    "currency",
    "one",
    "recent",
    "during",
    "from",
    "to",
    "origin",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which payments are meant. Amounts are included at both ends, `end` is not."""

    statuses: tuple[str, ...] = ()
    merchant_id: str = ""
    payment_id: int | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    shard: str = ""
    order: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence means; with problems (words of [mcp.filter]), nothing may be made of it."""

    wanted: Wanted
    problems: tuple[Statement, ...] = ()


def read(sentence: str, calendar: Calendar) -> Reading:
    """The filter behind a sentence, and all that stands in the way of understanding it."""
    text = plain(sentence[: LENGTH_MAX + 1])
    if max(len(sentence), len(text)) > LENGTH_MAX:
        return Reading(Wanted(), (Statement("too_long", {"most": str(LENGTH_MAX)}),))
    try:
        words = values(tokens(text), calendar)
        return _Reader(text, calendar).read(words)
    except (ValueError, OverflowError):
        return Reading(Wanted(), (Statement("time"),))


def contradiction(wanted: Wanted, now: datetime) -> str:
    """The code of a problem, if no payment can fit; this week may begin right now."""
    low, high = wanted.amount_min, wanted.amount_max
    if high is not None and (high < 1 or (low is not None and low > high)):
        return "empty_amount"
    start, end = wanted.start, wanted.end
    return "empty_time" if start and end and start >= end and start != now else ""


def read_stretch(text: str, calendar: Calendar) -> Stretch | None:
    """The stretch of time that a text is about; None if it says anything else."""
    reading = read(text, calendar)
    found = Stretch(reading.wanted.start, reading.wanted.end)
    is_time = reading.wanted == Wanted(start=found.start, end=found.end) != Wanted()
    return found if is_time and not reading.problems else None


def read_moment(text: str, calendar: Calendar) -> datetime:
    """A single moment: "14:00" (the latest one), "어제 오후 2시"; ValueError for anything else."""
    words = values(tokens(plain(text[:LENGTH_MAX])), calendar)
    points = [word.value for word in words if word.kind != "around"]
    if len(points) != 1 or not isinstance(points[0], Point) or points[0].clock is None:
        raise ValueError(text)
    at = calendar.at(points[0].day or calendar.today, points[0].clock)
    is_ahead = points[0].day is None and at > calendar.now
    return days_before(at, 1, calendar.zone) if is_ahead else at


class _Reader:
    """What one sentence says, and what stands in the way, in the order in which it was met."""

    def __init__(self, text: str, calendar: Calendar) -> None:
        self.text = text
        self.calendar = calendar
        self.problems: list[Statement] = []
        self.members: list[Member] = []
        self.times: list[Fact] = []
        self.found: dict[str, list[Any]] = defaultdict(list)

    def read(self, words: Sequence[Token]) -> Reading:
        """All that the words say together."""
        for rule, said, taken in facts(words):
            word = self.text[taken[0].start : taken[-1].end]
            if rule:
                self._take(rule, said, word)
            else:
                self._leave(taken[0], word)
        shard = self._one("shards")
        wanted = Wanted(
            merchant_id=self._one("merchants") or "",
            payment_id=self._one("payments"),
            amount_min=self._one("low", "amounts"),
            amount_max=self._one("high", "amounts"),
            shard=f"shard{shard}" if shard else "",
            order=self._one("orders") or "",
            limit=self._one("limits"),
        )
        stretch = self._stretch()
        wanted = replace(wanted, start=stretch.start, end=stretch.end)
        self._check(wanted)
        return Reading(replace(wanted, statuses=self._statuses()), tuple(self.problems))

    def _take(self, rule: str, said: Sequence[Any], word: str) -> None:
        if rule == "open":
            self.members.append(Member("status", word, Part("capture", "open")))
            return
        self.members.append(Member("taken", word))
        if rule in TIME_RULES:
            self.times.append((rule, said))
        elif rule in _BOUNDS:
            low, high = _BOUNDS[rule](*map(Decimal, said))
            self.found["low"] += [] if low is None else [low]
            self.found["high"] += [] if high is None else [high]
        else:
            for name, value in zip(rule.split(), said, strict=True):
                self.found[name].append(int(value) if name in _NUMBERED else str(value))

    def _leave(self, token: Token, word: str) -> None:
        """A word that no rule takes: of a status, without a meaning here, or not understood."""
        kind = token.kind
        if isinstance(token.value, Part) or kind == "exact":
            self.members.append(Member("exact" if kind == "exact" else "status", word, token.value))
        elif kind in ("or", "and", "comma"):
            self.members.append(Member(kind, word))
        elif kind == "merchant":
            self.found["which"].append(word)
        elif kind == "elsewhere":
            self._add("elsewhere", word=word, tool=token.value)
        elif kind == "no_row":
            self._add(f"no_row_{token.value}", word=word)
        elif kind == "not":
            self._add("negation", word=word)
        elif kind in _NUMBERS:
            self._add("bare_number", word=word)
        elif kind not in _SILENT:
            near = _near(word) if len(self.problems) < _NEAR_MAX else ""
            self._add("unknown", word=word, near=near)

    def _add(self, code: str, **params: str) -> None:
        if code != "negation" or all(p.code != code for p in self.problems):
            self.problems.append(Statement(code, params))

    def _one(self, name: str, what: str = "") -> Any:
        """The one value, if all are the same; several are a contradiction."""
        distinct = list(dict.fromkeys(self.found[name]))
        if len(distinct) > 1:
            self._add("several", what=what or name, words=", ".join(map(str, distinct[:4])))
        return distinct[0] if distinct else None

    def _stretch(self) -> Stretch:
        now = self.calendar.now
        found = stretches(self.times, self.calendar)
        starts, ends = ({getattr(s, side) for s in found} - {None} for side in ("start", "end"))
        if len(starts) > 1 or len(ends) > 1:
            self._add("several", what="times", words="")
            return Stretch()
        start, end = next(iter(starts), None), next(iter(ends), None)
        if start and (start > now or (start == now and end != now)):
            self._add("future")
        return Stretch(start, end)

    def _check(self, wanted: Wanted) -> None:
        if max(wanted.amount_min or 0, wanted.amount_max or 0) > AMOUNT_MAX:
            self._add("amount")
        elif wrong := contradiction(wanted, self.calendar.now):
            self._add(wrong)
        if (wanted.payment_id or 0) > AMOUNT_MAX:
            self._add("bare_number", word=str(wanted.payment_id))
        if wanted.limit is not None and not 0 < wanted.limit <= LIMIT_MAX:
            self._add("limit", most=str(LIMIT_MAX))
        if self.found["which"] and not wanted.merchant_id:
            self._add("which_merchant", word=self.found["which"][0])

    def _statuses(self) -> tuple[str, ...]:
        if self.problems:
            return ()
        statuses, problem = statuses_of(self.members)
        if problem:
            self._add(problem[0], words=problem[1])
        return statuses


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))


def _down(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))


_BOUNDS: dict[str, Callable[..., tuple[int | None, int | None]]] = {
    "between": lambda a, b: (_up(a), _down(b)),
    "over": lambda a: (_down(a) + 1, None),
    "from": lambda a: (_up(a), None),
    "under": lambda a: (None, _up(a) - 1),
    "to": lambda a: (None, _down(a)),
    "exactly": lambda a: (_up(a), _down(a)),
}
_NUMBERED = ("payments", "limits")


def _near(word: str) -> str:
    """The known words that a word resembles, letter by letter; of a Korean one, its beginning."""
    low = word.lower()[:_WORD_MAX]
    is_korean = any("가" <= letter <= "힣" for letter in low)
    forms = _KOREAN if is_korean else _ENGLISH
    found = difflib.get_close_matches(_letters(low), forms, 2, 0.6 if is_korean else 0.72)
    return ", ".join(forms[letters] for letters in found)


def _letters(text: str) -> str:
    return unicodedata.normalize("NFD", text)


_ENGLISH = {form: form for form in MEANINGS if form.isascii() and len(form) > 2}
_KOREAN = {
    _letters(form): form
    for form, word in MEANINGS.items()
    if not form.isascii() and len(form) > 1 and isinstance(word.value, Part)
}
