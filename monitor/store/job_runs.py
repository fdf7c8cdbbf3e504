"""The calendar's memory: which slots of which job were run, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.store.codec import from_micros, to_micros
from monitor.store.database import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a job for one slot. state: running, done, failed, skipped."""

    job: str
    slot_at: datetime
    started_at: datetime
    ended_at: datetime | None
    state: str
    missed: int


_COLUMNS = "job, slot_at, started_at, ended_at, state, missed"
_START = (
    f"INSERT INTO job_runs ({_COLUMNS}) VALUES (?, ?, ?, NULL, 'running', ?) ON CONFLICT DO NOTHING"
)
_RECORD = f"INSERT INTO job_runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_FINISH = "UPDATE job_runs SET ended_at = ?, state = ? WHERE job = ? AND slot_at = ?"
_LAST = "SELECT max(slot_at) FROM job_runs WHERE job = ?"
_LAST_DONE = (
    f"SELECT {_COLUMNS} FROM job_runs WHERE job = ? AND state = 'done'"
    " ORDER BY slot_at DESC LIMIT 1"
)
_RUNS = (
    f"SELECT {_COLUMNS} FROM job_runs WHERE job = ? AND slot_at >= ? AND slot_at < ?"
    " ORDER BY slot_at"
)


def start_run(store: Store, job: str, slot_at: datetime, now: datetime, missed: int = 0) -> bool:
    """Take a slot of a job; False if it was taken before, whatever became of it."""
    with store.write() as tx:
        row = (job, to_micros(slot_at), to_micros(now), missed)
        return tx.exec_driver_sql(_START, row).rowcount == 1


def record_run(tx: Connection, run: JobRun) -> bool:
    """Note a run within the transaction that stores its result; False if the slot was taken."""
    times = to_micros(run.slot_at), to_micros(run.started_at), to_micros(run.ended_at)
    row = (run.job, *times, run.state, run.missed)
    return tx.exec_driver_sql(_RECORD, row).rowcount == 1


def finish_run(
    store: Store, job: str, slot_at: datetime, now: datetime, state: str = "done"
) -> None:
    """Note what became of a run: done, failed or skipped."""
    with store.write() as tx:
        tx.exec_driver_sql(_FINISH, (to_micros(now), state, job, to_micros(slot_at)))


def last_slot(store: Store, job: str) -> datetime | None:
    """The latest slot of a job that was taken; None if none ever was."""
    with store.read() as tx:
        last: int | None = tx.exec_driver_sql(_LAST, (job,)).scalar_one()
    return from_micros(last)


def last_done(tx: Connection, job: str) -> JobRun | None:
    """The latest run of a job that came to what it should; None if none ever did."""
    row = tx.exec_driver_sql(_LAST_DONE, (job,)).first()
    return None if row is None else _run_of(row)


def runs(tx: Connection, job: str, start: datetime, end: datetime) -> list[JobRun]:
    """The runs of a job whose slots lie in a span."""
    rows = tx.exec_driver_sql(_RUNS, (job, to_micros(start), to_micros(end)))
    return [_run_of(row) for row in rows]


def _run_of(row: Sequence[Any]) -> JobRun:
    slot_at, started_at = from_micros(row[1]), from_micros(row[2])
    return JobRun(row[0], slot_at, started_at, from_micros(row[3]), row[4], row[5])
