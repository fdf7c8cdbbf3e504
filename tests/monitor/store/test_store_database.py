"""The database file: schema, refusals, transactions, several processes, backup."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel
from store_case import MINUTE, T0, back_to, fresh_store, record, rows

import monitor.store.tables  # noqa: F401  (fills the metadata)
from monitor.domain.check import Metric
from monitor.domain.statement import InvalidError
from monitor.resources import folder
from monitor.store.database import Store, StoreError, head, migrate, open_store
from monitor.store.upkeep.backup import backup
from monitor.store.upkeep.stats import stats


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def test_upgrade_from_nothing_gives_the_schema_of_the_tables(store: Store) -> None:
    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_tables_without_rowid_and_the_partial_index_are_migrated_as_declared(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "declared.db"
    path.touch()
    declared = Store(path, durable=False)
    with declared.write() as tx:
        SQLModel.metadata.create_all(tx)
    rowid = "SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE '%sch%'"
    partial = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%NULL'"
    for query in (rowid, partial):
        ours = {row for row in rows(store, query) if row[0] != "alembic_version"}
        assert ours == set(rows(declared, query))
    declared.close()


def test_head_by_file_name_is_the_head_that_alembic_sees() -> None:
    assert ScriptDirectory(str(folder("alembic"))).get_heads() == [head()]


def test_an_open_store_does_not_import_alembic(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from monitor.store.database import *;"
        f"migrate(Path({str(store.path)!r})); open_store(Path({str(store.path)!r})).close();"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "paypulse.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("PRAGMA schema_version").fetchone()
        migrate(path)
        assert connection.execute("PRAGMA schema_version").fetchone() == before


def _missing(path: Path) -> None:
    pass


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a database, but long enough to be read as a header" * 10)


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()


def _newer(path: Path) -> None:
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (_missing, "paypulse db migrate"),
        (_empty, "paypulse db migrate"),
        (_text, "not a database"),
        (_foreign, "another program"),
        (_newer, "newer paypulse"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(
    tmp_path: Path, prepare: object, says: str
) -> None:
    path = tmp_path / "some.db"
    prepare(path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=says):
        open_store(path)


def test_a_foreign_database_is_not_migrated(tmp_path: Path) -> None:
    _foreign(tmp_path / "some.db")
    with pytest.raises(StoreError, match="another program"):
        migrate(tmp_path / "some.db")
    with pytest.raises(StoreError, match="newer paypulse"):
        _newer(tmp_path / "newer.db")
        migrate(tmp_path / "newer.db")


def test_the_file_is_in_wal_mode_and_can_be_vacuumed_in_steps(store: Store) -> None:
    assert rows(store, "PRAGMA journal_mode") == [("wal",)]
    assert rows(store, "PRAGMA auto_vacuum") == [(2,)]
    assert rows(store, "PRAGMA foreign_keys") == [(1,)]


def test_a_durable_store_waits_for_the_disk(store: Store) -> None:
    durable = open_store(store.path)
    assert rows(durable, "PRAGMA synchronous") == [(2,)]
    durable.close()


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.exec_driver_sql("INSERT INTO check_memory VALUES ('a', '{}')")
        _ = 1 / 0
    assert rows(store, "SELECT * FROM check_memory") == []


def test_a_writer_has_its_lock_before_its_first_statement(store: Store) -> None:
    with (
        store.write(),
        closing(sqlite3.connect(store.path, timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_read_does_not_see_what_is_written_during_it(store: Store) -> None:
    with store.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM snapshots").scalar_one() == 0
        record(store, T0)
        assert tx.exec_driver_sql("SELECT count(*) FROM snapshots").scalar_one() == 0
    assert rows(store, "SELECT count(*) FROM snapshots") == [(1,)]


_CRASHES = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import event, Engine
from monitor.domain.check import Finding, Metric, Status, Verdict
from monitor.store.database import open_store
from monitor.domain.check_pass import Observed
from monitor.store.passes.record import record_pass

at = datetime(2026, 11, 1, tzinfo=UTC)
finding = Finding("outbox_old", Status.CRIT, "shard1")
metrics = (Metric("outbox_waiting_messages", 3, "shard1"), Metric("payments_created", 3))
record = Observed("c", at, 1.0, Verdict.of([finding], metrics), {"a": 1})

def crash_at(statement):
    store = open_store(Path(sys.argv[1]), durable=False)
    left = [statement]
    def count(*args):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), 9)
    with store.write() as tx:
        event.listen(tx, "before_cursor_execute", count)
        record_pass(tx, record, at)
        event.remove(tx, "before_cursor_execute", count)
        if left[0] == 0:  # after the last statement, before the commit
            os.kill(os.getpid(), 9)
    os._exit(0)

for statement in range(100):
    child = os.fork()
    if not child:
        crash_at(statement)
    if os.waitpid(child, 0)[1] == 0:
        break
    store = open_store(Path(sys.argv[1]), durable=False)
    with store.read() as tx:
        for table in ("snapshots", "findings", "series", "metric_values", "histograms",
                      "pass_counts", "check_memory"):
            n = tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            assert n == 0, (statement, table)
    store.close()
print(statement)
"""


