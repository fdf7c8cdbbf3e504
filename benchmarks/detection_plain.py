"""Plain rules to stand beside ours: what is easily written down in an alerting tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, median, pstdev

Reading = tuple[datetime, float]
HOUR = timedelta(hours=1)
_WEEK_HOURS = 168
_HISTORY_MIN = 48


def starts(readings: Sequence[Reading], is_odd: Sequence[bool]) -> list[datetime]:
    """Where alerts begin, if an alert lasts as long as one odd reading follows the other."""
    return [
        at
        for place, (at, _) in enumerate(readings)
        if is_odd[place] and not (place and is_odd[place - 1])
    ]


def against_previous(readings: Sequence[Reading]) -> list[datetime]:
    """20 % away from the reading before."""
    values = [value for _, value in readings]
    odd = [False] + [_differs(now, before, 0.2)
                     for before, now in pairwise(values)]  # fmt: skip
    return starts(readings, odd)


def z_score(readings: Sequence[Reading]) -> list[datetime]:
    """More than 3 standard deviations from the mean of the last week."""
    return starts(readings, [abs(z) > 3 for z in _zs(readings)])


def same_hour_last_week(readings: Sequence[Reading]) -> list[datetime]:
    """50 % away from the same hour a week before."""
    known = dict(readings)
    odd = [_differs(value, known.get(at - timedelta(hours=_WEEK_HOURS)), 0.5)
           for at, value in readings]  # fmt: skip
    return starts(readings, odd)


def z_and_season(readings: Sequence[Reading]) -> list[datetime]:
    """z above 3, and 3 robust deviations from the same hours of the last fortnight."""
    return starts(readings, [abs(z) > 3 and s > 3 for z, s in
                             zip(_zs(readings), _seasonal(readings), strict=True)])  # fmt: skip


def _zs(readings: Sequence[Reading]) -> list[float]:
    found = []
    for place, (_, value) in enumerate(readings):
        past = [v for _, v in readings[max(0, place - _WEEK_HOURS) : place]]
        spread = pstdev(past) if len(past) >= _HISTORY_MIN else 0.0
        found.append((value - fmean(past)) / spread if spread else 0.0)
    return found


def _seasonal(readings: Sequence[Reading]) -> list[float]:
    found, by_hour = [], dict[int, list[Reading]]()
    for at, value in readings:
        near = [v for hour in (-1, 0, 1) for when, v in by_hour.get((at.hour + hour) % 24, ())
                if at - timedelta(days=14) <= when]  # fmt: skip
        found.append(0.0 if len(near) < 6 else _robust_z(value, near))
        by_hour.setdefault(at.hour, []).append((at, value))
    return found


def _robust_z(value: float, past: Sequence[float]) -> float:
    middle = median(past)
    spread = 1.4826 * median(abs(v - middle) for v in past)
    return abs(value - middle) / spread if spread else 0.0


def _differs(now: float, before: float | None, share: float) -> bool:
    return before is not None and abs(now - before) > share * abs(before)


SERIES_RULES: Mapping[str, Callable[[Sequence[Reading]], list[datetime]]] = {
    "20 % against the reading before": against_previous,
    "z-score above 3 over a week": z_score,
    "50 % against the same hour last week": same_hour_last_week,
    "z-score and same hours, both above 3": z_and_season,
}


def _slower(now: float, usual: float) -> bool:
    return now > 1.2 * usual


def run_against_previous(p95: Sequence[float]) -> list[bool]:
    """20 % slower than the run before."""
    return [False] + [_slower(now, before)
                      for before, now in pairwise(p95)]  # fmt: skip


def run_against_median(p95: Sequence[float]) -> list[bool]:
    """20 % slower than the median of the last 8."""
    return [place >= 5 and _slower(now, median(p95[max(0, place - 8) : place]))
            for place, now in enumerate(p95)]  # fmt: skip


def run_z_score(p95: Sequence[float]) -> list[bool]:
    """More than 3 standard deviations above the mean of all before."""
    found = []
    for place, now in enumerate(p95):
        past = p95[:place]
        spread = pstdev(past) if len(past) >= 5 else 0.0
        found.append(bool(spread) and (now - fmean(past)) / spread > 3)
    return found


RUN_RULES: Mapping[str, Callable[[Sequence[float]], list[bool]]] = {
    "20 % against the previous run": run_against_previous,
    "20 % against the median of 8 runs": run_against_median,
    "z-score above 3": run_z_score,
}
