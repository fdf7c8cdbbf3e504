"""A few file descriptors kept back: where there are none left, the watch still has some."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from monitor.domain.delivery import Sender
from monitor.domain.shortage import own_shortage
from monitor.recording.herald import Herald

log = logging.getLogger(__name__)

KEPT = 16  # for the store, a message to each receiver, and a look at the platform
CALM = timedelta(minutes=1)  # held again for so long, before the lack is over
_MARGIN = 8  # so many more must be free before they are taken again
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class DescriptorReserve:
    """Descriptors of the null device: let go when nothing can be opened, taken again later."""

    kept: int = KEPT
    _held: list[int] = field(default_factory=list)

    def lacking(self) -> OSError | None:
        """Look whether anything can be opened; why not, as long as the reserve is not held."""
        wanted = 1 if self._held else self.kept + _MARGIN
        opened, error = _opened(wanted)
        if error is not None:
            _close([*opened, *self._held])
            self._held = []
        elif self._held:
            _close(opened)
        else:
            self._held = opened[: self.kept]
            _close(opened[self.kept :])
        return error

    def release(self) -> None:
        """Give them back for good."""
        _close(self._held)
        self._held = []


class ReserveWatch:
    """Looks each second, and tells each receiver once of a lack and once of its end."""

    def __init__(self, senders: Mapping[str, Sender], calm: timedelta = CALM):
        self._heralds = [Herald(name, sender) for name, sender in senders.items()]
        self._reserve = DescriptorReserve()
        self._calm_seconds = calm.total_seconds()
        self._since: datetime | None = None
        self._reason, self._lacked_at = "", 0.0

    def start(self, ended: Callable[[float], bool]) -> None:
        """Keep looking until `ended`, which waits so many seconds, says so."""
        self.look(datetime.now(UTC))
        threading.Thread(target=self._serve, args=(ended,), name="reserve", daemon=True).start()

    def look(self, now: datetime) -> None:
        """One look, and what is to be said of it."""
        error = self._reserve.lacking()
        if error is not None:
            self._lacked_at = monotonic()
            if self._since is None:
                self._since, self._reason = now, own_shortage(error) or str(error)
                log.error("the monitor itself lacks %s: its reserve is free now", self._reason)
                self._announce("failing", now)
        elif self._since is not None and monotonic() - self._lacked_at >= self._calm_seconds:
            log.warning("the monitor has %s again", self._reason)
            self._announce("over", now)
            self._since = None

    def _serve(self, ended: Callable[[float], bool]) -> None:
        while not ended(_LOOK_SECONDS):
            self.look(datetime.now(UTC))
        self._reserve.release()

    def _announce(self, state: str, now: datetime) -> None:
        since = self._since or now
        payload: dict[str, Any] = {
            "about": "descriptor_news",
            "state": state,
            "reason": self._reason,
            "since": since.isoformat(),
            "until": now.isoformat(),
        }
        for herald in self._heralds:
            herald.announce(payload, now)


def _opened(count: int) -> tuple[list[int], OSError | None]:
    opened: list[int] = []
    try:
        for _ in range(count):
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return opened, error
    return opened, None


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
