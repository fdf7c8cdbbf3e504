"""Each pass's watched metrics against their own past: the same hours of earlier days."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median_high

from monitor.domain.baseline import Comparison, Judgement, Limits, judge
from monitor.domain.check import Finding, Metric, Status, Verdict
from monitor.domain.metrics import METRICS, Kind, MetricSpec

HourMedians = Callable[[str, Sequence[str], Sequence[datetime]], Mapping[str, Sequence[float]]]
RecentValues = Callable[[str, Sequence[str], datetime], Mapping[str, Sequence[float]]]
Reading = tuple[datetime, float]
_SIGHTINGS = 3
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK_DAYS = 7
_WEEKDAY_MIN = 3  # with fewer readings a weekday's own past says nothing
_GAPS = 4  # what is kept beyond the recent readings, to see how often they come


@dataclass(frozen=True, slots=True)
class Past:
    """A series at the same hours: of all the days before, and of the same weekday alone."""

    days: Sequence[float] = ()
    weekday: Sequence[float] = ()


@dataclass(slots=True)
class Baselines:
    """The past of every watched series, read once an hour and kept until the next.

    `hour_medians(check, series, hours)` and `recent_values(check, series, since)` read the store.
    The hours are those of the wall clock in `zone`.
    """

    limits: Limits
    days: int
    hour_medians: HourMedians
    recent_values: RecentValues
    zone: tzinfo = UTC
    _past: dict[str, tuple[datetime, dict[str, Past]]] = field(default_factory=dict)
    _recent: dict[tuple[str, str], deque[Reading]] = field(default_factory=dict)
    _unjudged: dict[str, frozenset[str]] = field(default_factory=dict)

    def regressions(self, check: str, verdict: Verdict, now: datetime) -> list[Finding]:
        """A finding for each watched metric of this pass that stands worse than its past."""
        watched = [m for m in verdict.metrics if _is_watched(m)]
        past = self._history(check, [m.series for m in watched], now)
        recent = self._remember(check, watched, now)
        judged = [(m, self._judge(m, recent[m.series], past[m.series])) for m in watched]
        self._unjudged[check] = frozenset(
            metric.series for metric, j in judged if j.word is Comparison.NOT_ENOUGH_HISTORY
        )
        return [_finding(m, j) for m, j in judged if j.word is Comparison.REGRESSION]

    def unjudged(self, check: str) -> frozenset[str]:
        """The watched series of the check's latest pass that could not be compared."""
        return self._unjudged.get(check, frozenset())

    def _judge(self, metric: Metric, recent: Sequence[float], past: Past) -> Judgement:
        """Every Saturday differs from the days before it: it must also differ from Saturdays."""
        spec = METRICS[metric.name]
        judgement = judge(recent, past.days, spec, self.limits)
        if judgement.word is not Comparison.REGRESSION:
            return judgement
        return self._against_weekday(judgement, recent, past.weekday, spec)

    def _against_weekday(
        self, judgement: Judgement, recent: Sequence[float], past: Sequence[float], spec: MetricSpec
    ) -> Judgement:
        limits = replace(self.limits, history_min=_WEEKDAY_MIN)
        word = judge(recent, past, spec, limits).word
        is_usual = word not in (Comparison.REGRESSION, Comparison.NOT_ENOUGH_HISTORY)
        return replace(judgement, word=Comparison.SAME) if is_usual else judgement

    def _remember(
        self, check: str, metrics: Sequence[Metric], now: datetime
    ) -> dict[str, list[float]]:
        self._refill(
            check, [m.series for m in metrics if (check, m.series) not in self._recent], now
        )
        found = {}
        for metric in metrics:
            readings = self._recent[check, metric.series]
            readings.append((now, metric.value))
            reach = self._reach(_interval(readings))
            while now - readings[0][0] > reach:
                readings.popleft()
            found[metric.series] = [v for _, v in readings][-self.limits.recent_min :]
        return found

    def _refill(self, check: str, series: Sequence[str], now: datetime) -> None:
        """The latest readings of series not met before, from the store."""
        stored = self._stored(check, series, now, _HOUR)
        few = [s for s in series if len(stored[s]) < self.limits.recent_min - 1]
        for name, readings in self._stored(check, few, now, _DAY).items():
            reach = min(_DAY, self._reach(_DAY / max(1, len(readings))))
            if reach > _HOUR:
                stored[name] = self._stored(check, [name], now, reach)[name]
        for name in series:
            kept = self.limits.recent_min + _GAPS
            self._recent[check, name] = deque(stored[name], maxlen=kept)

    def _stored(
        self, check: str, series: Sequence[str], now: datetime, span: timedelta
    ) -> dict[str, list[Reading]]:
        """The readings of a span, dated evenly: the store tells their order and number."""
        found = self.recent_values(check, series, now - span) if series else {}
        return {name: _dated(found.get(name, ()), now, span) for name in series}

    def _reach(self, interval: timedelta) -> timedelta:
        """How old a reading may be and still count as recent."""
        return max(_HOUR, 2 * self.limits.recent_min * interval)

    def _history(self, check: str, series: list[str], now: datetime) -> dict[str, Past]:
        hour = now.replace(minute=0, second=0, microsecond=0)
        known_hour, known = self._past.get(check, (hour, {}))
        if known_hour != hour:
            known = {}
        lacking = [name for name in series if name not in known]
        if lacking:
            known.update(self._read_past(check, lacking, hour))
        self._past[check] = (hour, known)
        return known

    def _read_past(self, check: str, series: list[str], hour: datetime) -> dict[str, Past]:
        all_days, weeks = range(1, self.days + 1), range(_WEEK_DAYS, self.days + 1, _WEEK_DAYS)
        days, weekday = (
            self.hour_medians(check, series, same_hours(hour, chosen, self.zone))
            for chosen in (all_days, weeks)
        )
        return {name: Past(days.get(name, ()), weekday.get(name, ())) for name in series}


def _dated(values: Sequence[float], now: datetime, span: timedelta) -> list[Reading]:
    step, ages = span / max(1, len(values)), range(len(values), 0, -1)
    return [(now - step * age, value) for age, value in zip(ages, values, strict=True)]


def _interval(readings: Iterable[Reading]) -> timedelta:
    """How often a reading comes; a pause among them does not count."""
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(readings)]
    return median_high(gaps) if gaps else timedelta()


def _is_watched(metric: Metric) -> bool:
    spec = METRICS[metric.name]
    return spec.watched and spec.kind is not Kind.COUNTER


def same_hours(hour: datetime, days: Iterable[int], zone: tzinfo = UTC) -> list[datetime]:
    """The hour before, at and after this one, by the zone's clock, so many days before each."""
    return [
        _days_before(hour, day, zone) + timedelta(hours=offset)
        for day in days
        for offset in (-1, 0, 1)
    ]


def _days_before(hour: datetime, days: int, zone: tzinfo) -> datetime:
    """The whole UTC hour in which a zone's clock stood where it stands now."""
    at = (hour.astimezone(zone) - timedelta(days=days)).astimezone(UTC)
    return at.replace(minute=0, second=0, microsecond=0)


def _finding(metric: Metric, judgement: Judgement) -> Finding:
    change = judgement.change
    params = {
        "series": metric.series,
        "metric": metric.name,
        "about": metric.subject,
        "now": judgement.now,
        "before": judgement.before,
        "change_percent": None if change is None else 100 * change,
        "unit": METRICS[metric.name].unit,
    }
    return Finding("regression", Status.WARN, metric.series, params, sightings=_SIGHTINGS)
