"""Pages of rows from several shards as one list, with the positions at which each goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from checks.sources.facts.payments import Count, EntryPage, PaymentPage
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.paging import Position

R = TypeVar("R")
Place = tuple["str | int", int]


def merged(
    pages: Sequence[Sequence[R]], place: Callable[[R], Place], is_down: bool, limit: int
) -> list[R]:
    """The first rows of all pages together; within a page, its own order stays."""
    heads = [list(page)[::-1] for page in pages]
    found: list[R] = []
    choose = max if is_down else min
    while len(found) < limit and (left := [page for page in heads if page]):
        found.append(choose(left, key=lambda page: place(page[-1])).pop())
    return found


def positions(
    rows: Sequence[Any],
    place: Callable[[Any], Place],
    before: Mapping[str, Place],
    head: Position,
) -> list[Position]:
    """For each row, where all shards go on after it; `head` goes along unchanged."""
    reached = dict(before)
    found: list[Position] = []
    for row in rows:
        reached[row.shard] = place(row)
        found.append((*head, *(v for shard, at in reached.items() for v in (shard, *at))))
    return found


def places(position: Position | None, head: int) -> dict[str, Place]:
    """By shard, where to go on."""
    left = list((position or ())[head:])
    triples = zip(left[::3], left[1::3], left[2::3], strict=False)
    return {str(shard): (value, int(key)) for shard, value, key in triples}  # type: ignore[misc,arg-type]


def totals(pages: Sequence[PaymentPage | EntryPage]) -> dict[str, Any] | None:
    """How many rows fit and their amount, of all pages and by kind; None: not counted."""
    if any(isinstance(page.totals, Unavailable) for page in pages) or not pages:
        return None
    sums: dict[str, Count] = {}
    for page in pages:
        for one in page.totals if not isinstance(page.totals, Unavailable) else ():
            before = sums.get(one.kind, Count(one.kind, 0, 0))
            amount = before.amount_krw + one.amount_krw
            sums[one.kind] = Count(one.kind, before.count + one.count, amount)
    return {
        "count": sum(one.count for one in sums.values()),
        "amount_krw": sum(one.amount_krw for one in sums.values()),
        "by_kind": list(sums.values()),
    }


def uncounted(pages: Sequence[PaymentPage | EntryPage]) -> list[Unavailable]:
    """Why the totals of some pages are not known, and what lies beyond what was looked at."""
    found = [page.totals for page in pages if isinstance(page.totals, Unavailable)]
    return [*found, *(one for page in pages for one in page.lacks)]
