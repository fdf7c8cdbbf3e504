"""`paypulse run` and its dead-man's switch: what that hears, and when it hears nothing more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kill_case import Site, ready, site, stop, until
from ping_server import PingServer

pytestmark = pytest.mark.slow


@pytest.fixture
def switch() -> Iterator[PingServer]:
    with PingServer() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, switch: PingServer) -> Iterator[Site]:
    with site(tmp_path, {"services": ""}) as made:
        with made.config.open("a", encoding="utf-8") as file:
            file.write(f'\n[heartbeat]\nurl = "{switch.url}"\nevery_seconds = 1\n')
        yield made


def test_it_is_heard_while_all_goes_well_and_no_more_once_the_process_hangs(
    place: Site, switch: PingServer
) -> None:
    process = ready(place.spawn("run"))
    until(lambda: switch.signals.count("success") >= 2, "two successes")
    assert switch.signals[0] == "start"
    assert "fail" not in switch.signals
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    before = len(switch.pings)
    time.sleep(3)
    assert len(switch.pings) == before
    process.send_signal(signal.SIGCONT)
    until(lambda: len(switch.pings) > before, "the next ping")
    assert stop(process) == 0


def store_deleted(place: Site) -> None:
    place.database.unlink()


def slack_refuses(place: Site) -> None:
    place.slack.always = "invalid_auth"
    place.standin.set_fault("redis_down", True)


def slack_drops(place: Site) -> None:
    place.slack.always = "drop"
    place.standin.set_fault("redis_down", True)


@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        (store_deleted, "deleted while it was in use"),
        (slack_refuses, "slack takes no messages: "),
        (slack_drops, "slack takes no messages: "),
    ],
)
def test_a_loop_that_does_not_come_to_its_end_is_a_failure_and_no_success(
    place: Site, switch: PingServer, breaks: Callable[[Site], None], reason: str
) -> None:
    process = ready(place.spawn("run"))
    until(lambda: "success" in switch.signals, "a success")
    breaks(place)
    until(lambda: reason in switch.reasons, reason)
    after = len(switch.pings)
    until(lambda: len(switch.pings) > after + 2, "more pings")
    assert set(switch.signals[after:]) == {"fail"}
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert "SECRET-UUID" not in "".join(process.communicate())


def test_the_address_is_taken_from_the_environment_and_never_printed(
    place: Site, switch: PingServer
) -> None:
    text = place.config.read_text("utf-8").replace(switch.url, "${HEARTBEAT_URL}")
    place.config.write_text(text, encoding="utf-8")
    os.environ["HEARTBEAT_URL"] = switch.url
    try:
        process = ready(place.spawn("run", "--verbose"))
    finally:
        del os.environ["HEARTBEAT_URL"]
    until(lambda: "success" in switch.signals, "a success")
    assert stop(process) == 0
    assert "SECRET-UUID" not in "".join(process.communicate())
