"""A reconciliation at somebody's request, with what the check remembers; records nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from checks.books.by_hand import ReconcileRequest, reconcile
from checks.reconciliation import CHECK
from monitor.domain.books.reconciliation import Reconciled
from monitor.store.database import Store
from monitor.store.passes.memory import memory_of


def reconcile_now(
    store: Store,
    platform: Any,
    options: Any,
    clock: Callable[[], datetime],
    *,
    full: bool = False,
    since: datetime | None = None,
    shard: str = "",
    only: tuple[str, ...] = (),
    seconds_max: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reconciled:
    """Look at the books now; InvalidError: `only` names what no invariant is."""
    with store.read() as tx:
        memory = memory_of(tx, CHECK.name)
    request = ReconcileRequest(options, memory, full, since, shard, only, seconds_max)
    return reconcile(platform, request, clock, progress)
