"""The figures of a report: each beside the same one of earlier periods, and what drifts slowly."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from operator import attrgetter
from typing import TYPE_CHECKING

from monitor.domain.detection.ddsketch import Comparison, Summary
from monitor.domain.detection.periods import Period, PeriodLimits, judge
from monitor.domain.detection.rule import relative
from monitor.domain.interval import Interval
from monitor.domain.metrics import METRICS, spec_of
from monitor.domain.report import Drift, Figure
from monitor.store.passes.counts import known_intervals
from monitor.store.series.parts import Parts, parts
from monitor.store.series.past import standing_regressions
from monitor.store.series.summaries import summaries

if TYPE_CHECKING:
    from monitor.store.database import Connection

Key = tuple[str, str]  # check, series
STATISTICS = {
    "payments_created": "total",
    "payments_per_minute": "mean",
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
_BEGUN = timedelta(hours=1)  # what is on record is known by the hour
_DRIFTS_MAX = 5
_DRIFTS = PeriodLimits(change_min=0.10, effect_share=0.10, readings_min=48)
_NOTHING = Period(Summary(0, 0.0, None, None))


@dataclass(slots=True)
class Spans:
    """The figures of periods of local days, each read once."""

    tx: Connection
    _read: dict[tuple[datetime, datetime], Mapping[Key, Summary]] = field(default_factory=dict)
    _cut: dict[tuple[datetime, datetime], Parts] = field(default_factory=dict)

    def days(self, first: date, days: int, zone: tzinfo) -> Mapping[Key, Summary]:
        """All series in so many local days from the first on."""
        edges = midnight(first, zone), midnight(first + timedelta(days=days), zone)
        if edges not in self._read:
            self._read[edges] = summaries(self.tx, *edges)
        return self._read[edges]

    def periods(self, first: date, days: int, zone: tzinfo) -> Mapping[Key, Period]:
        """The same with their hours, or with their days where there are several."""
        edges = midnight(first, zone), midnight(first + timedelta(days=days), zone)
        if edges not in self._cut:
            self._cut[edges] = parts(self.tx, *edges)
        cut = self._cut[edges]
        whole = self.days(first, days, zone)
        return {key: Period(summary, cut.get(key, {})) for key, summary in whole.items()}


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def figures(
    spans: Spans, kind: str, day: date, zone: tzinfo, limits: PeriodLimits
) -> tuple[Figure, ...]:
    """The key figures of the period that ends as `day` begins, in the order of STATISTICS.

    A day stands beside the day before and the same weekday before; a week beside the week
    before and the one four weeks before.
    """
    length, back = (7, 28) if kind == "weekly" else (1, 7)
    first = day - timedelta(days=length)
    three = [spans.periods(first - timedelta(days=n), length, zone) for n in (0, length, back)]
    trend = [spans.days(day - timedelta(days=n), 1, zone) for n in range(_TREND_DAYS, 0, -1)]
    standing = standing_regressions(spans.tx, midnight(day, zone))
    made = [
        _figure(
            key,
            [s.get(key, _NOTHING) for s in three],
            [d.get(key) for d in trend],
            limits,
            key in standing,
        )
        for key in _chosen({key for periods in three for key in periods})
    ]
    starts = [first - timedelta(days=n) for n in (0, length, back)]
    known = known_intervals(spans.tx, {figure.check for figure in made})
    made = [_on_record(figure, known.get(figure.check), starts, zone) for figure in made]
    minutes = [_minutes(start, length, zone) for start in starts]
    days = [_minutes(day - timedelta(days=n), 1, zone) for n in range(_TREND_DAYS, 0, -1)]
    totals = {figure.check: figure for figure in made if figure.series == "payments_created"}
    return tuple(_rated(figure, totals.get(figure.check), minutes, days) for figure in made)


def _minutes(first: date, days: int, zone: tzinfo) -> float:
    length = midnight(first + timedelta(days=days), zone) - midnight(first, zone)
    return length / timedelta(minutes=1)


def _on_record(
    figure: Figure, known: Interval | None, starts: Sequence[date], zone: tzinfo
) -> Figure:
    """A total is compared with a period only if that is on record from its beginning."""
    if figure.statistic != "total" or known is None:
        return figure
    _, before, earlier = (known.start <= midnight(start, zone) + _BEGUN for start in starts)
    return replace(
        figure,
        change=figure.change if before else None,
        change_earlier=figure.change_earlier if earlier else None,
    )


def _rated(
    figure: Figure, total: Figure | None, minutes: Sequence[float], days: Sequence[float]
) -> Figure:
    """Payments a minute are the payments over the same time, so that both change alike."""
    if figure.series != "payments_per_minute" or total is None:
        return figure
    amounts = (total.now, total.before, total.earlier)
    now, before, earlier = (
        None if amount is None else amount / length
        for amount, length in zip(amounts, minutes, strict=True)
    )
    return replace(
        figure,
        now=now,
        before=before,
        earlier=earlier,
        change=total.change,
        change_earlier=total.change_earlier,
        trend=tuple(
            None if amount is None else amount / length
            for amount, length in zip(total.trend, days, strict=True)
        ),
    )


def _chosen(found: Collection[Key]) -> Iterator[Key]:
    for metric in STATISTICS:
        same = sorted(key for key in found if key[1].partition("{")[0] == metric)
        yield from same[:_SERIES_PER_METRIC_MAX]


def _figure(
    key: Key,
    periods: Sequence[Period],
    trend: Sequence[Summary | None],
    limits: PeriodLimits,
    stands: bool,
) -> Figure:
    """`periods`: now, the period before, and the earlier one."""
    spec = spec_of(key[1])
    statistic = STATISTICS[spec.name]
    figure = attrgetter(statistic)
    now, before, earlier = (figure(s.whole) if s.whole.count else None for s in periods)
    verdicts = [
        Comparison.REGRESSION if stands else judge(periods[0], s, figure, spec, limits)
        for s in periods[1:]
    ]
    return Figure(
        check=key[0],
        series=key[1],
        statistic=statistic,
        unit=spec.unit,
        now=now,
        before=before,
        earlier=earlier,
        change=relative(now, before),
        change_earlier=relative(now, earlier),
        word=verdicts[0].value,
        word_earlier=verdicts[1].value,
        trend=tuple(figure(s) if s is not None and s.count else None for s in trend),
    )


def drifts(spans: Spans, day: date, zone: tzinfo) -> tuple[Drift, ...]:
    """Series whose median of seven days is worse than that of the seven before, by over 10 %."""
    now = spans.periods(day - timedelta(days=7), 7, zone)
    before = spans.periods(day - timedelta(days=14), 7, zone)
    found = [_drift(key, now[key], before[key]) for key in now if key in before]
    worst_first = sorted((d for d in found if d), key=lambda d: -abs(d.change))
    return tuple(worst_first[:_DRIFTS_MAX])


def _drift(key: Key, now: Period, before: Period) -> Drift | None:
    spec = METRICS.get(key[1].partition("{")[0])
    change = relative(now.whole.median, before.whole.median)
    if spec is None or change is None or before.whole.count < now.whole.count / 2:
        return None
    if judge(now, before, attrgetter("median"), spec, _DRIFTS) is not Comparison.REGRESSION:
        return None
    here, there = now.whole.median or 0.0, before.whole.median or 0.0
    return Drift(key[0], key[1], spec.unit, here, there, change)
