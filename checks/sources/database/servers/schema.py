"""What a shard's database has: its tables' columns, its indexes, its views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Schema:
    """What a shard has: the columns of its tables, the first columns of indexes, its views."""

    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    indexed: frozenset[tuple[str, str]] = frozenset()
    views: frozenset[str] = frozenset()
