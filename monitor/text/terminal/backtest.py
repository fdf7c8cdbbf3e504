"""What `paypulse backtest` shows: where the live rule would have alerted, and the series drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from monitor.domain.detection.replay import Alarm, BadRow, Point, Replayed, SeriesFile
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.plain.backtest import figure_text, reason_text
from monitor.text.symbols import BARS, DOWN, UP
from monitor.text.terminal.output import indented

HEIGHT = 10
BAD_SHOWN_MAX = 20
_EIGHTHS = f" {BARS}"
_MARKS = {1: UP, -1: DOWN}


def bad_lines(bad: Sequence[BadRow], catalog: Catalog) -> Iterator[str]:
    """The rows that were left out, named; of many the first."""
    for row in bad[:BAD_SHOWN_MAX]:
        why = catalog.say(f"series_row.{row.why}")
        yield catalog.say("series_file.row", line=row.line, why=why, text=clean(row.text, 60))
    if len(bad) > BAD_SHOWN_MAX:
        yield catalog.say("series_file.more_rows", count=len(bad) - BAD_SHOWN_MAX)


def series_heading(series: SeriesFile, is_one_of_many: bool, catalog: Catalog) -> Iterator[str]:
    """Which series it is, if there are several, and what was done to it."""
    if is_one_of_many:
        yield f"\n{clean(series.name, 60)}{f' ({clean(series.unit, 16)})' if series.unit else ''}"
    if series.repeated:
        yield catalog.say("series_file.repeated", count=series.repeated)


def backtest_parts(
    series: SeriesFile, found: Replayed, catalog: Catalog, width: int
) -> Iterator[RenderableType]:
    """The series as a chart with its alerts below, and each alert in a line."""
    yield from chart(series.points, found.alarms, width)
    yield ""
    counts = {"points": found.judged, "gaps": series.gaps, "alerts": len(found.alarms)}
    yield catalog.say("detection.judged", **counts, learnt=len(series.points) - found.judged)
    for alarm in found.alarms:
        yield from _alarm_parts(alarm, series.points, catalog)


def _alarm_parts(
    alarm: Alarm, points: Sequence[Point], catalog: Catalog
) -> Iterator[RenderableType]:
    ended = catalog.say("detection.goes_on")
    if alarm.ended is not None:
        ended = str(clean(points[alarm.ended].text, 32))
    shape = catalog.say(f"shape.{alarm.shape}")
    began = clean(points[alarm.started].text, 32)
    yield f"{_MARKS[alarm.side]} {began} – {ended}, {shape}"
    yield indented(reason_text(alarm, catalog), 4)


def chart(points: Sequence[Point], alarms: Sequence[Alarm], width: int) -> Iterator[str]:
    """The series in columns, each as high as the highest of its values; below where it alerted."""
    low = min(0.0, *(point.value for point in points))
    high = max(0.0, *(point.value for point in points))
    labels = [figure_text(high), figure_text(low)]
    margin = max(map(len, labels)) + 1
    count = max(1, min(len(points), width - margin - 1))
    parts = [points[len(points) * i // count : len(points) * (i + 1) // count]
             for i in range(count)]  # fmt: skip
    tops = [_height(part, low, high) for part in parts]
    for level in range(HEIGHT - 1, -1, -1):
        label = labels[0] if level == HEIGHT - 1 else labels[1] if not level else ""
        cells = (_EIGHTHS[min(8, max(0, top - 8 * level))] for top in tops)
        yield f"{label:>{margin - 1}} {''.join(cells)}".rstrip()
    yield f"{'':>{margin}}{_marks(alarms, len(points), count)}".rstrip()
    first, last = (str(clean(points[place].text, 32)) for place in (0, -1))
    yield f"{'':>{margin}}{first}{last:>{max(1, count - len(first))}}"


def _height(part: Sequence[Point], low: float, high: float) -> int:
    """In eighths of a line, at least one so that every column shows."""
    farthest = max((point.value for point in part), key=abs)
    return max(1, round(8 * HEIGHT * (farthest - low) / (high - low))) if high > low else 1


def _marks(alarms: Sequence[Alarm], points: int, count: int) -> str:
    """Where alerts fired, and while they lasted."""
    cells = [" "] * count
    for alarm in alarms:
        last = points - 1 if alarm.ended is None else alarm.ended
        for cell in range(alarm.started * count // points, last * count // points + 1):
            cells[min(cell, count - 1)] = "─"
    for alarm in alarms:
        cells[min(alarm.started * count // points, count - 1)] = _MARKS[alarm.side]
    return "".join(cells)
