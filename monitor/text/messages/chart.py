"""The chart of the last load tests: SVG from a layout, and the same as PNG for Slack."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor import resources
from monitor.domain.load_test.report import LoadReport, TrendPoint
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, day_text, metric_value
from monitor.text.messages.layout import render
from monitor.text.symbols import polylines

WIDTH, HEIGHT = 920, 440
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 84, 64
_TICKS = 4
_LABELS_MAX = 10
_ZOOM = 2.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A run on the chart. `kind`: passed, failed, regression or invalid."""

    x: float
    y: float
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text at one place of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """What a line or a mark means."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Where everything stands, in pixels; lines are broken where a run has no figures."""

    title: str
    p95: tuple[str, ...]
    median: tuple[str, ...]
    marks: tuple[Mark, ...]
    x_labels: tuple[Label, ...]
    y_labels: tuple[Label, ...]
    legend: tuple[Key, ...]


def chart(payload: Mapping[str, Any], catalog: Catalog) -> Chart:
    """The response times of the last runs, oldest on the left."""
    report = LoadReport.from_dict(payload)
    points = report.trend
    top = _nice(max((p.p95_ms or p.median_ms or 0.0 for p in points), default=0.0) * 1.08)
    xs = _places(len(points))
    marks = tuple(_mark(x, point, top) for x, point in zip(xs, points, strict=True))
    title = catalog.say(
        "load_report.chart_title", scenario=clean(report.scenario, 60), runs=len(points)
    )
    return Chart(
        title=title,
        p95=tuple(_lines(xs, [p.p95_ms for p in points], top)),
        median=tuple(_lines(xs, [p.median_ms for p in points], top)),
        marks=marks,
        x_labels=tuple(_days(xs, points, catalog)),
        y_labels=tuple(_heights(top, catalog)),
        legend=_legend(marks, catalog),
    )


def png(payload: Mapping[str, Any], catalog: Catalog) -> bytes:
    """The chart as a picture, drawn with the font that comes along: it has Hangul."""
    import resvg_py  # noqa: PLC0415  (only where a picture is sent)

    svg = render("svg/load_trend.svg.j2", chart=chart(payload, catalog), size=(WIDTH, HEIGHT))
    font = resources.folder("templates") / "fonts" / "NotoSansKR-subset.otf"
    drawn = resvg_py.svg_to_bytes(
        svg_string=svg,
        skip_system_fonts=True,
        font_files=[str(font)],
        font_family="Noto Sans KR",
        sans_serif_family="Noto Sans KR",
        background="#ffffff",
        zoom=_ZOOM,
    )
    return bytes(drawn)


def _places(count: int) -> list[float]:
    width = WIDTH - LEFT - RIGHT
    if count == 1:
        return [LEFT + width / 2]
    return [LEFT + 12 + index * (width - 24) / max(count - 1, 1) for index in range(count)]


def _height(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)


def _lines(xs: Sequence[float], values: Sequence[float | None], top: float) -> Iterator[str]:
    heights = (None if value is None else _height(value, top) for value in values)
    return polylines(list(zip(xs, heights, strict=True)))


def _mark(x: float, point: TrendPoint, top: float) -> Mark:
    if point.p95_ms is None:
        return Mark(x, HEIGHT - BOTTOM - 8, "invalid")
    kind = "regression" if point.word == "regression" else point.state
    return Mark(x, _height(point.p95_ms, top), kind)


def _days(xs: Sequence[float], points: Sequence[TrendPoint], catalog: Catalog) -> Iterator[Label]:
    """Dates under the axis, few enough to be read; the last run is always among them."""
    step = math.ceil(len(points) / _LABELS_MAX)
    for index in range(len(points) - 1, -1, -step):
        local = points[index].started_at.astimezone(catalog.zone)
        yield Label(xs[index], day_text(local, catalog.language))


def _heights(top: float, catalog: Catalog) -> Iterator[Label]:
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        yield Label(_height(value, top), metric_value(value, "ms", catalog.language))


def _nice(value: float) -> float:
    """A round number from which quarters are round too, at least as large as the value."""
    if value <= 0:
        return 4.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(
        unit * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if unit * step >= value
    )


def _legend(marks: Sequence[Mark], catalog: Catalog) -> tuple[Key, ...]:
    """What the marks mean, as far as they occur, spread along one line."""
    kinds = ["p95", "median", *(k for k in _MARKS if any(mark.kind == k for mark in marks))]
    room = (WIDTH - LEFT - RIGHT) / 6
    return tuple(
        Key(LEFT + index * room, kind, catalog.say(f"load_report.legend.{kind}"))
        for index, kind in enumerate(kinds)
    )


_MARKS = ("regression", "failed", "invalid")
