"""The heartbeat: success only after a whole loop, fail with the reason, and silence when hung."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic, sleep
from zoneinfo import ZoneInfo

import pytest
from ping_server import PingServer
from store_case import T0, fresh_store

from monitor import plugins
from monitor.delivery import heartbeat as heart
from monitor.delivery.heartbeat import HEARTBEAT, Heartbeat, heartbeat_job
from monitor.delivery.outbox import Outbox
from monitor.delivery.ping import Pinger, Signal
from monitor.domain.alert import Rule
from monitor.domain.check_pass import Planned
from monitor.domain.delivery import Message, Permanent, Temporary
from monitor.scheduling.bounded import AbandonedError
from monitor.scheduling.logs import log_to_stderr
from monitor.scheduling.schedule import Calendar, Job, Scheduler
from monitor.scheduling.timetable import Timetable
from monitor.store.delivery.notifications import add_notifications
from monitor.store.job_runs import JobRun, last_done, record_run
from monitor.text.catalog import Catalog

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Receiver:
    def __init__(self) -> None:
        self.error: Exception | None = None

    def send(self, message, thread):
        if self.error is not None:
            raise self.error
        return {}


def planned(cron: str = "") -> Planned:
    check = plugins.load("checks", "CHECK", ["services"])["services"]
    return Planned(check, None, MINUTE, cron, 10 * SECOND, Rule())


class World:
    """A heartbeat with two checks and one receiver, on a clock of its own."""

    def __init__(self, folder, url: str) -> None:
        self.seconds = 0.0
        self.receiver = Receiver()
        self.store = fresh_store(folder)
        self.outbox = Outbox(self.store, {"slack": self.receiver}, elapsed=lambda: self.seconds)
        self.heart = Heartbeat(
            Pinger(url),
            self.store,
            {"a": planned(), "b": planned(), "nightly": planned("0 3 * * *")},
            self.outbox,
            Catalog("en", ZoneInfo("UTC"), strict=True).say,
            lambda: self.seconds,
        )

    @property
    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.seconds)

    def beat(self) -> None:
        self.heart.beat(self.now, self.now, 0)

    def loop(self, *checks: str) -> None:
        """A minute in which these checks passed, and what was due was delivered."""
        self.seconds += 60
        for check in checks:
            self.heart.worked(f"check:{check}", self.now)
        self.outbox.deliver("slack", self.now)

    def owe(self) -> None:
        with self.store.write() as tx:
            payload = {"kind": "test"}
            add_notifications(tx, [Message("k", "slack", "delivery", payload, self.now, self.now)])


@pytest.fixture
def switch():
    with PingServer() as server:
        yield server


@pytest.fixture
def world(tmp_path, switch):
    made = World(tmp_path, switch.url)
    yield made
    made.store.close()


def test_it_says_nothing_but_its_start_before_the_first_whole_loop(world, switch):
    world.beat()
    world.loop("a")
    world.beat()
    assert switch.signals == ["start"]
    world.loop("a", "b")
    world.beat()
    assert switch.signals == ["start", "success"]


def test_when_it_was_accepted_is_stored(world):
    world.beat()
    world.loop("a", "b")
    world.beat()
    with world.store.read() as tx:
        assert last_done(tx, HEARTBEAT).slot_at == world.now


def test_what_was_not_accepted_is_not_stored_as_accepted(world, switch):
    switch.status = 404
    world.beat()
    world.loop("a", "b")
    world.beat()
    with world.store.read() as tx:
        assert last_done(tx, HEARTBEAT) is None


def broken_store(world: World) -> None:
    world.store.path.unlink()


def unwritable_store(world: World) -> None:
    world.writer = sqlite3.connect(world.store.path)
    world.writer.execute("BEGIN IMMEDIATE")


def unrecorded_pass(world: World) -> None:
    world.heart.failed("check:a", OSError("disk is full"), world.now)


def silent_check(world: World) -> None:
    for _ in range(3):
        world.loop("a")


def refusing_receiver(world: World) -> None:
    world.receiver.error = Permanent("invalid_auth", whole_receiver=True)
    world.owe()
    world.outbox.deliver("slack", world.now)


def failing_receiver(world: World) -> None:
    world.receiver.error = Temporary("status 500", whole_receiver=True)
    world.owe()
    world.outbox.deliver("slack", world.now)


def stuck_delivery(world: World) -> None:
    for _ in range(3):
        world.seconds += 60
        for check in ("a", "b"):
            world.heart.worked(f"check:{check}", world.now)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (broken_store, "own database cannot be used"),
        (unrecorded_pass, "a: its last pass came to nothing or could not be recorded: disk is"),
        (silent_check, "b: no pass for 3 min"),
        (refusing_receiver, "slack takes no messages: invalid_auth (1 waits)"),
        (failing_receiver, "slack takes no messages: status 500"),
        (stuck_delivery, "Delivery to slack has not moved for 3 min"),
    ],
)
def test_what_is_broken_is_a_failure_with_its_reason(world, switch, break_it, reason):
    world.beat()
    world.loop("a", "b")
    world.beat()
    break_it(world)
    world.beat()
    assert switch.signals == ["start", "success", "fail"]
    assert reason in switch.reasons


@pytest.mark.slow
def test_a_store_that_cannot_be_written_is_a_failure(world, switch):
    world.beat()
    world.loop("a", "b")
    unwritable_store(world)
    world.beat()
    world.writer.close()
    assert switch.signals == ["start", "fail"]
    assert "locked" in switch.reasons


def test_it_goes_on_when_all_works_again(world, switch):
    world.beat()
    refusing_receiver(world)
    world.loop("a", "b")
    world.beat()
    world.receiver.error = None
    for _ in range(6):
        world.loop("a", "b")
    world.beat()
    assert switch.signals == ["start", "fail", "success"]


def test_a_receiver_that_asks_for_patience_is_no_failure(world, switch):
    world.beat()
    world.receiver.error = Temporary("rate limited", retry_after=60)
    world.owe()
    world.loop("a", "b")
    world.beat()
    assert switch.signals == ["start", "success"]


def test_one_that_asks_for_patience_for_long_is_one(world, switch):
    world.beat()
    world.receiver.error = Temporary("rate limited", retry_after=60)
    world.owe()
    for _ in range(12):
        world.loop("a", "b")
    world.beat()
    assert switch.signals == ["start", "fail"]


def test_what_was_looked_at_before_a_restart_and_is_not_due_yet_is_no_gap(world, switch):
    slot = Timetable(MINUTE).latest(world.now)
    with world.store.write() as tx:
        for name in ("check:a", "check:b"):
            record_run(tx, JobRun(name, slot, slot, slot, "done", 0))
    world.beat()
    assert switch.signals == ["start", "success"]


def test_the_signal_ends_the_path_and_the_question_stays(switch):
    assert Pinger(f"{switch.url}/?create=1").ping(Signal.FAIL, "why") == ""
    assert switch.paths == ["/ping/SECRET-UUID/fail?create=1"]
    assert switch.pings[0].body == "why"


@pytest.mark.parametrize(
    ("status", "answer", "refusal"),
    [(404, "not found", "status 404"), (200, "OK (not found)", "OK (not found)"), (200, "OK", "")],
)
def test_a_refusal_is_told(switch, status, answer, refusal):
    switch.status, switch.answer = status, answer
    assert Pinger(switch.url).ping(Signal.SUCCESS) == refusal


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/SECRET", "http://no.such.host.invalid/SECRET"])
def test_an_address_that_cannot_be_reached_is_not_said(url, caplog):
    log_to_stderr(logging.INFO)
    refusal = Pinger(url).ping(Signal.SUCCESS)
    assert refusal
    assert "SECRET" not in refusal + caplog.text + repr(Pinger(url))


def test_an_accepted_ping_is_not_logged_with_its_address(switch, caplog):
    log_to_stderr(logging.INFO)
    Pinger(switch.url).ping(Signal.SUCCESS)
    assert "SECRET" not in caplog.text


def test_one_that_trickles_has_an_end(switch):
    switch.trickles, switch.answer = threading.Event(), "O" * 100
    began = monotonic()
    assert "no answer" in Pinger(switch.url, time_max=SECOND).ping(Signal.SUCCESS)
    assert monotonic() - began < 3


def test_a_ping_that_hangs_does_not_hold_up_the_end(switch):
    switch.trickles, switch.answer = threading.Event(), "O" * 100
    abandoned = threading.Event()
    threading.Timer(0.3, abandoned.set).start()
    with suppress(AbandonedError):
        Pinger(switch.url, abandoned).ping(Signal.SUCCESS)
        pytest.fail("it went on")


def until(holds, what: str) -> None:
    ends_at = monotonic() + 20
    while not holds():
        assert monotonic() < ends_at, what
        sleep(0.02)


@pytest.mark.slow
def test_a_hung_check_stops_the_success_and_a_hung_switch_stops_no_check(
    tmp_path, switch, monkeypatch
):
    monkeypatch.setattr(heart, "_SLACK_SECONDS", 0)
    store, hangs, release = fresh_store(tmp_path), threading.Event(), threading.Event()
    quick = replace(planned(), every=SECOND, timeout=SECOND)
    outbox, passes = Outbox(store, {}), []
    say = Catalog("en", ZoneInfo("UTC"), strict=True).say
    beating = Heartbeat(Pinger(switch.url), store, {"a": quick}, outbox, say)

    def look(slot_at, now, missed) -> None:
        passes.append(now)
        if hangs.is_set():
            release.wait(30)

    jobs = [Job("check:a", Timetable(SECOND), look), heartbeat_job(beating, SECOND)]
    scheduler = Scheduler(Calendar(store), jobs, watch=beating)
    scheduler.start()
    until(lambda: "success" in switch.signals, "a success")
    switch.trickles, switch.answer = threading.Event(), "O" * 100
    before = len(passes)
    until(lambda: len(passes) > before + 3, "passes while the switch hangs")
    switch.trickles.set()
    hangs.set()
    until(lambda: switch.signals[-1] == "fail", "the failure")
    assert "a: no pass for" in switch.reasons
    release.set()
    scheduler.stop()
    store.close()
