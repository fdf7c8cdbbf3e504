"""The other receivers hear of one that takes nothing, and of its recovery, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from store_case import fresh_store

from monitor.delivery.news import sample_message, watch_delivery
from monitor.delivery.outbox import Outbox
from monitor.domain.backoff import DeliveryPolicy
from monitor.domain.delivery import Message, Permanent, Reference, Sender, Temporary
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications
from monitor.text.messages.render import Catalog, MessageRenderer

T0 = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOWN = Temporary("connection refused", whole_receiver=True)
REFUSED = Permanent("invalid_auth", whole_receiver=True)


class Receiver:
    """Fails with an error as long as it has one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.took: list[Message] = []

    def send(self, message: Message, thread: Reference | None) -> Reference:
        if self.error is not None:
            raise self.error
        self.took.append(message)
        return {}

    @property
    def news(self) -> list[str]:
        return [m.payload["kind"] for m in self.took if m.kind == "delivery"]


def outbox(store: Store, **receivers: Sender) -> Outbox:
    return Outbox(store, receivers, DeliveryPolicy(jitter=0), elapsed=lambda: 0.0)


def live(box: Outbox, start: int, end: int) -> None:
    """A minute after the other: deliver, then look how delivery goes."""
    for minute in range(start, end):
        box.deliver_all(T0 + minute * MINUTE)
        watch_delivery(box, T0 + minute * MINUTE)


def owe(store: Store, *keys: str, receiver: str = "slack") -> None:
    with store.write() as tx:
        add_notifications(tx, [Message(k, receiver, "report", {}, T0, T0) for k in keys])


def test_one_that_fails_for_ten_minutes_is_told_to_the_others_and_so_is_its_recovery(
    tmp_path: Path,
) -> None:
    store, slack, pager = fresh_store(tmp_path), Receiver(DOWN), Receiver()
    box = outbox(store, slack=slack, pager=pager)
    owe(store, "a", "b", "c")
    live(box, 0, 10)
    assert pager.news == []
    live(box, 10, 40)
    assert pager.news == ["failing"]
    told = pager.took[0].payload
    assert (told["receiver"], told["error"], told["waiting"], told["refused"]) == (
        *("slack", "connection refused"),
        *(3, False),
    )
    slack.error = None
    live(box, 40, 70)
    assert pager.news == ["failing", "works"]
    assert slack.news == []


def test_one_that_refuses_is_told_at_once(tmp_path: Path) -> None:
    store, pager = fresh_store(tmp_path), Receiver()
    box = outbox(store, slack=Receiver(REFUSED), pager=pager)
    owe(store, "a")
    live(box, 0, 2)
    assert pager.news == ["failing"]
    assert pager.took[0].payload["refused"]


def test_a_restart_repeats_no_news_and_forgets_none(tmp_path: Path) -> None:
    store, slack, pager = fresh_store(tmp_path), Receiver(REFUSED), Receiver()
    owe(store, "a")
    for start in range(0, 60, 5):
        live(outbox(store, slack=slack, pager=pager), start, start + 5)
    assert pager.news == ["failing"]
    slack.error = None
    live(outbox(store, slack=slack, pager=pager), 60, 65)
    assert pager.news == ["failing", "works"]


def test_each_outage_is_told_by_itself(tmp_path: Path) -> None:
    store, slack, pager = fresh_store(tmp_path), Receiver(), Receiver()
    box = outbox(store, slack=slack, pager=pager)
    for hour in range(2):
        owe(store, f"a{hour}")
        slack.error = DOWN
        live(box, 60 * hour, 60 * hour + 20)
        slack.error = None
        live(box, 60 * hour + 20, 60 * hour + 60)
    assert pager.news == ["failing", "works"] * 2


def test_one_message_that_does_not_get_through_is_no_news_of_its_receiver(tmp_path: Path) -> None:
    class Picky(Receiver):
        def send(self, message: Message, thread: Reference | None) -> Reference:
            if message.key == "a":
                raise Temporary("strange_code")
            return super().send(message, thread)

    store, pager = fresh_store(tmp_path), Receiver()
    box = outbox(store, slack=Picky(), pager=pager)
    owe(store, "a", "b")
    live(box, 0, 60)
    assert pager.news == []


def test_what_both_missed_is_told_as_one(tmp_path: Path) -> None:
    store, slack, pager = fresh_store(tmp_path), Receiver(DOWN), Receiver(DOWN)
    box = outbox(store, slack=slack, pager=pager)
    owe(store, "a")
    owe(store, "a", receiver="pager")
    live(box, 0, 60)
    slack.error = None
    live(box, 60, 90)
    assert slack.news == ["failing"]  # the pager still fails
    pager.error = None
    live(box, 90, 150)
    assert (slack.news, pager.news) == (["failing", "works"], ["works"])


def test_who_is_alone_is_told_nothing(tmp_path: Path) -> None:
    store, slack = fresh_store(tmp_path), Receiver(REFUSED)
    box = outbox(store, slack=slack)
    owe(store, "a")
    live(box, 0, 30)
    slack.error = None
    live(box, 30, 60)
    assert [m.kind for m in slack.took] == ["report"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "slack receives no messages"), ("ko", "메시지가 전달되지 않습니다")],
)
def test_the_news_is_said_in_both_languages_as_text_and_to_slack(language: str, said: str) -> None:
    renderer = MessageRenderer(Catalog(language, ZoneInfo("Asia/Seoul"), strict=True))
    since = T0.isoformat()
    failing = {"kind": "failing", "receiver": "slack", "since": since, "error": "no", "waiting": 2}
    works = {"kind": "works", "receiver": "slack", "since": since, "until": since, "waiting": 0}
    payloads = [failing, failing | {"refused": True}, works, works | {"waiting": 1}]
    payloads.append(dict(sample_message("slack", T0).payload))
    for payload in payloads:
        message = Message("k", "pager", "delivery", payload, T0, T0)
        assert len(renderer.text(message).splitlines()) >= 2
        assert renderer.slack(message).blocks[0]["type"] == "header"
        if payload["kind"] == "failing":
            assert said in renderer.text(message)
            assert said in renderer.slack(message).text
