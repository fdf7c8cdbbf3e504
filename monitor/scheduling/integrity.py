"""When the monitor's own file is examined: at the start, its head each minute, all of it daily."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.scheduling.schedule import Job, Watch
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store, StoreError
from monitor.store.upkeep.integrity import integrity_check, quick_check, require_readable

EVERY = timedelta(days=1)
READ_EVERY = timedelta(minutes=1)
_WORK = "integrity"


def examine_at_start(store: Store, watch: Watch, now: datetime) -> None:
    """A damaged file is told and used all the same, as far as it goes: else nobody would look."""
    try:
        quick_check(store)
    except StoreError as error:
        watch.failed(_WORK, error, now)


def integrity_jobs(store: Store, watch: Watch) -> list[Job]:
    """The examinations; what one finds is told, and is over when its next one finds nothing."""
    whole = _examination(_WORK, integrity_check, store, watch)
    head = _examination("readable", require_readable, store, watch)
    return [
        Job(_WORK, Timetable(EVERY), whole),
        Job("readable", Timetable(READ_EVERY), head, records=True),  # not worth a row a minute
    ]


def _examination(
    name: str, examine: Callable[[Store], None], store: Store, watch: Watch
) -> Callable[[datetime, datetime, int], None]:
    def run(slot_at: datetime, now: datetime, missed: int) -> None:
        try:
            examine(store)
        except StoreError as error:
            watch.failed(name, error, now)
            raise
        watch.worked(name, now)

    return run
