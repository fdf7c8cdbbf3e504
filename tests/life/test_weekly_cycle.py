"""Fourteen weeks on a simulated clock: real k6 runs, a slow-down planted from the tenth."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from store_case import fresh_store

from checks.k6.runner import find_binary
from demo.api import server
from demo.stand_in import StandIn
from monitor.app import App, build
from monitor.config.models import parse
from monitor.domain.delivery import Message, Reference
from monitor.load_tests.report import SETTLED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_binary() is None, reason="no k6 (Linux x86-64 only)"),
]
SUNDAY = datetime(2026, 7, 5, 4, 0, tzinfo=UTC)
WEEKS, SLOW_FROM = 14, 10
# Told by its second run; a busy machine's own scatter may hide it for one more.
SLOW_RUNS = (SLOW_FROM, SLOW_FROM + 1, SLOW_FROM + 2)
USUAL_SECONDS = 0.3  # so long that what else the machine does is little beside it


@dataclass
class Receiver:
    """Keeps what it is sent."""

    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message, thread: Reference | None) -> Reference:
        self.messages.append(message)
        return {}


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = SUNDAY

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Latency:
    """What every payment takes."""

    seconds: float = USUAL_SECONDS


@pytest.fixture
def latency() -> Latency:
    return Latency()


@pytest.fixture
def url(tmp_path: Path, latency: Latency, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stand-in on a real port, each of whose payments takes as long as `latency` says."""
    original = server.asgi

    def late(standin: StandIn) -> server.App:
        app = original(standin)

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if scope.get("method") == "POST":
                await asyncio.sleep(latency.seconds)
            await app(scope, receive, send)

        return answer

    monkeypatch.setattr(server, "asgi", late)
    folder = tmp_path / "platform"
    folder.mkdir()
    standin = StandIn(folder, 1, start=datetime.now(UTC), payments_per_minute=0)
    running = server.serve(standin)
    yield running.url
    running.stop()
    standin.close()


def make_app(folder: Path, url: str, clock: Clock, receiver: Receiver) -> App:
    text = f"""
timezone = "UTC"
[platform]
base_url = "{url}"
[checks.load_test]
enabled = true
target = "{url}"
targets_allowed = ["{url}"]
seconds = 3
rate = 25
health_checks = ["services"]
"""
    store = fresh_store(folder)
    return build(parse(text, {}), clock=clock, store=store, senders={"slack": receiver})


def test_a_slow_down_is_told_by_its_second_run_and_nothing_is_told_before(
    tmp_path: Path, url: str, latency: Latency, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    clock, receiver = Clock(), Receiver()
    app = make_app(tmp_path, url, clock, receiver)
    wake(app, "check:load_test", SUNDAY - timedelta(days=1))  # the calendar begins
    told: dict[int, list[Message]] = {}
    for number in range(1, WEEKS + 1):
        if number == SLOW_FROM:
            latency.seconds = 1.3 * USUAL_SECONDS
        told[number] = live_one_week(app, clock, receiver)
    app.close()
    reports = {n: [m for m in sent if m.kind == "load_test"] for n, sent in told.items()}
    states = [(n, r.payload["state"]) for n, sent in reports.items() for r in sent]
    assert states == [(n, "passed") for n in told]
    alerted = [n for n, sent in told.items() if any(m.kind == "incident" for m in sent)]
    assert min(alerted, default=0) in SLOW_RUNS
    words = {n: report.payload["word"] for n, [report] in reports.items()}
    worse = [n for n, word in words.items() if word == "regression"]
    assert min(worse, default=0) in SLOW_RUNS
    assert worse == list(range(min(worse), WEEKS + 1))
    [first] = reports[min(worse)]
    assert first.payload["grade"] == "C"


def live_one_week(app: App, clock: Clock, receiver: Receiver) -> list[Message]:
    """The Sunday's run, its report and the messages about it; then a week goes by."""
    known = len(receiver.messages)
    slot = clock.at
    wake(app, "check:load_test", slot)
    for minutes in (0.5, SETTLED.total_seconds() / 60 + 1, 10):
        clock.at = slot + timedelta(minutes=minutes)
        for name in ("check:services", "report:load_test", "deliver:slack"):
            wake(app, name, clock.at)
    clock.at = slot + timedelta(weeks=1)
    return receiver.messages[known:]


def wake(app: App, name: str, at: datetime) -> None:
    app.calendar.wake(next(job for job in app.jobs() if job.name == name), at)
