"""One ping of a dead-man's switch over HTTP, in the form of healthchecks.io."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import httpx

from monitor.scheduling.bounded import InterruptibleWorker, Overran, Raised

PING_MAX = timedelta(seconds=10)
_BODY_MAX = 10_000
_ANSWER_MAX = 100


class Signal(StrEnum):
    """What a ping says: the ending of the path."""

    START = "/start"
    SUCCESS = ""
    FAIL = "/fail"


@dataclass(slots=True)
class Pinger:
    """Sends pings to an address, which is a secret: whoever knows it can pretend to be us.

    `abandoned` ends a ping for which nobody waits any more.
    """

    url: str = field(repr=False)
    abandoned: threading.Event = field(default_factory=threading.Event)
    transport: httpx.BaseTransport | None = None
    time_max: timedelta = PING_MAX
    _worker: InterruptibleWorker = field(default_factory=lambda: InterruptibleWorker("heartbeat"))

    def ping(self, signal: Signal, text: str = "") -> str:
        """Why it was not accepted, without the address; "" if it was.

        Raises AbandonedError.
        """
        send: Callable[[], str] = lambda: self._send(signal, text)  # noqa: E731
        found = self._worker.run(send, self.time_max, self.abandoned)
        if isinstance(found, Overran):
            return f"no answer within {self.time_max.total_seconds():g} s"
        if isinstance(found, Raised):
            return type(found.error).__name__  # its text may hold the address
        return str(found)

    def _send(self, signal: Signal, text: str) -> str:
        url = httpx.URL(self.url)
        url = url.copy_with(path=url.path.rstrip("/") + signal)
        with httpx.Client(timeout=self.time_max.total_seconds(), transport=self.transport) as way:
            if signal is Signal.FAIL:
                answer = way.post(url, content=text.encode()[:_BODY_MAX])
            else:
                answer = way.get(url)
        return _refusal(answer)


def _refusal(answer: httpx.Response) -> str:
    """An address that nobody knows, or that was asked too often, was answered with 200, too."""
    if not answer.is_success:
        return f"status {answer.status_code}"
    said = answer.text[:_ANSWER_MAX].strip()
    return said if said.startswith("OK (") else ""
