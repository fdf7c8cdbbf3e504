"""Whether a file and our rows differ in the same way nearly everywhere: then a setting is wrong.

A thousand lines that are all a hundred times too large are one finding, not a thousand breaks.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from checks.settlement_file.layout import Layout
from checks.settlement_file.match import Match
from checks.settlement_file.mend import Settings
from checks.settlement_file.staging import SignCounts, Staging
from checks.sources.facts.psp import Kind
from monitor.domain.books.settlement_match import Outcome

NEARLY_ALL = 0.9
COUNT_MIN = 3
_PAIRS_MAX = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Alike:
    """The one difference (a word of [pg_alike]), of how many, and the settings that mend it."""

    difference: str
    count: int
    settings: Settings


@dataclass(slots=True)
class Differences:
    """How the pairs of a match differ, counted."""

    pairs: int = 0
    unpaired: int = 0
    ratios: Counter[float] = field(default_factory=Counter)
    days: Counter[int] = field(default_factory=Counter)

    def add(self, match: Match) -> None:
        """Count one outcome in."""
        line, record = match.line, match.record
        if line is None or record is None or line.file:
            is_missing = match.outcome in (Outcome.MISSING_IN_DB, Outcome.UNJUDGED)
            self.unpaired += is_missing
            return
        self.pairs += 1
        if match.outcome is Outcome.AMOUNT and match.why == "gross" and record.amount_krw:
            self.ratios[float(f"{line.amount_krw / record.amount_krw:.3g}")] += 1
        if match.outcome is Outcome.TIMING:
            self.days[(line.at.date() - record.at.date()).days] += 1

    def common(self, staging: Staging) -> Alike | None:
        """What nearly all have in common, if anything."""
        return self._amounts() or self._days() or self._ids(staging)

    def _amounts(self) -> Alike | None:
        found = _commonest(self.ratios, self.pairs)
        if found is None:
            return None
        ratio, count = found
        digits = round(math.log10(ratio), 2) if ratio > 0 else 0.5
        if digits == -3:
            return Alike("thousandfold", count, {"thousands": ".", "decimal": ","})
        if digits == int(digits) and 0 < digits <= 4:
            return Alike("power", count, {"minor_digits": int(digits)})
        return Alike("ratio", count, {"columns.amount": "…"})

    def _days(self) -> Alike | None:
        found = _commonest(self.days, self.pairs)
        return Alike("days", found[1], {"window_days": abs(found[0])}) if found else None

    def _ids(self, staging: Staging) -> Alike | None:
        if self.unpaired < max(COUNT_MIN, NEARLY_ALL * (self.unpaired + self.pairs)):
            return None
        found = Counter[str]()
        kept: dict[str, Settings] = {}
        pairs = staging.unpaired_ids(_PAIRS_MAX)
        for theirs, ours in pairs:
            settings = next((s for way in _WAYS if (s := way(theirs, ours))), None)
            if settings:
                found[repr(settings)] += 1
                kept[repr(settings)] = settings
        way = _commonest(found, len(pairs))
        return Alike("ids", self.unpaired, kept[way[0]]) if way else None


def _commonest(counted: Counter[T], among: int) -> tuple[T, int] | None:
    """What nearly all have, and how many; None if nothing."""
    found = next(iter(counted.most_common(1)), None)
    if found is None or found[1] < max(COUNT_MIN, NEARLY_ALL * among):
        return None
    return found


def _case(theirs: str, ours: str) -> Settings | None:
    if theirs.lower() != ours.lower():
        return None
    return {"id_case": "upper"} if ours == theirs.upper() else (
        {"id_case": "lower"} if ours == theirs.lower() else None)  # fmt: skip


def _zeros(theirs: str, ours: str) -> Settings | None:
    """Leading zeros that one side has."""
    if ours.lstrip("0") != theirs.lstrip("0"):
        return None
    return {"id_width": len(ours)} if len(ours) > len(theirs) else {"id_replace": ["^0+", ""]}


def _added(theirs: str, ours: str) -> Settings | None:
    """What only the file has, in front or behind."""
    if not ours or ours == theirs:
        return None
    if theirs.endswith(ours):
        return {"id_replace": [f"^{re.escape(theirs[: -len(ours)])}", ""]}
    if theirs.startswith(ours):
        return {"id_replace": [f"{re.escape(theirs[len(ours) :])}$", ""]}
    return None


def _left_off(theirs: str, ours: str) -> Settings | None:
    """What only our ids have, in front or behind."""
    if not theirs or ours == theirs:
        return None
    if ours.endswith(theirs):
        return {"id_replace": ["^", _literal(ours[: -len(theirs)])]}
    if ours.startswith(theirs):
        return {"id_replace": ["$", _literal(ours[len(theirs) :])]}
    return None


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


_WAYS: Sequence[Callable[[str, str], Settings | None]] = (_case, _zeros, _added, _left_off)


def reversed_signs(signs: SignCounts, layout: Layout) -> Alike | None:
    """Nearly all captures have a minus: the file counts from the PG's side."""
    plus, minus = signs.get((Kind.CAPTURE, 1), 0), signs.get((Kind.CAPTURE, -1), 0)
    if minus < COUNT_MIN or minus < NEARLY_ALL * (plus + minus):
        return None
    turned = "plain" if layout.sign == "reversed" else "reversed"
    return Alike("signs", minus, {"sign": turned})


def refund_sign(signs: SignCounts, layout: Layout) -> int:
    """The sign that refunds have in a file; those with the other are taken back."""
    if layout.refund_sign != "auto":
        return 1 if layout.refund_sign == "plus" else -1
    if {"debit", "credit", "direction"} & set(layout.mapped):
        return -1
    plus, minus = signs.get((Kind.REFUND, 1), 0), signs.get((Kind.REFUND, -1), 0)
    return 1 if plus > minus else -1
