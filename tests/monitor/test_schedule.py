"""The calendar over job_runs: nothing twice, nothing left out, one scheduler at a time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.scheduling.bounded import BoundedWorker
from monitor.scheduling.lock import LockedError, holder, only_scheduler
from monitor.scheduling.schedule import Calendar, Job, Scheduler, SlotTrigger, simulate
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store, migrate, open_store
from monitor.store.job_runs import JobRun, record_run, runs

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path):
    path = tmp_path / "paypulse.db"
    migrate(path)
    opened = open_store(path, durable=False)
    yield opened
    opened.close()


def report_job(store: Store, done: list[datetime], zone: str = "Asia/Seoul", cron="30 8 * * *"):
    def run(slot_at, now, missed):
        with store.write() as tx:
            assert record_run(tx, JobRun("report", slot_at, now, now, "done", missed))
        done.append(slot_at)

    return Job("report", Timetable(cron=cron, zone=zone), run, timedelta(hours=3.5), True)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago"])
def test_a_year_of_simulated_mornings_runs_every_day_once_across_dst(store, zone):
    done: list[datetime] = []
    job = report_job(store, done, zone, "30 2 * * *")
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for _, _, wake in simulate(Calendar(store), [job], start, start + 365 * DAY):
        wake()
    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in done]
    assert len(days) == len(set(days)) == 365


def test_after_a_restart_what_was_done_is_not_done_again(store):
    done: list[datetime] = []
    job = report_job(store, done)
    morning = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)  # 08:30 in Seoul
    Calendar(store).wake(job, morning - DAY)
    for minutes in (0, 1, 60):
        Calendar(store).wake(job, morning + timedelta(minutes=minutes))
    assert done == [morning]


def test_after_a_night_off_the_report_is_sent_once_while_it_is_morning(store):
    done: list[datetime] = []
    job = report_job(store, done)
    first = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    Calendar(store).wake(job, first - timedelta(hours=1))
    Calendar(store).wake(job, first)
    calendar = Calendar(store)
    assert calendar.wake(job, first + 2 * DAY + timedelta(hours=2))
    assert not calendar.wake(job, first + 2 * DAY + timedelta(hours=3))
    assert done == [first, first + 2 * DAY]


def test_after_a_morning_off_the_report_is_skipped_and_that_is_on_record(store):
    done: list[datetime] = []
    job = report_job(store, done)
    first = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    Calendar(store).wake(job, first - timedelta(hours=1))
    Calendar(store).wake(job, first + timedelta(hours=8))
    with store.read() as tx:
        states = [run.state for run in runs(tx, "report", first - 5 * DAY, first + DAY)]
    assert (done, states) == ([], ["skipped", "skipped"])


def test_a_job_that_raises_is_on_record_as_failed_and_the_next_slot_runs(store):
    calls = []

    def run(slot_at, now, missed):
        calls.append(slot_at)
        if len(calls) == 1:
            raise RuntimeError("a bug")

    job = Job("prune", Timetable(timedelta(hours=1)), run)
    calendar = Calendar(store)
    now = datetime(2026, 11, 1, 10, tzinfo=UTC)
    calendar.wake(job, now)
    calendar.wake(job, now + timedelta(hours=1))
    with store.read() as tx:
        states = [run.state for run in runs(tx, "prune", now - DAY, now + DAY)]
    assert states == ["failed", "done"]


def test_a_report_whose_making_fails_is_owed_still(store):
    done, failures = [], [RuntimeError("the store was locked")]

    def run(slot_at, now, missed):
        if failures:
            raise failures.pop()
        done.append(slot_at)

    job = Job("report", Timetable(cron="30 8 * * *", zone="Asia/Seoul"), run, DAY, True)
    calendar = Calendar(store)
    first = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    calendar.wake(job, first - timedelta(hours=1))
    with pytest.raises(RuntimeError):
        calendar.wake(job, first)
    assert calendar.wake(job, first + timedelta(seconds=30))
    assert done == [first]


def test_jitter_only_delays():
    table = Timetable(timedelta(minutes=1))
    now = datetime(2026, 10, 25, 0, 5, tzinfo=UTC)
    trigger = SlotTrigger(table, jitter_seconds=20)
    woken = [trigger.get_next_fire_time(None, now) for _ in range(50)]
    assert min(woken) >= now + timedelta(minutes=1)
    assert max(woken) <= now + timedelta(seconds=80)
    assert len(set(woken)) > 1


def test_a_pass_that_lasts_is_abandoned_when_the_scheduler_stops(store, monkeypatch):
    monkeypatch.setattr("monitor.scheduling.schedule._PATIENCE_SECONDS", 0.1)
    abandoned, entered, worker = threading.Event(), threading.Event(), BoundedWorker("k6")

    def run(slot_at, now, missed):
        entered.set()
        worker.run(lambda: threading.Event().wait(60), timedelta(minutes=1), abandoned)

    job = Job("load_test", Timetable(timedelta(hours=1)), run, records=True)
    scheduler = Scheduler(Calendar(store), [job], abandon=abandoned.set)
    scheduler.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    stopping.join(5)
    assert not stopping.is_alive()


def test_both_clocks_wake_at_the_same_slots():
    table = Timetable(cron="*/20 * * * *", zone="Europe/Berlin")
    now = datetime(2026, 10, 25, 0, 5, tzinfo=UTC)
    trigger = SlotTrigger(table)
    woken = [trigger.get_next_fire_time(None, now)]
    for _ in range(8):
        woken.append(trigger.get_next_fire_time(woken[-1], woken[-1]))
    assert woken == table.between(now, woken[-1])


def test_the_real_scheduler_runs_jobs_and_stops_after_those_that_run(store):
    ran = []
    entered, release, quick = threading.Event(), threading.Event(), threading.Event()

    def slow(slot_at, now, missed):
        entered.set()
        release.wait(5)
        ran.append("slow")

    jobs = [
        Job("slow", Timetable(timedelta(hours=1)), slow, records=True),
        Job("quick", Timetable(timedelta(hours=1)), lambda *_: quick.set(), records=True),
    ]
    scheduler = Scheduler(Calendar(store), jobs)
    scheduler.start()
    assert entered.wait(5)
    assert quick.wait(5)
    threading.Timer(0.1, release.set).start()
    scheduler.stop()
    assert ran == ["slow"]


def test_a_second_scheduler_is_refused_and_told_of_the_first(tmp_path):
    database = tmp_path / "paypulse.db"
    assert holder(database) is None
    with only_scheduler(database):
        with (
            pytest.raises(LockedError, match=r"pid=\d+ host=.+ started_at=") as error,
            only_scheduler(database),
        ):
            pass
        found = holder(database)
        assert found is not None
        assert str(found["pid"]) in str(error.value)
    assert holder(database) is None


def test_after_the_clock_was_set_back_the_jobs_go_on_from_now(store, caplog):
    slots: list[datetime] = []
    jobs = [
        Job("check", Timetable(timedelta(minutes=1)), lambda *a: slots.append(a[0]), records=True),
        Job("other", Timetable(timedelta(minutes=1)), lambda *a: None, records=True),
    ]
    now = datetime(2026, 11, 1, 10, tzinfo=UTC)
    ahead = now + timedelta(hours=5)
    with store.write() as tx:  # as a process before this one left it
        for job in jobs:
            record_run(tx, JobRun(job.name, ahead, ahead, ahead, "done", 0))
    calendar = Calendar(store)
    for minute in range(3):
        for job in jobs:
            calendar.wake(job, now + timedelta(minutes=minute))
    assert slots == [now + timedelta(minutes=minute) for minute in range(3)]
    assert caplog.text.count("set back") == 1


def test_a_clock_set_back_within_an_interval_repeats_nothing(store):
    slots: list[datetime] = []
    job = Job("check", Timetable(DAY), lambda *a: slots.append(a[0]), records=True)
    calendar = Calendar(store)
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    calendar.wake(job, midnight)
    assert not calendar.wake(job, midnight - timedelta(minutes=5))
    assert slots == [midnight]


def test_a_report_waits_for_its_next_slot_when_the_clock_was_set_back(store):
    done: list[datetime] = []
    job = report_job(store, done)
    first = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    calendar = Calendar(store)
    calendar.wake(job, first + 9 * DAY)
    calendar.wake(job, first + 10 * DAY)
    calendar.wake(job, first - timedelta(hours=1))
    calendar.wake(job, first)
    assert done == [first + 10 * DAY, first]


def test_a_wake_that_finds_its_job_at_work_leaves_it_alone(store):
    entered, release, calls = threading.Event(), threading.Event(), []

    def run(slot_at, now, missed):
        calls.append(slot_at)
        entered.set()
        release.wait(5)

    job = Job("report", Timetable(timedelta(hours=1)), run, records=True)
    calendar, now = Calendar(store), datetime(2026, 11, 1, 10, tzinfo=UTC)
    first = threading.Thread(target=calendar.wake, args=(job, now))
    first.start()
    assert entered.wait(5)
    release_later = threading.Timer(0.2, release.set)
    release_later.start()
    assert calendar.wake(job, now) is False
    release.set()
    first.join(5)
    assert calls == [now]
    assert calendar.wake(job, now + timedelta(hours=1)) is True
