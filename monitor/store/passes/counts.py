"""How many passes of a check an hour saw, how they ended, and how many were due but missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from monitor.domain.check import Status
from monitor.domain.interval import Interval
from monitor.store.codec import from_micros, from_seconds, to_json, to_micros
from monitor.store.rollup import HOUR

if TYPE_CHECKING:
    from sqlalchemy import Connection

_HOUR_MICROS = HOUR * 1_000_000


@dataclass(frozen=True, slots=True)
class PassCounts:
    """How the passes of a check ended; `missed` are slots that passed unused."""

    ok: int
    warn: int
    crit: int
    unknown: int
    missed: int

    @property
    def passes(self) -> int:
        """How many passes there were, however they ended."""
        return self.ok + self.warn + self.crit + self.unknown


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The last slot of a check at a moment, and the usual distance of its slots, if known.

    `went_on`: it ran after that moment too, so that what it missed before is counted already.
    """

    last_at: datetime
    every: timedelta | None
    went_on: bool

    def open_slots(self, start: datetime, end: datetime) -> int:
        """The slots of a span that passed unused since the last one; the newest may still run."""
        if self.went_on or self.every is None:
            return 0
        passed = (end - self.last_at) // self.every - 1
        earlier = max(0, -((self.last_at - start) // self.every) - 1)
        return max(0, passed - earlier)


_COUNT = {
    status: 'INSERT INTO pass_counts ("check", start, ok, warn, crit, unknown, missed)'
    f" VALUES (?, ?, {', '.join(str(int(status == each)) for each in order)}, 0)"
    f" ON CONFLICT DO UPDATE SET {status} = {status} + 1"
    for order in [("ok", "warn", "crit", "unknown")]
    for status in order
}
_MISSED = (
    'INSERT INTO pass_counts ("check", start, ok, warn, crit, unknown, missed)'
    " VALUES (?, ?, 0, 0, 0, 0, ?) ON CONFLICT DO UPDATE SET missed = missed + excluded.missed"
)
_SLOT_BEFORE = (
    'SELECT slot_at FROM snapshots WHERE "check" = ? AND at < ? AND slot_at < ?'
    " ORDER BY at DESC, id DESC LIMIT 1"
)
_KNOWN = (
    'SELECT value, (SELECT min(start) FROM pass_counts WHERE "check" = value),'
    ' (SELECT max(start) FROM pass_counts WHERE "check" = value) FROM json_each(?)'
)
_COUNTS = (
    'SELECT "check", sum(ok), sum(warn), sum(crit), sum(unknown), sum(missed) FROM pass_counts'
    ' WHERE start >= ? AND start < ? GROUP BY "check"'
)
_CHECKS = (  # steps from check to check through the index, however many passes there are
    'WITH RECURSIVE checks(name) AS (SELECT min("check") FROM snapshots UNION ALL'
    ' SELECT (SELECT min("check") FROM snapshots WHERE "check" > name) FROM checks'
    " WHERE name IS NOT NULL) SELECT name FROM checks WHERE name IS NOT NULL"
)
_LAST_SLOTS = (
    'SELECT slot_at FROM snapshots WHERE "check" = ? AND at <= ? ORDER BY at DESC, id DESC LIMIT ?'
)
_LATER = 'SELECT 1 FROM snapshots WHERE "check" = ? AND at > ? LIMIT 1'
_SEEN = "SELECT status, count(*) FROM snapshots WHERE at >= ? AND at < ? GROUP BY status"
_LAST_BEFORE = (
    "SELECT coalesce((SELECT max(at) FROM snapshots WHERE at < ?), 1000000 * (SELECT max(start)"
    " FROM pass_counts WHERE start < ? AND ok + warn + crit + unknown > 0))"
)
_GAPS = (
    "SELECT at, next FROM (SELECT at, lead(at) OVER (ORDER BY at) AS next FROM snapshots"
    " WHERE at >= ? AND at <= ?) WHERE next - at > ? ORDER BY next - at DESC LIMIT ?"
)
_FIRST_SINCE = "SELECT min(at) FROM snapshots WHERE at >= ? AND at <= ?"
_HOUR_LONG, _MOMENT = timedelta(hours=1), timedelta(microseconds=1)
_SLOTS_LEARNED = 9
_KEPT = (
    "SELECT (SELECT coalesce(sum(ok + warn + crit + unknown), 0) FROM pass_counts"
    " WHERE start >= ? AND start < ?) <= (SELECT count(*) FROM snapshots"
    " WHERE at >= ? AND at < ? AND slot_at >= ? AND slot_at < ?)"
)


def count_pass(tx: Connection, check: str, status: Status, slot_at: datetime) -> None:
    """Count a pass in the hour of its slot."""
    tx.exec_driver_sql(_COUNT[status.value], (check, _hour(to_micros(slot_at))))


def count_missed(tx: Connection, check: str, at: datetime, slot_at: datetime, missed: int) -> None:
    """Count each slot that passed unused in its own hour; without an earlier pass, in this one."""
    slot = to_micros(slot_at)
    before = tx.exec_driver_sql(_SLOT_BEFORE, (check, to_micros(at), slot)).scalar()
    hours = {_hour(slot): missed} if before is None else spread(before, slot, missed)
    tx.exec_driver_sql(_MISSED, [(check, hour, n) for hour, n in hours.items()])


def spread(before: int, slot: int, missed: int) -> dict[int, int]:
    """By hour, how many of the evenly spaced slots between two slots (microseconds) lie in it."""
    found: dict[int, int] = {}
    counted = 0
    for hour in range(before // _HOUR_MICROS, slot // _HOUR_MICROS + 1):
        ahead = min((hour + 1) * _HOUR_MICROS, slot) - before
        passed = min(-(-ahead * (missed + 1) // (slot - before)) - 1, missed)
        if passed > counted:
            found[hour * HOUR] = passed - counted
            counted = passed
    return found


def pass_counts(tx: Connection, start: datetime, end: datetime) -> dict[str, PassCounts]:
    """By check, the passes whose slot lies in the whole hours that begin in a span."""
    hours = (_next_hour(start), _next_hour(end))
    return {check: PassCounts(*counts) for check, *counts in tx.exec_driver_sql(_COUNTS, hours)}


def counts_between(tx: Connection, start: datetime, end: datetime) -> PassCounts:
    """The passes of all checks in a span, to the second while every pass has its snapshot.

    What is older is only known by the hour: then those of its whole hours. Missed slots always are.
    """
    whole = pass_counts(tx, start, end - _HOUR_LONG + _MOMENT).values()
    missed = sum(each.missed for each in whole)
    if is_kept_whole(tx, start, end):
        rows = tx.exec_driver_sql(_SEEN, (to_micros(start), to_micros(end))).all()
        seen = {str(status): int(count) for status, count in rows}
    else:
        seen = {s.value: sum(getattr(one, s.value) for one in whole) for s in Status}
    return PassCounts(**{s.value: seen.get(s.value, 0) for s in Status}, missed=missed)


def rhythms(tx: Connection, at: datetime) -> dict[str, Rhythm]:
    """How often each check was looking, and its last slot, as far as known at a moment."""
    micros = to_micros(at)
    found = {}
    for (check,) in tx.exec_driver_sql(_CHECKS).all():
        rows = tx.exec_driver_sql(_LAST_SLOTS, (check, micros, _SLOTS_LEARNED))
        slots = [from_micros(slot) for (slot,) in rows]
        if slots:
            is_later = tx.exec_driver_sql(_LATER, (check, micros)).first() is not None
            apart = [later - earlier for later, earlier in pairwise(slots) if later > earlier]
            every = sorted(apart)[(len(apart) - 1) // 2] if apart else None
            found[check] = Rhythm(slots[0], every, is_later)
    return found


def is_kept_whole(tx: Connection, start: datetime, end: datetime) -> bool:
    """Whether every pass of a span's whole hours still has its snapshot: old ones are thinned."""
    first, last = to_micros(start) // _HOUR_MICROS * HOUR, _next_hour(end)
    slots = (first * 1_000_000, last * 1_000_000)
    row = (first, last, slots[0], slots[1] + _HOUR_MICROS, *slots)
    return bool(tx.exec_driver_sql(_KEPT, row).scalar_one())


def gaps_between(
    tx: Connection, start: datetime, end: datetime, longest_quiet: timedelta, limit: int = 5
) -> list[Interval]:
    """The longest times without any pass that end in a span, oldest first.

    One may have begun before the span; the time before the first pass of all is none.
    """
    low, high = to_micros(start), to_micros(end)
    quiet = longest_quiet // _MOMENT
    rows = [(at, until) for at, until in tx.exec_driver_sql(_GAPS, (low, high, quiet, limit))]
    before = tx.exec_driver_sql(_LAST_BEFORE, (low, low // 1_000_000)).scalar_one()
    first = tx.exec_driver_sql(_FIRST_SINCE, (low, high)).scalar_one()
    if before is not None and first is not None and first - before > quiet:
        rows.append((before, first))
    longest = sorted(rows, key=lambda row: row[0] - row[1])[:limit]
    return [Interval(from_micros(at), from_micros(until)) for at, until in sorted(longest)]


def known_intervals(tx: Connection, checks: Iterable[str]) -> dict[str, Interval]:
    """From when to when passes of these checks are on record, in whole hours; none: left out."""
    rows = tx.exec_driver_sql(_KNOWN, (to_json(list(checks)),))
    hour = timedelta(seconds=HOUR)
    return {
        check: Interval(from_seconds(first), from_seconds(last) + hour)
        for check, first, last in rows
        if first is not None
    }


def _hour(micros: int) -> int:
    return micros // _HOUR_MICROS * HOUR


def _next_hour(at: datetime) -> int:
    return -(-to_micros(at) // _HOUR_MICROS) * HOUR
