"""What the outbox, the notifiers and the rendering agree on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from monitor.domain.check import Finding

Reference = Mapping[str, Any]  # what a receiver gave back: for Slack {"channel": …, "ts": …}


class Undelivered(Exception):  # noqa: N818 (a state of a message, told apart by its children)
    """A message was not delivered; `reason` is plain text without secrets.

    `whole_receiver`: the trouble is the receiver's or lies on the way to it, not in this message.
    """

    def __init__(self, reason: str, *, whole_receiver: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.whole_receiver = whole_receiver


class Temporary(Undelivered):
    """Worth another attempt; after `retry_after` seconds if the receiver asked for patience,
    which is no failure. `may_have_arrived`: another attempt may repeat the message.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        whole_receiver: bool = False,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(reason, whole_receiver=whole_receiver or retry_after is not None)
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived


class Permanent(Undelivered):
    """It is refused as it is: this message, or anything as long as somebody does not mend the
    receiver's settings (a wrong token, an unknown channel).
    """


@dataclass(frozen=True, slots=True)
class Message:
    """A message owed to one receiver; `key` and `receiver` together make it unique.

    `kind` says what the payload is: `incident` (domain.message), `report` (domain.report),
    `load_test` or its `load_chart` (domain.load_report), `monitor` (monitor.recording.watch),
    `delivery` (monitor.delivery.news), `model_act` (monitor.recording.by_model).
    Messages of one `thread` and receiver go out in order; "" is no thread. `attempts` counts the
    tries, this one included, the first of them at `first_tried_at`; `state`: waiting, sent, dead,
    or merged into another one, whose id is in `reference`; `id` is 0 until it is stored;
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
    first_tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The message that goes out, and those whose word it takes over."""

    message: Message
    others: tuple[Message, ...] = ()


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
class FailingReceiver:
    """A receiver that has taken nothing since then: its last error, and how many messages wait."""

    receiver: str
    since: datetime
    error: str
    waiting: int


@runtime_checkable
class SelfExamining(Protocol):
    """A receiver that can say, without sending anything, whether it would be heard."""

    def examine(self) -> Sequence[Finding]:
        """Whether credentials, channel and rights serve, in codes of [doctor]; raises as send."""
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
