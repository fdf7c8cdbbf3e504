"""The last days of a figure as a small chart: a line with its lowest, highest and last value."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.report import Figure
from monitor.text.catalog import Catalog
from monitor.text.filters import capital, metric_value
from monitor.text.symbols import polylines

WIDTH, HEIGHT = 320, 96
_LEFT, _TOP, _BOTTOM = 4, 8, 88
_DAYS_MIN = 3


@dataclass(frozen=True, slots=True)
class DailyChart:
    """Where everything stands, in pixels; the line is broken on days without a reading."""

    title: str
    high: str
    low: str
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    spoken: str


def chart_of(figure: Figure, catalog: Catalog) -> DailyChart | None:
    """The chart of a figure from zero up; None where too few days are known to draw one."""
    known = [value for value in figure.trend if value is not None]
    if len(known) < _DAYS_MIN or figure.series == "payments_per_minute":  # drawn as payments
        return None
    low, high = min(known), max(known)
    step = (WIDTH - 2 * _LEFT) / max(len(figure.trend) - 1, 1)

    def height(value: float) -> float:
        floor, span = min(low, 0.0), max(high, 0.0) - min(low, 0.0)
        return _BOTTOM - ((value - floor) / span if span else 0.0) * (_BOTTOM - _TOP)

    points = [
        (_LEFT + i * step, None if value is None else height(value))
        for i, value in enumerate(figure.trend)
    ]
    title = capital(catalog.series(figure.series))
    least, most = (metric_value(each, figure.unit, catalog.language) for each in (low, high))
    return DailyChart(
        title=title,
        high=most,
        low=least,
        lines=tuple(polylines(points)),
        dots=tuple((x, y) for x, y in points if y is not None),
        spoken=catalog.say("report.chart", title=title, low=least, high=most, days=len(known)),
    )
