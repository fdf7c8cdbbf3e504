"""Delivery: claimed, sent, marked; postponed, buried, in order, and never lost."""

from __future__ import annotations

import io
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_server import TOKEN, SlackServer
from store_case import fresh_store, rows

from monitor.delivery.outbox import Outbox
from monitor.domain.backoff import DeliveryPolicy, ReceiverState, backoff, failed
from monitor.domain.delivery import (
    Message,
    Permanent,
    Reference,
    Sender,
    SlackContent,
    Temporary,
)
from monitor.notifiers import slack
from monitor.notifiers.console import Console, ConsoleOptions
from monitor.scheduling.bounded import AbandonedError
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications, claim, mark_retry, retry

T0 = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


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


def owe(
    store: Store,
    *keys: str,
    receiver: str = "slack",
    thread: str = "",
    kind: str = "report",
) -> None:
    owed = [Message(key, receiver, kind, {"n": key}, T0, T0, thread) for key in keys]
    with store.write() as tx:
        add_notifications(tx, owed)


def states(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT key, state, attempts, error FROM notifications ORDER BY id")


def outbox(store: Store, receivers: Mapping[str, Sender], **policy: Any) -> Outbox:
    """An outbox that waits without scatter, on a clock that only the test moves."""
    made = DeliveryPolicy(**policy)
    return Outbox(store, receivers, made, chance=lambda: 0.5, elapsed=lambda: 0.0)


def until(found: Callable[[], Any]) -> None:
    """Wait until something is true."""
    for _ in range(500):
        if found():
            return
        time.sleep(0.01)
    raise AssertionError("waited for 5 s")


def test_a_message_is_sent_once_and_marked(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    assert box.deliver_all(T0) == 1
    assert box.deliver_all(T0 + HOUR) == 0
    assert receiver.sent == [("a", None)]
    assert states(store) == [("a", "sent", 1, "")]


@pytest.mark.parametrize("whole", [False, True])
def test_a_temporary_failure_is_tried_again_when_its_time_has_come(
    tmp_path: Path, whole: bool
) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("no", whole_receiver=whole))
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    assert box.deliver_all(T0) == 0
    assert states(store) == [("a", "waiting", 1, "no")]
    assert box.deliver_all(T0 + 4 * SECOND) == 0
    assert box.deliver_all(T0 + 5 * SECOND) == 1


def test_a_rate_limit_is_waited_for_and_no_failure(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("429", retry_after=90))
    owe(store, "a", "b")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    assert states(store) == [("a", "waiting", 0, "429"), ("b", "waiting", 0, "")]
    owe(store, "c")
    assert box.deliver_all(T0 + 90 * SECOND) == 0  # what is new waits, too
    assert box.deliver_all(T0 + 95 * SECOND) == 3
    assert receiver.tried == 4


def test_a_message_that_is_refused_for_itself_is_dead_at_once_and_visible(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("msg_too_long"))
    owe(store, "a", "b")
    assert outbox(store, {"slack": receiver}).deliver_all(T0) == 1
    assert states(store) == [("a", "dead", 1, "msg_too_long"), ("b", "sent", 1, "")]


def test_a_receiver_that_refuses_is_asked_ever_more_rarely_and_loses_nothing(
    tmp_path: Path,
) -> None:
    store = fresh_store(tmp_path)
    refused = Permanent("invalid_auth", whole_receiver=True)
    receiver = Scripted(*[refused] * 4)
    owe(store, "a", "b", "c")
    box, tried = outbox(store, {"slack": receiver}), []
    for minute in range(60):
        before = receiver.tried
        box.deliver_all(T0 + minute * MINUTE)
        tried += [minute] * (receiver.tried > before)
    assert tried == [0, 1, 6, 21, 36]
    assert {row[:2] for row in states(store)} == {("a", "sent"), ("b", "sent"), ("c", "sent")}


def test_a_dead_message_can_be_retried(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("msg_too_long"))
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    assert retry(store, 1, T0) == "waiting"
    assert box.deliver_all(T0) == 1


def test_a_message_is_tried_as_long_as_it_matters(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    receiver = Scripted(*[Temporary("no", whole_receiver=True)] * 999)
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    for minute in range(0, 72 * 60, 10):
        box.deliver_all(T0 + minute * MINUTE)
    assert states(store)[0][1] == "waiting"
    box.deliver_all(T0 + 72 * HOUR + 16 * MINUTE)
    assert (states(store)[0][1], states(store)[0][3]) == ("dead", "too old: no")


def test_what_was_given_up_is_tried_as_long_again_when_it_is_retried(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    receiver = Scripted(*[Temporary("no", whole_receiver=True)] * 2)
    owe(store, "a")
    box = outbox(store, {"slack": receiver}, keep=HOUR)
    box.deliver_all(T0)
    box.deliver_all(T0 + 2 * HOUR)
    assert states(store)[0][1] == "dead"
    assert retry(store, 1, T0 + 3 * HOUR) == "waiting"
    assert box.deliver_all(T0 + 3 * HOUR) == 1


def test_what_is_owed_to_nobody_is_dead_with_its_reason(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    owe(store, "a", receiver="pager")
    outbox(store, {"slack": Scripted()}).release(T0)
    assert states(store) == [("a", "dead", 0, "no receiver pager is configured")]


def test_a_bug_in_a_receiver_is_no_end_of_its_message(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(KeyError("x"))
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    assert states(store)[0][1:] == ("waiting", 1, "KeyError: 'x'")
    assert box.deliver_all(T0 + MINUTE) == 1


def test_one_receiver_in_trouble_does_not_hold_up_another(tmp_path: Path) -> None:
    store, good = fresh_store(tmp_path), Scripted()
    bad = Scripted(*[Temporary("no", whole_receiver=True)] * 3)
    owe(store, "a", "b", "c", receiver="bad")
    owe(store, "d", receiver="good")
    assert outbox(store, {"bad": bad, "good": good}).deliver_all(T0) == 1
    assert bad.tried == 1  # after its first failure it is left alone for a while
    assert good.sent == [("d", None)]


class Hanging:
    """A receiver that is silent as long as it is closed, in small steps, as one that trickles."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = 0
        self.ended = 0

    def send(self, message: Message, thread: Reference | None) -> Reference:
        self.entered += 1
        try:
            while not self.opened.wait(0.01):
                pass
        finally:
            self.ended += 1
        return {}


def test_an_attempt_has_an_end_as_a_whole_and_what_hung_is_tried_again(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Hanging()
    owe(store, "a", "b")
    box = outbox(store, {"slack": receiver}, attempt_max=SECOND / 10)
    assert box.deliver_all(T0) == 0
    assert states(store)[0] == ("a", "waiting", 1, "no answer within 0.1 s")
    until(lambda: receiver.ended == 1)  # it was broken off, and holds up nothing
    receiver.opened.set()
    assert box.deliver_all(T0 + MINUTE) == 2


def test_who_hangs_beyond_all_limits_is_waited_for_without_counting(tmp_path: Path) -> None:
    free = threading.Event()

    class Stuck(Scripted):
        def send(self, message: Message, thread: Reference | None) -> Reference:
            free.wait(30)
            return super().send(message, thread)

    store, receiver = fresh_store(tmp_path), Stuck()
    owe(store, "a")
    box = outbox(store, {"slack": receiver}, attempt_max=SECOND / 10)
    for minute in range(3):
        assert box.deliver_all(T0 + minute * MINUTE) == 0
    assert states(store) == [("a", "waiting", 1, "an earlier attempt hangs")]
    free.set()
    minutes = itertools.count(60)
    until(lambda: box.deliver_all(T0 + next(minutes) * MINUTE) == 1)


def test_an_attempt_that_ends_late_is_not_made_again(tmp_path: Path) -> None:
    class Late(Scripted):
        def send(self, message: Message, thread: Reference | None) -> Reference:
            with suppress(SystemExit):  # it arrives in the very moment in which it is given up
                time.sleep(0.3)
            return super().send(message, thread)

    store, receiver = fresh_store(tmp_path), Late()
    owe(store, "a")
    box = outbox(store, {"slack": receiver}, attempt_max=SECOND / 10)
    assert box.deliver_all(T0) == 0
    until(lambda: states(store)[0][1] == "sent")
    assert box.deliver_all(T0 + HOUR) == 0
    assert len(receiver.sent) == 1


def test_whoever_waits_for_a_receiver_that_hangs_can_be_called_off(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Hanging()
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    threading.Timer(0.1, box.abandoned.set).start()
    with pytest.raises(AbandonedError):
        box.deliver("slack", T0)
    receiver.opened.set()


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
    owe(store, "firing", "resolved", thread="report:7")
    owe(store, "other", "third")
    assert outbox(store, {"slack": receiver}).deliver_all(T0) == 2
    assert [key for key, _ in receiver.sent] == ["other", "third"]
    assert receiver.refused == 1


def test_a_message_that_brings_the_receiver_down_lets_the_others_pass_first(
    tmp_path: Path,
) -> None:
    store = fresh_store(tmp_path)
    receiver = Picky("a", Temporary("500", whole_receiver=True))
    owe(store, "a", "b", "c")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    assert receiver.sent == []
    box.deliver_all(T0 + 5 * SECOND)
    assert [key for key, _ in receiver.sent] == ["b", "c"]


@pytest.mark.parametrize(
    "error",
    [Temporary("500", whole_receiver=True), Permanent("no", whole_receiver=True)],
    ids=["down", "refused"],
)
def test_an_urgent_message_that_brings_the_receiver_down_again_and_again_stops_nobody(
    tmp_path: Path, error: Exception
) -> None:
    store, receiver = fresh_store(tmp_path), Picky("urgent", error)
    urgent = Message("urgent", "slack", "incident", {}, T0, T0, priority=0)
    with store.write() as tx:
        add_notifications(tx, [urgent])
    box = outbox(store, {"slack": receiver})
    for number in range(120):
        if number % 6 == 0:
            owe(store, f"m{number}")
        box.deliver_all(T0 + number * MINUTE)
    assert len(receiver.sent) == 20
    assert 5 < receiver.refused < 60


def test_after_an_outage_everything_follows_at_once(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    receiver = Scripted(*[Temporary("no", whole_receiver=True)] * 8)
    owe(store, *"abcdefgh")
    box = outbox(store, {"slack": receiver})
    at = T0
    while receiver.failures:
        at += SECOND
        box.deliver_all(at)
    box.deliver_all(at + 5 * MINUTE)
    assert {state for _, state, _, _ in states(store)} == {"sent"}


def test_a_critical_first_message_overtakes_what_waits(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a", "b")
    with store.write() as tx:
        add_notifications(tx, [Message("c", "slack", "incident", {}, T0, T0, priority=0)])
    outbox(store, {"slack": receiver}).deliver_all(T0)
    assert [key for key, _ in receiver.sent] == ["c", "a", "b"]


def test_a_thread_keeps_its_order_through_failures(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Temporary("no"))
    owe(store, "first", "second", "third", kind="load_test", thread="load_test:7")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    box.deliver_all(T0 + 10 * SECOND)
    first = {"ts": "ts of first"}
    assert receiver.sent == [("first", None), ("second", first), ("third", first)]


def test_the_end_is_told_even_where_the_beginning_is_dead(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted(Permanent("no"))
    owe(store, "firing", thread="incident:7")
    box = outbox(store, {"slack": receiver})
    box.deliver_all(T0)
    owe(store, "resolved", thread="incident:7")
    assert box.deliver_all(T0) == 1
    assert receiver.sent == [("resolved", None)]


def test_what_a_killed_sender_held_is_sent_after_its_lease(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a")
    assert claim(store, "slack", T0, DeliveryPolicy().lease) is not None
    box = outbox(store, {"slack": receiver})
    assert box.deliver_all(T0 + 59 * SECOND) == 0
    assert box.deliver_all(T0 + 60 * SECOND) == 1


def test_what_a_killed_sender_held_or_put_off_is_sent_at_the_next_start(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, "a", "b")
    claim(store, "slack", T0, DeliveryPolicy().lease)
    mark_retry(store, 2, T0 + HOUR, "no")
    box = outbox(store, {"slack": receiver})
    box.release(T0 + SECOND)
    assert box.deliver_all(T0 + SECOND) == 2


def test_a_clock_that_was_set_back_holds_up_nothing(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    receiver = Scripted(*[Temporary("no", whole_receiver=True)] * 3)
    owe(store, "a")
    box = outbox(store, {"slack": receiver})
    for seconds in (0, 5, 10):
        box.deliver_all(T0 + seconds * SECOND)
    assert box.deliver_all(T0 - 2 * HOUR) == 1


def test_a_slow_call_claims_each_message_when_its_turn_comes(tmp_path: Path) -> None:
    store, now = fresh_store(tmp_path), [0.0]

    class Slow(Scripted):
        def send(self, message: Message, thread: Reference | None) -> Reference:
            now[0] += 40
            return super().send(message, thread)

    receiver = Slow()
    owe(store, "a", "b", "c")
    Outbox(store, {"slack": receiver}, elapsed=lambda: now[0]).deliver_all(T0)
    times = rows(store, "SELECT sent_at, lease_until FROM notifications ORDER BY id")
    assert len(receiver.sent) == 3
    assert [int(at) - int(times[0][0]) for at, _ in times] == [0, 40_000_000, 80_000_000]


def test_a_call_has_an_end(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Scripted()
    owe(store, *(str(n) for n in range(5)))
    assert outbox(store, {"slack": receiver}, round_max=3).deliver_all(T0) == 3


def incident(*kinds: str, **payload: Any) -> list[Message]:
    """Messages of one incident in their order."""
    return [
        Message(f"i:{n}", "slack", "incident", {"kind": k, **payload}, T0, T0, "incident:7")
        for n, k in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "sent"),
    [
        ("firing", "firing"),
        ("firing update reminder", "firing"),
        ("firing update resolved", "brief"),
        ("firing unsteady update", "unsteady"),
        ("update update reminder", "reminder"),
        ("update reminder resolved", "resolved"),
        ("brief", "brief"),
    ],
)
def test_what_waits_in_one_thread_goes_out_as_one(tmp_path: Path, kinds: str, sent: str) -> None:
    store, receiver = fresh_store(tmp_path), Kinds()
    with store.write() as tx:
        add_notifications(tx, incident(*kinds.split()))
    box = outbox(store, {"slack": receiver})
    assert box.deliver_all(T0) == 1
    assert box.deliver_all(T0 + HOUR) == 0
    assert receiver.kinds == [sent]
    found = rows(store, "SELECT state, reference ->> 'merged_into' FROM notifications")
    [arrived] = [n for n, (state, _) in enumerate(found, 1) if state == "sent"]
    merged = {into for state, into in found if state == "merged"}
    assert merged <= {arrived}
    stored = rows(store, "SELECT payload ->> 'kind' FROM notifications WHERE state = 'sent'")
    assert stored == [(sent,)]


class Kinds(Scripted):
    """A receiver that notes what kind of message it gets, and whether it is for all to see."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []
        self.loud: list[bool] = []

    def send(self, message: Message, thread: Reference | None) -> Reference:
        self.kinds.append(message.payload["kind"])
        self.loud.append(bool(message.payload.get("in_channel")))
        return super().send(message, thread)


def test_of_several_updates_the_one_that_all_must_see_is_kept(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Kinds()
    first, second, third = incident("update", "update", "reminder")
    loud = replace(second, payload={"kind": "update", "in_channel": True}, priority=0)
    with store.write() as tx:
        add_notifications(tx, [first, loud, third])
    outbox(store, {"slack": receiver}).deliver_all(T0)
    assert (receiver.kinds, receiver.loud) == (["update"], [True])


def test_a_message_that_waited_tells_what_is_now(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Kinds()
    with store.write() as tx:
        add_notifications(tx, incident("firing"))
    over = Outbox(store, {"slack": receiver}, refresh=lambda tx, m, now: {**m.payload, **ENDED})
    over.deliver_all(T0)
    assert receiver.kinds == ["brief"]
    assert rows(store, "SELECT payload ->> 'ended_at' FROM notifications") == [(T0.isoformat(),)]


ENDED = {"ended_at": T0.isoformat()}


def test_a_message_that_cannot_be_made_afresh_goes_out_as_it_was(tmp_path: Path) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("x")

    store, receiver = fresh_store(tmp_path), Kinds()
    with store.write() as tx:
        add_notifications(tx, incident("firing"))
    assert Outbox(store, {"slack": receiver}, refresh=broken).deliver_all(T0) == 1


def test_a_beginning_that_is_retried_after_its_end_tells_both(tmp_path: Path) -> None:
    store, receiver = fresh_store(tmp_path), Kinds()
    firing, resolved = incident("firing", "resolved")
    with store.write() as tx:
        add_notifications(tx, [replace(firing, state="dead"), replace(resolved, state="dead")])
    assert [retry(store, n, T0) for n in (1, 2)] == ["waiting", "waiting"]
    outbox(store, {"slack": receiver}).deliver_all(T0)
    assert receiver.kinds == ["brief"]


def test_an_update_that_is_retried_after_later_news_is_part_of_them(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    update, resolved = incident("update", "resolved")
    with store.write() as tx:
        add_notifications(tx, [replace(update, state="dead"), replace(resolved, state="sent")])
    assert retry(store, 1, T0) == "merged"
    assert rows(store, "SELECT reference ->> 'merged_into' FROM notifications")[0] == (2,)


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


@pytest.mark.parametrize("in_doubt", [False, True])
def test_an_outage_is_tried_often_at_first_unless_each_try_may_repeat(in_doubt: bool) -> None:
    error = Temporary("no", whole_receiver=True, may_have_arrived=in_doubt)
    state, now, policy, waits = ReceiverState(), T0, DeliveryPolicy(), []
    for _ in range(8):
        state = failed(state, 1, error, now, policy, 0.5)
        assert state.backs_off_until is not None
        waits.append(int((state.backs_off_until - now).total_seconds()))
        now = state.backs_off_until
    quick = [5, 5, 5, 5, 5, 10, 20, 40]
    assert waits == ([5, 10, 20, 40, 80, 160, 320, 640] if in_doubt else quick)


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
        assert outbox(store, receivers).deliver_all(T0) == 1
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
        box = Outbox(store, receivers)
        for minute in range(0, 24 * 60, 5):
            box.deliver_all(T0 + minute * MINUTE)
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