def test_a_kill_between_any_two_statements_leaves_nothing_half_written(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CRASHES, str(store.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) >= 8  # that many statements were tried
    assert rows(store, "SELECT count(*) FROM snapshots") == [(1,)]


_WRITER = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from store_case import MINUTE, T0, record
from monitor.domain.check import Metric
from monitor.store.database import open_store

store = open_store(Path(sys.argv[1]), durable=False)
for i in range(60):
    at = T0 + MINUTE * i + MINUTE * int(sys.argv[2]) / 2
    record(store, at, Metric("outbox_waiting_messages", i + 1.0))
store.close()
"""


def test_two_processes_that_write_at_once_lose_nothing(store: Store) -> None:
    command = [sys.executable, "-c", _WRITER, str(store.path)]
    tests = str(Path(__file__).parents[2] / "support")
    writers = [subprocess.Popen([*command, str(i), tests]) for i in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert rows(store, "SELECT count(*) FROM metric_values") == [(120,)]
    day = "SELECT count, total FROM histograms WHERE span = 86400"
    assert rows(store, day) == [(120, 60.0 * 61)]
    assert rows(store, "SELECT sum(ok) FROM pass_counts") == [(120,)]


def test_threads_of_one_process_take_turns(store: Store) -> None:
    def write(name: str) -> None:
        for i in range(25):
            record(store, T0 + MINUTE * i, Metric("breaks", 1.0), check=name)

    threads = [threading.Thread(target=write, args=(f"check{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(store, "SELECT count(*) FROM metric_values") == [(100,)]


def test_a_backup_taken_while_others_write_is_whole(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        minute = 0
        while not stop.is_set():
            minute += 1
            record(store, T0 + MINUTE * minute, Metric("breaks", 1.0))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(3):
            target = tmp_path / f"copy{i}.db"
            assert backup(store.path, target) == target.stat().st_size
    finally:
        stop.set()
        writer.join()
    copy = open_store(target)
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    ((snapshots,),) = rows(copy, "SELECT count(*) FROM snapshots")
    assert rows(copy, "SELECT count(*) FROM metric_values") == [(snapshots,)]
    assert rows(copy, "SELECT sum(count) FROM histograms WHERE span = 3600") == [(snapshots,)]
    copy.close()


def test_a_backup_never_overwrites_a_file(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(InvalidError, match="exists"):
        backup(store.path, target)
    assert target.read_text() == "precious"


def test_a_backup_into_a_missing_folder_says_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="failed"):
        backup(store.path, tmp_path / "nowhere" / "copy.db")
    assert not list(tmp_path.glob("*copy*"))


def test_stats_count_rows_bytes_and_the_span(store: Store) -> None:
    record(store, T0, Metric("breaks", 1.0))
    record(store, T0 + MINUTE, Metric("breaks", 2.0))
    found = stats(store)
    assert found.tables["metric_values"].rows == 2
    assert (found.tables["snapshots"].bytes or 0) > 0
    assert (found.oldest_at, found.newest_at) == (T0, T0 + MINUTE)
    assert found.file_bytes >= found.tables["snapshots"].bytes


def test_rows_of_the_time_when_a_gap_was_called_blind_are_renamed(tmp_path: Path) -> None:
    path = tmp_path / "paypulse.db"
    migrate(path)
    back_to(path, "0005")
    told = '{"root":"blind:kafka","alerts":[{"code":"blind","params":{"why":"blind"}}]}'
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("INSERT INTO silences VALUES (1, '*/blind:kafka', 1, 1, 'me', '')")
        old.execute(
            "INSERT INTO notifications (key, receiver, kind, thread, payload, state, created_at,"
            " due_at, attempts, error, reference) VALUES ('k', 'r', 'incident', '', ?, 'waiting',"
            " 1, 1, 0, '', '{}')",
            (told,),
        )
    migrate(path)
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("SELECT pattern FROM silences").fetchone() == ("*/monitoring_gap:kafka",)
        (payload,) = new.execute("SELECT payload FROM notifications").fetchone()
    assert payload == told.replace("blind", "monitoring_gap").replace(
        '"why":"monitoring_gap"', '"why":"not_visible"'
    )
