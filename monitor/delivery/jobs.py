"""The jobs of delivery: one for each receiver, and one that looks how they fare."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.delivery.news import watch_delivery
from monitor.delivery.outbox import Outbox
from monitor.scheduling.schedule import Job
from monitor.scheduling.timetable import Timetable

WATCH_EVERY = timedelta(seconds=10)


def delivery_jobs(outbox: Outbox, every: timedelta, *, is_simulated: bool) -> list[Job]:
    """Each receiver is sent to by itself: none waits for another."""

    def watch(slot_at: datetime, now: datetime, missed: int) -> None:
        watch_delivery(outbox, now, is_simulated=is_simulated)

    jobs = [_delivery_job(outbox, receiver, every) for receiver in outbox.receivers]
    return [*jobs, Job("watch_delivery", Timetable(WATCH_EVERY), watch, records=True)]


def _delivery_job(outbox: Outbox, receiver: str, every: timedelta) -> Job:
    def deliver(slot_at: datetime, now: datetime, missed: int) -> None:
        outbox.deliver(receiver, now)

    return Job(f"deliver:{receiver}", Timetable(every), deliver, records=True)
