"""What is forgotten, what is kept, and that nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store, record, rows

from monitor.domain.alert import Alert, Phase, Transition
from monitor.domain.check import Finding, Metric, Status
from monitor.domain.delivery import Message
from monitor.domain.incident.model import Change, Incident
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.alerting.silences import add_silence
from monitor.store.alerting.transitions import save_transitions
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications
from monitor.store.job_runs import finish_run, start_run
from monitor.store.notes import Note, add_note
from monitor.store.series.summaries import summaries
from monitor.store.upkeep.prune import prune

YEAR = DAY * 365


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def _count(store: Store, table: str) -> int:
    ((count,),) = rows(store, f"SELECT count(*) FROM {table}")
    assert isinstance(count, int)
    return count


def test_old_readings_go_and_their_histograms_stay(store: Store) -> None:
    for hour in range(72):
        record(store, T0 + HOUR * hour, Metric("breaks", hour), Metric("refunds_delayed", 1))
    with store.read() as tx:
        before = summaries(tx, T0, T0 + DAY * 3)
    pruned = prune(store, T0 + DAY * 32, raw_days=30, step_rows=7)
    assert pruned.finished
    assert pruned.rows["metric_values"] == 2 * 48
    assert _count(store, "metric_values") == 2 * 24
    with store.read() as tx:
        assert summaries(tx, T0, T0 + DAY * 3) == before


def test_readings_go_by_whole_hours(store: Store) -> None:
    for minute in range(0, 120, 10):
        record(store, T0 + MINUTE * minute, Metric("breaks", 1))
    prune(store, T0 + DAY + MINUTE * 90, raw_days=1)
    assert _count(store, "metric_values") == 6


def test_of_old_snapshots_the_changes_stay_with_their_findings(store: Store) -> None:
    course = (Status.OK, Status.OK, Status.CRIT, Status.CRIT, Status.OK, Status.OK)
    finding = (Finding("outbox_old", Status.CRIT),)
    for minute, status in enumerate(course):
        found = finding if status is Status.CRIT else ()
        record(store, T0 + MINUTE * minute, findings=found)
        record(store, T0 + MINUTE * minute, check="steady")
    for _ in range(2):  # a second round finds nothing more
        prune(store, T0 + DAY * 31, step_rows=2)
        kept = "SELECT at, status FROM snapshots WHERE \"check\" = 'outbox_age' ORDER BY at"
        assert [status for _, status in rows(store, kept)] == ["ok", "crit", "ok"]
        assert _count(store, "snapshots") == 4
        assert _count(store, "findings") == 1


def test_what_is_younger_is_left_alone(store: Store) -> None:
    for minute in range(10):
        record(store, T0 + MINUTE * minute, Metric("breaks", 1))
    assert prune(store, T0 + DAY * 29).rows == {}
    assert (_count(store, "snapshots"), _count(store, "metric_values")) == (10, 10)


def test_after_years_all_that_is_over_goes_and_all_that_is_not_stays(store: Store) -> None:
    record(store, T0, Metric("breaks", 1))
    old = Alert("c", "a", "", Phase.RESOLVED, Status.WARN, T0, T0, fired_at=T0, ended_at=T0)
    live = replace(old, phase=Phase.FIRING, ended_at=None)
    message = Message("k", "slack", "incident", {}, T0, T0)
    with store.write() as tx:
        ended, _ = save_alerts(tx, [old, live])
        save_transitions(tx, [Transition(ended, "fired", T0, "")], None)
        closed = Incident("a:", T0, Status.WARN, (1,), ended_at=T0, closed=True)
        save_incidents(tx, [Change(closed), Change(replace(closed, closed=False))], T0)
        sent = replace(message, key="sent", state="sent")
        add_notifications(tx, [message, sent])
    add_note(store, Note(T0, "deployment", "old"))
    add_silence(store, "*", T0, T0)
    for day in range(2):
        start_run(store, "report", T0 + DAY * day, T0)
        finish_run(store, "report", T0 + DAY * day, T0)
    prune(store, T0 + YEAR * 5 - DAY)
    kept = ("histograms", "pass_counts", "transitions", "notes", "silences", "series")
    assert {table: _count(store, table) for table in kept} == {
        **dict.fromkeys(kept, 1),
        "histograms": 2,
    }
    prune(store, T0 + YEAR * 5 + DAY)
    gone = (*kept, "snapshots", "metric_values")
    assert {table: _count(store, table) for table in gone} == dict.fromkeys(gone, 0)
    for table in ("alerts", "incidents", "notifications", "job_runs"):
        assert _count(store, table) == 1, table


def test_pruned_pages_go_back_to_the_file_system(store: Store) -> None:
    with store.write() as tx:
        tx.exec_driver_sql(
            "INSERT INTO metric_values WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1"
            " FROM n WHERE i < 20000) SELECT 1, i, i FROM n"
        )
        tx.exec_driver_sql("INSERT INTO series VALUES (1, 'c', 'breaks', NULL)")
    before = rows(store, "PRAGMA page_count")
    assert prune(store, T0).finished
    assert rows(store, "PRAGMA freelist_count") == [(0,)]
    assert rows(store, "PRAGMA page_count") < [(before[0][0] // 2,)]  # type: ignore[operator]


def test_pruning_stops_at_its_budget_and_goes_on_next_time(store: Store) -> None:
    for minute in range(20):
        record(store, T0 + MINUTE * minute, Metric("breaks", 1))
    first = prune(store, T0 + DAY * 31, step_rows=5, budget=timedelta(0))
    assert not first.finished
    assert _count(store, "metric_values") == 15
    assert prune(store, T0 + DAY * 31, step_rows=5).finished
    assert _count(store, "metric_values") == 0


def test_a_check_never_waits_long_for_the_pruning(store: Store) -> None:
    with store.write() as tx:
        tx.exec_driver_sql(
            "INSERT INTO metric_values WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1"
            " FROM n WHERE i < 50000) SELECT 1, i, i FROM n"
        )
        tx.exec_driver_sql("INSERT INTO series VALUES (1, 'c', 'breaks', NULL)")
    pruning = threading.Thread(target=prune, args=(store, T0))
    pruning.start()
    waits = []
    while pruning.is_alive():
        begun = time.perf_counter()
        record(store, T0 + MINUTE * len(waits), Metric("breaks", 1))
        waits.append(time.perf_counter() - begun)
    pruning.join()
    waits.sort()
    assert len(waits) > 20
    assert waits[len(waits) // 2] < 0.05
    assert waits[-1] < 1
