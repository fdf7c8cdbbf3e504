"""The report's job: a report is owed once per local date and receiver."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from monitor.config.models import Config
from monitor.domain.delivery import Message
from monitor.reports import build as report
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications
from monitor.store.job_runs import JobRun, last_slot, record_run, runs

WAIT_MAX = timedelta(minutes=2)
_PAUSE_SECONDS = 0.1
_ROUNDS = 50


def enqueue_report(
    store: Store,
    config: Config,
    kind: str,
    slot_at: datetime,
    now: datetime,
    receivers: Sequence[str],
    *,
    simulated: bool = False,
) -> None:
    """Build the report of a slot's local day and owe it, and the slot is done: all at once."""
    day = config.report.day(kind, slot_at, config.zone)
    messages = report_messages(store, config, kind, day, now, receivers, simulated=simulated)
    with store.write() as tx:
        if record_run(tx, JobRun(f"report:{kind}", slot_at, now, now, "done", 0)):
            add_notifications(tx, messages)


def await_passes(
    store: Store,
    awaited: Mapping[str, timedelta],
    moment: datetime,
    now: datetime,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Wait briefly until each check, by its interval, has passed its last slot up to a moment.

    TimeoutError: one has not, and the report is owed still. Two minutes after the moment it goes
    on without them. Where checks and reports take turns in one thread, the checks of a moment come
    first, and nothing is waited for.
    """
    slots = {name: Timetable(every).latest(moment) for name, every in awaited.items()}
    for _ in range(_ROUNDS):
        late = [name for name, slot in slots.items() if _is_before(store, name, slot)]
        if not late or now - moment >= WAIT_MAX:
            return
        pause(_PAUSE_SECONDS)
    raise TimeoutError(f"the report waits for the pass of {', '.join(late)}")


def _is_before(store: Store, check: str, slot: datetime) -> bool:
    last = last_slot(store, f"check:{check}")
    return last is None or last < slot


def report_messages(
    store: Store,
    config: Config,
    kind: str,
    day: date,
    now: datetime,
    receivers: Sequence[str],
    *,
    simulated: bool = False,
) -> list[Message]:
    """The report of a day as one message for each receiver, unique by kind, day and receiver."""
    skipped, limits = _skipped(store, config, kind, now), config.baseline.limits()
    built = report.build(
        store, kind, day, config.zone, now, skipped=skipped, simulated=simulated, limits=limits
    ).to_dict()
    key = f"report:{kind}:{day.isoformat()}"
    return [Message(key, name, "report", built, now, now) for name in receivers]


def _skipped(store: Store, config: Config, kind: str, now: datetime) -> list[date]:
    """The days since the last report whose own report came too late to be of use."""
    with store.read() as tx:
        found = runs(tx, f"report:{kind}", now - timedelta(days=31), now)
    if not found:
        return []
    done = [run.slot_at for run in found if run.state == "done"]
    since = max(done, default=found[0].slot_at)  # the first slot is only where the calendar began
    late = [run.slot_at for run in found if run.state == "skipped" and run.slot_at > since]
    return [config.report.day(kind, slot, config.zone) for slot in late]
