"""Root causes with their consequences, as rows and in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcp_server.answers.answer import stamp
from mcp_server.answers.rows import finding_row, worst_first
from mcp_server.context import ToolContext
from monitor.domain.check import Finding, Params, Status
from monitor.store.alerting.alerts import all_live_alerts

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed

_CONSEQUENCES_MAX = 10
_OWN_KEYS = ("check", "code", "subject", "status", "seen_since")


def cause_rows(context: ToolContext, seen: Mapping[str, Observed]) -> list[dict[str, Any]]:
    """The causes that the explaining check found, worst first; without one, every finding."""
    found = [f for each in seen.values() for f in each.verdict.findings]
    diagnoses = worst_first(f for f in found if f.code == "diagnosis")
    since = _since(context)
    if diagnoses:
        return [_cause(context, diagnosis, since) for diagnosis in diagnoses]
    pairs = [(n, f) for n, each in seen.items() for f in worst_first(each.verdict.findings)]
    return [_alone(context, check, finding, since) for check, finding in pairs]


def _since(context: ToolContext) -> dict[str, datetime]:
    """Since when each thing is known to be wrong, from the stored alerts."""
    with context.read() as tx:
        alerts = all_live_alerts(tx).values()
    newest_first = sorted(alerts, key=lambda alert: alert.since, reverse=True)
    return {alert.key: alert.since for alert in newest_first}


def _cause(
    context: ToolContext, diagnosis: Finding, since: Mapping[str, datetime]
) -> dict[str, Any]:
    members = [(str(row.get("check", "")), _finding(row)) for row in diagnosis.evidence]
    (check, root), *others = _once(members) or [("", diagnosis)]
    row = _alone(context, check, root, since)
    row["status"] = diagnosis.status.value
    row["consequences"] = [
        finding_row(context, *other, full=False) for other in others[:_CONSEQUENCES_MAX]
    ]
    row["consequences_count"] = diagnosis.params.get("consequences", len(others))
    return row


def _once(members: Sequence[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    """Each thing once, whichever checks saw it."""
    once: dict[str, tuple[str, Finding]] = {}
    for check, finding in members:
        once.setdefault(finding.key, (check, finding))
    return list(once.values())


def _alone(
    context: ToolContext, check: str, finding: Finding, since: Mapping[str, datetime]
) -> dict[str, Any]:
    row = finding_row(context, check, finding)
    row["since"] = stamp(since.get(finding.key))
    return row | {"consequences": [], "consequences_count": 0}


def _finding(row: Params) -> Finding:
    """The finding behind a row of a diagnosis."""
    told = {key: value for key, value in row.items() if key not in _OWN_KEYS}
    status = Status(str(row.get("status", Status.WARN)))
    return Finding(str(row.get("code", "")), status, str(row.get("subject", "")), told)


def told(context: ToolContext, causes: Sequence[Mapping[str, Any]], checks: int) -> str:
    """The worst cause and what follows from it, in one sentence."""
    if not causes:
        return context.say("well", checks=checks) if checks else context.say("no_checks")
    first = causes[0]
    therefore = [row["title_text"] for row in first["consequences"][:3]]
    return context.say(
        "diagnosis",
        count=len(causes),
        cause=first["title_text"],
        since=first["since"],
        therefore="; ".join(therefore),
        more=max(int(first["consequences_count"]) - len(therefore), 0),
    )
