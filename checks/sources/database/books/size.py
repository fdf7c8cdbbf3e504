"""How many rows the books of a shard have: of all, or of one range of keys."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, select

from checks.sources.database.servers.shard import Snapshot
from checks.sources.database.servers.tables import CLOCKS, LEDGER
from checks.sources.facts.books import Size
from checks.sources.facts.unavailable import Fact

LASTS: Select[Any] = select(
    *(select(func.max(key)).scalar_subquery().label(table) for table, (key, _) in CLOCKS.items()),
    select(func.max(LEDGER.c.entry_id)).scalar_subquery().label("ledger_entry"),
)
_KEYS = (*(key for key, _ in CLOCKS.values()), LEDGER.c.entry_id)


@lru_cache(maxsize=1)
def _counts() -> tuple[Select[Any], ...]:
    low, high = (bindparam(end, type_=BigInteger()) for end in ("low", "high"))
    return tuple(select(func.count(key)).where(key >= low, key < high) for key in _KEYS)


def size_of(snapshot: Snapshot) -> Fact[Size]:
    """The rows of all tables of the books, and the largest key among them."""
    if missing := snapshot.lacks(LASTS):
        return snapshot.unavailable_columns(missing)
    last = max(key or 0 for key in snapshot.rows(LASTS, {})[0])
    return Size(rows_between(snapshot, -(2**62), last + 1), last)


def rows_between(snapshot: Snapshot, low: int, high: int) -> int:
    """The rows whose keys are in a range, in all tables of the books."""
    params = {"low": low, "high": high}
    return sum(int(snapshot.rows(count, params)[0][0]) for count in _counts())
