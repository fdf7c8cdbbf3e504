"""What the live rule would have said of a metric's history, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.domain.books.time_forms import TimeForm
from monitor.domain.detection.replay import Alarm, Point, Replayed, SeriesFile
from monitor.domain.detection.rule import relative
from monitor.text.catalog import Catalog
from monitor.text.filters import number, percent


def backtest_json(
    series: SeriesFile, found: Replayed, form: TimeForm, catalog: Catalog
) -> dict[str, Any]:
    """The alerts; times as they stand in the file."""
    return {
        "name": series.name,
        "unit": series.unit,
        "time_format": form.name,
        "repeated": series.repeated,
        "points": found.judged,
        "gaps": series.gaps,
        "alerts": [_alarm_json(alarm, series.points, catalog) for alarm in found.alarms],
    }


def _alarm_json(alarm: Alarm, points: Sequence[Point], catalog: Catalog) -> dict[str, Any]:
    return {
        "started_at": points[alarm.started].text,
        "ended_at": None if alarm.ended is None else points[alarm.ended].text,
        "kind": alarm.shape.value,
        "direction": "up" if alarm.side > 0 else "down",
        "reason": reason_text(alarm, catalog),
    }


def reason_text(alarm: Alarm, catalog: Catalog) -> str:
    """Why an alert was raised, in a sentence."""
    now, usual = alarm.at_start.now, alarm.at_start.usual
    change = relative(now, usual)
    told = {
        "now": figure_text(now),
        "usual": figure_text(usual),
        "percent": "" if change is None else percent(100 * change, catalog.language, signed=True),
    }
    return catalog.say(f"detection.{'above' if alarm.side > 0 else 'below'}", **told)


def figure_text(value: float) -> str:
    """A number; of a small share its first three digits."""
    return f"{value:.3g}" if 0 < abs(value) < 1 else number(value)
