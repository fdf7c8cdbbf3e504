"""News of the monitor itself, sent to one receiver without the store."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.delivery import Message, Reference, Sender
from monitor.scheduling.bounded import BoundedWorker, Overran, Raised

log = logging.getLogger(__name__)
_SEND_WITHIN = timedelta(seconds=20)
_PAUSES_SECONDS = (5.0, 10.0, 30.0, 60.0, 300.0)


class Herald:
    """Tells one receiver, however often it takes; news that overtakes other news replaces it.

    Its threads exist from the start: it speaks when there is nothing left to be had.
    """

    def __init__(self, receiver: str, sender: Sender) -> None:
        self._receiver = receiver
        self._sender = sender
        self._news: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.idle = threading.Event()  # nothing is left to be told
        self.idle.set()
        self._worker = BoundedWorker(f"news to {receiver}")
        self._worker.run(lambda: None, _SEND_WITHIN, threading.Event())
        threading.Thread(target=self._serve, name=f"herald {receiver}", daemon=True).start()

    def announce(self, payload: Mapping[str, Any], now: datetime) -> None:
        """Let it be told; returns at once."""
        key = f"monitor:{payload['state']}:{payload['since']}"
        self.idle.clear()
        self._news.put(Message(key, self._receiver, "monitor", payload, now, now))

    def _serve(self) -> None:
        thread: Reference | None = None
        while True:
            message, reference = self._tell(self._news.get(), thread)
            thread = reference if message.payload["state"] == "failing" else None
            if self._news.empty():
                self.idle.set()

    def _tell(self, message: Message, thread: Reference | None) -> tuple[Message, Reference | None]:
        """Try until it arrives; what was sent in the end, and what the receiver gave back."""
        tries = 0
        while True:
            sent = self._attempt(message, thread)
            if sent is not None:
                return message, sent
            pause = _PAUSES_SECONDS[min(tries, len(_PAUSES_SECONDS) - 1)]
            tries += 1
            try:
                message, tries = self._news.get(timeout=pause), 0
            except queue.Empty:
                continue

    def _attempt(self, message: Message, thread: Reference | None) -> Reference | None:
        found = self._worker.run(
            lambda: self._sender.send(message, thread), _SEND_WITHIN, threading.Event()
        )
        if isinstance(found, Overran):
            log.warning("news to %s: no answer in time", self._receiver)
            return None
        if isinstance(found, Raised):
            log.warning("news to %s: %s", self._receiver, found.error)
            return None
        reference: Reference = found
        return reference
