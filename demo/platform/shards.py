"""The two database shards, whatever they are kept in, and who lives where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Row(Protocol):
    """A row by the names of its columns; times are texts in UTC."""

    def keys(self) -> Iterable[str]: ...
    def __getitem__(self, key: str, /) -> Any: ...


class Cursor(Protocol):
    """What a statement left behind."""

    @property
    def lastrowid(self) -> int | None: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Iterable[Any]: ...


class Shard(Protocol):
    """One shard; every question fails with PartDownError while it is down."""

    @property
    def name(self) -> str: ...
    @property
    def up(self) -> bool: ...
    def execute(self, sql: str, params: Sequence[Any] = ()) -> Cursor: ...
    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None: ...
    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]: ...
    def tally(self, table: str) -> list[Row]: ...
    def commit(self) -> None: ...
    def go_down(self) -> None: ...
    def come_back(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Shards:
    """Both shards, and the rule that says where a merchant lives."""

    shard1: Shard
    shard2: Shard

    def of(self, merchant_id: str) -> Shard:
        """Even digits live on shard1, odd ones on shard2; none or too many on shard1."""
        digits = "".join(c for c in merchant_id if c.isascii() and c.isdigit())
        odd = 0 < len(digits) <= 18 and int(digits[-1]) % 2 == 1
        return self.shard2 if odd else self.shard1

    def all(self) -> tuple[Shard, Shard]:
        """Both, in order."""
        return (self.shard1, self.shard2)

    def reachable(self) -> tuple[Shard, ...]:
        """Those that are up."""
        return tuple(shard for shard in self.all() if shard.up)

    def commit(self) -> None:
        """End the transactions of both."""
        self.shard1.commit()
        self.shard2.commit()
