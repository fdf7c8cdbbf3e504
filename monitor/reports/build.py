"""The report model out of the store's reads: figures and codes, no words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from monitor.domain.alert import Alert
from monitor.domain.check import Status, worst
from monitor.domain.detection.periods import PeriodLimits
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.load_test.run import RUNNING
from monitor.domain.report import (
    AlertCounts,
    CheckCoverage,
    ClockNote,
    Gap,
    LoadTest,
    Report,
    Trouble,
)
from monitor.load_tests.verdicts import judged_against
from monitor.reports.accepted import accepted_troubles, goes_on_accepted
from monitor.reports.figures import Spans, drifts, figures, midnight
from monitor.reports.pending import pending_troubles
from monitor.store.alerting.alerts import alerts_between
from monitor.store.alerting.incidents import incidents_between
from monitor.store.database import Store
from monitor.store.delivery.journal import notifications
from monitor.store.load_tests import load_tests
from monitor.store.notes import newest_notes
from monitor.store.passes.counts import (
    PassCounts,
    Rhythm,
    gaps_between,
    is_kept_whole,
    pass_counts,
    rhythms,
)

if TYPE_CHECKING:
    from monitor.store.database import Connection

DAYS = {"daily": 1, "weekly": 7}
_ROWS_MAX = 10_000
_LIMITS = PeriodLimits()
_INCIDENTS_MAX = 500
_EVIDENCE_MAX = 20
_NOTES_MAX = 5
_ALIVE = 3  # so many of its intervals may pass before a check counts as silent
_SILENCE_MAX = timedelta(minutes=10)
_RHYTHM_MAX = timedelta(days=1)  # more between two passes is an absence, and no rhythm
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def build(
    store: Store,
    kind: str,
    day: date,
    zone: tzinfo,
    now: datetime,
    *,
    skipped: Sequence[date] = (),
    simulated: bool = False,
    limits: PeriodLimits = _LIMITS,
) -> Report:
    """The report to be read on a local day: on the day before it, or on the seven before it."""
    start, end = midnight(day - timedelta(days=DAYS[kind]), zone), midnight(day, zone)
    as_of = min(now, midnight(day + timedelta(days=1), zone))
    with store.read() as tx:
        stories = incidents_between(tx, start, as_of, _INCIDENTS_MAX)
        fired = [s for s in stories if _fired(s) and not goes_on_accepted(s, as_of)]
        troubles = [_trouble(story, as_of) for story in fired]
        pending = pending_troubles(tx, as_of)
        heard = rhythms(tx, as_of)
        coverage = _coverage(tx, start, as_of, heard)
        unseen_since = _unseen_since(tx, heard, as_of)
        seen = [t for t in troubles if t.code != "monitoring_gap"]
        unseen = [t for t in troubles if t.code == "monitoring_gap"]
        spans = Spans(tx)
        return Report(
            kind=kind,
            day=day,
            start=start,
            end=end,
            as_of=as_of,
            status=_status([*troubles, *pending], coverage, unseen_since),
            wrong=_worst_first(t for t in seen if t.ended_at is None),
            recovered=_longest_first(t for t in seen if t.ended_at is not None),
            unseen=_worst_first(unseen),
            accepted=accepted_troubles(tx, as_of),
            alerts=_alert_counts(tx, start, as_of),
            figures=figures(spans, kind, day, zone, limits),
            drifts=drifts(spans, day, zone),
            load_test=_load_test(tx, as_of),
            coverage=coverage,
            skipped=tuple(skipped),
            simulated=simulated,
            unseen_since=unseen_since,
            pending=pending,
            gaps=_gaps(tx, heard, start, as_of),
            notes=_clock_notes(tx, start, as_of),
        )


def _fired(story: IncidentStory) -> bool:
    return any(alert.fired_at is not None for alert in story.alerts)


def _trouble(story: IncidentStory, as_of: datetime) -> Trouble:
    """An incident as it stood at that time, told by the alert that is its cause."""
    alerts = [a for a in story.alerts if a.fired_at is not None and a.since <= as_of]
    alerts = alerts or list(story.alerts)
    root = next((a for a in alerts if a.key == story.incident.root), alerts[0])
    ended_at = story.incident.ended_at
    over = ended_at is not None and ended_at <= as_of
    live = [a for a in alerts if a.ended_at is None or a.ended_at > as_of]
    return Trouble(
        check=root.check,
        code=root.code,
        subject=root.subject,
        status=worst(a.status for a in (alerts if over else live or alerts)),
        since=min(a.since for a in alerts),
        ended_at=ended_at if over else None,
        params=dict(root.params),
        evidence=_rows(root),
        consequences=len({a.key for a in alerts} - {root.key}),
        impact={kind: dict(each) for kind, each in story.incident.impact.items()},
    )


def _rows(alert: Alert) -> tuple[dict[str, object], ...]:
    return tuple(dict(row) for row in alert.evidence[:_EVIDENCE_MAX])


def _status(
    troubles: Sequence[Trouble], coverage: Sequence[CheckCoverage], unseen_since: datetime | None
) -> Status:
    """The verdict on now; without a single pass, or a recent one, there is little to judge by."""
    if not any(item.ran for item in coverage):
        return Status.UNKNOWN
    known = [t.status for t in troubles if t.ended_at is None]
    return worst([*known, Status.UNKNOWN] if unseen_since else known)


def _unseen_since(tx: Connection, heard: Mapping[str, Rhythm], as_of: datetime) -> datetime | None:
    """The last slot of any check, if it is older than a stumble explains."""
    if not heard:
        return None
    last_at = max(rhythm.last_at for rhythm in heard.values())
    if as_of - last_at <= _silence_max(heard) or not is_kept_whole(tx, last_at, as_of):
        return None
    return last_at


def _silence_max(heard: Mapping[str, Rhythm]) -> timedelta:
    """So long no pass at all is only a stumble."""
    last_at = max((rhythm.last_at for rhythm in heard.values()), default=_LONG_AGO)
    usual = [r.every for r in heard.values() if r.every and last_at - r.last_at <= _ALIVE * r.every]
    usual_max = min(_ALIVE * min(usual, default=timedelta()), _RHYTHM_MAX)
    return max(_SILENCE_MAX, usual_max)


def _gaps(
    tx: Connection, heard: Mapping[str, Rhythm], start: datetime, end: datetime
) -> tuple[Gap, ...]:
    """When nobody looked; where passes were thinned that cannot be known."""
    if not is_kept_whole(tx, start, end):
        return ()
    found = gaps_between(tx, start, end, _silence_max(heard))
    return tuple(Gap(each.start, each.end) for each in found)


def _clock_notes(tx: Connection, start: datetime, end: datetime) -> tuple[ClockNote, ...]:
    found = [note for note in newest_notes(tx, start, end) if note.kind == "monitor"]
    return tuple(ClockNote(note.at, note.text) for note in reversed(found[:_NOTES_MAX]))


def _worst_first(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    return tuple(sorted(troubles, key=lambda t: (t.status.rank, t.since)))


def _longest_first(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    return tuple(sorted(troubles, key=lambda t: t.since - (t.ended_at or t.since)))


def _alert_counts(tx: Connection, start: datetime, end: datetime) -> AlertCounts:
    alerts = alerts_between(tx, start, end, limit=_ROWS_MAX)
    owed = [m.state for m in notifications(tx, start, end, limit=_ROWS_MAX) if m.kind == "incident"]
    return AlertCounts(
        fired=sum(a.fired_at is not None and a.fired_at >= start for a in alerts),
        resolved=sum(_ended_by(a, end) for a in alerts),
        firing=sum(not _ended_by(a, end) for a in alerts),
        messages_sent=owed.count("sent"),
        messages_waiting=owed.count("waiting"),
        messages_dead=owed.count("dead"),
    )


def _ended_by(alert: Alert, at: datetime) -> bool:
    return alert.ended_at is not None and alert.ended_at <= at


def _coverage(
    tx: Connection, start: datetime, end: datetime, heard: Mapping[str, Rhythm]
) -> tuple[CheckCoverage, ...]:
    """What ran and what did not, up to the end: also what no later pass has counted yet."""
    counts = pass_counts(tx, start, end)
    last_at = max((rhythm.last_at for rhythm in heard.values()), default=end)
    missed = {
        check: rhythm.open_slots(start, end)
        for check, rhythm in heard.items()  # one that stopped long before the others is not missed
        if check in counts or (rhythm.every and last_at - rhythm.last_at <= _ALIVE * rhythm.every)
    }
    nothing = PassCounts(0, 0, 0, 0, 0)
    found = []
    for check in sorted(counts.keys() | {check for check, count in missed.items() if count}):
        count = counts.get(check, nothing)
        late = count.missed + missed.get(check, 0)
        found.append(CheckCoverage(check, count.passes, late, count.unknown))
    return tuple(found)


def _load_test(tx: Connection, as_of: datetime) -> LoadTest | None:
    runs = [run for run in load_tests(tx, _LONG_AGO, as_of, limit=50) if run.state != RUNNING]
    if not runs:
        return None
    last = runs[0]
    judged = judged_against(tx, last)
    before = judged.earlier[-1] if judged.earlier else None
    return LoadTest(
        scenario=last.scenario,
        target=last.target,
        state=last.state,
        started_at=last.started_at,
        reason=last.reason,
        figures=dict(last.figures),
        before_at=before.started_at if before else None,
        before=dict(before.figures) if before else {},
        verdicts=judged.figure_verdicts,
    )
