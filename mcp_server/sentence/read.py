"""A sentence about payments as a filter; what is not understood is named, never passed over."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from mcp_server.sentence.amounts import Bound, bounds
from mcp_server.sentence.korean import Stem, is_korean, is_negated, near, stems
from mcp_server.sentence.rest import LENGTH_MAX, TAKEN, Rest
from mcp_server.sentence.statuses import Member, statuses_of
from mcp_server.sentence.things import limits, merchants, orders, payment_ids, shards
from mcp_server.sentence.times import Calendar, Stretch, stretches
from mcp_server.sentence.words import MEANINGS, Meaning

T = TypeVar("T")

LIMIT_MAX = 100
_JOINED = {form: form.replace(" ", "") for form in MEANINGS if " " in form}
_TOKEN = re.compile(rf"{TAKEN}|[,/|&]|[^\s,/|&]+")
_PARTICLES = frozenset(
    (
        *("이", "가", "은", "는", "을", "를", "의", "에", "로", "으로", "에서", "인", "도", "만"),
        *("된", "한", "까지", "부터", "대의", "건", "요"),
    )
)
_EDGES = ".?!:;()[]{}<>\"'`~"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a sentence is not understood: a code, and the words that it is about."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)


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
    """What a sentence means; with problems, nothing may be made of it."""

    wanted: Wanted
    problems: tuple[Problem, ...] = ()


def read(sentence: str, calendar: Calendar) -> Reading:
    """The filter behind a sentence, and all that stands in the way of understanding it."""
    if len(sentence) > LENGTH_MAX:
        return Reading(Wanted(), (Problem("too_long", {"most": str(LENGTH_MAX)}),))
    rest, problems = Rest(sentence), _Problems()
    merchant = problems.one("merchants", merchants(rest))
    shard = problems.one("shards", shards(rest))
    start, end = _span(rest, calendar, problems)
    low, high = _amounts(rest, problems)
    limit = problems.one("limits", limits(rest))
    payment = problems.one("payments", payment_ids(rest))
    order = problems.one("orders", orders(rest))
    statuses = _statuses(rest, problems, has_merchant=merchant is not None)
    if limit is not None and not 0 < limit <= LIMIT_MAX:
        problems.add("limit", most=str(LIMIT_MAX))
    wanted = Wanted(
        *(statuses, merchant or "", payment, low, high, start, end),
        *(shard or "", order or "", limit),
    )
    return Reading(wanted, tuple(problems.found))


class _Problems:
    """What stands in the way, in the order in which it was met."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, code: str, **params: str) -> None:
        if code != "negation" or all(p.code != code for p in self.found):
            self.found.append(Problem(code, params))

    def one(self, what: str, values: Iterable[T]) -> T | None:
        """The one value, if all are the same; several are a contradiction."""
        distinct = list(dict.fromkeys(values))
        if len(distinct) > 1:
            self.add("several", what=what, words=", ".join(map(str, distinct[:4])))
        return distinct[0] if distinct else None


def _span(
    rest: Rest, calendar: Calendar, problems: _Problems
) -> tuple[datetime | None, datetime | None]:
    try:
        found: list[Stretch] = list(stretches(rest, calendar))
    except (ValueError, OverflowError):
        problems.add("time")
        return None, None
    start = problems.one("times", (s.start for s in found if s.start))
    if any(p.code == "several" for p in problems.found):
        return start, None
    end = problems.one("times", (s.end for s in found if s.end))
    if start and start >= calendar.now:
        problems.add("future")
    elif start and end and start >= end:
        problems.add("empty_time")
    return start, end


def _amounts(rest: Rest, problems: _Problems) -> tuple[int | None, int | None]:
    try:
        found: list[Bound] = list(bounds(rest))
    except ValueError:
        problems.add("amount")
        return None, None
    low = problems.one("amounts", (b.low for b in found if b.low is not None))
    high = problems.one("amounts", (b.high for b in found if b.high is not None))
    if (low is not None and high is not None and low > high) or (high is not None and high < 1):
        problems.add("empty_amount")
    return low, high


def _statuses(rest: Rest, problems: _Problems, has_merchant: bool) -> tuple[str, ...]:
    """What the words that are left say of statuses; all others must be known to say nothing."""
    members: list[Member] = []
    for word, meaning in _meanings(rest.text):
        match meaning.kind if meaning else "unknown":
            case "unknown":
                _add_unknown(problems, word)
            case "not":
                problems.add("negation", word=word)
            case "elsewhere":
                problems.add("elsewhere", word=word, tool=meaning.text)  # type: ignore[union-attr]
            case "no_row":
                problems.add(f"no_row_{meaning.text}", word=word)  # type: ignore[union-attr]
            case "merchant" if not has_merchant:
                problems.add("which_merchant", word=word)
            case "filler" | "merchant":
                continue
            case _:
                members.append(Member(word, meaning))  # type: ignore[arg-type]
    if problems.found:
        return ()
    statuses, problem = statuses_of(members)
    if problem:
        problems.add(problem[0], words=problem[1])
    return statuses


def _add_unknown(problems: _Problems, word: str) -> None:
    if re.match(r"[\d.,₩$+-]*\d", word):
        problems.add("bare_number", word=word)
        return
    english = difflib.get_close_matches(word.lower(), _NEAR, 2, 0.72)
    problems.add("unknown", word=word, near=", ".join(near(word) if is_korean(word) else english))


_NEAR = [form for form, meaning in MEANINGS.items() if len(form) > 2] + ["today", "yesterday"]


def _meanings(text: str) -> Iterator[tuple[str, Meaning | None]]:
    """Each word that is left with its meaning; None: it has none here."""
    for form, joined in _JOINED.items():
        text = re.sub(rf"(?<!\w){re.escape(form)}", joined, text, flags=re.IGNORECASE)
    before = ""
    for token in _TOKEN.findall(text):
        is_particle, before = before == TAKEN and token in _PARTICLES, token
        if token == TAKEN:
            yield token, Meaning("taken")
        if token == TAKEN or is_particle:
            continue
        word = token if token in (",", "/", "|", "&") else token.strip(_EDGES)
        if word:
            yield from _of_word(word)


def _of_word(word: str) -> Iterator[tuple[str, Meaning | None]]:
    known = _KNOWN.get(word.lower())
    if known:
        yield word, known
    elif not is_korean(word):
        yield word, _inflected(word.lower())
    elif is_negated(word):
        yield word, Meaning("not", word)
    else:
        found: Sequence[Stem] = stems(word)
        for stem in found:
            yield word, _KNOWN[stem.word]
            if stem.adds:
                yield word, Meaning(stem.adds)
        if not found:
            yield word, None


_KNOWN = (
    MEANINGS
    | {joined: MEANINGS[form] for form, joined in _JOINED.items()}
    | {"/": Meaning("or"), "|": Meaning("or"), "&": Meaning("and"), ",": Meaning("comma")}
)


def _inflected(word: str) -> Meaning | None:
    """An English word with a "non" or "un" in front or an "'s" behind."""
    if match := re.fullmatch(r"(?:non|un|in)-?(\w+)", word):
        inner = _KNOWN.get(match[1])
        return Meaning("not", word) if inner and inner.kind in ("status", "no_row") else None
    if word.endswith("n't"):
        return Meaning("not", word)
    return _KNOWN.get(word.removesuffix("'s").replace("-", "_"))
