"""Stores for tests: migrated once, copied for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from monitor.domain.cause import Causes
from monitor.domain.check import Finding, Memory, Metric, Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.domain.incident.model import Rules
from monitor.recording.announce import Announcer
from monitor.recording.record import Recorder
from monitor.resources import folder
from monitor.store.database import Store, migrate, open_store
from monitor.store.passes.record import record_pass

T0 = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(path)
        return path.read_bytes()


def back_to(path: Path, revision: str) -> None:
    """Take a migrated database back to the schema of an earlier revision."""
    config = Config()
    config.set_main_option("script_location", str(folder("alembic")))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as tx:
        config.attributes["connection"] = tx
        command.downgrade(config, revision)
    engine.dispose()


def recorder_of(store: Store, receivers: Sequence[str]) -> Recorder:
    """A recorder without declared causes, whose messages are owed to these receivers."""
    return Recorder(store, Announcer(store, Rules(Causes(())), lambda: receivers))


def fresh_store(folder: Path) -> Store:
    """A new, empty store in a folder."""
    path = folder / "paypulse.db"
    path.write_bytes(_migrated())
    return open_store(path, durable=False)


def record(
    store: Store,
    at: datetime,
    *metrics: Metric,
    check: str = "outbox_age",
    findings: tuple[Finding, ...] = (),
    status: Status | None = None,
    memory: Memory | None = None,
    missed: int = 0,
) -> int:
    """Record a pass as the engine would, in a transaction of its own."""
    verdict = Verdict.of(findings, metrics)
    if status is not None:
        verdict = Verdict(status, findings, metrics)
    with store.write() as tx:
        return record_pass(tx, Observed(check, at, 5.0, verdict, memory or {}), at, missed)


def rows(store: Store, sql: str, *params: object) -> list[tuple[object, ...]]:
    """What a plain SQL query over the store answers."""
    with store.read() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(sql, params)]
