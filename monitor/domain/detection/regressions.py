"""Each pass's watched metrics against their own past, by the rule that a backtest replays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Protocol

from monitor.domain.check import Finding, Metric, Params, Status, Verdict
from monitor.domain.detection.live import Effect, Reading, Standing
from monitor.domain.detection.live_series import Series
from monitor.domain.detection.past import Hour, LiveLimits
from monitor.domain.detection.replay import is_worse
from monitor.domain.detection.rule import relative
from monitor.domain.metrics import METRICS, Kind, MetricSpec

_HOUR = timedelta(hours=1)
_SELDOM = 12  # readings that are looked back for where they come seldom
_LOOK_BACK = timedelta(days=2)

Span = tuple[datetime, datetime | None]


class Unusual(Protocol):
    """A span that is not learnt, of the alerts that a pattern matches."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def pattern(self) -> str: ...


class PastReader(Protocol):
    """What the store knows of the past of a check's series, by series name."""

    def hours(
        self, check: str, names: Sequence[str], start: datetime, end: datetime
    ) -> Mapping[str, Sequence[tuple[datetime, Hour]]]: ...
    def readings(
        self, check: str, names: Sequence[str], since: datetime
    ) -> Mapping[str, Sequence[Reading]]: ...
    def regressions(self, check: str, since: datetime) -> Mapping[str, Sequence[Span]]: ...
    def unusual(self, start: datetime, end: datetime) -> Sequence[Unusual]: ...
    def accepted(self, check: str) -> Mapping[str, datetime]: ...


@dataclass(slots=True)
class Baselines:
    """Every watched series with its past, read when it is first met and kept from then on.

    The hours of the day are those of the wall clock in `zone`.
    """

    limits: LiveLimits
    past: PastReader
    zone: tzinfo
    _series: dict[tuple[str, str], Series] = field(default_factory=dict)
    _hours: dict[str, datetime] = field(default_factory=dict)
    _accepted: dict[str, Mapping[str, datetime]] = field(default_factory=dict)
    _unjudged: dict[str, frozenset[str]] = field(default_factory=dict)

    def regressions(self, check: str, verdict: Verdict, now: datetime) -> list[Finding]:
        """A finding for each watched metric of this pass that stands worse than its past."""
        watched = [m for m in verdict.metrics if _is_watched(m)]
        if not watched:
            self._unjudged[check] = frozenset()
            return []
        self._keep_up(check, now)
        self._meet(check, [m.series for m in watched if (check, m.series) not in self._series], now)
        standings = {m.series: self._series[check, m.series].read(now, m.value) for m in watched}
        self._unjudged[check] = frozenset(s for s, standing in standings.items() if not standing)
        return [
            _finding(metric, standing, self._series[check, metric.series])
            for metric in watched
            if (standing := standings[metric.series]) is not None
            and _is_regression(self._series[check, metric.series], METRICS[metric.name])
        ]

    def unjudged(self, check: str) -> frozenset[str]:
        """The watched series of the check's latest pass that could not be compared."""
        return self._unjudged.get(check, frozenset())

    def _keep_up(self, check: str, now: datetime) -> None:
        """What others decided meanwhile: a new normal; and hours that were not usual."""
        accepted = self.past.accepted(check)
        before = self._accepted.setdefault(check, accepted)
        if accepted != before:
            for name in accepted:
                if accepted[name] != before.get(name):
                    self._series.pop((check, name), None)
            self._accepted[check] = accepted
        hour = now.replace(minute=0, second=0, microsecond=0)
        known = self._hours.setdefault(check, hour)
        if known != hour:
            self._hours[check] = hour
            unusual = self.past.unusual(known, known + _HOUR)
            for (of, name), series in self._series.items():
                if of == check and _is_unusual(check, name, known, unusual):
                    series.set_aside()

    def _meet(self, check: str, names: Sequence[str], now: datetime) -> None:
        """Series not met before: learn their past from the store, and go on from there."""
        if not names:
            return
        hour = now.replace(minute=0, second=0, microsecond=0)
        start = hour - timedelta(hours=self.limits.history_max)
        readings = self._latest(check, names, now)
        hours = self.past.hours(check, names, start, hour)
        told = self.past.regressions(check, start)
        unusual = self.past.unusual(start, now)
        for name in names:
            series = Series(self.limits, Effect.of(METRICS[name.partition("{")[0]]), self.zone)
            self._series[check, name] = series
            since = self._accepted[check].get(name, start)
            spans = [span for span in told.get(name, ()) if span[0] >= since]
            spans = [] if since > start else spans  # what was accepted is no regression any more
            latest = [reading for reading in readings.get(name, ()) if reading[0] >= since]
            first = latest[0][0] if latest else hour
            for at, seen in hours.get(name, ()):
                if since <= at < first - _HOUR and not _is_unusual(check, name, at, unusual):
                    series.learn(at, seen, _overlaps(at, spans))
            self._recall(series, check, name, latest, unusual)

    def _recall(
        self,
        series: Series,
        check: str,
        name: str,
        readings: Sequence[Reading],
        unusual: Sequence[Unusual],
    ) -> None:
        """The latest readings again, as if they came now."""
        for at, value in readings:
            series.read(at, value)
            if _is_unusual(check, name, at.replace(minute=0, second=0, microsecond=0), unusual):
                series.set_aside()

    def _latest(
        self, check: str, names: Sequence[str], now: datetime
    ) -> dict[str, Sequence[Reading]]:
        """The readings of the last hour; where they come seldom the last dozen."""
        found = dict(self.past.readings(check, names, now - _HOUR))
        few = [name for name in names if len(found.get(name, ())) < _SELDOM]
        if few:
            more = self.past.readings(check, few, now - _LOOK_BACK)
            found |= {name: readings[-_SELDOM:] for name, readings in more.items()}
        return found


def _is_regression(series: Series, spec: MetricSpec) -> bool:
    return series.watch.fired_at is not None and is_worse(series.watch.side, spec.worse)


def _is_watched(metric: Metric) -> bool:
    spec = METRICS[metric.name]
    return spec.watched and spec.kind is not Kind.COUNTER


def _is_unusual(check: str, name: str, hour: datetime, unusual: Sequence[Unusual]) -> bool:
    key = f"{check}/regression:{name}"
    spans = [(span.start, span.end) for span in unusual if fnmatchcase(key, span.pattern)]
    return _overlaps(hour, spans)


def _overlaps(hour: datetime, spans: Sequence[Span]) -> bool:
    return any(start < hour + _HOUR and (end is None or end > hour) for start, end in spans)


def _finding(metric: Metric, standing: Standing, series: Series) -> Finding:
    change = relative(standing.now, standing.usual)
    shape = series.watch.shape
    params: Params = {
        "series": metric.series,
        "metric": metric.name,
        "about": metric.subject,
        "now": standing.now,
        "before": standing.usual,
        "change_percent": None if change is None else 100 * change,
        "unit": METRICS[metric.name].unit,
        "shape": shape.value if shape else "",
    }
    return Finding("regression", Status.WARN, metric.series, params, passes_required=1)
