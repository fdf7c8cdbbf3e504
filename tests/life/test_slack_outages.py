"""Slack out of order for an hour or a day while incidents come and go: nothing is lost."""

from __future__ import annotations

import errno
import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_server import TOKEN, SlackServer
from store_case import fresh_store, rows

from monitor.delivery.outbox import Outbox
from monitor.domain.backoff import DeliveryPolicy
from monitor.domain.delivery import Message, SlackContent
from monitor.notifiers import slack
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications

T0 = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Marked:
    """A renderer whose text tells what is told: the thread and the kind of the message."""

    def text(self, message: Message) -> str:
        return f"{message.thread}:{message.payload['kind']}"

    def slack(self, message: Message) -> SlackContent:
        return SlackContent(self.text(message), ())

    def picture(self, message: Message) -> None:
        return None


@dataclass
class World:
    """An outbox with one Slack, and incidents: one begins every so often and ends later."""

    store: Store
    server: SlackServer
    box: Outbox
    every: timedelta
    lasts: timedelta
    now: datetime = T0
    begun: list[datetime] = field(default_factory=list)

    def live(self, span: timedelta, step: timedelta = MINUTE) -> None:
        """Go on for so long."""
        end = self.now + span
        while self.now < end:
            self._incidents()
            self.box.deliver_all(self.now)
            self.now += step

    def settle(self, span: timedelta, step: timedelta = MINUTE) -> None:
        """Go on until what began has ended, and then for so long without anything new."""
        end = self.now + self.lasts + span
        while self.now < end:
            self._ends()
            self.box.deliver_all(self.now)
            self.now += step

    def _incidents(self) -> None:
        if not self.begun or self.now - self.begun[-1] >= self.every:
            self.begun.append(self.now)
            self._owe(len(self.begun), "firing", priority=0)
        self._ends()

    def _ends(self) -> None:
        for number, began in enumerate(self.begun, 1):
            if self.now - began >= self.lasts:
                self._owe(number, "resolved", priority=1)

    def _owe(self, number: int, kind: str, priority: int) -> None:
        thread, payload = f"incident:{number}", {"kind": kind}
        times = (self.now, self.now)
        message = Message(
            f"{thread}:{kind}", "slack", "incident", payload, *times, thread, priority=priority
        )
        with self.store.write() as tx:
            add_notifications(tx, [message])

    def stories(self) -> list[str]:
        """What became of each incident, message by message, as it is on record."""
        found = rows(
            self.store,
            "SELECT group_concat(kind) FROM (SELECT thread, payload ->> 'kind' AS kind FROM"
            " notifications WHERE state = 'sent' ORDER BY id) GROUP BY thread",
        )
        return [str(kinds) for (kinds,) in found]


@contextmanager
def world(
    folder: Path,
    env: pytest.MonkeyPatch,
    every: timedelta = 20 * MINUTE,
    lasts: timedelta = 30 * MINUTE,
    **policy: Any,
) -> Iterator[World]:
    env.setenv("SLACK_BOT_TOKEN", TOKEN)
    with SlackServer() as server:
        options = slack.SlackOptions("C1", base_url=server.api_url, timeout_seconds=0.5)
        receivers = {"slack": slack.build(options, Marked())}
        store = fresh_store(folder)
        box = Outbox(store, receivers, DeliveryPolicy(**policy), elapsed=lambda: 0.0)
        yield World(store, server, box, every, lasts)
        store.close()


def assert_nothing_is_lost(place: World) -> None:
    """Every incident was told from its beginning to its end, or both in one message, in order."""
    states = Counter(s for (s,) in rows(place.store, "SELECT state FROM notifications"))
    assert states.keys() <= {"sent", "merged"}
    stories = place.stories()
    assert len(stories) == len(place.begun)
    assert set(stories) <= {"firing,resolved", "brief"}
    taken: dict[str, list[Any]] = {}
    for message in place.server.accepted:
        taken.setdefault(message.marker.rpartition(":")[0], []).append(message)
    for messages in taken.values():
        kinds = [message.marker.rpartition(":")[2] for message in messages]
        assert kinds == sorted(kinds, key=["firing", "brief", "resolved"].index)
        opened = {m.ts for m, kind in zip(messages, kinds, strict=True) if kind == "firing"}
        replies = {
            m.thread_ts for m, kind in zip(messages, kinds, strict=True) if kind == "resolved"
        }
        assert replies <= opened


@contextmanager
def saying(server: SlackServer, word: str) -> Iterator[None]:
    """Slack answers everything so."""
    server.always = word
    try:
        yield
    finally:
        server.always = "ok"


@contextmanager
def no_network() -> Iterator[None]:
    """No connection comes about, whoever asks for one."""

    def unreachable(self: Any) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http.client.HTTPConnection, "connect", unreachable)
        yield


@pytest.mark.parametrize(
    ("outage", "lasts", "requests_max"),
    [
        pytest.param(lambda s: saying(s, "429"), HOUR, 70, id="429 for an hour"),
        pytest.param(lambda s: saying(s, "500"), HOUR, 20, id="500 for an hour"),
        pytest.param(lambda s: saying(s, "invalid_auth"), MINUTE, 3, id="refused for a minute"),
        pytest.param(lambda s: saying(s, "invalid_auth"), DAY, 110, id="refused for a day"),
        pytest.param(lambda s: saying(s, "channel_not_found"), DAY, 110, id="no channel for a day"),
        pytest.param(lambda s: no_network(), DAY, 1, id="no network for a day"),
    ],
)
def test_an_outage_loses_nothing_and_repeats_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outage: Callable[[SlackServer], Any],
    lasts: timedelta,
    requests_max: int,
) -> None:
    with world(tmp_path, monkeypatch) as place:
        place.server.retry_after = "60"
        place.live(HOUR)
        before = place.server.requests
        with outage(place.server):
            place.live(lasts)
        assert place.server.requests - before <= requests_max
        place.live(20 * MINUTE)  # it is tried again every quarter of an hour at least
        waiting = rows(place.store, "SELECT key FROM notifications WHERE state = 'waiting'")
        assert waiting == []
        place.settle(MINUTE)
        assert_nothing_is_lost(place)
        assert len(place.server.accepted) == sum(s.count(",") + 1 for s in place.stories())


@pytest.mark.parametrize("word", ["trickle", "after", "before"])
def test_a_slack_that_hangs_costs_one_attempt_each_time_and_repeats_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    with world(tmp_path, monkeypatch, attempt_max=timedelta(seconds=0.7)) as place:
        began = time.monotonic()
        with saying(place.server, word):
            place.live(HOUR, step=MINUTE)
        tried = place.server.requests
        assert 5 <= tried <= 12
        assert time.monotonic() - began < 2 * tried
        place.settle(20 * MINUTE)
        assert_nothing_is_lost(place)
        told = sum(s.count(",") + 1 for s in place.stories())
        assert len(place.server.accepted) <= told + (tried if word != "before" else 0)


def test_what_waits_longer_than_it_matters_is_given_up_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, monkeypatch, every=6 * HOUR) as place:
        with no_network():
            place.live(4 * DAY, step=5 * MINUTE)
        place.settle(HOUR)
        dead = rows(place.store, "SELECT created_at, error FROM notifications WHERE state = 'dead'")
        sent = place.stories()
        assert all(str(error).startswith("too old: Slack was not reached") for _, error in dead)
        assert {"brief"} == set(sent)
        assert len(sent) == pytest.approx(72 / 6, abs=1)
