"""Which one cause explains what the other checks found? Says it, and alerts nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from checks.causes import every_cause
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, Minutes
from monitor.domain.cause import root_of
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    OtherFinding,
    Params,
    ProbeContext,
    Status,
    Verdict,
    worst,
)


@dataclass(frozen=True, slots=True)
class Options:
    """After `stale_minutes` a finding says nothing about now.

    `rare`: checks that run so seldom that the age of their last pass says nothing.
    """

    stale_minutes: Minutes = 20.0
    rare: tuple[str, ...] = ("load_test",)
    consequences_max: Count = 20


def probe(context: ProbeContext) -> tuple[OtherFinding, ...]:
    """Read what the other checks last found."""
    return context.other_findings()


def evaluate(facts: tuple[OtherFinding, ...], context: ProbeContext) -> tuple[Verdict, Memory]:
    """One finding per root cause, with what follows from it as evidence."""
    others = [s for s in facts if s.check != CHECK.name]
    stale = [s for s in others if _is_stale(s, context)]
    found = [s for s in others if s.finding is not None and s not in stale]
    findings = [_diagnosis(root, group, context.options) for root, group in _groups(found)]
    return Verdict.of([*findings, *monitoring_gaps(_unavailable(stale, context))]), {}


def _is_stale(other_finding: OtherFinding, context: ProbeContext) -> bool:
    options: Options = context.options
    if other_finding.check in options.rare:
        return False
    return context.now - other_finding.measured_at > timedelta(minutes=options.stale_minutes)


def _groups(found: Iterable[OtherFinding]) -> Iterator[tuple[str, list[tuple[str, OtherFinding]]]]:
    """The findings by the key of their root cause, the cause itself first."""
    known = {(s.check, s.finding.key): s for s in found if s.finding is not None}
    keys = sorted({key for _, key in known})
    roots = {key: root_of(key, keys, every_cause()) for key in keys}
    for root in sorted(set(roots.values())):
        members = [(key, s) for (_, key), s in known.items() if roots[key] == root]
        yield root, sorted(members, key=lambda member: (member[0] != root, member[0]))


def _diagnosis(root: str, group: Sequence[tuple[str, OtherFinding]], options: Options) -> Finding:
    rows = tuple(_row(other_finding) for _, other_finding in group[: options.consequences_max + 1])
    cause = rows[0]
    params: Params = {
        "cause_code": cause["code"],
        "cause_subject": cause["subject"],
        "cause_check": cause["check"],
        "since": cause["seen_since"],
        "consequences": len({key for key, _ in group}) - 1,
    }
    status = worst(Status(str(row["status"])) for row in rows)
    return Finding("diagnosis", status, root, params, rows)


def _row(other_finding: OtherFinding) -> Params:
    """A finding as a row: its own parameters beside what and whose it is."""
    finding = other_finding.finding
    assert finding is not None  # noqa: S101  (only those with findings are grouped)
    since = other_finding.since or other_finding.measured_at
    return {
        **finding.params,
        "check": other_finding.check,
        "code": finding.code,
        "subject": finding.subject,
        "status": finding.status.value,
        "seen_since": since.isoformat(),
    }


def _unavailable(
    stale: Iterable[OtherFinding], context: ProbeContext
) -> Iterator[tuple[Unavailable, str]]:
    for other_finding in stale:
        age = (context.now - other_finding.measured_at).total_seconds()
        params: Params = {"check": other_finding.check, "age_seconds": round(age)}
        yield Unavailable(f"checks/{other_finding.check}", Why.LIMIT, "stale_check", params), ""


CHECK = Check(
    name="diagnose_issues", options=Options, probe=probe, evaluate=evaluate, explains=True
)
