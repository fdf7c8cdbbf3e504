"""When something is due: fixed intervals, or cron times of a zone that no DST change repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timetable:
    """The slots of a job: every `every` (counted in UTC), or by `cron` in the zone.

    A cron time that a DST change leaves out takes place right after the gap, and one that the
    change repeats takes place once.
    """

    every: timedelta = timedelta(minutes=1)
    cron: str = ""
    zone: str = "UTC"

    def after(self, at: datetime) -> Iterator[datetime]:
        """The slots after a moment, in UTC, without end."""
        return self._cron(at) if self.cron else self._steps(at)

    def next(self, at: datetime) -> datetime:
        """The first slot after a moment."""
        return next(self.after(at))

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """The slots after `start` up to and including `end`."""
        return list(takewhile(lambda slot: slot <= end, self.after(start)))

    def latest(self, at: datetime) -> datetime:
        """The last slot at or before a moment."""
        if not self.cron:
            return at - (at - _EPOCH) % self.every
        reach = timedelta(hours=2)
        while not (found := self.between(at - reach, at)):
            reach *= 4
        return found[-1]

    def _steps(self, at: datetime) -> Iterator[datetime]:
        slot = at - (at - _EPOCH) % self.every
        while True:
            slot += self.every
            yield slot

    def _cron(self, at: datetime) -> Iterator[datetime]:
        seen = at
        for local in CronSim(self.cron, at.astimezone(ZoneInfo(self.zone))):
            slot = local.astimezone(UTC)
            if slot > seen:
                seen = slot
                yield slot


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now: the slot to run (None: nothing), those missed, those too late."""

    slot: datetime | None
    missed: int = 0
    skipped: tuple[datetime, ...] = ()


def due(
    timetable: Timetable, last: datetime | None, late_max: timedelta | None, now: datetime
) -> Due:
    """Which slot a job owes, given the last one that it is done with.

    Of several open slots only the newest runs. One older than `late_max` does not run at all:
    it is skipped, and said to be so, and so are the cron slots before it. `last` None: the job
    never ran; its newest slot is due at once, unless it could be too late, in which case the job
    waits for its next one.
    """
    if last is None:
        return Due(timetable.latest(now) if late_max is None else None)
    newest = timetable.latest(now)
    if newest <= last:
        return Due(None)
    missed = _count(timetable, last, newest)
    if late_max is None:
        return Due(newest, missed)
    before = _before(timetable, last, newest) if timetable.cron else ()
    if now - newest > late_max:
        return Due(None, missed, (*before, newest))
    return Due(newest, missed, before)


_COUNTED_MAX = 10_000
_SKIPPED_MAX = 31


def _before(timetable: Timetable, last: datetime, newest: datetime) -> tuple[datetime, ...]:
    """The latest slots strictly between two slots, oldest first."""
    found: list[datetime] = []
    slot = timetable.latest(newest - timedelta(microseconds=1))
    while slot > last and len(found) < _SKIPPED_MAX:
        found.append(slot)
        slot = timetable.latest(slot - timedelta(microseconds=1))
    return tuple(reversed(found))


def _count(timetable: Timetable, last: datetime, newest: datetime) -> int:
    """How many slots lie strictly between two slots (exact for intervals)."""
    if not timetable.cron:
        return max(0, int((newest - last) / timetable.every) - 1)
    slots = takewhile(lambda slot: slot < newest, timetable.after(last))
    return sum(1 for _, _ in zip(slots, range(_COUNTED_MAX), strict=False))
