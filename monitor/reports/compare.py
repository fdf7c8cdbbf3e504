"""One period against another: every metric then and now, and what happened in both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING

from monitor.domain.detection.ddsketch import SKETCH_RELATIVE_ERROR, Comparison, Summary
from monitor.domain.detection.periods import Period, PeriodLimits, judge, strongest
from monitor.domain.detection.rule import relative
from monitor.domain.incident.journal import IncidentStory
from monitor.domain.interval import Interval
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.metrics import METRICS, Kind, MetricSpec, Worse
from monitor.store.alerting.incidents import incidents_between
from monitor.store.database import Store
from monitor.store.load_tests import load_tests
from monitor.store.notes import Note, newest_notes
from monitor.store.passes.counts import PassCounts, known_intervals, pass_counts
from monitor.store.series.history import series_names
from monitor.store.series.parts import Parts, parts
from monitor.store.series.past import standing_regressions
from monitor.store.series.summaries import summaries

if TYPE_CHECKING:
    from monitor.store.database import Connection

EVENTS_MAX = 1000
_HOUR = timedelta(hours=1)
_NOTHING = Summary(0, 0.0, None, None)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a period a check saw.

    `seen` (0 to 1): the passes that ran among those that were due, over the part of the period
    for which there is a record at all; None: none was due. `unknown` of its `passes` could not
    look.
    """

    seen: float | None
    passes: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One series in one period. `per_hour` is the rate of a counter, None for a gauge."""

    summary: Summary
    coverage: Coverage
    per_hour: float | None = None

    @property
    def judged(self) -> Summary:
        """What is compared: the readings of a gauge; the rate of a counter, however often read."""
        if self.per_hour is None:
            return self.summary
        return Summary(self.summary.count, self.summary.total, self.per_hour, self.per_hour)


@dataclass(frozen=True, slots=True)
class Compared:
    """One series in both periods, with the verdict. Changes are relative; None: no past."""

    check: str
    series: str
    spec: MetricSpec
    now: Figures
    before: Figures
    word: Comparison
    change: float | None
    p95_change: float | None

    @property
    def size(self) -> float:
        """How far it moved, by its median or its p95; infinite if it came from nothing."""
        if self.word is Comparison.NOT_ENOUGH_HISTORY:
            return 0.0
        now, before = self.now.judged, self.before.judged
        return max(_size(now.median, before.median), _size(now.p95, before.p95))


@dataclass(frozen=True, slots=True)
class Events:
    """What happened in a period, each kind newest first."""

    incidents: tuple[IncidentStory, ...]
    load_tests: tuple[LoadTestRun, ...]
    notes: tuple[Note, ...]

    @property
    def is_cut(self) -> bool:
        """Whether there was more of one kind than is read."""
        return max(map(len, (self.incidents, self.load_tests, self.notes))) >= EVENTS_MAX


@dataclass(frozen=True, slots=True)
class PeriodComparison:
    """Two periods side by side; the series most worth a look come first."""

    now: Interval
    before: Interval
    series: tuple[Compared, ...]
    events_now: Events
    events_before: Events
    quantile_error_percent: float = 100 * SKETCH_RELATIVE_ERROR


def compare(
    store: Store,
    now: Interval,
    before: Interval,
    limits: PeriodLimits,
    metrics: Collection[str] = (),
) -> PeriodComparison:
    """Every series (or those of some metrics) in both periods, and the events of both."""
    with store.read() as tx:
        here, there = _Period.read(tx, now), _Period.read(tx, before)
        standing = standing_regressions(tx, now.end)
        events_now, events_before = events(tx, now), events(tx, before)
    keys = sorted(here.summaries.keys() | there.summaries.keys())
    wanted = [k for k in keys if not metrics or metric_of(k[1]) in metrics]
    series = [_compared(key, here, there, limits, key in standing) for key in wanted]
    return PeriodComparison(
        now=now,
        before=before,
        series=tuple(sorted(series, key=_importance)),
        events_now=events_now,
        events_before=events_before,
    )


def events(tx: Connection, span: Interval) -> Events:
    """What happened in a span."""
    return Events(
        incidents=tuple(incidents_between(tx, span.start, span.end, EVENTS_MAX)),
        load_tests=tuple(load_tests(tx, span.start, span.end, limit=EVENTS_MAX)),
        notes=tuple(newest_notes(tx, span.start, span.end, EVENTS_MAX)),
    )


def metric_of(series: str) -> str:
    """The metric of a series name."""
    return series.partition("{")[0]


@dataclass(frozen=True, slots=True)
class _Period:
    """All that is on record about one period."""

    span: Interval
    summaries: Mapping[tuple[str, str], Summary]
    counts: Mapping[str, PassCounts]
    known: Mapping[str, Interval]
    parts: Parts

    @classmethod
    def read(cls, tx: Connection, span: Interval) -> _Period:
        found = summaries(tx, span.start, span.end)
        counts = pass_counts(tx, span.start, span.end)
        known = known_intervals(tx, {check for check, _ in series_names(tx)} | counts.keys())
        return cls(span, found, counts, known, parts(tx, span.start, span.end))

    def figures(self, key: tuple[str, str], spec: MetricSpec) -> Figures:
        summary = self.summaries.get(key, _NOTHING)
        coverage = self._coverage(key[0])
        if spec.kind is Kind.GAUGE:
            return Figures(summary, coverage)
        hours = self.span.length / _HOUR * self._known_share(key[0])
        return Figures(summary, coverage, summary.total / hours if hours else None)

    def _coverage(self, check: str) -> Coverage:
        counts = self.counts.get(check)
        known = self._known_share(check)
        if counts is None or not counts.passes + counts.missed:
            return Coverage(None if known else 0.0, 0, 0)
        ran = counts.passes / (counts.passes + counts.missed)
        return Coverage(ran * known, counts.passes, counts.unknown)

    def _known_share(self, check: str) -> float:
        """The part of the period from the check's first pass to the last of any (to the hour)."""
        if check not in self.known:
            return 0.0
        start = max(self.span.start, self.known[check].start)
        end = min(self.span.end, max(known.end for known in self.known.values()))
        return max((end - start) / self.span.length, 0.0)


