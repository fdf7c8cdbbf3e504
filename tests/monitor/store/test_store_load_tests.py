"""monitor/store/load_tests: runs with all that k6 told, from the start to long afterwards."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_case import MINUTE, T0, back_to, fresh_store, rows

from checks.k6.read import read_file
from monitor.domain.load_test.result import figures
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import Statement
from monitor.store import load_tests
from monitor.store.database import Store, migrate, open_store
from monitor.store.load_tests import LoadSpan
from monitor.store.upkeep.prune import prune

DAY = timedelta(days=1)
RAW = (Path(__file__).parents[2] / "data" / "k6" / "04_handleSummary.json").read_bytes()
RESULT = read_file(Path(__file__).parents[2] / "data" / "k6" / "04_handleSummary.json").result
RUN = LoadTestRun(
    *("full-flow", "http://pay:8080", T0, T0 + MINUTE, "failed", 99, "thresholds_crossed"),
    figures=figures(RESULT),
    result=RESULT,
    script_hash="ab" * 32,
    options={"rate": 30, "seconds": 60.0, "vus": 20},
    k6_version="1.1.0",
    host={"cpus": 2, "load_before": 0.5},
    content_hash="cd" * 32,
)
RUNNING = replace(
    RUN, state="running", ended_at=None, exit_code=None, reason="", figures={}, result=None,
    content_hash="",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def save(store: Store, run: LoadTestRun) -> int:
    with store.write() as tx:
        return load_tests.save_run(tx, run)


def load(store: Store, run_id: int) -> LoadTestRun | None:
    with store.read() as tx:
        return load_tests.load_test(tx, run_id)


def test_a_run_comes_back_as_it_was_with_its_file(store):
    run_id = save(store, replace(RUN, raw=RAW))
    assert load(store, run_id) == replace(RUN, id=run_id)
    with store.read() as tx:
        assert load_tests.raw_file(tx, run_id) == RAW
        assert load_tests.load_tests(tx, T0, T0 + DAY) == [replace(RUN, id=run_id)]
    ((size,),) = rows(store, "SELECT length(content) FROM load_test_files")
    assert size < len(RAW) / 3


def test_a_running_run_ends_in_the_same_row(store):
    run_id = save(store, RUNNING)
    with store.read() as tx:
        assert [run.id for run in load_tests.running(tx)] == [run_id]
    doubt = Statement("short", {"seconds": 1.5, "planned_seconds": 60.0})
    ended = replace(RUN, id=run_id, state="invalid", figures={}, doubts=(doubt,), log="the end")
    save(store, replace(ended, raw=RAW))
    assert load(store, run_id) == ended
    with store.read() as tx:
        assert load_tests.running(tx) == []


def test_a_run_that_was_killed_is_marked_and_ends_at_the_latest_when_it_was_to_end(store):
    run_id = save(store, RUNNING)
    assert load_tests.abandon(store, T0 + DAY) == [run_id]
    lost = load(store, run_id)
    assert lost is not None
    assert (lost.state, lost.reason) == ("invalid", "monitor_killed")
    assert lost.ended_at == T0 + MINUTE
    assert load_tests.abandon(store, T0 + DAY) == []


def test_the_spans_of_our_own_load_are_told_and_those_of_files_are_not(store):
    first = save(store, RUN)
    save(store, replace(RUN, origin="import", content_hash=""))
    second = save(store, replace(RUNNING, started_at=T0 + 5 * MINUTE))
    with store.read() as tx:
        assert load_tests.load_spans(tx, T0, T0 + DAY) == [
            LoadSpan(first, T0, T0 + MINUTE),
            LoadSpan(second, T0 + 5 * MINUTE, None),
        ]
        assert load_tests.load_spans(tx, T0 + MINUTE, T0 + 2 * MINUTE) == []
        overlapping = load_tests.load_spans(tx, T0 + MINUTE / 2, T0 + 2 * MINUTE)
        assert [span.id for span in overlapping] == [first]


def test_the_same_content_is_recognised(store):
    run_id = save(store, RUN)
    with store.read() as tx:
        assert load_tests.same_content(tx, RUN.content_hash) == run_id
        assert load_tests.same_content(tx, "other") is None
    again = save(store, RUN)
    assert load(store, again) == replace(RUN, id=again, content_hash="")


def test_a_file_that_is_too_large_is_not_kept(store, monkeypatch):
    monkeypatch.setattr(load_tests, "FILE_BYTES_MAX", 100)
    run_id = save(store, replace(RUN, raw=RAW))
    with store.read() as tx:
        assert load_tests.raw_file(tx, run_id) is None


def test_pruning_takes_large_files_first_and_the_rest_with_its_run(store):
    noise = random.Random(1).randbytes(100_000)
    small = save(store, replace(RUN, raw=RAW))
    large = save(store, replace(RUN, content_hash="", raw=noise))
    prune(store, T0 + 40 * DAY, raw_days=30, history_years=1)
    with store.read() as tx:
        assert load_tests.raw_file(tx, large) is None
        assert load_tests.raw_file(tx, small) == RAW
    prune(store, T0 + 400 * DAY, raw_days=30, history_years=1)
    assert rows(store, "SELECT * FROM load_tests") == []
    assert rows(store, "SELECT * FROM load_test_files") == []


def test_the_upgrade_keeps_the_runs_of_earlier_versions(tmp_path):
    path = tmp_path / "old.db"
    migrate(path)
    back_to(path, "0003")
    told = {"p95_ms": 120.0, "median_ms": 40.0, "failed_percent": 2.5, "iterations": 9.0}
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "INSERT INTO load_tests (scenario, target, started_at, ended_at, state, reason,"
            " figures, summary) VALUES ('a', 'http://b', 0, 1, 'passed', '', ?, '{}')",
            (json.dumps(told),),
        )
        old.execute(
            "INSERT INTO load_tests (scenario, target, started_at, ended_at, state, reason,"
            " figures, summary) VALUES ('a', 'http://b', 0, 1, 'invalid', 'no_requests', '{}', ?)",
            (json.dumps({"log": "bad"}),),
        )
        old.commit()
    migrate(path)
    store = open_store(path)
    passed, invalid = load(store, 1), load(store, 2)
    store.close()
    assert passed is not None
    assert invalid is not None
    assert passed.figures == told
    assert passed.result is not None
    assert passed.result.value("http_req_duration", "p(95)") == 120.0
    assert passed.result.value("http_req_failed", "rate") == 0.025
    assert (passed.origin, passed.doubts) == ("run", ())
    assert [d.code for d in invalid.doubts] == ["no_requests"]
    assert (invalid.log, invalid.result) == ("bad", None)
