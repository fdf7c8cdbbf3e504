"""The monitor's eye on its own store: what cannot be recorded is told without it, once."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from monitor.domain.delivery import Sender
from monitor.domain.shortage import own_shortage
from monitor.recording.herald import Herald

log = logging.getLogger(__name__)

CALM = timedelta(minutes=1)  # without a failure, before the trouble is over
_REASON_MAX = 300


@dataclass(slots=True)
class _Trouble:
    """The store cannot be used, since then; `failing`: the work that has not succeeded since."""

    since: datetime
    reason: str
    last_at: datetime
    failing: set[str] = field(default_factory=set)


class StoreWatch:
    """Hears of every attempt to record, and tells the receivers directly when it fails.

    Its state is in memory. What it was in the middle of is noted beside the database, as well as
    that can be done: a restart neither tells it again nor forgets to tell its end.
    """

    def __init__(self, senders: Mapping[str, Sender], database: Path, calm: timedelta = CALM):
        self._database = database
        self._noted = database.with_name(database.name + ".trouble")
        self._calm = calm
        self._turn = threading.Lock()
        self._heralds = [Herald(name, sender) for name, sender in senders.items()]
        self._trouble = _noted(self._noted)

    def failed(self, work: str, error: BaseException | str, now: datetime) -> None:
        """This work could not be recorded; the first of a trouble is told."""
        with self._turn:
            if self._trouble is None:
                self._trouble = _Trouble(now, _reason(error), now)
                log.error("the monitor's database is in trouble: %s", self._trouble.reason)
                self._announce("failing", self._trouble, now)
                self._note(self._trouble)
            self._trouble.failing.add(work)
            self._trouble.last_at = now

    def worked(self, work: str, now: datetime) -> None:
        """This work was recorded; once all that failed was, and for a while, the end is told."""
        trouble = self._trouble
        if trouble is None:
            return
        with self._turn:
            trouble.failing.discard(work)
            is_calm = abs(now - trouble.last_at) >= self._calm  # the clock may have been set back
            if trouble.failing or not is_calm or self._trouble is None:
                return
            self._trouble = None
            log.warning("the monitor's database works again")
            self._announce("over", trouble, now)
            with suppress(OSError):
                self._noted.unlink(missing_ok=True)

    def settle(self, within: timedelta) -> None:
        """Wait until all has been told, so long at most: before a process ends."""
        ends_at = monotonic() + within.total_seconds()
        for herald in self._heralds:
            herald.idle.wait(max(ends_at - monotonic(), 0))

    def _announce(self, state: str, trouble: _Trouble, now: datetime) -> None:
        payload = {
            "state": state,
            "reason": trouble.reason,
            "since": trouble.since.isoformat(),
            "until": now.isoformat(),
            "database": str(self._database),
        }
        for herald in self._heralds:
            herald.announce(payload, now)

    def _note(self, trouble: _Trouble) -> None:
        noted = {"since": trouble.since.isoformat(), "reason": trouble.reason}
        with suppress(OSError):  # the disk may be full, too
            self._noted.write_text(json.dumps(noted), encoding="utf-8")


def _reason(error: BaseException | str) -> str:
    """What went wrong; what the process itself lacks is said first, for the file may be sound."""
    lack = own_shortage(error) if isinstance(error, BaseException) else ""
    said = f"the monitor itself lacks {lack} ({error})" if lack else str(error)
    return said[:_REASON_MAX]


def _noted(path: Path) -> _Trouble | None:
    """The trouble that a process before this one told of, and not of its end."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        since = datetime.fromisoformat(noted["since"])
        return _Trouble(since, str(noted["reason"]), since)
    except (OSError, ValueError, KeyError, TypeError):
        return None
