"""When the monitor's own file is examined: quickly at the start, and whole once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.scheduling.schedule import Job, Watch
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store, StoreError
from monitor.store.upkeep.integrity import integrity_check, quick_check

EVERY = timedelta(days=1)
_WORK = "integrity"


def examine_at_start(store: Store, watch: Watch, now: datetime) -> None:
    """A damaged file is told and used all the same, as far as it goes: else nobody would look."""
    try:
        quick_check(store)
    except StoreError as error:
        watch.failed(_WORK, error, now)


def integrity_job(store: Store, watch: Watch) -> Job:
    """The daily examination; what it finds is told, and is over when the next one finds nothing."""

    def run(slot_at: datetime, now: datetime, missed: int) -> None:
        try:
            integrity_check(store)
        except StoreError as error:
            watch.failed(_WORK, error, now)
            raise
        watch.worked(_WORK, now)

    return Job("integrity", Timetable(EVERY), run)
