"""One pass of one check, end to end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    OtherFinding,
    Params,
    ProbeContext,
    Status,
    Verdict,
)
from monitor.domain.check_pass import Observed, Planned
from monitor.domain.detection.regressions import Baselines
from monitor.domain.shortage import OWN_SHORTAGE, own_shortage
from monitor.recording.record import Recorder
from monitor.scheduling.bounded import BoundedWorker, Overran, Raised

log = logging.getLogger(__name__)

FINDINGS_MAX = 50
EVIDENCE_MAX = 10
TEXT_MAX = 300


@dataclass(slots=True)
class Runner:
    """Runs passes: each check in a lane of its own, so that one that hangs hinders no other."""

    platform: Any
    recorder: Recorder
    baselines: Baselines | None
    other_findings: Callable[[], tuple[OtherFinding, ...]]
    abandoned: threading.Event = field(default_factory=threading.Event)
    _workers: dict[str, BoundedWorker] = field(default_factory=dict)

    def run(self, planned: Planned, slot_at: datetime, now: datetime, missed: int = 0) -> Observed:
        """One pass: look, judge, compare with the past, and record all of it at once."""
        name = planned.check.name
        seen = self.observe(planned, self.recorder.memory(name), now, self.other_findings)
        regressions = self._regressions(name, seen.verdict, now)
        findings = (*seen.verdict.findings, *regressions[:FINDINGS_MAX])
        verdict = replace(
            seen.verdict,
            status=Verdict.of(findings).status,
            findings=findings,
        )
        unjudged = self.baselines.unjudged(name) if self.baselines else frozenset()
        seen = replace(seen, verdict=verdict, unjudged=unjudged)
        self.recorder.record(planned, seen, slot_at, missed)
        return seen

    def observe(
        self,
        planned: Planned,
        memory: Memory,
        now: datetime,
        other_findings: Callable[[], tuple[OtherFinding, ...]],
    ) -> Observed:
        """Look and judge, and record nothing: what a person or a model asks for live."""
        context = ProbeContext(self.platform, planned.options, memory, now, other_findings)
        worker = self._workers.setdefault(
            planned.check.name, BoundedWorker(f"check {planned.check.name}")
        )
        started = perf_counter()
        result = worker.run(
            lambda: _probed(planned.check, context), planned.timeout, self.abandoned
        )
        took_ms = (perf_counter() - started) * 1000
        verdict, after = result if isinstance(result, tuple) else (_failed(planned, result), memory)
        name = planned.check.name
        verdict = replace(verdict, findings=bound(name, verdict.findings))
        return Observed(name, now, took_ms, verdict, after)

    def _regressions(self, name: str, verdict: Verdict, now: datetime) -> list[Finding]:
        return self.baselines.regressions(name, verdict, now) if self.baselines else []


def _probed(check: Check, context: ProbeContext) -> tuple[Verdict, Memory]:
    return check.evaluate(check.probe(context), context)


def _failed(planned: Planned, result: Overran | Raised) -> Verdict:
    """A pass that came to nothing: it could not look."""
    name = planned.check.name
    seconds = planned.timeout.total_seconds()
    if isinstance(result, Raised):
        log.error("check %s raised", name, exc_info=result.error)
        reason, params = "check_raised", {"error": type(result.error).__name__}
        if lack := own_shortage(result.error):
            reason, params = OWN_SHORTAGE, {"got": lack}
    else:
        reason = "check_still_running" if result.still else "check_timeout"
        params = {"timeout_seconds": seconds}  # type: ignore[dict-item]
    about: Params = {"part": f"check/{name}", "why": "limit", "reason": reason, **params}
    return Verdict.of([Finding("monitoring_gap", Status.UNKNOWN, f"check/{name}", about)])


def bound(check: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings within limits whatever a platform's data says: the worst of them, cut to length.

    What could not be seen stays before anything else, for it hides what the others say nothing of.
    Where some are left out, the pass says nothing about what it does not show.
    """
    unique = list({finding.key: finding for finding in findings}.values())
    hiding_first = sorted(unique, key=lambda f: (f.status is not Status.UNKNOWN, f.status.rank))
    kept = hiding_first[:FINDINGS_MAX]
    if len(kept) < len(unique):
        kept.append(_too_many(check, len(unique)))
    return tuple(_cut(finding) for finding in kept)


def _too_many(check: str, found: int) -> Finding:
    part = f"check/{check}"
    about: Params = {"part": part, "why": "limit", "reason": "too_many_findings"}
    return Finding(
        "monitoring_gap", Status.UNKNOWN, part, {**about, "found": found, "shown": FINDINGS_MAX}
    )


def _cut(finding: Finding) -> Finding:
    return replace(
        finding,
        subject=finding.subject[:TEXT_MAX],
        params=_cut_row(finding.params),
        evidence=tuple(_cut_row(row) for row in finding.evidence[:EVIDENCE_MAX]),
    )


def _cut_row(row: Params) -> Mapping[str, Any]:
    return {k: v[:TEXT_MAX] if isinstance(v, str) else v for k, v in row.items()}
