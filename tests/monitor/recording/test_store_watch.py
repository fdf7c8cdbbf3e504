"""A store that fails is told to every receiver without it, once, and so is the end of that."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from zoneinfo import ZoneInfo

import pytest
from store_case import T0, fresh_store, record

from monitor.domain.delivery import Temporary
from monitor.recording import herald
from monitor.recording.watch import StoreWatch
from monitor.scheduling.schedule import RECORDING, Calendar, Job, Scheduler
from monitor.scheduling.timetable import Timetable
from monitor.store.database import StoreError
from monitor.text.catalog import Catalog
from monitor.text.messages.render import MessageRenderer

SECOND = timedelta(seconds=1)


class Receiver:
    """Keeps what it is sent; fails as often as it is told to, or hangs."""

    def __init__(self, failures: int = 0, hangs: threading.Event | None = None) -> None:
        self.failures, self.hangs = failures, hangs
        self.got = []

    def send(self, message, thread):
        if self.hangs is not None:
            self.hangs.wait(20)
        if self.failures:
            self.failures -= 1
            raise Temporary("no way")
        self.got.append((message, thread))
        return {"number": len(self.got)}

    @property
    def states(self):
        return [message.payload["state"] for message, _ in self.got]


def until(holds, what: str) -> None:
    ends_at = monotonic() + 10
    while not holds():
        assert monotonic() < ends_at, what
        sleep(0.02)


@pytest.fixture
def watched(tmp_path):
    receivers = {"slack": Receiver(), "console": Receiver()}
    return StoreWatch(receivers, tmp_path / "paypulse.db"), [*receivers.values()]


def test_a_failure_is_told_once_to_every_receiver_and_its_end_in_the_same_thread(watched):
    watch, receivers = watched
    for second in range(50):
        watch.failed(f"check:{second % 5}", StoreError("disk is full"), T0 + second * SECOND)
    for second in range(50, 200):
        watch.worked(f"check:{second % 5}", T0 + second * SECOND)
    until(lambda: all(r.states == ["failing", "over"] for r in receivers), "both messages")
    assert receivers[0].got[1][1] == {"number": 1}
    payload = receivers[0].got[0][0].payload
    assert (payload["reason"], payload["since"]) == ("disk is full", T0.isoformat())


def test_it_is_not_over_while_one_check_fails_or_shortly_after(watched):
    watch, receivers = watched
    watch.failed("check:a", "locked", T0)
    watch.failed("check:b", "locked", T0)
    watch.worked("check:a", T0 + 300 * SECOND)
    watch.failed("check:b", "locked", T0 + 301 * SECOND)
    watch.worked("check:b", T0 + 330 * SECOND)
    until(lambda: receivers[0].states == ["failing"], "the first message")
    watch.worked("check:a", T0 + 362 * SECOND)
    until(lambda: receivers[0].states == ["failing", "over"], "the end")


def test_a_receiver_that_hangs_holds_up_no_other_and_nobody_who_records(tmp_path):
    release, well = threading.Event(), Receiver()
    watch = StoreWatch({"hangs": Receiver(hangs=release), "well": well}, tmp_path / "p.db")
    began = monotonic()
    watch.failed("check:a", "locked", T0)
    assert monotonic() - began < 1
    until(lambda: well.states == ["failing"], "the message")
    release.set()


def test_what_does_not_arrive_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(herald, "_PAUSES_SECONDS", (0.05,))
    slow = Receiver(failures=3)
    StoreWatch({"slow": slow}, tmp_path / "p.db").failed("check:a", "locked", T0)
    until(lambda: slow.states == ["failing"], "the message")


def test_a_restart_neither_tells_it_again_nor_forgets_its_end(tmp_path):
    first, second = Receiver(), Receiver()
    path = tmp_path / "paypulse.db"
    StoreWatch({"slack": first}, path).failed("check:a", "locked", T0)
    watch = StoreWatch({"slack": second}, path)
    watch.failed("check:a", "locked", T0 + 20 * SECOND)
    watch.worked("check:a", T0 + 100 * SECOND)
    until(lambda: second.states == ["over"], "the end alone")
    third = StoreWatch({"slack": second}, path)
    third.worked("check:a", T0 + 200 * SECOND)
    assert second.states == ["over"]


def damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 8192)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("happens", [damaged, deleted])
def test_a_real_pass_that_cannot_be_recorded_is_told(tmp_path, happens):
    store, receiver = fresh_store(tmp_path), Receiver()
    store.close()
    happens(store.path)
    job = Job(
        f"{RECORDING}services",
        Timetable(SECOND),
        lambda slot_at, now, missed: record(store, now),
        records=True,
    )
    watch = StoreWatch({"slack": receiver}, store.path)
    scheduler = Scheduler(Calendar(store), [job], watch=watch)
    scheduler.start()
    until(lambda: receiver.states == ["failing"], "the message")
    sleep(1.5)
    scheduler.stop()
    assert receiver.states == ["failing"]


@pytest.mark.parametrize(("language", "said"), [("en", "cannot use"), ("ko", "사용할 수 없습니다")])
def test_it_is_told_in_words_in_both_languages(tmp_path, language, said):
    receiver = Receiver()
    watch = StoreWatch({"slack": receiver}, tmp_path / "p.db")
    watch.failed("check:a", "database or disk is full", datetime(2026, 11, 1, tzinfo=UTC))
    watch.worked("check:a", datetime(2026, 11, 1, 1, tzinfo=UTC))
    until(lambda: receiver.states[-1:] == ["over"], "the end")
    words = MessageRenderer(Catalog(language, ZoneInfo("Asia/Seoul"), strict=True))
    texts = [words.text(message) for message, _ in receiver.got]
    assert said in texts[0]
    assert "database or disk is full" in texts[-1]
    assert all(words.slack(message).blocks for message, _ in receiver.got)
