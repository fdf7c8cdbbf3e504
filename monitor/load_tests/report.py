"""The report of a load test: built from the store, owed once for each run of the schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.delivery import Message
from monitor.domain.detection.rule import relative
from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.grade import grade
from monitor.domain.load_test.history import MAIN, Against, Judged, values_of
from monitor.domain.load_test.report import (
    TREND_RUNS,
    LoadFigure,
    LoadReport,
    PlatformFigure,
    TrendPoint,
)
from monitor.domain.load_test.run import RUNNING, LoadTestRun
from monitor.load_tests.advice import advice_on
from monitor.load_tests.platform import platform_during
from monitor.load_tests.verdicts import judged_run, judged_runs
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications, known_keys
from monitor.store.load_tests import load_tests

OWED_WITHIN = timedelta(hours=36)
LOOK_EVERY = timedelta(minutes=1)
SETTLED = timedelta(minutes=2)  # what the platform did at the end of the load is seen by then
_ENDPOINTS_MAX = 8
_PLATFORM_MAX = 6
_FIGURES = (
    ("http_req_duration", "p(95)", "ms"),
    ("http_req_duration", "med", "ms"),
    ("http_req_failed", "rate", "share"),
    ("http_reqs", "rate", "per_second"),
)


def owe_load_reports(
    store: Store, now: datetime, receivers: Sequence[str], *, simulated: bool = False
) -> int:
    """Owe the report of every run of ours that has ended lately; what is owed already stays so."""
    with store.read() as tx:
        ended = [run for run in load_tests(tx, now - OWED_WITHIN, now) if _is_told(run, now)]
        known = known_keys(tx, [key_of(run) for run in ended])
    fresh = [run for run in ended if key_of(run) not in known]
    messages = [m for run in fresh for m in load_messages(store, run, now, receivers, simulated)]
    if not messages:
        return 0
    with store.write() as tx:
        return add_notifications(tx, messages)


def _is_told(run: LoadTestRun, now: datetime) -> bool:
    is_over = run.state != RUNNING and run.ended_at is not None and run.ended_at + SETTLED <= now
    return run.origin == "run" and is_over


def key_of(run: LoadTestRun) -> str:
    """What the report of a run is known by among the messages."""
    return f"load_test:{run.id}"


def load_messages(
    store: Store,
    run: LoadTestRun,
    now: datetime,
    receivers: Sequence[str],
    simulated: bool = False,
) -> list[Message]:
    """The report, and its chart under it, for each receiver."""
    report = build(store, run, now, simulated)
    if report is None:
        return []
    key, payload = key_of(run), report.to_dict()
    kinds = [(key, "load_test")] + ([(f"{key}:chart", "load_chart")] if report.trend else [])
    return [
        Message(name, receiver, kind, payload, now, now, thread=key)
        for receiver in receivers
        for name, kind in kinds
    ]


def build(
    store: Store, run: LoadTestRun, now: datetime, simulated: bool = False
) -> LoadReport | None:
    """All there is to tell of a run; None if it is not on record."""
    with store.read() as tx:
        judged = judged_run(tx, run.id or 0)
        if judged is None:
            return None
        trend = judged_runs(
            tx, run.started_at + timedelta(microseconds=1), run.scenario, TREND_RUNS
        )
        platform = platform_during(tx, run, now)
    return _report(judged, trend, platform, now, simulated)


def _report(
    judged: Judged,
    trend: Sequence[Judged],
    platform: Sequence[Meanwhile],
    now: datetime,
    simulated: bool,
) -> LoadReport:
    run, graded = judged.run, grade(judged)
    advice = advice_on(judged, platform)
    return LoadReport(
        run_id=run.id or 0,
        scenario=run.scenario,
        target=run.target,
        started_at=run.started_at,
        ended_at=run.ended_at,
        state=run.state,
        made_at=now,
        word=judged.word,
        grade=graded.letter if graded else "",
        reasons=graded.reasons if graded else (),
        doubts=run.doubts,
        unlike=judged.last_differs,
        recent_runs=_recent_runs(judged),
        figures=tuple(_figures(judged)),
        endpoints=tuple(_endpoints(judged)),
        platform=tuple(
            PlatformFigure(m.series, m.unit, m.before, m.worst) for m in platform[:_PLATFORM_MAX]
        ),
        advice=advice,
        trend=tuple(_point(each) for each in reversed(trend) if each.run.target == run.target),
        simulated=simulated,
    )


def _recent_runs(judged: Judged) -> int:
    return next((each.runs for each in judged.against if each.name == "recent"), 0)


def _figures(judged: Judged) -> Iterator[LoadFigure]:
    for metric, statistic, unit in _FIGURES:
        yield from _figure(judged, metric, "", statistic, unit)


def _endpoints(judged: Judged) -> Iterator[LoadFigure]:
    result = judged.run.result
    if not judged.run.is_valid or result is None:
        return
    for name, measure in sorted(result.endpoints.items())[:_ENDPOINTS_MAX]:
        yield from _figure(judged, measure.name, name, MAIN[1], "ms")


def _figure(
    judged: Judged, metric: str, name: str, statistic: str, unit: str
) -> Iterator[LoadFigure]:
    now = values_of(judged.run.result).get(metric, {}).get(statistic)
    if now is None or not judged.run.is_valid:
        return
    ruling = judged.rulings.get(metric, {}).get(statistic)
    beside = {each.name: _value(each, metric, statistic) for each in judged.against}
    usual = ruling.before if ruling else None
    before = beside.get("recent") if usual is None else usual
    yield LoadFigure(
        metric=metric,
        name=name,
        statistic=statistic,
        unit=unit,
        now=now,
        before=before,
        last=beside.get("last"),
        recent=beside.get("recent"),
        best=beside.get("best"),
        change=relative(now, before),
        word=ruling.word.value if ruling else "",
    )


def _value(against: Against, metric: str, statistic: str) -> float | None:
    values: Mapping[str, Any] = against.values.get(metric, {})
    return values.get(statistic)


def _point(judged: Judged) -> TrendPoint:
    figures = judged.run.figures
    return TrendPoint(
        started_at=judged.run.started_at,
        state=judged.run.state,
        word=judged.word,
        p95_ms=figures.get("p95_ms"),
        median_ms=figures.get("median_ms"),
    )