def _compared(
    key: tuple[str, str], here: _Period, there: _Period, limits: PeriodLimits, stands: bool
) -> Compared:
    spec = METRICS.get(metric_of(key[1]), MetricSpec(metric_of(key[1]), "", Worse.NEITHER))
    now, before = here.figures(key, spec), there.figures(key, spec)
    return Compared(
        *key,
        spec=spec,
        now=now,
        before=before,
        word=_word(
            Period(now.judged, here.parts.get(key, {})),
            Period(before.judged, there.parts.get(key, {})),
            spec,
            limits,
            stands,
        ),
        change=relative(now.judged.median, before.judged.median),
        p95_change=relative(now.summary.p95, before.summary.p95),
    )


def _word(
    now: Period, before: Period, spec: MetricSpec, limits: PeriodLimits, stands: bool
) -> Comparison:
    """A series that the live rule holds for worse as the period ends is so here too."""
    if stands:
        return Comparison.REGRESSION
    verdicts = (judge(now, before, figure, spec, limits) for figure in _COMPARED)
    return strongest(verdicts)


_COMPARED = attrgetter("median"), attrgetter("p95")


_ORDER = (
    Comparison.REGRESSION,
    Comparison.IMPROVEMENT,
    Comparison.SAME,
    Comparison.NOT_ENOUGH_HISTORY,
)


def _importance(item: Compared) -> tuple[int, float, str, str]:
    return _ORDER.index(item.word), -item.size, item.check, item.series


def _size(now: float | None, before: float | None) -> float:
    change = relative(now, before)
    if change is not None:
        return abs(change)
    return inf if now and before is not None else 0.0
