"""The outbox and the calendar's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store

from monitor.domain.delivery import Message
from monitor.store.database import Store
from monitor.store.delivery.journal import (
    deliveries,
    failing_receivers,
    notifications,
    waiting_and_dead,
)
from monitor.store.delivery.notifications import (
    add_notifications,
    claim,
    mark_dead,
    mark_old_dead,
    mark_retry,
    mark_sent,
    mark_unsent,
    retry,
    thread_reference,
)
from monitor.store.job_runs import (
    JobRun,
    finish_run,
    last_slot,
    runs,
    start_run,
)

_LEASE = timedelta(minutes=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def _owe(store: Store, *keys: str, thread: str = "", receiver: str = "slack") -> int:
    messages = [Message(k, receiver, "incident", {"text": k}, T0, T0, thread) for k in keys]
    with store.write() as tx:
        return add_notifications(tx, messages)


def _claim(store: Store, now: timedelta = timedelta(), limit: int = 10) -> list[Message]:
    found = []
    for receiver in ("console", "slack"):
        while len(found) < limit and (message := claim(store, receiver, T0 + now, _LEASE)):
            found.append(message)
    return found


def _keys(messages: list[Message]) -> list[str]:
    return [message.key for message in messages]


def test_the_same_message_is_owed_once_to_each_receiver(store: Store) -> None:
    assert _owe(store, "a", "b") == 2
    assert _owe(store, "a", "c") == 1
    assert _owe(store, "a", receiver="console") == 1
    assert len(_claim(store)) == 4


def test_a_message_comes_back_whole(store: Store) -> None:
    _owe(store, "a", thread="incident:1")
    (message,) = _claim(store)
    assert message == Message(
        *("a", "slack", "incident", {"text": "a"}, T0, T0, "incident:1"),
        attempts=1,
        lease_until=T0 + _LEASE,
        first_tried_at=T0,
        id=message.id,
    )


def test_a_claimed_message_is_not_claimed_again_before_its_lease_ends(store: Store) -> None:
    _owe(store, "a")
    assert _keys(_claim(store)) == ["a"]
    assert _claim(store, _LEASE - timedelta(seconds=1)) == []
    (again,) = _claim(store, _LEASE)
    assert again.attempts == 2


def test_messages_are_claimed_oldest_first_and_no_more_than_asked_for(store: Store) -> None:
    _owe(store, "c", "a", "b")
    assert _keys(_claim(store, limit=2)) == ["c", "a"]


def test_a_thread_goes_out_in_order_even_when_its_first_message_waits(store: Store) -> None:
    _owe(store, "one", "two", thread="t")
    _owe(store, "one", thread="t", receiver="console")
    other, first = _claim(store)
    assert (first.key, other.receiver) == ("one", "console")
    mark_retry(store, first.id, T0 + HOUR, "429")
    assert _claim(store, MINUTE) == []
    assert _keys(_claim(store, HOUR)) == ["one", "one"]  # of slack again, of console after a crash
    mark_sent(store, first.id, T0 + HOUR)
    assert _keys(_claim(store, HOUR)) == ["two"]


def test_a_message_to_be_retried_keeps_its_error_until_it_is_sent(store: Store) -> None:
    _owe(store, "a")
    (message,) = _claim(store)
    mark_retry(store, message.id, T0 + MINUTE, "HTTP 500")
    assert _claim(store, timedelta(seconds=59)) == []
    (again,) = _claim(store, MINUTE)
    assert again.error == "HTTP 500"
    mark_sent(store, again.id, T0 + MINUTE, {"ts": "1.2"})
    with store.read() as tx:
        (sent,) = notifications(tx, T0, T0 + DAY, "sent")
        assert waiting_and_dead(tx) == []
    assert (sent.error, sent.sent_at, sent.reference) == ("", T0 + MINUTE, {"ts": "1.2"})


def test_a_dead_message_stays_visible_frees_its_thread_and_can_be_revived(store: Store) -> None:
    _owe(store, "one", "two", thread="t")
    (first,) = _claim(store)
    mark_dead(store, first.id, "channel_not_found")
    assert _keys(_claim(store)) == ["two"]
    with store.read() as tx:
        dead = waiting_and_dead(tx)[0]
    assert (dead.key, dead.state, dead.error) == ("one", "dead", "channel_not_found")
    assert retry(store, first.id, T0 + MINUTE) == "waiting"
    assert _keys(_claim(store, MINUTE)) == ["one"]


def test_only_what_was_not_delivered_can_be_retried(store: Store) -> None:
    _owe(store, "a", "b")
    first, second = _claim(store)
    mark_retry(store, first.id, T0 + HOUR, "no")
    mark_sent(store, second.id, T0)
    assert retry(store, first.id, T0 + MINUTE) == "waiting"
    assert retry(store, second.id, T0) == ""
    assert retry(store, 99, T0) == ""
    assert _keys(_claim(store, MINUTE)) == ["a"]


def test_what_is_given_up_for_its_age_is_what_was_first_tried_or_made_before(store: Store) -> None:
    _owe(store, "untried", "tried")
    tried = claim(store, "slack", T0 + HOUR, _LEASE, last=1)
    assert tried is not None and tried.key == "tried"
    mark_retry(store, tried.id, T0 + DAY, "no")
    mark_old_dead(store, "slack", T0 + MINUTE)
    with store.read() as tx:
        assert [(m.key, m.state) for m in waiting_and_dead(tx)] == [
            ("untried", "dead"),
            ("tried", "waiting"),
        ]


def test_a_receiver_is_in_trouble_while_what_it_was_sent_since_its_last_success_fails(
    store: Store,
) -> None:
    def failing() -> list[tuple[str, datetime, str, int]]:
        with store.read() as tx:
            return [(t.receiver, t.since, t.error, t.waiting) for t in failing_receivers(tx)]

    _owe(store, "a", "b", "c")
    first, second, third = _claim(store)
    assert failing() == []
    mark_retry(store, first.id, T0, "no")
    assert failing() == [("slack", T0, "no", 3)]
    mark_sent(store, second.id, T0 + MINUTE)
    assert failing() == []
    mark_retry(store, third.id, T0, "no")
    assert failing() == []  # it was tried before the last success
    _owe(store, "d")
    _claim(store, HOUR)
    mark_retry(store, 4, T0 + HOUR, "down")
    assert failing() == [("slack", T0 + HOUR, "down", 3)]
    mark_sent(store, 4, T0 + 2 * HOUR)
    assert failing() == []


def test_the_deliveries_of_an_incident_are_those_of_its_thread(store: Store) -> None:
    _owe(store, "one", "two", thread="t")
    _owe(store, "other", thread="u")
    with store.read() as tx:
        found = deliveries(tx, ["t", "none"])
    assert {thread: _keys(messages) for thread, messages in found.items()} == {
        "t": ["one", "two"],
        "none": [],
    }


def test_what_is_longest_due_is_claimed_first(store: Store) -> None:
    _owe(store, "a", "b")
    (first, _) = _claim(store)
    mark_retry(store, first.id, T0 + MINUTE, "no")
    assert _keys(_claim(store, HOUR)) == ["b", "a"]


def test_a_claim_without_an_attempt_is_given_back(store: Store) -> None:
    _owe(store, "a")
    (message,) = _claim(store)
    mark_unsent(store, message.id, T0 + MINUTE)
    assert _claim(store, timedelta(seconds=59)) == []
    (again,) = _claim(store, MINUTE)
    assert (again.attempts, again.error) == (1, "")
    mark_unsent(store, again.id, T0, "429")
    with store.read() as tx:
        assert [(m.attempts, m.error) for m in waiting_and_dead(tx)] == [(0, "429")]


def test_a_message_once_sent_is_not_taken_back(store: Store) -> None:
    _owe(store, "a")
    (message,) = _claim(store)
    mark_sent(store, message.id, T0)
    mark_retry(store, message.id, T0, "late")  # whoever lost the lease reports late
    mark_dead(store, message.id, "late")
    assert _claim(store, DAY) == []
    with store.read() as tx:
        assert [m.state for m in notifications(tx, T0, T0 + DAY)] == ["sent"]


def test_the_thread_is_that_of_its_first_message_that_arrived(store: Store) -> None:
    _owe(store, "one", "two", "three", thread="t")
    assert thread_reference(store, "t", "slack") is None
    for reference in ({}, {"ts": "2"}, {"ts": "3"}):
        (message,) = _claim(store)
        mark_sent(store, message.id, T0, reference)
    assert thread_reference(store, "t", "slack") == {"ts": "2"}
    assert thread_reference(store, "t", "console") is None


def test_threads_that_claim_at_once_share_the_messages(store: Store) -> None:
    _owe(store, *map(str, range(40)))
    claimed: list[str] = []

    def work() -> None:
        while found := _claim(store, limit=3):
            claimed.extend(_keys(found))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == list(map(str, range(40)))


def test_a_slot_is_taken_once(store: Store) -> None:
    assert start_run(store, "report", T0, T0 + MINUTE, missed=2)
    assert not start_run(store, "report", T0, T0 + MINUTE)
    assert start_run(store, "prune", T0, T0 + MINUTE)
    finish_run(store, "report", T0, T0 + HOUR)
    assert not start_run(store, "report", T0, T0 + HOUR)
    with store.read() as tx:
        assert runs(tx, "report", T0, T0 + DAY) == [
            JobRun("report", T0, T0 + MINUTE, T0 + HOUR, "done", 2)
        ]


def test_the_last_slot_of_a_job_is_remembered(store: Store) -> None:
    assert last_slot(store, "report") is None
    for slot in (T0 + DAY, T0):
        start_run(store, "report", slot, slot)
    assert last_slot(store, "report") == T0 + DAY
