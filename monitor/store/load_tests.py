"""Runs of load tests: while they go on, when they ended, and those read from files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitor.domain.load_test import plain as load_plain
from monitor.domain.load_test.run import INVALID, LoadTestRun
from monitor.domain.statement import Statement
from monitor.store.codec import from_micros, to_json, to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from monitor.store.database import Store

FILE_BYTES_MAX = 8_000_000  # compressed; what is larger is not kept
_LEVEL = 6

_COLUMNS = (
    *("scenario", "target", "started_at", "ended_at", "state", "exit_code", "reason", "figures"),
    *("summary", "origin", "file", "content_hash", "script_hash", "k6_version", "options"),
    *("host", "doubts", "result"),
)
_INSERT = (
    f"INSERT INTO load_tests ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_UPDATE = f"UPDATE load_tests SET {', '.join(f'{c} = ?' for c in _COLUMNS)} WHERE id = ?"
_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM load_tests"
_BETWEEN = (
    f"{_SELECT} WHERE started_at >= ? AND started_at < ? AND (? = '' OR scenario = ?)"
    " ORDER BY started_at DESC, id DESC LIMIT ?"
)
_ONE = f"{_SELECT} WHERE id = ?"
_RUNNING = f"{_SELECT} WHERE state = 'running' ORDER BY id"
_SAME = "SELECT id FROM load_tests WHERE content_hash = ? AND content_hash <> '' AND id <> ?"
_KEEP = (
    "INSERT INTO load_test_files (load_test_id, size_bytes, content) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET size_bytes = excluded.size_bytes, content = excluded.content"
)
_FILE = "SELECT content FROM load_test_files WHERE load_test_id = ?"
_SPANS = (
    "SELECT id, started_at, ended_at, state FROM load_tests WHERE origin = 'run'"
    " AND started_at < ? AND (ended_at > ? OR (ended_at IS NULL AND state = 'running'))"
    " ORDER BY started_at"
)


@dataclass(frozen=True, slots=True)
class LoadSpan:
    """When a run of ours put load on the platform; `ended_at` None: it still does."""

    id: int
    started_at: datetime
    ended_at: datetime | None


def save_run(tx: Connection, run: LoadTestRun) -> int:
    """Store a run: a new one, or the end of one that was stored as running; gives back its id."""
    row = _row_of(tx, run)
    if run.id is None:
        run_id = int(tx.exec_driver_sql(_INSERT, row).lastrowid)
    else:
        run_id = run.id
        tx.exec_driver_sql(_UPDATE, (*row, run_id))
    if run.raw:
        content = zlib.compress(run.raw, _LEVEL)
        if len(content) <= FILE_BYTES_MAX:
            tx.exec_driver_sql(_KEEP, (run_id, len(run.raw), content))
    return run_id


def same_content(tx: Connection, content_hash: str) -> int | None:
    """The run whose file had the same content, if there is one."""
    found = tx.exec_driver_sql(_SAME, (content_hash, -1)).scalar()
    return None if found is None else int(found)


def load_tests(
    tx: Connection, start: datetime, end: datetime, scenario: str = "", limit: int = 10
) -> list[LoadTestRun]:
    """The runs that started in a span, newest first, of one scenario or all."""
    row = (to_micros(start), to_micros(end), scenario, scenario, limit)
    return [_run_of(found) for found in tx.exec_driver_sql(_BETWEEN, row)]


def load_test(tx: Connection, run_id: int) -> LoadTestRun | None:
    """One run by its id."""
    found = tx.exec_driver_sql(_ONE, (run_id,)).first()
    return None if found is None else _run_of(found)


def raw_file(tx: Connection, run_id: int) -> bytes | None:
    """A run's result as k6 wrote it; None if it was too large to be kept, or is pruned."""
    content = tx.exec_driver_sql(_FILE, (run_id,)).scalar()
    return None if content is None else zlib.decompress(content)


def running(tx: Connection) -> list[LoadTestRun]:
    """The runs that go on, or that were killed before they could say how they ended."""
    return [_run_of(found) for found in tx.exec_driver_sql(_RUNNING)]


def abandon(store: Store, now: datetime) -> list[int]:
    """Mark runs that nobody follows any more as aborted; the caller knows that none goes on."""
    with store.write() as tx:
        lost = running(tx)
        for run in lost:
            doubt = Statement("monitor_killed")
            ended = replace(run, state=INVALID, reason=doubt.code, doubts=(doubt,))
            save_run(tx, replace(ended, ended_at=_end_at_most(run, now)))
    return [run.id for run in lost if run.id is not None]


def _end_at_most(run: LoadTestRun, now: datetime) -> datetime:
    """k6 dies with us, so the load ended at the latest when the run was to end."""
    seconds = run.options.get("seconds")
    latest = run.started_at + timedelta(seconds=seconds) if seconds else now
    return min(now, latest) if latest > run.started_at else now


def load_spans(tx: Connection, start: datetime, end: datetime) -> list[LoadSpan]:
    """When our own runs put load on the platform in a span: live baselines leave it out."""
    rows = tx.exec_driver_sql(_SPANS, (to_micros(end), to_micros(start)))
    return [LoadSpan(i, from_micros(begun), from_micros(ended)) for i, begun, ended, _ in rows]


def _row_of(tx: Connection, run: LoadTestRun) -> tuple[Any, ...]:
    content_hash = run.content_hash
    if content_hash and tx.exec_driver_sql(_SAME, (content_hash, run.id or -1)).first():
        content_hash = ""  # k6 wrote the very same twice: both runs happened
    result = {} if run.result is None else load_plain.to_plain(run.result)
    return (
        *(run.scenario, run.target, to_micros(run.started_at), to_micros(run.ended_at)),
        *(run.state, run.exit_code, run.reason, to_json(dict(run.figures))),
        to_json({"log": run.log} if run.log else {}),
        *(run.origin, run.file, content_hash, run.script_hash, run.k6_version),
        *(to_json(dict(run.options)), to_json(dict(run.host))),
        *(to_json(load_plain.doubts_to_plain(run.doubts)), to_json(result)),
    )


def _run_of(row: Sequence[Any]) -> LoadTestRun:
    run_id, *values = row
    told: Mapping[str, Any] = dict(zip(_COLUMNS, values, strict=True))
    numbers = json.loads(told["figures"])
    result = load_plain.from_plain(json.loads(told["result"]))
    return LoadTestRun(
        id=run_id,
        started_at=from_micros(told["started_at"]),
        ended_at=from_micros(told["ended_at"]),
        figures=numbers,
        log=str(json.loads(told["summary"]).get("log", "")),
        options=json.loads(told["options"]),
        host=json.loads(told["host"]),
        doubts=_doubts_of(told),
        result=result or load_plain.from_figures(numbers),
        **{key: told[key] for key in _PLAIN},
    )


_PLAIN = (
    *("scenario", "target", "state", "exit_code", "reason", "origin", "file", "content_hash"),
    *("script_hash", "k6_version"),
)


def _doubts_of(told: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Rows from before revision 0004 know one reason only."""
    found = load_plain.doubts_from_plain(json.loads(told["doubts"]))
    if not found and told["state"] == INVALID and told["reason"]:
        return (Statement(told["reason"]),)
    return found
