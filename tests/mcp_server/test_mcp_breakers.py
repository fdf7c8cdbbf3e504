"""What the tools tell about breakers: now, why, and why one opened at a time that is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from mcp_case import NOW, answer, found, refused
from ops_case import EVIL, TOKENS_USUAL, Breakers, assert_only_data, seeing, tokens
from simulated import World, world
from store_case import record

from checks.sources.facts.platform import Breaker
from checks.sources.facts.prometheus import Turn
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gap
from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Finding, Metric, Status
from monitor.domain.incident.model import Change, Incident
from monitor.domain.load_test.run import LoadTestRun
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.load_tests import save_run
from monitor.store.notes import Note, add_note
from monitor.text.catalog import Catalog

CLOSED = Breaker("ingest", "kafka-publisher", "CLOSED", 0.5, 0.0, 1, 100, 0)
PG = Breaker("ingest", "pg-auth-api", "CLOSED", None, None, 0, 0, 0)
OPEN = replace(CLOSED, state="OPEN", failure_percent=100.0, failed_calls=9)
GONE = Unavailable("ingest2", Why.WAY, "connect_failed")


def opened(name: str = "kafka-publisher", instance: str = "ingest") -> Finding:
    params = {"instance": instance, "name": name, "state": "OPEN", "since": NOW.isoformat()}
    counts = {"failed_calls": 9, "failure_percent": 100.0, "not_permitted_calls": 0}
    return Finding("breaker_open", Status.CRIT, f"{instance}/{name}", params | counts)


def test_closed_breakers_are_ok_and_told_with_their_rates(tmp_path):
    parts = {"breakers": Breakers({"ingest": (CLOSED, PG)})}
    plain = answer(
        seeing(tmp_path, verdicts={"breakers": found()}, **parts), "get_circuit_breaker_status"
    )
    assert plain["verdict"] == "ok"
    assert plain["summary"] == "kafka-publisher CLOSED; pg-auth-api CLOSED."
    first, second = plain["evidence"]["breakers"]
    assert (first["failure_percent"], first["counted_calls"]) == (0.5, 100)
    assert second["failure_percent"] is None and first["since"] is None  # nobody looked before


def test_an_open_breaker_is_critical_and_the_instances_are_counted(tmp_path):
    second = replace(OPEN, instance="ingest2")
    facts = {"ingest": (CLOSED,), "ingest2": (second,), "ingest3": GONE}
    verdicts = {"breakers": found(opened(instance="ingest2"), monitoring_gap(GONE))}
    app = seeing(tmp_path, verdicts=verdicts, breakers=Breakers(facts))
    plain = answer(app, "get_circuit_breaker_status")
    assert plain["verdict"] == "crit"
    assert "kafka-publisher CLOSED (1), OPEN (1)" in plain["summary"]
    assert "1 part could not be seen" in plain["summary"]
    assert plain["evidence"]["unavailable"][0]["part_text"] == "ingest2"


@pytest.mark.parametrize("tool", ["get_circuit_breaker_status", "diagnose_circuit_breaker"])
def test_breakers_that_nobody_looks_at_are_unknown(tmp_path, tool):
    plain = answer(seeing(tmp_path, breakers=Breakers({"ingest": (CLOSED,)})), tool)
    assert plain["verdict"] == "unknown"


def test_hostile_names_of_breakers_are_marked_as_data(tmp_path):
    many = tuple(replace(OPEN, name=f"{EVIL}{n}", instance=EVIL) for n in range(200))
    verdicts = {"breakers": found(opened())}
    app = seeing(tmp_path, verdicts=verdicts, breakers=Breakers({"ingest": many}))
    for tool in ("get_circuit_breaker_status", "diagnose_circuit_breaker"):
        plain = answer(app, tool)
        assert_only_data(plain)
        assert tokens(plain) < TOKENS_USUAL


def test_a_diagnosis_names_the_cause_of_the_breaker_and_leaves_out_other_causes(tmp_path):
    down = Finding("service_down", Status.CRIT, "kafka", {"part": "kafka", "detail": ""})
    redis = Finding("service_down", Status.CRIT, "redis", {"part": "redis", "detail": ""})
    waiting = Metric("outbox_waiting_messages", 212, "shard1")
    verdicts = {
        "services": found(down, redis),
        "breakers": found(opened()),
        "outbox_age": found(metrics=(waiting, Metric("outbox_oldest_age_seconds", 90, "shard1"))),
    }
    app = seeing(tmp_path, verdicts=verdicts, breakers=Breakers({"ingest": (OPEN, PG)}))
    plain = answer(app, "diagnose_circuit_breaker")
    (cause,) = plain["evidence"]["causes"]
    assert (plain["verdict"], cause["about_text"]) == ("crit", "kafka")
    assert plain["summary"].startswith("Kafka is down") and "consequences: " in plain["summary"]
    effects = {row["metric"]: row["value"] for row in plain["evidence"]["effects"]}
    assert effects == {"outbox_waiting_messages": 212, "outbox_oldest_age_seconds": 90}


def test_nothing_wrong_says_when_one_last_opened(tmp_path):
    parts = {"breakers": Breakers({"ingest": (CLOSED,)})}
    app = seeing(tmp_path, verdicts={"breakers": found()}, **parts)
    plain = answer(app, "diagnose_circuit_breaker")
    assert plain["verdict"] == "ok" and "opened" not in plain["summary"]  # nothing on record
    record(app.store, NOW - timedelta(minutes=1), check="breakers")
    assert "None opened within 7 days" in answer(app, "diagnose_circuit_breaker")["summary"]


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> Iterator[World]:
    """An hour with a broker that was down from its 20th to its 28th minute."""
    made = world(tmp_path_factory.mktemp("lived"), payments_per_minute=20)
    made.live(20)
    add_note(made.app.store, Note(made.life.clock(), "deployment", "broker 4.1", "kim"))
    made.switch(["broker_down"], True)
    made.live(8)
    made.switch(["broker_down"], False)
    made.live(32)
    yield made
    made.close()


def test_why_did_the_breaker_open_is_answered_from_history(lived):
    plain = answer(lived.app, "analyze_failure_pattern", time_range="1h")
    evidence = plain["evidence"]
    assert plain["verdict"] == "warn" and plain["origin"] == "stored"
    assert "kafka-publisher opened at 12:2" in plain["summary"]
    assert "Cause: Kafka is down" in plain["summary"]
    assert evidence["likely_cause_text"] == "Kafka is down"
    (opening,) = [row for row in evidence["alerts"] if row["code"] == "breaker_open"]
    assert 7 * 60 <= opening["lasted_seconds"] <= 11 * 60
    failed = next(row for row in evidence["counts"] if row["metric"] == "breaker_failed_calls")
    assert failed["highest"] >= 3 and failed["readings"] > 30
    assert evidence["meanwhile"]["incidents"][0]["title_text"] == "Kafka was down"
    assert evidence["meanwhile"]["notes"][0]["note_text"] == "broker 4.1"
    assert evidence["unavailable"][0]["part_text"] == "prometheus"
    assert tokens(plain) < TOKENS_USUAL


def test_a_quiet_span_is_ok_and_one_that_nobody_watched_is_unknown(lived):
    plain = answer(lived.app, "analyze_failure_pattern", time_range="10m")
    assert plain["verdict"] == "ok" and "No breaker opened" in plain["summary"]
    plain = answer(lived.app, "analyze_failure_pattern", time_range="yesterday")
    assert plain["verdict"] == "unknown" and "Nobody looked" in plain["summary"]


def test_the_same_question_in_korean(lived, monkeypatch):
    app = lived.app
    monkeypatch.setattr(app, "catalog", Catalog("ko", app.config.zone))
    plain = answer(app, "analyze_failure_pattern", time_range="오후 12시 20분")
    assert "브레이커가 열렸습니다" in plain["summary"] and "원인: " in plain["summary"]
    assert "연 적이" not in plain["summary"]
    plain = answer(app, "diagnose_circuit_breaker")
    assert "마지막으로 열린 시각" in plain["summary"]


def test_the_breaker_of_the_past_is_told_by_the_diagnosis(lived):
    plain = answer(lived.app, "diagnose_circuit_breaker")
    assert plain["verdict"] == "ok" and "One last opened at 12:2" in plain["summary"]
    assert plain["evidence"]["last_opened_stored"]["code"] == "breaker_open"


def test_a_state_that_the_monitor_watched_has_its_beginning(lived):
    plain = answer(lived.app, "get_circuit_breaker_status")
    row = next(r for r in plain["evidence"]["breakers"] if r["name_text"] == "kafka-publisher")
    assert row["state"] == "CLOSED" and 20 * 60 < row["for_seconds"] < 40 * 60


def scraped(turns: Any) -> SimpleNamespace:
    return SimpleNamespace(turns=lambda start, end, step=None: turns)


def turn(minutes: float, before: str, after: str, name: str = "kafka-publisher") -> Turn:
    return Turn("ingest@a:1", name, NOW - timedelta(minutes=minutes), before, after)


def test_transitions_of_prometheus_are_counted_and_a_retry_is_no_opening(tmp_path):
    turns = (
        turn(30, "CLOSED", "OPEN"),
        turn(29, "OPEN", "HALF_OPEN"),
        turn(28, "HALF_OPEN", "OPEN"),
        turn(27, "OPEN", "HALF_OPEN"),
        turn(26, "HALF_OPEN", "CLOSED"),
        turn(5, "CLOSED", "OPEN", "pg-auth-api"),
    )
    plain = answer(seeing(tmp_path, scraped=scraped(turns)), "analyze_failure_pattern")
    assert plain["verdict"] == "warn" and plain["evidence"]["openings"] == 2
    assert plain["evidence"]["transitions"][0]["after"] == "OPEN"
    assert "(2 openings in all)" in plain["summary"] and plain["evidence"]["unavailable"] == []
    assert plain["measured_at"] is not None
    quiet = answer(seeing(tmp_path / "b", scraped=scraped(())), "analyze_failure_pattern")
    assert quiet["verdict"] == "ok"


def outage(app, part: str, since: datetime, minutes: float) -> None:
    """An incident that is over: a part that was down, and the breaker that followed from it."""
    ended_at = since + timedelta(minutes=minutes)
    times = {"fired_at": since, "ended_at": ended_at}
    root = Alert(
        *("services", "service_down", part, Phase.RESOLVED, Status.CRIT, since, since),
        params={"part": part, "detail": ""},
        **times,
    )
    finding = opened()
    breaker = Alert(
        *("breakers", "breaker_open", finding.subject, Phase.RESOLVED, Status.CRIT, since, since),
        params=dict(finding.params),
        **times,
    )
    with app.store.write() as tx:
        members = tuple(a.id for a in save_alerts(tx, [root, breaker]))
        what = (f"service_down:{part}", since, Status.CRIT, members)
        told = Incident(*what, announced=Status.CRIT, ended_at=ended_at, closed=True)
        save_incidents(tx, [Change(told)], since)


def test_of_two_openings_the_first_is_told_with_its_own_cause(tmp_path):
    turns = (turn(40, "CLOSED", "OPEN"), turn(20, "CLOSED", "OPEN"))
    app = seeing(tmp_path, scraped=scraped(turns))
    outage(app, "kafka", NOW - timedelta(minutes=39), 5)
    outage(app, "redis", NOW - timedelta(minutes=21), 5)
    plain = answer(app, "analyze_failure_pattern")
    assert plain["evidence"]["likely_cause_text"]
    assert "Kafka" in plain["summary"] and "Redis" not in plain["summary"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_breaker_that_was_open_before_the_span_did_not_open_in_it(tmp_path, language):
    app = seeing(tmp_path, scraped=scraped(()))
    app.catalog = Catalog(language, app.config.zone, strict=True)
    outage(app, "kafka", NOW - timedelta(minutes=40), 30)
    plain = answer(app, "analyze_failure_pattern", time_range="20m")
    assert plain["evidence"]["openings"] == 0 and plain["verdict"] == "warn"
    assert "kafka-publisher" in plain["summary"] and plain["evidence"]["likely_cause_text"]
    plain = answer(app, "analyze_failure_pattern", time_range="1h")
    assert plain["evidence"]["openings"] == 1


def test_what_went_wrong_only_later_is_no_cause(tmp_path):
    app = seeing(tmp_path, scraped=scraped((turn(40, "CLOSED", "OPEN"),)))
    outage(app, "redis", NOW - timedelta(minutes=21), 5)
    assert answer(app, "analyze_failure_pattern")["evidence"]["likely_cause_text"] is None


def test_a_prometheus_that_is_down_leaves_the_history(tmp_path):
    down = Unavailable("prometheus", Why.REFUSED, "connection_refused", {"path": "x"})
    app = seeing(tmp_path, scraped=scraped(down))
    assert answer(app, "analyze_failure_pattern")["verdict"] == "unknown"
    metric = Metric("breaker_failed_calls", 0, "ingest/kafka-publisher")
    record(app.store, NOW - timedelta(minutes=5), metric, check="breakers")
    plain = answer(app, "analyze_failure_pattern")
    assert plain["verdict"] == "ok" and plain["evidence"]["unavailable"][0]["why"] == "refused"


def test_a_flood_of_transitions_and_events_stays_within_the_budget(tmp_path):
    turns = tuple(turn(60 - n / 20, "CLOSED", "OPEN", f"{EVIL}{n}") for n in range(1000))
    app = seeing(tmp_path, scraped=scraped(turns))
    for n in range(30):
        at = NOW - timedelta(minutes=n + 1)
        add_note(app.store, Note(at, "operation", EVIL * 5, "kim"))
        series = f"{EVIL}{n}/kafka-publisher"
        for name in ("breaker_failed_calls", "breaker_failure_percent"):
            record(app.store, at, Metric(name, 50.0 + n, series), check="breakers")
    plain = answer(app, "analyze_failure_pattern")
    assert tokens(plain) < TOKENS_USUAL and plain["truncated"]
    assert plain["evidence"]["openings"] == 1000
    assert_only_data(plain)


def test_a_wrong_time_range_is_told_what_would_be_right(tmp_path):
    said = refused(seeing(tmp_path), "analyze_failure_pattern", time_range="soon")
    assert "time_range is not understood" in said and "14:00" in said


def test_a_load_test_in_the_span_is_told(tmp_path):
    app = seeing(tmp_path, scraped=scraped(()))
    at = NOW - timedelta(minutes=20)
    kind = ("full-flow", "http://pay.test", at, at + timedelta(minutes=5), "passed")
    with app.store.write() as tx:
        save_run(tx, LoadTestRun(*kind, 0, "", {"p95_ms": 90.0}))
    plain = answer(app, "analyze_failure_pattern")
    assert plain["evidence"]["meanwhile"]["load_tests"][0]["scenario"] == "full-flow"
    assert datetime.fromisoformat(plain["evidence"]["start"]).tzinfo == UTC
