"""What a reconciliation by hand came to, in words and as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from monitor.domain.books.discrepancies import AgeBucket, Extent, ageing
from monitor.domain.books.reconciliation import FoundBreak, LookedAt, Reconciled
from monitor.domain.check import Finding, Status
from monitor.text.catalog import Catalog
from monitor.text.filters import clean

COLUMNS = (
    *("shard", "invariant", "severity", "row", "payment_id", "amount_krw"),
    *("first_seen_at", "last_seen_at", "age_seconds", "must_hold", "details"),
)


def reconciled_json(result: Reconciled, catalog: Catalog) -> dict[str, Any]:
    """All of it as plain data, with the sentences beside the codes."""
    return {
        "status": result.status.value,
        "at": result.at.isoformat(),
        "is_full": result.is_full,
        "looked_at": [_look_json(one) for one in result.looks],
        "examined": {shard: list(names) for shard, names in result.examined.items()},
        "breaks": [break_row(one, result, catalog) for one in result.breaks],
        "not_all_listed": sorted(f"{shard}/{name}" for shard, name in result.truncated),
        "ageing": [
            {"age": b.name, "count": b.count, "amount_krw": b.amount_krw} for b in ages(result)
        ],
        "not_examined": [
            {"subject": f.subject, "text": unavailable_text(f, catalog), "params": dict(f.params)}
            for f in result.unavailable
        ],
        "only_with_full": list(result.full_only),
        "only_with_all_shards": list(result.together_only),
    }


def _look_json(one: LookedAt) -> dict[str, Any]:
    since = one.since.isoformat() if one.since else None
    rows = {"rows": one.rows, "rows_total": one.rows_total}
    look = {"shard": one.shard, "since": since, "payments": one.payments, **rows}
    return {**look, **extent_json(one.extent)}


def extent_json(extent: Extent | None) -> dict[str, Any]:
    """How far the looks at a shard reach, as plain data; None: it is not known."""
    whole_at = extent.whole_at if extent else None
    return {
        "totalled_since": whole_at.isoformat() if whole_at else None,
        "drift_krw": extent.drift_krw if extent else None,
        "unexplained_krw": extent.unexplained_krw if extent else None,
    }


def break_row(found: FoundBreak, result: Reconciled, catalog: Catalog) -> dict[str, Any]:
    """A break as a row of a file; `age_seconds` is empty where nothing is stored of it."""
    one = found.one
    age = None if found.is_new else round((result.at - one.first_seen_at).total_seconds())
    return {
        "shard": one.shard,
        "invariant": one.invariant,
        "severity": found.severity.value,
        "row": clean(one.key),
        "payment_id": one.payment_id,
        "amount_krw": one.amount_krw,
        "first_seen_at": one.first_seen_at.isoformat(),
        "last_seen_at": one.last_seen_at.isoformat(),
        "age_seconds": age,
        "must_hold": catalog.say(f"invariant.{one.invariant}.text"),
        "details": json.dumps(
            {name: clean(value) for name, value in found.details.items()}, ensure_ascii=False
        ),
    }


def details_text(found: FoundBreak, catalog: Catalog) -> str:
    """What a break tells besides: whose it is, in which state, what was expected."""
    details = {name: clean(value, 60) for name, value in found.details.items()}
    said = [str(details.pop(name)) for name in ("merchant_id", "status") if details.get(name)]
    amounts = [details.pop(name, None) for name in ("expected_krw", "actual_krw")]
    if all(amount is not None for amount in amounts):
        expected, actual = amounts
        said.append(catalog.say("reconcile.amounts", expected_krw=expected, actual_krw=actual))
    said += [f"{name} {value}" for name, value in details.items() if _is_shown(name, value)]
    return ", ".join(said)


def _is_shown(name: str, value: Any) -> bool:
    """Times are in the file; the key of the row stands before."""
    return value is not None and not name.endswith("_at") and not name.endswith("_id")


def ages(result: Reconciled) -> tuple[AgeBucket, ...]:
    """How many breaks are of which age, and the money in them."""
    return ageing((found.one for found in result.breaks), result.at)


def groups(result: Reconciled) -> Iterator[tuple[str, str, Status, list[FoundBreak]]]:
    """The breaks by shard and invariant."""
    for (shard, invariant), ones in groupby(
        result.breaks, key=lambda found: (found.one.shard, found.one.invariant)
    ):
        listed = list(ones)
        yield shard, invariant, listed[0].severity, listed


def look_text(one: LookedAt, result: Reconciled, catalog: Catalog) -> str:
    """What was looked at on a shard."""
    params = {"shard": one.shard, "payments": one.payments, "_now": result.at}
    if one.rows is not None:
        total = one.rows if one.rows_total is None else one.rows_total
        return catalog.say("reconcile.looked_at_all", **params, rows=one.rows, total=total)
    return catalog.say("reconcile.looked_at", **params, since=one.since)


def extent_text(one: LookedAt, result: Reconciled, catalog: Catalog) -> str:
    """How far all looks at a shard reach, and what of its control total is open."""
    extent = one.extent
    if extent is None or extent.whole_at is None:
        return catalog.say("reconcile.totalled_never", shard=one.shard)
    return catalog.say(
        "reconcile.totalled",
        shard=one.shard,
        whole_at=extent.whole_at,
        drift_krw=extent.drift_krw,
        unexplained_krw=extent.unexplained_krw,
        _now=result.at,
    )


def unavailable_text(finding: Finding, catalog: Catalog) -> str:
    """What could not be examined, and why."""
    params = {name: clean(value) for name, value in finding.params.items()}
    reason = catalog.say(f"reason.{finding.params.get('reason')}.text", **params)
    named = params.get("invariants")
    return f"{clean(finding.subject)}{f' ({named})' if named else ''}: {reason}"
