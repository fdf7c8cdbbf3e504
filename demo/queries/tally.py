"""Totals over whole tables, from the counts that the shards keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from demo.platform.shards import Shard


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows and amounts of one table by the value of its telling column."""

    counts: Mapping[str, tuple[int, int]]

    def rows(self, name: str | None = None) -> int:
        """How many rows, with one value or in all."""
        if name is not None:
            return self.counts.get(name, (0, 0))[0]
        return sum(rows for rows, _ in self.counts.values())

    def amount(self, name: str | None = None) -> int:
        """What they sum up to."""
        if name is not None:
            return self.counts.get(name, (0, 0))[1]
        return sum(amount for _, amount in self.counts.values())

    def by_status(self) -> list[dict[str, str | int]]:
        """The rows by value, as the API lists them."""
        return [{"status": name, "count": self.counts[name][0]} for name in self.counts]


def read(shards: Sequence[Shard], table: str) -> Tally:
    """The tally of a table over some shards."""
    counts: dict[str, tuple[int, int]] = {}
    for shard in shards:
        for row in shard.tally(table):
            rows, amount = counts.get(row["name"], (0, 0))
            counts[row["name"]] = (rows + row["n"], amount + row["amount"])
    return Tally(dict(sorted(counts.items())))
