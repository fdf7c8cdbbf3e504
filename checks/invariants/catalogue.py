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
from checks.sources.database_tables import Scope
from monitor.domain.cause import Cause
from monitor.domain.check import Status


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must hold. Its sentence is [invariant.<id>] in templates.

    `build` makes the statement whose rows are violations. `implies`: what its fault breaks too.
    `grace_seconds`: how long it may take to come true (None: as configured). `sightings`: how
    many passes must see it (None: as configured). `worsens`: critical when seen twice in a row.
    """

    id: str
    severity: Status
    build: Callable[[Scope], Select[Any]]
    implies: tuple[str, ...] = ()
    grace_seconds: float | None = 0.0
    sightings: int | None = 1
    worsens: bool = False


@lru_cache(maxsize=1)
def catalogue() -> tuple[Invariant, ...]:
    """All invariants: the INVARIANTS of every file beside this one."""
    names = [module.name for module in pkgutil.iter_modules(checks.invariants.__path__)]
    families = [import_module(f"checks.invariants.{name}") for name in sorted(names)]
    found = [entry for family in families for entry in getattr(family, "INVARIANTS", ())]
    return tuple(found)


def implied_causes() -> tuple[Cause, ...]:
    """What each invariant's fault breaks too, on the same shard, as causes of alerts."""
    return tuple(
        Cause(effect=f"books_broken:{{shard}}/{effect}", cause=f"books_broken:{{shard}}/{entry.id}")
        for entry in catalogue()
        for effect in entry.implies
    )
