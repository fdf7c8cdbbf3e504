"""Prometheus, asked over its HTTP API: bounded, and "no series" told apart from zero."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from checks.sources.facts.platform import Health
from checks.sources.facts.prometheus import Course, Happened, Reading, happened
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.http.client import Answer, Wire
from checks.sources.monitoring_api.fields import Fields, MisfitError

T = TypeVar("T")

SERIES_MAX = 1000
POINTS_MAX = 1000
_BYTES_MAX = 8_000_000


class Prometheus:
    """One Prometheus; thread-safe, one client for every question."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        timeout_seconds: float = 5.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._wire = Wire(
            url,
            timeout_seconds=timeout_seconds,
            transport=transport,
            token=token,
            part="prometheus",
            keys="platform.prometheus.token, platform.prometheus.url",
        )

    def __repr__(self) -> str:
        return f"Prometheus({self._wire!r})"

    def healths(self) -> Mapping[str, Fact[Health]]:
        """Whether it answers questions, and how long that took."""
        started = time.perf_counter()
        found = self.instant("vector(1)")
        took_ms = (time.perf_counter() - started) * 1000
        well = Health("prometheus", True, took_ms)
        return {"prometheus": found if isinstance(found, Unavailable) else well}

    def instant(self, query: str, at: datetime | None = None) -> Fact[tuple[Reading, ...]]:
        """The readings of a query at a moment (now); unavailable with `no_series` if there are
        none.

        Values that are no numbers (NaN, infinite) are left out; `no_numbers` if all are.
        """
        when = {} if at is None else {"time": f"{at.timestamp():.3f}"}
        found = self._ask("query", {"query": query, **when}, _vector)
        return found if isinstance(found, Unavailable) or found else _no_series(query)

    def window(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Happened, ...]]:
        """What each series of a query did between two times."""
        found = self.points(query, start, end, step)
        if isinstance(found, Unavailable):
            return found
        return tuple(happened(labels, points) for labels, points in found)

    def points(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None
    ) -> Fact[tuple[Course, ...]]:
        """The readings of each series up to `end`, `step` apart (widened to stay few)."""
        span = (end - start).total_seconds()
        seconds = max(1.0, span / POINTS_MAX, step.total_seconds() if step else 15.0)
        begins = end.timestamp() - seconds * int(span / seconds)
        asked = {
            "query": query,
            "start": f"{begins:.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{seconds:.3f}",
        }
        found = self._ask("query_range", asked, _matrix)
        return found if isinstance(found, Unavailable) or found else _no_series(query)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _ask(
        self, kind: str, asked: Mapping[str, str], read: Callable[[Fields], Fact[T]]
    ) -> Fact[T]:
        answer = self._wire.get(f"/api/v1/{kind}", bytes_max=_BYTES_MAX, **asked)
        if isinstance(answer, Unavailable):
            return _refused(answer)
        if answer.status != 200 or answer.data.get("status") != "success":
            return _complaint(answer)
        try:
            return read(Fields(answer.data).object("data"))
        except MisfitError as misfit:
            return _unavailable(Why.GARBLED, "ill_typed", answer.path, misfit.got, misfit.expected)
        except _TooMany:
            return _unavailable(Why.LIMIT, "prometheus_too_many", answer.path, f"{SERIES_MAX}")


class _TooMany(Exception):  # noqa: N818  (never leaves this file)
    """More series than are taken."""


def _vector(data: Fields) -> Fact[tuple[Reading, ...]]:
    rows = _rows(data, "vector")
    pairs = ((_labels(row), _point(row, row.data.get("value"))) for row in rows)
    found = tuple(Reading(labels, point[1], point[0]) for labels, point in pairs if point)
    return _no_numbers() if rows and not found else found


def _matrix(data: Fields) -> Fact[tuple[Course, ...]]:
    rows = _rows(data, "matrix")
    pairs = ((_labels(row), list(_points(row))) for row in rows)
    found = tuple((labels, points) for labels, points in pairs if points)
    return _no_numbers() if rows and not found else found


def _rows(data: Fields, kind: str) -> tuple[Fields, ...]:
    if data.text("resultType") != kind:
        raise data.misfit(f'"{kind}" as', "resultType")
    rows = data.rows("result")
    if len(rows) > SERIES_MAX:
        raise _TooMany
    return rows


def _labels(row: Fields) -> Mapping[str, str]:
    labels = row.object("metric").data
    return {str(name)[:100]: cut(str(value)) for name, value in labels.items()}


def _points(row: Fields) -> Iterator[tuple[datetime, float]]:
    values = row.data.get("values")
    if not isinstance(values, list):
        raise row.misfit("a list", "values")
    for value in values:
        point = _point(row, value)
        if point is not None:
            yield point


def _point(row: Fields, pair: Any) -> tuple[datetime, float] | None:
    """A time and a number written as text; None where it is not a finite number."""
    try:
        seconds, text = pair
        value = float(text)
        at = datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise row.misfit("a time and a number", "value") from None
    return (at, value) if math.isfinite(value) else None


def _refused(unavailable: Unavailable) -> Unavailable:
    """A refused connection speaks about Prometheus itself: nothing stands between."""
    if unavailable.reason == "connection_refused":
        return replace(unavailable, why=Why.REFUSED)
    return unavailable


def _complaint(answer: Answer) -> Unavailable:
    """Its own error (a wrong query), or that it cannot serve yet."""
    said = answer.data.get("error")
    got = cut(f"{answer.status} {said if isinstance(said, str) else ''}".strip())
    if answer.status == 503:
        return _unavailable(Why.REFUSED, "prometheus_error", answer.path, got)
    return _unavailable(Why.GARBLED, "prometheus_error", answer.path, got)


def _no_series(query: str) -> Unavailable:
    return _unavailable(Why.NOT_VISIBLE, "no_series", expected=cut(query))


def _no_numbers() -> Unavailable:
    return _unavailable(Why.NOT_VISIBLE, "no_numbers")


def _unavailable(
    why: Why, reason: str, path: str = "", got: str = "", expected: str = ""
) -> Unavailable:
    return Unavailable("prometheus", why, reason, {"path": path, "got": got, "expected": expected})
