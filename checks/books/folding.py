"""One thing wrong is one line: breaks that another break of the same payment explains are folded.

What a fault breaks besides is declared once, in the catalogue (`implies`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from checks.invariants.catalogue import catalogue
from monitor.domain.books.discrepancies import TOTAL

_NET, _CONTROL = "L10", "L11"
_KEPT = ("L12", "P6")  # rows that must stay as they are
Rows = Mapping[str, Mapping[str, list[Any]]]  # by invariant and key, as they are remembered


def folded(breaks: Rows) -> dict[str, dict[str, list[Any]]]:
    """The breaks that stand by themselves.

    A break is folded into one of the same payment whose fault implies it and comes to the same
    amount; the control total keeps only what no payment's balance explains.
    """
    amounts = _amounts(breaks)
    shown = {
        invariant: {k: row for k, row in rows.items() if not _explained(invariant, row, amounts)}
        for invariant, rows in breaks.items()
    }
    if _NET in breaks and _CONTROL in breaks:
        shown[_CONTROL] = dict(_unexplained(breaks))
    return {invariant: rows for invariant, rows in shown.items() if rows}


def unexplained_krw(breaks: Rows) -> int:
    """What of the control total no payment's balance explains."""
    rows = breaks.get(_CONTROL, {})
    total: int = sum(row[3] for row in rows.values())
    return total - sum(row[3] for row in breaks.get(_NET, {}).values()) if rows else 0


def broken_entries(breaks: Rows) -> dict[int, int]:
    """The payments that have a break in their entries or their row, and what those come to."""
    found: Counter[int] = Counter()
    for invariant, rows in folded({i: r for i, r in breaks.items() if i in _ENTRY_BREAKS}).items():
        for row in rows.values():
            if row[0] is not None and invariant != _CONTROL:
                found[row[0]] += row[3]
    return dict(found)


def _amounts(breaks: Rows) -> dict[int, Counter[str]]:
    """What the breaks of each payment come to, by invariant."""
    found: dict[int, Counter[str]] = {}
    for invariant, rows in breaks.items():
        for row in rows.values():
            if row[0] is not None:
                found.setdefault(row[0], Counter())[invariant] += row[3]
    return found


def _explained(invariant: str, row: list[Any], amounts: Mapping[int, Counter[str]]) -> bool:
    if row[0] is None or invariant == _CONTROL:
        return False
    causes = _causes(invariant)
    others = amounts[row[0]]
    if invariant in _KEPT:  # a changed row is told by what is wrong with it now
        return any(name in _ENTRY_BREAKS for name in others)
    own = abs(others[invariant])
    return own > 0 and any(name in causes and abs(a) == own for name, a in others.items())


_ENTRY_BREAKS = frozenset((*(f"L{number}" for number in range(1, 11)), "L13", "P5", "S2"))


@lru_cache(maxsize=64)
def _causes(invariant: str) -> frozenset[str]:
    """The invariants whose fault breaks this one too; a change by itself explains nothing."""
    return frozenset(e.id for e in catalogue() if invariant in e.implies and e.id not in _KEPT)


def _unexplained(breaks: Rows) -> Iterator[tuple[str, list[Any]]]:
    rest = unexplained_krw(breaks)
    for key, row in breaks[_CONTROL].items():
        if rest and key == TOTAL:
            yield key, [None, *row[1:3], rest]
