"""What the checks found, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.domain.check import Status
from monitor.domain.check_pass import Observed
from monitor.domain.delivery import FailingReceiver
from monitor.text.catalog import Catalog


def observed_json(seen: Mapping[str, Observed], catalog: Catalog) -> dict[str, Any]:
    """Every pass as plain data, with the sentences beside it."""
    return {name: _observed(each, catalog) for name, each in seen.items()}


def failing_json(failing: Sequence[FailingReceiver], catalog: Catalog) -> dict[str, Any]:
    """The receivers that take no messages, in the form of a check's pass."""
    params = [_params(one) for one in failing]
    return {
        "status": Status.WARN.value,
        "findings": [
            {
                "code": "deliveries_failing",
                "subject": one["receiver"],
                "status": Status.WARN.value,
                "title": catalog.say("doctor.deliveries_failing", **one),
                "params": one,
                "evidence": [],
            }
            for one in params
        ],
        "metrics": {},
    }


def _params(one: FailingReceiver) -> dict[str, Any]:
    since = one.since.isoformat()
    return {
        "receiver": one.receiver,
        "since": since,
        "error": one.error,
        "waiting": one.waiting,
    }


def _observed(each: Observed, catalog: Catalog) -> dict[str, Any]:
    verdict = each.verdict
    return {
        "status": verdict.status.value,
        "measured_at": each.at.isoformat(),
        "took_ms": round(each.took_ms, 1),
        "findings": [
            {
                "code": f.code,
                "subject": f.subject,
                "status": f.status.value,
                "title": catalog.finding(f, each.at).title,
                "params": dict(f.params),
                "evidence": [dict(row) for row in f.evidence],
            }
            for f in verdict.findings
        ],
        "metrics": {m.series: m.value for m in verdict.metrics},
    }
