"""Each pass's watched metrics against their own past: the same hours of earlier days."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.domain.baseline import Comparison, Judgement, Limits, judge
from monitor.domain.check import Finding, Metric, Status, Verdict
from monitor.domain.metrics import METRICS, Kind

HourMedians = Callable[[str, Sequence[str], Sequence[datetime]], Mapping[str, Sequence[float]]]
RecentValues = Callable[[str, Sequence[str], datetime], Mapping[str, Sequence[float]]]
_SIGHTINGS = 3
_RECENT_MAX = timedelta(hours=1)


@dataclass(slots=True)
class Baselines:
    """The past of every watched series, read once an hour and kept until the next.

    `hour_medians(check, series, hours)` and `recent_values(check, series, since)` read the store.
    """

    limits: Limits
    days: int
    hour_medians: HourMedians
    recent_values: RecentValues
    _past: dict[str, tuple[datetime, dict[str, Sequence[float]]]] = field(default_factory=dict)
    _recent: dict[tuple[str, str], deque[float]] = field(default_factory=dict)

    def regressions(self, check: str, verdict: Verdict, now: datetime) -> list[Finding]:
        """A finding for each watched metric of this pass that stands worse than its past."""
        watched = [m for m in verdict.metrics if _is_watched(m)]
        past = self._history(check, [m.series for m in watched], now)
        recent = self._remember(check, watched, now)
        findings = []
        for metric in watched:
            spec = METRICS[metric.name]
            judgement = judge(recent[metric.series], past[metric.series], spec, self.limits)
            if judgement.word is Comparison.REGRESSION:
                findings.append(_finding(metric, judgement, spec.unit))
        return findings

    def _remember(
        self, check: str, metrics: Sequence[Metric], now: datetime
    ) -> dict[str, deque[float]]:
        new = [m.series for m in metrics if (check, m.series) not in self._recent]
        stored = self.recent_values(check, new, now - _RECENT_MAX) if new else {}
        for series in new:
            values = stored.get(series, ())
            self._recent[check, series] = deque(values, maxlen=self.limits.recent_min)
        for metric in metrics:
            self._recent[check, metric.series].append(metric.value)
        return {metric.series: self._recent[check, metric.series] for metric in metrics}

    def _history(self, check: str, series: list[str], now: datetime) -> dict[str, Sequence[float]]:
        hour = now.replace(minute=0, second=0, microsecond=0)
        known_hour, known = self._past.get(check, (hour, {}))
        if known_hour != hour:
            known = {}
        lacking = [name for name in series if name not in known]
        if lacking:
            found = self.hour_medians(check, lacking, same_hours(hour, self.days))
            known.update({name: found.get(name, ()) for name in lacking})
        self._past[check] = (hour, known)
        return known


def _is_watched(metric: Metric) -> bool:
    spec = METRICS[metric.name]
    return spec.watched and spec.kind is not Kind.COUNTER


def same_hours(hour: datetime, days: int) -> list[datetime]:
    """The hour before, at and after this one on each of the days before."""
    return [
        hour - timedelta(days=day) + timedelta(hours=offset)
        for day in range(1, days + 1)
        for offset in (-1, 0, 1)
    ]


def _finding(metric: Metric, judgement: Judgement, unit: str) -> Finding:
    change = judgement.change
    params = {
        "series": metric.series,
        "metric": metric.name,
        "about": metric.subject,
        "now": judgement.now,
        "before": judgement.before,
        "change_percent": None if change is None else 100 * change,
        "unit": unit,
    }
    return Finding("regression", Status.WARN, metric.series, params, sightings=_SIGHTINGS)
