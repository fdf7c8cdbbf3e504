"""Which tools a server offers: by toolset, and the writing ones by name.

A file below mcp_server/tools says with TOOLSETS to which sets its TOOLS belong; `toolsets` in
front of one function says it for that one alone.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp_server.writing import Writing, writing_of
from monitor import plugins
from monitor.domain.statement import InvalidError

Fn = Callable[..., Any]
F = TypeVar("F", bound=Fn)
NAMES = (
    "circuit-breaker",
    "database-query",
    "redis-cache",
    "kafka-operations",
    "loadtest",
    "system-health",
    "history",
)
_PACKAGE = "mcp_server.tools"


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool's function, the toolsets it belongs to, and how it writes (None: it only reads)."""

    fn: Fn
    toolsets: tuple[str, ...]
    writing: Writing | None

    @property
    def name(self) -> str:
        """What clients call it."""
        return self.fn.__name__


def toolsets(*names: str) -> Callable[[F], F]:
    """Put one tool into other sets than those of its file."""

    def mark(fn: F) -> F:
        fn.toolsets = names  # type: ignore[attr-defined]
        return fn

    return mark


def all_offers() -> list[Offer]:
    """Every tool there is, whether it is offered or not."""
    groups: dict[str, tuple[Fn, ...]] = plugins.load(
        _PACKAGE, "TOOLS", plugins.names_in_folders(_PACKAGE)
    )
    return [_offer(fn, _sets_of(file)) for file, group in groups.items() for fn in group]


def offers(toolsets: Collection[str], writes: Sequence[str]) -> list[Offer]:
    """The tools of some sets (of all, if none is named); of those that write, only these."""
    known = all_offers()
    _require(toolsets, NAMES, "no_toolset")
    _require(writes, [o.name for o in known if o.writing], "no_writing_tool")
    wanted = set(toolsets or NAMES)
    return [
        offer
        for offer in known
        if wanted & set(offer.toolsets) and (offer.writing is None or offer.name in writes)
    ]


def _offer(fn: Fn, of_file: tuple[str, ...]) -> Offer:
    return Offer(fn, getattr(fn, "toolsets", of_file), writing_of(fn))


def _sets_of(file: str) -> tuple[str, ...]:
    found: tuple[str, ...] = importlib.import_module(f"{_PACKAGE}.{file}").TOOLSETS
    return found


def _require(given: Iterable[str], known: Sequence[str], wrong: str) -> None:
    for name in given:
        if name not in known:
            near = "".join(difflib.get_close_matches(name, known, 1, 0.5))
            raise InvalidError(wrong, given=name, near=near, known=", ".join(known))
