"""What the other receivers are told of one that takes nothing, and of one that takes again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.delivery.outbox import Outbox
from monitor.domain.delivery import FailingReceiver, Message
from monitor.store.delivery.journal import (
    failing_receivers,
    last_sent_since,
    messages_with_key,
    waiting_for,
)
from monitor.store.delivery.notifications import add_notifications

if TYPE_CHECKING:
    from monitor.store.database import Connection

ANNOUNCED_AFTER = timedelta(minutes=10)


def watch_delivery(outbox: Outbox, now: datetime, *, is_simulated: bool = False) -> int:
    """Owe the others one message about each receiver that refuses, or has failed for long, and one
    when it works again; how many are new.

    What was announced last stands in the journal of messages, so that no restart forgets it.
    """
    if len(outbox.receivers) < 2:
        return 0
    with outbox.store.read() as tx:
        failing = {trouble.receiver: trouble for trouble in failing_receivers(tx)}
        news = [_news(tx, outbox, r, failing.get(r), now) for r in outbox.receivers]
    messages = [
        _message(payload | {"simulated": is_simulated}, receiver, now)
        for payload in news
        if payload
        for receiver in outbox.receivers
        if receiver != payload["receiver"]
    ]
    if not messages:
        return 0
    with outbox.store.write() as tx:
        return add_notifications(tx, messages)


def sample_message(receiver: str, now: datetime) -> Message:
    """A message that says nothing but that it arrived."""
    payload = {"kind": "test", "receiver": receiver, "since": now.isoformat()}
    return Message(f"test:{now.isoformat()}", receiver, "delivery", payload, now, now)


def _news(
    tx: Connection, outbox: Outbox, receiver: str, trouble: FailingReceiver | None, now: datetime
) -> dict[str, Any] | None:
    """What is new about a receiver since it was announced last."""
    last = messages_with_key(tx, _prefix(receiver), 1)
    if last and last[0].payload["kind"] == "failing":
        return _works(tx, last[0].payload, trouble)
    if trouble is None:
        return None
    is_refused = outbox.is_refused(receiver)
    if not is_refused and now - trouble.since < ANNOUNCED_AFTER:
        return None
    return {
        "kind": "failing",
        "receiver": receiver,
        "since": trouble.since.isoformat(),
        "error": trouble.error,
        "waiting": trouble.waiting,
        "refused": is_refused,
    }


def _works(tx: Connection, failing: Any, trouble: FailingReceiver | None) -> dict[str, Any] | None:
    receiver, since = failing["receiver"], failing["since"]
    sent_at = last_sent_since(tx, receiver, datetime.fromisoformat(since))
    if trouble is not None or sent_at is None:
        return None
    return {
        "kind": "works",
        "receiver": receiver,
        "since": since,
        "until": sent_at.isoformat(),
        "waiting": waiting_for(tx, receiver),
    }


def _message(payload: dict[str, Any], receiver: str, now: datetime) -> Message:
    thread = f"{_prefix(payload['receiver'])}{payload['since']}"
    key = f"{thread}:{payload['kind']}"
    return Message(key, receiver, "delivery", payload, now, now, thread, priority=0)


def _prefix(receiver: str) -> str:
    return f"delivery:{receiver}:"
