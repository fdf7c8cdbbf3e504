"""A clock that is set back while the monitor runs makes it neither blind nor silent."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest
from store_case import T0, fresh_store, rows

from monitor.domain.delivery import Message
from monitor.scheduling.schedule import Calendar, Job, Scheduler
from monitor.scheduling.timetable import Timetable
from monitor.store.codec import to_micros
from monitor.store.delivery.notifications import add_notifications
from monitor.store.upkeep.clock import set_back


@pytest.mark.parametrize("seconds", [90, 7200])
def test_passes_go_on_at_once_and_it_is_said(tmp_path, monkeypatch, seconds, caplog):
    behind, steps, ran = [timedelta()], [], threading.Event()

    def clock() -> datetime:
        return datetime.now(UTC) - behind[0]

    class Stepped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - behind[0]

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Stepped)
    job = Job("check:a", Timetable(timedelta(minutes=1)), lambda *a: ran.set(), records=True)
    scheduler = Scheduler(
        Calendar(fresh_store(tmp_path)), [job], clock, set_back=lambda *a: steps.append(a)
    )
    scheduler.start()
    assert ran.wait(5)
    ran.clear()
    sleep(0.3)
    behind[0] = timedelta(seconds=seconds)
    began = monotonic()
    assert ran.wait(10)
    assert monotonic() - began < 5
    scheduler.stop()
    [(_, by)] = steps
    assert abs(by.total_seconds() - seconds) < 2
    assert "set back" in caplog.text


def test_what_waits_keeps_its_pace(tmp_path):
    store, minute = fresh_store(tmp_path), timedelta(minutes=1)
    due = {"soon": T0 + minute, "ahead": T0 + 125 * minute, "before": T0 - minute}
    with store.write() as tx:
        add_notifications(
            tx, [Message(k, "slack", "incident", {}, T0, at) for k, at in due.items()]
        )
    set_back(store, T0, timedelta(hours=2))
    found = dict(rows(store, "SELECT key, due_at FROM notifications"))
    assert found == {
        "soon": to_micros(T0),
        "ahead": to_micros(T0 + 5 * minute),
        "before": to_micros(T0 - minute),
    }
