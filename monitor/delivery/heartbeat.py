"""The heartbeat: somebody outside is told of each whole loop of look, record and deliver.

When it stops, or says that it fails, they raise the alarm that the monitor itself cannot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from monitor.delivery.news import ANNOUNCED_AFTER
from monitor.delivery.outbox import Outbox
from monitor.delivery.ping import Pinger, Signal
from monitor.domain.check_pass import Planned
from monitor.scheduling.schedule import RECORDING, Job, Watch
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store, StoreError
from monitor.store.delivery.journal import failing_receivers
from monitor.store.job_runs import finish_run, last_slot, start_run

log = logging.getLogger(__name__)

HEARTBEAT = "heartbeat"
_SLACK_SECONDS = 30.0  # what a pass may be late by without anything being wrong
_IDLE_SECONDS_MAX = 120.0  # a long round of delivery asks for the next message more often
_ERROR_MAX = 300


class Say(Protocol):
    """The sentence of a key."""

    def __call__(self, key: str, /, **params: object) -> str:
        """In the language of whoever reads it."""
        ...


@dataclass(slots=True)
class Heartbeat:
    """Hears of every pass, and says outside whether the monitor does what it is there for."""

    pinger: Pinger
    store: Store
    checks: Mapping[str, Planned]
    outbox: Outbox
    say: Say
    elapsed: Callable[[], float] = time.monotonic
    _began_at: float | None = None
    _passed_at: dict[str, float] = field(default_factory=dict)
    _failing: dict[str, str] = field(default_factory=dict)

    def failed(self, work: str, error: BaseException, now: datetime) -> None:
        """A pass came to nothing, or could not be recorded."""
        self._failing[work] = str(error)[:_ERROR_MAX]

    def worked(self, work: str, now: datetime) -> None:
        """A pass was recorded."""
        self._passed_at[work] = self.elapsed()
        self._failing.pop(work, None)

    def beat(self, slot_at: datetime, now: datetime, missed: int) -> None:
        """Ping success after a whole loop, fail where something is wrong, else nothing yet."""
        try:
            if self._began_at is None:
                self._begin(now)
            start_run(self.store, HEARTBEAT, slot_at, now, missed)
            state = self._ping(self._troubles(now))
            finish_run(self.store, HEARTBEAT, slot_at, now, state)
        except StoreError as error:
            self._ping([self.say("heartbeat.store", error=str(error)[:_ERROR_MAX])])

    def _begin(self, now: datetime) -> None:
        """What was looked at before this process began, and is not due yet, is no gap."""
        self._began_at = self.elapsed()
        self._sent(Signal.START)
        for name, planned in self._periodic():
            last = last_slot(self.store, name)
            if last is not None and last >= Timetable(planned.every).latest(now):
                self._passed_at.setdefault(name, self._began_at)

    def _ping(self, troubles: Sequence[str]) -> str:
        """What became of this beat, as the calendar notes it."""
        if troubles:
            self._sent(Signal.FAIL, "\n".join(troubles))
            return "failed"
        if any(name not in self._passed_at for name, _ in self._periodic()):
            return "skipped"  # the first loop is not over
        return "done" if self._sent(Signal.SUCCESS) else "failed"

    def _sent(self, signal: Signal, text: str = "") -> bool:
        refusal = self.pinger.ping(signal, text)
        if refusal:
            log.warning("the heartbeat was not accepted: %s", refusal)
        return not refusal

    def _troubles(self, now: datetime) -> list[str]:
        return [*self._late_passes(), *self._held_up(now)]

    def _late_passes(self) -> Iterator[str]:
        for work, error in sorted(self._failing.items()):
            yield self.say("heartbeat.not_recorded", check=_check(work), error=error)
        at = self.elapsed()
        for name, planned in self._periodic():
            silent = at - self._passed_at.get(name, self._began_at or at)
            if silent > _silence_max(planned) and name not in self._failing:
                yield self.say("heartbeat.no_pass", check=_check(name), seconds=silent)

    def _held_up(self, now: datetime) -> Iterator[str]:
        with self.store.read() as tx:
            failing = failing_receivers(tx)
        for one in failing:
            known = one.receiver in self.outbox.receivers
            since = now - one.since
            if known and (self.outbox.is_failing(one.receiver) or since >= ANNOUNCED_AFTER):
                yield self.say(
                    "heartbeat.not_delivered",
                    receiver=one.receiver,
                    error=one.error,
                    waiting=one.waiting,
                )
        for receiver in self.outbox.receivers:
            idle = self.outbox.idle_seconds(receiver)
            if idle > _IDLE_SECONDS_MAX:
                yield self.say("heartbeat.delivery_stuck", receiver=receiver, seconds=idle)

    def _periodic(self) -> Iterator[tuple[str, Planned]]:
        """The checks that look again and again; those at times of day have no rhythm to miss."""
        for name, planned in self.checks.items():
            if not planned.cron:
                yield f"{RECORDING}{name}", planned


def heartbeat_job(heartbeat: Heartbeat, every: timedelta) -> Job:
    """The job beside all others: it delays none, and none delays it."""
    return Job(HEARTBEAT, Timetable(every), heartbeat.beat, records=True)


@dataclass(frozen=True, slots=True)
class Watches:
    """Several that hear what becomes of the work."""

    watches: Sequence[Watch]

    def failed(self, work: str, error: BaseException, now: datetime) -> None:
        """It could not be recorded."""
        for watch in self.watches:
            watch.failed(work, error, now)

    def worked(self, work: str, now: datetime) -> None:
        """It was recorded."""
        for watch in self.watches:
            watch.worked(work, now)


def _silence_max(planned: Planned) -> float:
    """So long no pass may be recorded: one may use up its time and the next one begin late."""
    spans = planned.every + planned.timeout
    return spans.total_seconds() + planned.jitter_seconds + _SLACK_SECONDS


def _check(work: str) -> str:
    return work.removeprefix(RECORDING)
