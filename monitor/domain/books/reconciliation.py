"""What a reconciliation by hand came to: every break, what was looked at, what was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.domain.books.discrepancies import Extent, OpenBreak
from monitor.domain.check import Finding, Params, Status


@dataclass(frozen=True, slots=True)
class FoundBreak:
    """An open break as it was found now (`details`), or as it is known and was not looked at.

    `is_new`: nothing is stored of it, so its age is not known.
    """

    one: OpenBreak
    severity: Status
    details: Params = field(default_factory=dict)
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What was looked at on a shard: payments since a time and older ones, or its rows.

    `rows_total` is how many rows it has; fewer `rows`: not all could be gone through. `extent`
    is how far all looks so far reach.
    """

    shard: str
    since: datetime | None
    payments: int
    rows: int | None = None
    rows_total: int | None = None
    extent: Extent | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The breaks by shard and invariant, oldest first; `unavailable` says what was not examined.

    `truncated` are (shard, invariant) with more breaks than are listed; `full_only` are
    invariants that only a look at all rows examines, `together_only` those of all shards.
    """

    at: datetime
    status: Status
    breaks: tuple[FoundBreak, ...]
    unavailable: tuple[Finding, ...]
    looks: tuple[LookedAt, ...]
    examined: Mapping[str, tuple[str, ...]]
    truncated: frozenset[tuple[str, str]] = frozenset()
    full_only: tuple[str, ...] = ()
    together_only: tuple[str, ...] = ()
    is_full: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all rows of all shards were looked at, now or in rotation."""
        return bool(self.looks) and all(one.extent and one.extent.whole_at for one in self.looks)
