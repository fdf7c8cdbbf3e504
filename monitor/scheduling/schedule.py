"""The calendar of jobs: APScheduler wakes them, `job_runs` decides what is owed."""

from __future__ import annotations

import heapq
import logging
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.scheduling.bounded import AbandonedError
from monitor.scheduling.timetable import Timetable, due
from monitor.store import job_runs
from monitor.store.database import Store, StoreError
from monitor.store.job_runs import JobRun

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
_AGAIN_AFTER = timedelta(seconds=30)
_PATIENCE_SECONDS = 5.0
_CLOCK_EVERY_SECONDS = 1.0
_SET_BACK_MIN = timedelta(seconds=5)  # less is what time servers do every day
RECORDING = "check:"  # so begin the names of the jobs that record what they saw


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done by the calendar: `run(slot_at, now, missed)`.

    `late_max`: a slot older than this is skipped, and recorded as such (None: never too late).
    `records` says that `run` itself writes its slot down, in its own transaction.
    """

    name: str
    timetable: Timetable
    run: Callable[[datetime, datetime, int], Any]
    late_max: timedelta | None = None
    records: bool = False
    jitter_seconds: float = 0


class SlotTrigger(BaseTrigger):  # type: ignore[misc]
    """Wakes at the slots of a timetable, so that both clocks, real and simulated, see the same.

    Jitter only delays: before its slot a job owes nothing.
    """

    def __init__(self, timetable: Timetable, jitter_seconds: float = 0) -> None:
        self._timetable = timetable
        self._jitter_seconds = jitter_seconds

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The first slot after the last one, or after now."""
        at = self._timetable.next((previous or now).astimezone(UTC))
        return at + timedelta(seconds=random.uniform(0, self._jitter_seconds))  # noqa: S311


class Calendar:
    """Which slot each job is done with; asked of the store once, then kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: dict[str, datetime | None] = {}
        self._at_work: dict[str, threading.Lock] = {}
        self._is_set_back = False

    def wake(self, job: Job, now: datetime) -> bool:
        """Do what a job owes at this moment; False if it owes nothing, or is at work already."""
        at_work = self._at_work.setdefault(job.name, threading.Lock())
        if not at_work.acquire(blocking=False):
            return False
        try:
            return self._wake(job, now)
        finally:
            at_work.release()

    def set_back(self, jobs: Iterable[Job], now: datetime, by: timedelta) -> None:
        """Forget the slots that lie ahead, of jobs that would miss one of theirs by it."""
        for job in jobs:
            last = self._last.get(job.name)
            if not job.timetable.cron and job.timetable.every <= by and last and last > now:
                self._last[job.name] = None

    def _wake(self, job: Job, now: datetime) -> bool:
        owed = due(job.timetable, self._last_slot(job, now), job.late_max, now)
        for slot in owed.skipped:
            self._skip(job, slot, now, owed.missed)
        if owed.slot is None:
            return False
        if not job.records:
            self._last[job.name] = owed.slot
            return self._run(job, owed.slot, now, owed.missed)
        job.run(owed.slot, now, owed.missed)
        self._last[job.name] = owed.slot  # only now: what raised is owed still
        return True

    def _last_slot(self, job: Job, now: datetime) -> datetime | None:
        if job.name not in self._last:
            self._last[job.name] = job_runs.last_slot(self._store, job.name)
        if self._is_ahead(job, now):
            self._last[job.name] = None
        if self._last[job.name] is None and job.late_max is not None:
            self._skip(job, job.timetable.latest(now), now, 0)  # it waits for its next slot
        return self._last[job.name]

    def _is_ahead(self, job: Job, now: datetime) -> bool:
        """Whether a job's last slot lies more than an interval ahead: the clock was set back."""
        last = self._last[job.name]
        if last is None or last <= now or last <= job.timetable.next(now):
            return False
        if not self._is_set_back:
            self._is_set_back = True
            text = "the clock was set back: the last slot of %s is %s; all goes on from now"
            log.warning(text, job.name, last.isoformat())
        return True

    def _skip(self, job: Job, slot: datetime, now: datetime, missed: int) -> None:
        self._last[job.name] = slot
        with self._store.write() as tx:
            job_runs.record_run(tx, JobRun(job.name, slot, now, now, "skipped", missed))

    def _run(self, job: Job, slot: datetime, now: datetime, missed: int) -> bool:
        if not job_runs.start_run(self._store, job.name, slot, now, missed):
            return False
        try:
            job.run(slot, now, missed)
        except Exception as error:
            log.error("job %s failed: %s", job.name, error, exc_info=_shown(error))
            job_runs.finish_run(self._store, job.name, slot, now, "failed")
            return True
        job_runs.finish_run(self._store, job.name, slot, now, "done")
        return True


