"""What reconciliation remembers of a shard: its watermark, open breaks, open payments, sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from checks.books.folding import folded
from checks.sources.facts.books import Books, Break, Swept
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.domain.books.discrepancies import OpenBreak

Known: TypeAlias = dict[str, Any]
Row: TypeAlias = "list[Any]"  # payment id, first seen, last seen, booked less expected

_OPEN_MAX = 5000
_STILL = timedelta(minutes=15)  # an open payment is looked at this long after it was closed
_MARK_EVERY = timedelta(minutes=1)
_OUT_OF_ORDER = 1000  # entry ids that may still be committed behind the newest


class SweepOptions(Protocol):
    """When everything is swept."""

    @property
    def sweep_hour_utc(self) -> int: ...
    @property
    def sweep_retry_minutes(self) -> float: ...


def is_sweep_due(known: Mapping[str, Any], options: SweepOptions, now: datetime) -> bool:
    """Once a night, and at once on a new shard; a step that failed waits before it is repeated."""
    tried = known.get("failed_at")
    if tried and now - _time(tried) < timedelta(minutes=options.sweep_retry_minutes):
        return False
    swept = known.get("swept_at")
    if swept is None or known.get("step", 0):
        return True
    night = now.replace(hour=options.sweep_hour_utc, minute=0, second=0, microsecond=0)
    return _time(swept) < (night if night <= now else night - timedelta(days=1))


def open_ids(known: Mapping[str, Any]) -> tuple[int, ...]:
    """The payments to look at again, however old: broken ones, and those that are not finished."""
    broken = (row[0] for rows in known.get("breaks", {}).values() for row in rows.values())
    return tuple(sorted({*(i for i in broken if i is not None), *map(int, known.get("open", {}))}))


def merchants(known: Mapping[str, Any]) -> tuple[str, ...]:
    """The merchants that are known to be on two shards."""
    return tuple(key.partition(" ")[2] for key in known.get("breaks", {}).get("S3", {}))


def entry_mark(known: Mapping[str, Any]) -> int:
    """A ledger entry older than any whose grace was not over at the last look."""
    marks = known.get("marks") or [[None, 0]]
    return int(marks[0][1])


def open_breaks(shard: str, known: Mapping[str, Any]) -> list[OpenBreak]:
    """The open breaks of a shard that stand by themselves, as they are stored."""
    return [
        OpenBreak(shard, invariant, key, row[0], abs(row[3]), _time(row[1]), _time(row[2]))
        for invariant, rows in folded(known.get("breaks", {})).items()
        for key, row in rows.items()
    ]


def after_look(
    known: Mapping[str, Any], books: Books, now: datetime, names: frozenset[str], most: int
) -> Known:
    """What is known after a look at the window; a look that was stopped moves no watermark."""
    after = {**known, "breaks": merged(known, books, now, names, most)}
    if any(unavailable.why is Why.LIMIT for unavailable in books.unavailable.values()):
        return after
    after["looked_at"] = now.isoformat()
    after["marks"] = _marks(known.get("marks", []), books.entry_last, now)
    after["open"] = _open(known.get("open", {}), books.unfinished, now)
    if books.overflow:
        after["swept_at"] = None  # more was touched than named payments can tell
    return after


def after_sweep(
    known: Mapping[str, Any], swept: Fact[Swept], now: datetime, names: frozenset[str], most: int
) -> Known:
    """What is known after a step of a sweep; a step that was stopped is done again later."""
    if isinstance(swept, Unavailable) or is_stopped(swept.books):
        return {**known, "failed_at": now.isoformat()}
    after = {**known, "breaks": merged(known, swept.books, now, names, most)}
    started = known.get("sweeping_since") if swept.step else now.isoformat()
    if swept.is_last:
        after |= {"swept_at": started, "step": 0, "sweeping_since": None, "failed_at": None}
    else:
        after |= {"step": swept.step + 1, "sweeping_since": started, "failed_at": None}
    return after


def is_stopped(books: Books) -> bool:
    """Whether a look ran out of time before it was through."""
    return any(unavailable.why is Why.LIMIT for unavailable in books.unavailable.values())


def merged(
    known: Mapping[str, Any], books: Books, now: datetime, names: frozenset[str], most: int
) -> dict[str, dict[str, Row]]:
    """The breaks that are open: those found, and those that were not looked at this time."""
    before: Mapping[str, Mapping[str, Row]] = known.get("breaks", {})
    examined = frozenset(books.examined)
    merged = {
        invariant: {
            key: row
            for key, row in rows.items()
            if invariant not in examined or not books.reach.covers(invariant, key, row[0])
        }
        for invariant, rows in before.items()
        if invariant in names
    }
    for one in books.breaks:
        if one.invariant in names:
            since = before.get(one.invariant, {}).get(one.key, (None, now.isoformat()))[1]
            row = [one.payment_id, since, now.isoformat(), difference(one)]
            merged.setdefault(one.invariant, {})[one.key] = row
    return {i: _bounded(rows, most) for i, rows in merged.items() if rows}


def _bounded(rows: dict[str, Row], most: int) -> dict[str, Row]:
    """Of too many breaks of one invariant those of the oldest payments are remembered."""
    if len(rows) <= most:
        return rows
    return dict(sorted(rows.items(), key=lambda item: item[1][0] or 0)[:most])


def difference(one: Break) -> int:
    """Booked less expected, in KRW; 0 where it is not about money."""
    actual, expected = one.params.get("actual_krw"), one.params.get("expected_krw")
    if actual is None:  # money that waits for something
        return int(expected or 0)
    return int(actual or 0) - int(expected or 0)


def _marks(before: Iterable[list[Any]], last: int, now: datetime) -> list[list[Any]]:
    """The newest entries at past looks: the first is older than every grace."""
    marks = [[at, entry] for at, entry in before if entry <= last]
    if not marks:
        return [[now.isoformat(), max(0, last - _OUT_OF_ORDER)]]
    if now - _time(marks[-1][0]) >= _MARK_EVERY:
        marks.append([now.isoformat(), last])
    while len(marks) > 1 and now - _time(marks[1][0]) >= _STILL:
        marks.pop(0)
    return marks


def _open(before: Mapping[str, str], unfinished: Iterable[int], now: datetime) -> dict[str, str]:
    recent = {i: at for i, at in before.items() if now - _time(at) < _STILL}
    after = recent | {str(i): now.isoformat() for i in unfinished}
    return dict(list(after.items())[-_OPEN_MAX:])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
