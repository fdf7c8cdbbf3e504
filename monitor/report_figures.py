"""The figures of a report: each beside the same one of earlier periods, and what drifts slowly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from monitor.domain.baseline import Comparison, Summary
from monitor.domain.metrics import METRICS, MetricSpec, Worse, spec_of
from monitor.domain.report import Drift, Figure
from monitor.store.summaries import summaries

if TYPE_CHECKING:
    from sqlalchemy import Connection

Key = tuple[str, str]  # check, series
STATISTICS = {
    "payments_created": "total",
    "payments_per_minute": "median",
    "payment_amount_krw_avg": "mean",
    "refused_percent": "mean",
    "request_ms": "p95",
    "response_ms": "p95",
    "settlement_success_percent": "mean",
    "refund_success_percent": "mean",
    "outbox_oldest_age_seconds": "p95",
    "lag_messages": "p95",
    "dlq_arrived_messages": "total",
    "breaks": "mean",
}
_SERIES_PER_METRIC_MAX = 4
_TREND_DAYS = 14
_CHANGE_MIN = 0.10
_DRIFTS_MAX = 5
_DRIFT_READINGS_MIN = 48


@dataclass(slots=True)
class Spans:
    """The summaries of stretches of local days, each read once."""

    tx: Connection
    _read: dict[tuple[datetime, datetime], Mapping[Key, Summary]] = field(default_factory=dict)

    def days(self, first: date, days: int, zone: tzinfo) -> Mapping[Key, Summary]:
        """All series in so many local days from the first on."""
        edges = midnight(first, zone), midnight(first + timedelta(days=days), zone)
        if edges not in self._read:
            self._read[edges] = summaries(self.tx, *edges)
        return self._read[edges]


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def figures(spans: Spans, kind: str, day: date, zone: tzinfo) -> tuple[Figure, ...]:
    """The key figures of the period that ends as `day` begins, in the order of STATISTICS.

    A day stands beside the day before and the same weekday before; a week beside the week
    before and the one four weeks before.
    """
    length, back = (7, 28) if kind == "weekly" else (1, 7)
    first = day - timedelta(days=length)
    now = spans.days(first, length, zone)
    before = spans.days(first - timedelta(days=length), length, zone)
    earlier = spans.days(first - timedelta(days=back), length, zone)
    trend = [spans.days(day - timedelta(days=n), 1, zone) for n in range(_TREND_DAYS, 0, -1)]
    found = {**earlier, **before, **now}
    return tuple(
        _figure(key, now.get(key), before.get(key), earlier.get(key), [d.get(key) for d in trend])
        for key in _chosen(found)
    )


def _chosen(found: Mapping[Key, Summary]) -> Iterator[Key]:
    for metric in STATISTICS:
        same = sorted(key for key in found if key[1].partition("{")[0] == metric)
        yield from same[:_SERIES_PER_METRIC_MAX]


def _figure(
    key: Key,
    now: Summary | None,
    before: Summary | None,
    earlier: Summary | None,
    trend: list[Summary | None],
) -> Figure:
    spec = spec_of(key[1])
    statistic = STATISTICS[spec.name]
    value, value_before, value_earlier = (_value(s, statistic) for s in (now, before, earlier))
    return Figure(
        check=key[0],
        series=key[1],
        statistic=statistic,
        unit=spec.unit,
        now=value,
        before=value_before,
        earlier=value_earlier,
        change=relative(value, value_before),
        change_earlier=relative(value, value_earlier),
        word=word(value, value_before, spec).value,
        word_earlier=word(value, value_earlier, spec).value,
        trend=tuple(_value(summary, statistic) for summary in trend),
    )


def _value(summary: Summary | None, statistic: str) -> float | None:
    if summary is None or not summary.count:
        return None
    found = {"total": summary.total, "mean": summary.mean, "median": summary.median}
    return found.get(statistic, summary.p95)


def relative(now: float | None, before: float | None) -> float | None:
    """The relative change; None where one of them did not exist, or the past is zero."""
    return None if now is None or not before else (now - before) / abs(before)


def word(now: float | None, before: float | None, spec: MetricSpec) -> Comparison:
    """The word of comparison for two figures, by the metric's bad direction."""
    if now is None or before is None:
        return Comparison.NOT_ENOUGH_HISTORY
    difference = now - before
    small = abs(difference) <= max(_CHANGE_MIN * abs(before), _CHANGE_MIN * spec.effect_min)
    if small or spec.worse in (Worse.NEITHER, Worse.EITHER):
        return Comparison.SAME
    worse = (difference > 0) == (spec.worse is Worse.HIGHER)
    return Comparison.REGRESSION if worse else Comparison.IMPROVEMENT


def drifts(spans: Spans, day: date, zone: tzinfo) -> tuple[Drift, ...]:
    """Series whose median of seven days is worse than that of the seven before, by over 10 %."""
    now = spans.days(day - timedelta(days=7), 7, zone)
    before = spans.days(day - timedelta(days=14), 7, zone)
    found = [_drift(key, now[key], before[key]) for key in now if key in before]
    worst_first = sorted((d for d in found if d), key=lambda d: -abs(d.change))
    return tuple(worst_first[:_DRIFTS_MAX])


def _drift(key: Key, now: Summary, before: Summary) -> Drift | None:
    spec = METRICS.get(key[1].partition("{")[0])
    if spec is None or now.median is None or before.median is None or not before.median:
        return None
    enough = before.count >= max(_DRIFT_READINGS_MIN, now.count / 2)
    if not enough or word(now.median, before.median, spec) is not Comparison.REGRESSION:
        return None
    change = (now.median - before.median) / abs(before.median)
    return Drift(key[0], key[1], spec.unit, now.median, before.median, change)
