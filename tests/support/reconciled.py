"""Reconciliations by hand for tests: of shards in SQLite files, half an hour later."""

from __future__ import annotations

from datetime import timedelta

import books

from checks.books.by_hand import ReconcileRequest, reconcile
from checks.reconciliation import Options
from checks.sources.connect import Address, connect
from monitor.domain.books.reconciliation import Reconciled

LATER = books.NOW + timedelta(minutes=30)  # past every grace; what waits has waited too long
WAITING = ("P2", "P3")
OPTIONS = Options(ignore=("S4", "T9", "R6", "X1", "X2", "X3", *WAITING))


def looked(pair: list[books.Shard], *, memory=None, progress=None, **request: object) -> Reconciled:
    """A look at the shards as they are half an hour after the last payment."""
    urls = {f"shard{n}": each.url for n, each in enumerate(pair, 1)}
    platform = connect(Address("http://127.0.0.1:9", 0.2, shards=urls))
    options = request.pop("options", OPTIONS)
    asked = ReconcileRequest(options, memory or {}, **request)  # type: ignore[arg-type]
    return reconcile(platform, asked, lambda: LATER, progress or (lambda done, total: None))


def found(result: Reconciled) -> set[tuple[str, str, int | None]]:
    return {(f.one.shard, f.one.invariant, f.one.payment_id) for f in result.breaks}


SINCE = {"since": books.NOW - timedelta(hours=1)}
FULL = {"is_full": True}
