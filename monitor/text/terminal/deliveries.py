"""Delivery in words: who was told, what waits, and which receivers take nothing."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.delivery import FailingReceiver, Message
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.symbols import DOTS


def failing_lines(failing: Sequence[FailingReceiver], catalog: Catalog) -> list[str]:
    """The receivers that take no messages."""
    return [
        f"{DOTS['crit']} "
        + catalog.say(
            "show.failing",
            receiver=clean(one.receiver),
            since=one.since,
            error=clean(one.error),
            waiting=one.waiting,
        )
        for one in failing
    ]


def undelivered_lines(pending: Sequence[Message], catalog: Catalog) -> list[str]:
    """The messages that wait or are dead."""
    return [
        catalog.say(
            f"show.message_{message.state}",
            number=message.id,
            key=message.key,
            receiver=message.receiver,
            attempts=message.attempts,
            error=clean(message.error),
        )
        for message in pending
    ]


def delivery_lines(messages: Sequence[Message], catalog: Catalog) -> list[str]:
    """What became of each message about an incident, oldest first."""
    if not messages:
        return [catalog.say("show.nobody")]
    return [_delivery(message, catalog) for message in messages]


def _delivery(message: Message, catalog: Catalog) -> str:
    return catalog.say(
        "show.delivery",
        number=message.id,
        created=message.created_at,
        kind=catalog.name("delivery_kind", str(message.payload.get("kind", message.kind))),
        receiver=clean(message.receiver),
        state=catalog.name("delivery_state", message.state),
        sent=message.sent_at,
        merged_into=message.reference.get("merged_into"),
        attempts=message.attempts,
        error=clean(message.error),
        due=message.due_at if message.state == "waiting" else None,
    )
