"""Delivery: claimed, sent, marked; postponed, buried, in order, and never lost."""

from __future__ import annotations

import io
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_server import TOKEN, SlackServer
from store_case import fresh_store, rows

from monitor.domain.delivery import (
    Message,
    Permanent,
    Reference,
    SlackContent,
    Temporary,
)
from monitor.notifiers import slack
from monitor.notifiers.console import Console, ConsoleOptions
from monitor.outbox import DeliveryPolicy, backoff, deliver
from monitor.store.database import Store
from monitor.store.notifications import add_notifications, revive

T0 = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVEN = {"chance": lambda: 0.5, "elapsed": lambda: 0.0}


class Scripted:
    """A receiver that fails as told, then accepts."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.sent: list[tuple[str, Reference | None]] = []
        self.tried = 0

    def send(self, message: Message, thread: Reference | None) -> Reference:
        self.tried += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((message.key, thread))
        return {"ts": f"ts of {message.key}"}


def owe(store: Store, *keys: str, receiver: str = "slack", thread: str = "") -> None:
    owed = [Message(key, receiver, "incident", {"n": key}, T0, T0, thread) for key in keys]
    with store.write() as tx:
        add_notifications(tx, owed)


def states(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT key, state, attempts, error FROM notifications ORDER BY id")


def test_a_message_is_sent_once_and_marked(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a")
    assert deliver(store, {"slack": receiver}, T0) == 1
    assert deliver(store, {"slack": receiver}, T0 + timedelta(hours=1)) == 0
    assert receiver.sent == [("a", None)]
    assert states(store) == [("a", "sent", 1, "")]


def test_a_temporary_failure_is_tried_again_when_its_time_has_come(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("no"))
    owe(store, "a")
    assert deliver(store, {"slack": receiver}, T0, **EVEN) == 0
    assert states(store) == [("a", "waiting", 1, "no")]
    assert deliver(store, {"slack": receiver}, T0 + 4 * SECOND, **EVEN) == 0
    assert deliver(store, {"slack": receiver}, T0 + 5 * SECOND, **EVEN) == 1


def test_a_retry_after_is_kept(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("429", retry_after=90))
    owe(store, "a")
    deliver(store, {"slack": receiver}, T0, **EVEN)
    assert deliver(store, {"slack": receiver}, T0 + 90 * SECOND, **EVEN) == 0
    assert deliver(store, {"slack": receiver}, T0 + 95 * SECOND, **EVEN) == 1


def test_a_permanent_failure_is_dead_at_once_and_visible(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("invalid_auth"))
    owe(store, "a")
    deliver(store, {"slack": receiver}, T0)
    assert states(store) == [("a", "dead", 1, "invalid_auth")]


def test_a_dead_message_can_be_revived(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("invalid_auth"))
    owe(store, "a")
    deliver(store, {"slack": receiver}, T0)
    assert revive(store, 1, T0)
    assert deliver(store, {"slack": receiver}, T0) == 1


def test_the_last_attempt_buries_the_message(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(*[Temporary("no")] * 9)
    owe(store, "a")
    for hour in range(9):
        at = T0 + timedelta(hours=hour)
        deliver(store, {"slack": receiver}, at, DeliveryPolicy(attempts_max=3))
    assert states(store) == [("a", "dead", 3, "gave up after 3 attempts: no")]


def test_an_unknown_receiver_is_dead_with_its_reason(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    owe(store, "a", receiver="pager")
    deliver(store, {"slack": Scripted()}, T0)
    assert states(store) == [("a", "dead", 1, "no receiver 'pager' is configured")]


def test_a_bug_in_a_receiver_is_no_end_of_its_message(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(KeyError("x"))
    owe(store, "a")
    deliver(store, {"slack": receiver}, T0)
    assert states(store)[0][1:] == ("waiting", 1, "KeyError: 'x'")
    assert deliver(store, {"slack": receiver}, T0 + timedelta(minutes=1)) == 1


def test_one_receiver_in_trouble_does_not_hold_up_another(tmp_path: Path) -> None:
    store, good = fresh_store(tmp_path), Scripted()
    bad = Scripted(*[Temporary("no", whole_receiver=True)] * 3)
    owe(store, "a", "b", "c", receiver="bad")
    owe(store, "d", receiver="good")
    assert deliver(store, {"bad": bad, "good": good}, T0) == 1
    assert bad.tried == 1  # after its first failure it is let rest for this round
    assert good.sent == [("d", None)]


class Picky(Scripted):
    """A receiver that never takes one message."""

    def __init__(self, poison: str, error: Exception) -> None:
        super().__init__()
        self.poison, self.error = poison, error
        self.refused = 0

    def send(self, message: Message, thread: Reference | None) -> Reference:
        if message.key == self.poison:
            self.refused += 1
            raise self.error
        return super().send(message, thread)


@pytest.mark.parametrize("error", [KeyError("x"), Temporary("strange_code")], ids=["bug", "code"])
def test_a_message_that_always_fails_holds_up_only_its_own_thread(
    tmp_path: Path, error: Exception
) -> None:
    store, receiver = fresh_store(tmp_path), Picky("firing", error)
    owe(store, "firing", "resolved", thread="incident:7")
    owe(store, "other", "third")
    assert deliver(store, {"slack": receiver}, T0, **EVEN) == 2
    assert [key for key, _ in receiver.sent] == ["other", "third"]
    assert receiver.refused == 1


def test_a_message_that_brings_the_receiver_down_lets_the_others_pass_first(
    tmp_path: Path,
) -> None:
    store = fresh_store(tmp_path)
    receiver = Picky("a", Temporary("500", whole_receiver=True))
    owe(store, "a", "b", "c")
    deliver(store, {"slack": receiver}, T0, **EVEN)
    assert receiver.sent == []
    deliver(store, {"slack": receiver}, T0 + 5 * SECOND, **EVEN)
    assert [key for key, _ in receiver.sent] == ["b", "c"]


def test_an_attempt_that_was_not_made_is_not_counted(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    receiver = Scripted(*[Temporary("429", retry_after=30)] * 2)
    owe(store, "a", "b", "c")
    deliver(store, {"slack": receiver}, T0, **EVEN)
    assert [row[2] for row in states(store)] == [1, 0, 0]
    assert deliver(store, {"slack": receiver}, T0 + 29 * SECOND, **EVEN) == 0
    assert receiver.tried == 1


def test_a_thread_keeps_its_order_through_failures(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("no"))
    owe(store, "first", "second", "third", thread="incident:7")
    deliver(store, {"slack": receiver}, T0, **EVEN)
    deliver(store, {"slack": receiver}, T0 + 10 * SECOND, **EVEN)
    first = {"ts": "ts of first"}
    assert receiver.sent == [("first", None), ("second", first), ("third", first)]


def test_the_end_is_told_even_where_the_beginning_is_dead(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("no"))
    owe(store, "firing", "resolved", thread="incident:7")
    assert deliver(store, {"slack": receiver}, T0) == 1
    assert receiver.sent == [("resolved", None)]


def test_what_a_killed_sender_held_is_sent_after_its_lease(tmp_path: Path) -> None:
    class Killed(Scripted):
        def send(self, message: Message, thread: Reference | None) -> Reference:
            raise KeyboardInterrupt

    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a")
    with pytest.raises(KeyboardInterrupt):
        deliver(store, {"slack": Killed()}, T0, **EVEN)
    assert deliver(store, {"slack": receiver}, T0 + 59 * SECOND, **EVEN) == 0
    assert deliver(store, {"slack": receiver}, T0 + 60 * SECOND, **EVEN) == 1


def test_a_slow_round_claims_each_message_when_its_turn_comes(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a", "b", "c")
    ticks = itertools.count(step=40)
    deliver(store, {"slack": receiver}, T0, elapsed=lambda: float(next(ticks)))
    times = rows(store, "SELECT sent_at FROM notifications ORDER BY id")
    assert len(receiver.sent) == 3
    assert times == sorted(times) and times[0] != times[2]


def test_a_round_has_an_end(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, *(str(n) for n in range(5)))
    assert deliver(store, {"slack": receiver}, T0, DeliveryPolicy(round_max=3)) == 3


@pytest.mark.parametrize(
    ("attempts", "retry_after", "chance", "seconds"),
    [
        pytest.param(1, None, 0.5, 5, id="first"),
        pytest.param(4, None, 0.5, 40, id="doubles"),
        pytest.param(50, None, 0.5, 900, id="capped"),
        pytest.param(1, None, 0.0, 3.75, id="early"),
        pytest.param(1, None, 1.0, 6.25, id="late"),
        pytest.param(9, 30, 0.0, 30, id="asked"),
        pytest.param(9, 30, 1.0, 31.25, id="asked, scattered upwards only"),
        pytest.param(1, 9e9, 0.0, 3600, id="asked for too much"),
        pytest.param(1, -5, 0.0, 0, id="asked for nothing"),
    ],
)
def test_waiting_grows_up_to_a_cap_and_obeys_the_receiver(
    attempts: int, retry_after: float | None, chance: float, seconds: float
) -> None:
    wait = backoff(attempts, retry_after, DeliveryPolicy(), chance)
    assert wait == timedelta(seconds=seconds)


def test_the_attempts_last_for_about_a_day() -> None:
    policy = DeliveryPolicy()
    waits = [backoff(n, None, policy, 0.5) for n in range(1, policy.attempts_max)]
    assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=30)


class Marked:
    """A renderer whose text tells the messages apart."""

    def text(self, message: Message) -> str:
        return message.key

    def slack(self, message: Message) -> SlackContent:
        return SlackContent(message.key, ())

    def picture(self, message: Message) -> None:
        return None


def test_nothing_simulated_leaves_whatever_the_receiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    store, undeclared, printed = fresh_store(tmp_path), Scripted(), io.StringIO()
    with SlackServer() as server:
        options = slack.SlackOptions("C1", base_url=server.api_url)
        receivers = {
            "slack": slack.build(options, Marked()),
            "undeclared": undeclared,
            "console": Console(Marked(), ConsoleOptions(), printed),
        }
        with store.write() as tx:
            staged = {"simulated": True}
            owed = [Message("staged", to, "incident", staged, T0, T0) for to in receivers]
            add_notifications(tx, owed)
        assert deliver(store, receivers, T0) == 1
    assert (server.requests, undeclared.tried) == (0, 0)
    assert "staged" in printed.getvalue()
    refused = ("dead", 1, "simulated: such messages do not leave this machine")
    assert [row[1:] for row in states(store)] == [refused, refused, ("sent", 1, "")]


def storm(seed: int, count: int) -> Sequence[str]:
    chance = random.Random(seed)
    steps = ["429", "500", "html", "drop", "ok", "ok", "service_unavailable"]
    rare = ["before", "after", "after"]
    plan = [chance.choice(steps) for _ in range(count)] + rare
    chance.shuffle(plan)
    return plan


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_everything_has_arrived_twice_only_where_slack_had_taken_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    store = fresh_store(tmp_path)
    keys = [f"incident:{n}:{kind}:1" for n in range(8) for kind in ("firing", "update", "resolved")]
    for key in keys:
        owe(store, key, thread=key.rpartition(":")[0].rpartition(":")[0])
    with SlackServer() as server:
        server.plan.extend(storm(seed, 40))
        options = slack.SlackOptions("C1", base_url=server.api_url, timeout_seconds=0.15)
        receivers = {"slack": slack.build(options, Marked())}
        ambiguous = server.plan.count("after")
        for minute in range(0, 24 * 60, 5):
            deliver(store, receivers, T0 + timedelta(minutes=minute))
        times = Counter(message.marker for message in server.accepted)
    assert set(times) == set(keys)
    assert sum(times.values()) - len(keys) == ambiguous
    assert {state for _, state, _, _ in states(store)} == {"sent"}
    assert all_threads_hold(server)


def all_threads_hold(server: SlackServer) -> bool:
    """Each firing message opens its thread; what follows is in it and in order."""
    stories: dict[str, list[Any]] = {}
    for message in server.accepted:
        stories.setdefault(message.marker.split(":")[1], []).append(message)
    order = ["firing", "update", "resolved"]
    for story in stories.values():
        kinds = [order.index(message.marker.split(":")[2]) for message in story]
        opened = {message.ts for message, kind in zip(story, kinds, strict=True) if kind == 0}
        inside = {message.thread_ts for message, kind in zip(story, kinds, strict=True) if kind}
        if kinds != sorted(kinds) or not inside <= opened or len(inside) != 1:
            return False
    return True
