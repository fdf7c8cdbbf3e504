"""Answers from history: comparing, courses of metrics, alerts; right figures within the budget."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from mcp_case import NOW, answer, app_with, found, refused
from store_case import DAY, HOUR, MINUTE, record

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Finding, Metric, Status
from monitor.domain.incident.model import Acceptance, Change, Incident
from monitor.store.alerting.acceptances import add_acceptance
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.notes import Note, add_note

LONG = "t\u202eopic\n" + "x" * 290


@pytest.fixture
def app(tmp_path):
    made = app_with(tmp_path, {"services": found()})
    yield made
    made.close()


def tokens(plain) -> float:
    return len(json.dumps(plain, ensure_ascii=False, separators=(",", ":"))) / 4


def readings(app, span_start, span_end, value, metric="response_ms", subject="ingest", step=HOUR):
    moment = span_start
    while moment < span_end:
        record(app.store, moment, Metric(metric, value, subject), check="services")
        moment += step


def incident(app, since, ended_at=None, subject="kafka", status=Status.CRIT, announced=Status.CRIT):
    phase = Phase.RESOLVED if ended_at else Phase.FIRING
    first = Alert(
        *("services", "service_down", subject, phase, status, since, since),
        params={"part": subject},
        fired_at=since,
        ended_at=ended_at,
    )
    second = replace(first, check="breakers", code="breaker_open", subject="ingest/kafka")
    with app.store.write() as tx:
        ids = tuple(a.id for a in save_alerts(tx, [first, second]))
        opened = Incident(
            *(f"service_down:{subject}", since, status, ids),
            announced=announced,
            ended_at=ended_at,
            closed=ended_at is not None,
        )
        save_incidents(tx, [Change(opened)], since)


def test_this_week_stands_beside_the_week_before(app):
    readings(app, NOW - 14 * DAY, NOW - 7 * DAY, 100)
    readings(app, NOW - 7 * DAY, NOW, 900)
    plain = answer(app, "compare_periods")
    (row,) = plain["evidence"]["series"]
    assert plain["verdict"] == "warn" and plain["origin"] == "stored"
    assert row["verdict"] == "regression"
    assert row["now"]["readings"] == row["before"]["readings"] == 168
    assert row["now"]["median"] == pytest.approx(900, rel=0.01)
    assert row["before"]["p95"] == pytest.approx(100, rel=0.01)
    assert row["change_percent"] == pytest.approx(800, rel=0.02)
    assert row["now"]["coverage_percent"] == pytest.approx(100, abs=0.5)
    assert plain["evidence"]["quantile_error_percent"] < 1
    assert plain["evidence"]["now"]["start"] == "2026-11-15T05:30:00Z"
    assert plain["evidence"]["before"]["start"] == "2026-11-08T05:30:00Z"
    assert "1 worse" in plain["summary"]


def test_an_improvement_or_the_same_is_ok_and_no_history_is_unknown(app):
    assert answer(app, "compare_periods")["verdict"] == "unknown"
    readings(app, NOW - 7 * DAY, NOW, 100)
    plain = answer(app, "compare_periods")
    assert plain["verdict"] == "unknown" and "Nothing to compare" in plain["summary"]
    readings(app, NOW - 14 * DAY, NOW - 7 * DAY, 900)
    assert answer(app, "compare_periods")["verdict"] == "ok"


def test_a_span_of_ones_own_is_compared_with_the_same_local_hours(app):
    plain = answer(app, "compare_periods", start="2026-11-20T09:00", end="2026-11-20T12:00")
    assert plain["evidence"]["now"]["start"] == "2026-11-20T00:00:00Z"
    assert plain["evidence"]["before"]["end"] == "2026-11-13T03:00:00Z"
    day = answer(app, "compare_periods", start="2026-11-20", end="2026-11-21", against="day")
    assert day["evidence"]["before"]["start"] == "2026-11-18T15:00:00Z"


def test_the_incidents_and_notes_of_both_periods_are_told(app):
    incident(app, NOW - 2 * DAY, NOW - 2 * DAY + HOUR)
    incident(app, NOW - 9 * DAY, NOW - 9 * DAY + HOUR, announced=None)
    add_note(app.store, Note(NOW - 8 * DAY, "deployment", "ingest 1.4.2"))
    evidence = answer(app, "compare_periods")["evidence"]
    (row,) = evidence["events_now"]["incidents"]
    assert row["lasted_seconds"] == 3600 and row["consequences"] == 1
    assert evidence["events_before"]["incidents_count"] == 0
    assert evidence["events_before"]["notes"][0]["note_text"] == "ingest 1.4.2"


def test_the_rest_of_the_series_comes_with_the_cursor(app, monkeypatch):
    for n in range(12):
        readings(app, NOW - DAY, NOW, n, subject=f"part{n}", step=6 * HOUR + n * MINUTE)
    first = answer(app, "compare_periods", limit=8)
    monkeypatch.setattr(app, "clock", lambda: NOW + HOUR)  # the span stays that of the first page
    second = answer(app, "compare_periods", limit=8, cursor=first["cursor"])
    names = [row["subject_text"] for p in (first, second) for row in p["evidence"]["series"]]
    assert len(set(names)) == 12
    assert first["truncated"] and not second["truncated"] and "cursor" not in second
    assert first["evidence"]["now"] == second["evidence"]["now"]
    said = refused(app, "compare_periods", period="last_hour", cursor=first["cursor"])
    assert "belongs to other arguments" in said


def test_the_rest_of_the_incidents_comes_with_the_cursor(app, monkeypatch):
    for n in range(12):
        incident(app, NOW - (n + 2) * HOUR, NOW - (n + 1) * HOUR, f"part{n}")
    first = answer(app, "list_alerts", state="recent")
    incident(app, NOW + MINUTE, subject="fresh")
    monkeypatch.setattr(app, "clock", lambda: NOW + HOUR)
    second = answer(app, "list_alerts", state="recent", cursor=first["cursor"])
    seen = [row["title_text"] for page in (first, second) for row in page["evidence"]["incidents"]]
    assert len(set(seen)) == len(seen) == 12 and "cursor" not in second


def test_a_worst_case_comparison_stays_within_the_budget(app):
    metrics = [Metric("response_ms", 10.0**n, f"{n}{LONG}") for n in range(200)]
    for day in range(1, 15):
        for hour in range(3):
            record(app.store, NOW - day * DAY + hour * HOUR, *metrics, check="services")
    for n in range(40):
        incident(app, NOW - n * 8 * HOUR - HOUR, NOW - n * 8 * HOUR, f"{n}{LONG}")
        add_note(app.store, Note(NOW - n * 8 * HOUR, "deployment", LONG * 20))
    usual = answer(app, "compare_periods")
    assert tokens(usual) < 2_000, f"{tokens(usual):.0f} tokens"
    assert usual["truncated"] and usual["cursor"]
    roomy = answer(app, "compare_periods", limit=100)
    assert 2_000 < tokens(roomy) < 8_000, f"{tokens(roomy):.0f} tokens"
    alerts = answer(app, "list_alerts", state="recent", hours=24 * 20)
    assert tokens(alerts) < 2_000 and alerts["evidence"]["found"] == 40
    assert tokens(answer(app, "list_alerts", state="all", hours=900, limit=100)) < 8_000


def test_the_course_of_a_metric_is_given_in_points_and_as_a_whole(app):
    for minute in range(600):
        metric = Metric("lag_messages", minute, "payment-consumer")
        record(app.store, NOW - (600 - minute) * MINUTE, metric, check="consumer_lag")
    plain = answer(app, "metric_history", metric="lag_messages", hours=24)
    (row,) = plain["evidence"]["series"]
    assert row["readings"] == 600 and row["sum"] == sum(range(600))
    assert row["median"] == pytest.approx(299.5, rel=0.01)
    assert row["step_seconds"] == 3600
    assert sum(point[3] for point in row["points"]) == 600
    assert plain["evidence"]["columns"] == ["at", "median", "p95", "readings"]
    short = answer(app, "metric_history", metric="lag_messages", hours=0.5)
    assert short["evidence"]["series"][0]["step_seconds"] == 0
    assert [p[1] for p in short["evidence"]["series"][0]["points"]] == list(range(570, 600))


def test_years_of_a_metric_come_in_few_points(app):
    for day in range(400):
        record(app.store, NOW - day * DAY - HOUR, Metric("brokers", 3), check="kafka_cluster")
    plain = answer(app, "metric_history", metric="brokers", hours=24 * 400, points=50)
    (row,) = plain["evidence"]["series"]
    assert len(row["points"]) <= 50 and row["step_seconds"] % 86_400 == 0
    assert sum(point[3] for point in row["points"]) == row["readings"] == 400


def test_many_subjects_share_the_points_and_one_can_be_chosen(app):
    for n in range(30):
        readings(app, NOW - 20 * HOUR, NOW, n, subject=f"part{n:02}{LONG}", step=n * MINUTE + HOUR)
    plain = answer(app, "metric_history", metric="response_ms", points=100)
    assert tokens(plain) < 8_000 and plain["truncated"]
    shown = [row["subject_text"] for row in plain["evidence"]["series"]]
    name = next(s for s in shown if s.startswith("part05"))
    chosen = answer(app, "metric_history", metric="response_ms", subject=name)
    assert [row["mean"] for row in chosen["evidence"]["series"]] == [5]


def test_a_metric_without_readings_is_unknown(app):
    plain = answer(app, "metric_history", metric="brokers")
    assert plain["verdict"] == "unknown" and "not known" in plain["summary"]


def test_open_alerts_are_listed_by_incident(app):
    record(app.store, NOW - MINUTE, check="services")
    incident(app, NOW - 10 * MINUTE)
    incident(app, NOW - 5 * HOUR, NOW - 4 * HOUR, "redis")
    plain = answer(app, "list_alerts")
    (row,) = plain["evidence"]["incidents"]
    assert plain["verdict"] == "crit" and plain["age_seconds"] == 60
    assert row["lasted_seconds"] == 600 and row["consequences"] == 1 and row["state"] == "open"
    assert "1 open incident" in plain["summary"]


def test_recent_alerts_include_what_ended(app):
    record(app.store, NOW - MINUTE, check="services")
    incident(app, NOW - 5 * HOUR, NOW - 4 * HOUR)
    incident(app, NOW - 50 * HOUR, NOW - 49 * HOUR)
    assert answer(app, "list_alerts")["evidence"]["found"] == 0
    recent = answer(app, "list_alerts", state="recent")
    assert (recent["verdict"], recent["evidence"]["found"]) == ("ok", 1)
    assert answer(app, "list_alerts", state="recent", hours=72)["evidence"]["found"] == 2


def test_what_has_not_fired_yet_is_listed_among_all(app):
    finding = Alert(
        *("services", "service_slow", "ingest", Phase.PENDING, Status.WARN, NOW, NOW),
        params={"part": "ingest"},
    )
    with app.store.write() as tx:
        save_alerts(tx, [finding])
    assert answer(app, "list_alerts")["evidence"]["pending"] == []
    (row,) = answer(app, "list_alerts", state="all")["evidence"]["pending"]
    assert row["code"] == "service_slow"


@pytest.mark.parametrize(("minutes", "verdict"), [(1, "ok"), (60, "unknown"), (None, "unknown")])
def test_a_monitor_that_has_stopped_does_not_say_all_is_well(app, minutes, verdict):
    if minutes is not None:
        record(app.store, NOW - timedelta(minutes=minutes), check="services")
    plain = answer(app, "list_alerts")
    assert plain["verdict"] == verdict
    assert ("recorded" in plain["summary"]) == (verdict == "unknown")


def test_a_diagnosis_knows_since_when_from_the_stored_alert(tmp_path):
    down = Finding("service_down", Status.CRIT, "kafka", {"part": "kafka"})
    app = app_with(tmp_path, {"services": found(down)})
    incident(app, NOW - 90 * MINUTE)
    (cause,) = answer(app, "diagnose_issues")["evidence"]["causes"]
    assert cause["since"] == "2026-11-22T04:00:00Z"


def test_what_somebody_accepted_as_known_is_listed_with_the_reason(app):
    assert "accepted" not in answer(app, "list_alerts")["evidence"]
    known = Acceptance("services/*", "kim", "the move to the new rack", NOW, until=NOW + 2 * HOUR)
    number = add_acceptance(app.store, known)
    [row] = answer(app, "list_alerts")["evidence"]["accepted"]
    assert (row["number"], row["pattern"], row["by"]) == (number, "services/*", "kim")
    assert row["reason"] == "the move to the new rack" and row["until"] > row["since"]
