"""The past of series as the live rule learns it: hours, readings, and what was not usual then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.detection.ddsketch import quantile
from monitor.domain.detection.past import EDGE, Hour
from monitor.store.codec import from_micros, from_seconds, to_json, to_micros, to_seconds
from monitor.store.database import Store
from monitor.store.load_tests import load_spans
from monitor.store.rollup import HOUR, unpack
from monitor.store.series.accepted import accepted_since

if TYPE_CHECKING:
    from sqlalchemy import Connection

# What lasts longer is no accident any more but how things are.
ACCIDENT_MAX = timedelta(hours=24)
_WANTED = (
    ' FROM json_each(?) AS wanted CROSS JOIN series AS s ON s."check" = ? AND s.name = wanted.value'
)
_HOURS = (
    f"SELECT s.name, h.start, h.buckets{_WANTED} CROSS JOIN histograms AS h ON h.series_id = s.id"
    f" AND h.span = {HOUR} AND h.start >= ? AND h.start < ? ORDER BY s.id, h.start"
)
_READINGS = (
    f"SELECT s.name, v.at, v.value{_WANTED} CROSS JOIN metric_values AS v"
    " ON v.series_id = s.id AND v.at >= ? ORDER BY s.id, v.at"
)
_REGRESSIONS = (
    "SELECT subject, since, ended_at FROM alerts WHERE \"check\" = ? AND code = 'regression'"
    " AND fired_at IS NOT NULL AND (ended_at IS NULL OR ended_at > ?) ORDER BY since"
)
_STANDING = (
    "SELECT \"check\", subject FROM alerts WHERE code = 'regression' AND fired_at < ?"
    " AND (ended_at IS NULL OR ended_at >= ?)"
)
_INCIDENTS = (
    "SELECT opened_at, ended_at FROM incidents WHERE status = 'crit'"
    " AND opened_at < ? AND (ended_at IS NULL OR ended_at > ?)"
)
_SILENCES = "SELECT created_at, until, pattern FROM silences WHERE created_at < ? AND until > ?"


@dataclass(frozen=True, slots=True)
class Unusual:
    """A span that baselines leave out: of all series, or of those a silence's pattern matches."""

    start: datetime
    end: datetime | None
    pattern: str = "*"


@dataclass(frozen=True, slots=True)
class StoredPast:
    """The reads below, each in a transaction of its own."""

    store: Store

    def hours(
        self, check: str, names: Iterable[str], start: datetime, end: datetime
    ) -> dict[str, list[tuple[datetime, Hour]]]:
        """See past_hours."""
        with self.store.read() as tx:
            return past_hours(tx, check, names, start, end)

    def readings(
        self, check: str, names: Iterable[str], since: datetime
    ) -> dict[str, list[tuple[datetime, float]]]:
        """See readings_since."""
        with self.store.read() as tx:
            return readings_since(tx, check, names, since)

    def regressions(
        self, check: str, since: datetime
    ) -> dict[str, list[tuple[datetime, datetime | None]]]:
        """See regressions_since."""
        with self.store.read() as tx:
            return regressions_since(tx, check, since)

    def unusual(self, start: datetime, end: datetime) -> list[Unusual]:
        """See unusual_spans."""
        with self.store.read() as tx:
            return unusual_spans(tx, start, end)

    def accepted(self, check: str) -> dict[str, datetime]:
        """See accepted_since."""
        with self.store.read() as tx:
            return accepted_since(tx, check)


def past_hours(
    tx: Connection, check: str, names: Iterable[str], start: datetime, end: datetime
) -> dict[str, list[tuple[datetime, Hour]]]:
    """The hours of some series of a check, oldest first, by series."""
    found: dict[str, list[tuple[datetime, Hour]]] = {}
    span = to_seconds(start), to_seconds(end)
    for name, at, packed in tx.exec_driver_sql(_HOURS, (to_json(list(names)), check, *span)):
        hour = from_seconds(at), _hour(unpack(packed))
        found.setdefault(name, []).append(hour)
    return found


def _hour(buckets: Mapping[int, int]) -> Hour:
    """By whole readings: of two, the lower is the low one and the higher the high one."""
    last = max(1, sum(buckets.values()) - 1)
    low, high = (round(share * last) / last for share in (EDGE, 1 - EDGE))
    return Hour(*(quantile(buckets, share) or 0.0 for share in (low, 0.5, high)))


def readings_since(
    tx: Connection, check: str, names: Iterable[str], since: datetime
) -> dict[str, list[tuple[datetime, float]]]:
    """The readings of some series of a check since then, oldest first, by series."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    row = (to_json(list(names)), check, to_micros(since))
    for name, at, value in tx.exec_driver_sql(_READINGS, row):
        found.setdefault(name, []).append((from_micros(at), value))
    return found


def regressions_since(
    tx: Connection, check: str, since: datetime
) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """When some series of a check were told as worse: spans by series, None: until now."""
    found: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for name, begun, ended in tx.exec_driver_sql(_REGRESSIONS, (check, to_micros(since))):
        found.setdefault(name, []).append((from_micros(begun), from_micros(ended)))
    return found


def standing_regressions(tx: Connection, at: datetime) -> set[tuple[str, str]]:
    """Check and name of the series that were told as worse, and still were so at that moment."""
    moment = to_micros(at)
    return {(c, name) for c, name in tx.exec_driver_sql(_STANDING, (moment, moment))}


def unusual_spans(tx: Connection, start: datetime, end: datetime) -> list[Unusual]:
    """Grave incidents, load tests and silences in a span, each for a day at the most."""
    span = to_micros(end), to_micros(start)
    found = [Unusual(from_micros(begun), from_micros(ended))
             for begun, ended in tx.exec_driver_sql(_INCIDENTS, span)]  # fmt: skip
    found += [Unusual(load.started_at, load.ended_at) for load in load_spans(tx, start, end)]
    found += [Unusual(from_micros(begun), from_micros(until), pattern)
              for begun, until, pattern in tx.exec_driver_sql(_SILENCES, span)]  # fmt: skip
    return [_cut(each) for each in found]


def _cut(span: Unusual) -> Unusual:
    latest = span.start + ACCIDENT_MAX
    return Unusual(span.start, min(span.end or latest, latest), span.pattern)
