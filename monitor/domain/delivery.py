"""What the outbox, the notifiers and the rendering agree on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

Reference = Mapping[str, Any]  # what a receiver gave back: for Slack {"channel": …, "ts": …}


class Undelivered(Exception):  # noqa: N818 (a state of a message, told apart by its children)
    """A message was not delivered; `reason` is plain text without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Temporary(Undelivered):
    """Worth another attempt, after `retry_after` seconds if the receiver named them.

    `whole_receiver`: the trouble is the receiver's or lies on the way to it, not in this message.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, whole_receiver: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.whole_receiver = whole_receiver or retry_after is not None


class Permanent(Undelivered):
    """No attempt will ever succeed as things are: a wrong token, an unknown channel."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message owed to one receiver; `key` and `receiver` together make it unique.

    `kind` says what the payload is: `incident` (domain.message), `report` (domain.report),
    `load_test` or its `load_chart` (domain.load_report), `monitor` (monitor.recording.watch).
    Messages of one `thread` and receiver go out in order; "" is no thread. `attempts` counts the
    tries, this one included; `state`: waiting, sent or dead; `id` is 0 until it is stored;
    `priority` 0 overtakes 1.
    """

    key: str
    receiver: str
    kind: str
    payload: Mapping[str, Any]
    created_at: datetime
    due_at: datetime
    thread: str = ""
    state: str = "waiting"
    attempts: int = 0
    error: str = ""
    lease_until: datetime | None = None
    sent_at: datetime | None = None
    reference: Reference = field(default_factory=dict)
    id: int = 0
    priority: int = 1


@dataclass(frozen=True, slots=True)
class SlackContent:
    """A message as Slack takes it: text for notifications and screen readers, and blocks."""

    text: str
    blocks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with its title; `alt` is what is read to those who do not see it."""

    name: str
    title: str
    alt: str
    content: bytes


class Renderer(Protocol):
    """Turns messages into words, in the language and zone of one receiver."""

    def text(self, message: Message) -> str:
        """Plain text, several lines."""
        ...

    def slack(self, message: Message) -> SlackContent:
        """Block Kit blocks, within Slack's limits whatever the content."""
        ...

    def picture(self, message: Message) -> Picture | None:
        """The picture that the message is about; None for those in words."""
        ...


class Sender(Protocol):
    """A receiver that is ready to be sent to.

    A class says `leaves_machine = False` if what it is sent stays on this machine; without that
    word it is taken to leave it, and the outbox gives it nothing simulated.
    """

    def send(self, message: Message, thread: Reference | None) -> Reference:
        """Deliver, or raise Temporary or Permanent; `thread`: the first message's reference."""
        ...


@dataclass(frozen=True, slots=True)
class Notifier:
    """A kind of receiver: the constant NOTIFIER at the end of a file of monitor/notifiers.

    `options` is a frozen dataclass of settings with defaults; `build(options, renderer)` raises
    ValueError, naming the option, for settings that cannot work.
    """

    name: str
    options: type
    build: Callable[[Any, Renderer], Sender]
