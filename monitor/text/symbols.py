"""The signs that stand for a status, a direction or a height, the same in every medium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

DOTS: Mapping[str, str] = {"crit": "🔴", "warn": "🟠", "unknown": "⚪", "ok": "🟢"}
ARROW, UP, DOWN, EVEN = "→", "▲", "▼", "·"
TONES: Mapping[str, str] = {"regression": "warn", "improvement": "ok"}  # of what is compared
BARS = "▁▂▃▄▅▆▇█"
FULL = BARS[-1]


def bars(values: Sequence[float | None], low: float, high: float, gap: str = " ") -> str:
    """A sparkline of letters from `low` to `high`; `gap` where there is no value."""
    return "".join(gap if value is None else _bar(value, low, high) for value in values)


def _bar(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.5
    return BARS[round(share * (len(BARS) - 1))]


def polylines(points: Sequence[tuple[float, float | None]]) -> Iterator[str]:
    """The point lists of SVG polylines, broken where a point has no height."""
    run: list[str] = []
    for x, y in (*points, (0.0, None)):
        if y is not None:
            run.append(f"{x:.1f},{y:.1f}")
        elif run:
            yield " ".join(run)
            run = []
