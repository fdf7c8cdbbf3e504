"""The catalogue: what an invariant is, and all of them."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from sqlalchemy import Select

import checks.invariants
from checks.sources.database.servers.tables import Scope
from monitor.domain.cause import Cause
from monitor.domain.check import Status


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must hold. Its sentence and its advice are [invariant.<id>] in templates.

    `build` makes the statement whose rows are violations; None: no statement can tell, so the
    sources compare results under this id. `whole` makes one that only a full sweep can afford.
    `implies`: what its fault breaks too, on the same shard; `implies_anywhere`: on any shard.
    `grace_seconds`: how long it may take to come true (None: as configured). `passes_required`: how
    many passes must see it (None: as configured). `worsens`: critical when seen twice in a row.
    """

    id: str
    severity: Status
    build: Callable[[Scope], Select[Any]] | None
    implies: tuple[str, ...] = ()
    grace_seconds: float | None = 0.0
    passes_required: int | None = 1
    worsens: bool = False
    whole: Callable[[], Select[Any]] | None = None
    implies_anywhere: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def catalogue() -> tuple[Invariant, ...]:
    """All invariants: the INVARIANTS of every file beside this one."""
    names = [module.name for module in pkgutil.iter_modules(checks.invariants.__path__)]
    families = [import_module(f"checks.invariants.{name}") for name in sorted(names)]
    found = [entry for family in families for entry in getattr(family, "INVARIANTS", ())]
    return tuple(found)


def implied_causes() -> tuple[Cause, ...]:
    """What each invariant's fault breaks too, as causes of alerts; and that breaks grow old."""
    return (
        *(
            Cause(f"books_broken:{{shard}}/{effect}", f"books_broken:{{shard}}/{entry.id}")
            for entry in catalogue()
            for effect in entry.implies
        ),
        *(
            Cause(f"books_broken:*/{effect}", f"books_broken:*/{entry.id}")
            for entry in catalogue()
            for effect in entry.implies_anywhere
        ),
        Cause("breaks_old:{shard}", "books_broken:{shard}/*"),
    )
