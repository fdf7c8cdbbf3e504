"""What is told of a load test after it: figures and codes, put into words when it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from monitor.domain.statement import Statement

TREND_RUNS = 20


@dataclass(frozen=True, slots=True)
class LoadFigure:
    """A figure of the run beside those of the last, the recent (median) and the best run.

    `name`: the endpoint, or empty for all requests. `unit`: ms, share or per_second.
    `word` is one of comparison; it and `change` are against `before`: what is usual, which a
    lasting regression does not become, or the recent runs where that is not known yet.
    """

    metric: str
    name: str
    statistic: str
    unit: str
    now: float
    before: float | None
    last: float | None
    recent: float | None
    best: float | None
    change: float | None
    word: str


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One of the last runs, as the chart shows it; an invalid run has no figures."""

    started_at: datetime
    state: str
    word: str
    p95_ms: float | None = None
    median_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PlatformFigure:
    """What the platform did meanwhile: before the run, and the worst during it."""

    series: str
    unit: str
    before: float | None
    worst: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One run told whole. `recent_runs`: of how many runs the recent figures are the median.

    `unlike`: why the run right before it was not compared; `trend` is oldest first, this run last.
    """

    run_id: int
    scenario: str
    target: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    made_at: datetime
    word: str
    grade: str = ""
    reasons: tuple[Statement, ...] = ()
    doubts: tuple[Statement, ...] = ()
    unlike: tuple[Statement, ...] = ()
    recent_runs: int = 0
    figures: tuple[LoadFigure, ...] = ()
    endpoints: tuple[LoadFigure, ...] = ()
    platform: tuple[PlatformFigure, ...] = ()
    advice: tuple[Statement, ...] = ()
    trend: tuple[TrendPoint, ...] = ()
    simulated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The plain form: JSON types only, times as ISO-8601 text in UTC."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LoadReport:
        """The report behind its plain form."""
        lists = {name: _rows(kind, data.get(name)) for name, kind in _LISTS.items()}
        times = {name: _time(data.get(name)) for name in ("started_at", "ended_at", "made_at")}
        plain = {k: v for k, v in data.items() if k not in lists and k not in times}
        return cls(**plain, **lists, **times)


_LISTS: Mapping[str, type] = {
    "reasons": Statement,
    "doubts": Statement,
    "unlike": Statement,
    "figures": LoadFigure,
    "endpoints": LoadFigure,
    "platform": PlatformFigure,
    "advice": Statement,
    "trend": TrendPoint,
}


def _rows(kind: type, rows: Any) -> Any:
    return tuple(kind(**_timed(row)) for row in rows or ())


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _time(v) if key == "started_at" else v for key, v in row.items()}


def _time(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