class Watch(Protocol):
    """Hears what becomes of the work that is recorded."""

    def failed(self, work: str, error: BaseException, now: datetime) -> None:
        """It could not be recorded."""
        ...

    def worked(self, work: str, now: datetime) -> None:
        """It was recorded."""
        ...


@dataclass(slots=True)
class Scheduler:
    """The real-time side: every job woken at its slots, until it is stopped."""

    calendar: Calendar
    jobs: Sequence[Job]
    clock: Clock = utc_now
    abandon: Callable[[], None] = lambda: None
    watch: Watch | None = None
    set_back: Callable[[datetime, timedelta], None] = lambda now, by: None
    _scheduler: Any = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Wake every job once for what it already owes, then at its slots."""
        workers = len(self.jobs) + 2
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(workers)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        for job in self.jobs:
            trigger = SlotTrigger(job.timetable, job.jitter_seconds)
            self._scheduler.add_job(
                self._wake, trigger, args=[job], id=job.name, next_run_time=self.clock()
            )
        self._scheduler.start()
        threading.Thread(target=self._mind_clock, name="clock", daemon=True).start()

    def stop(self) -> None:
        """Wake no more, and let the passes that run come to their end; those that last, abandon."""
        with self._adding:  # a shutdown waits for the jobs, and what they add waits for it
            self._stopping.set()
        if self._scheduler is None:
            return
        patience = threading.Timer(_PATIENCE_SECONDS, self.abandon)
        patience.start()
        self._scheduler.shutdown(wait=True)
        patience.cancel()

    def _mind_clock(self) -> None:
        """The jobs wait for wall-clock times, which a clock that is set back puts off."""
        before, elapsed_before = self.clock(), monotonic()
        while not self._stopping.wait(_CLOCK_EVERY_SECONDS):
            now, elapsed = self.clock(), monotonic()
            by = before + timedelta(seconds=elapsed - elapsed_before) - now
            before, elapsed_before = now, elapsed
            if by >= _SET_BACK_MIN:
                self._go_on_from(now, by)

    def _go_on_from(self, now: datetime, by: timedelta) -> None:
        log.warning("the clock was set back by %.0f s: all goes on from now", by.total_seconds())
        self.calendar.set_back(self.jobs, now, by)
        with self._adding:
            if self._stopping.is_set():
                return
            for waiting in self._scheduler.get_jobs():
                waiting.modify(next_run_time=now)
        try:
            self.set_back(now, by)
        except StoreError as error:
            log.error("what waits could not be pulled back: %s", error)

    def _wake(self, job: Job) -> None:
        if self._stopping.is_set():
            return
        try:
            if self.calendar.wake(job, self.clock()):
                self._watched(job, None)
        except AbandonedError:
            log.info("job %s was abandoned", job.name)
        except Exception as error:
            text = "job %s could not be run or recorded: %s"
            log.error(text, job.name, error, exc_info=_shown(error))
            self._watched(job, error)
            self._again(job)

    def _watched(self, job: Job, error: Exception | None) -> None:
        if self.watch is None or not job.name.startswith(RECORDING):
            return
        if error is None:
            self.watch.worked(job.name, self.clock())
        else:
            self.watch.failed(job.name, error, self.clock())

    def _again(self, job: Job) -> None:
        """What failed is owed still: a report must not wait for tomorrow's slot."""
        with self._adding:
            if self._stopping.is_set():
                return
            self._scheduler.add_job(
                self._wake,
                "date",
                run_date=self.clock() + _AGAIN_AFTER,
                args=[job],
                id=f"{job.name} again",
                replace_existing=True,
            )


def simulate(
    calendar: Calendar, jobs: Sequence[Job], start: datetime, end: datetime
) -> Iterable[tuple[datetime, Job, Callable[[], bool]]]:
    """The same triggers and jobs on a simulated clock: each wake in its order, to be called.

    The caller moves the world to the moment first, then calls the wake. Of one moment the jobs come
    in the order in which they are given.
    """
    triggers = [SlotTrigger(job.timetable) for job in jobs]
    heap = [(start, place) for place in range(len(jobs))]
    while heap and heap[0][0] <= end:
        at, place = heapq.heappop(heap)
        job = jobs[place]
        yield at, job, lambda job=job, at=at: calendar.wake(job, at)  # type: ignore[misc]
        heapq.heappush(heap, (triggers[place].get_next_fire_time(at, at), place))


def _shown(error: Exception) -> Exception | None:
    """What is logged with its traceback: not what says all in its own words."""
    return None if isinstance(error, (StoreError, TimeoutError)) else error
