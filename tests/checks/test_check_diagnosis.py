"""The check that explains the others: one cause, what follows from it, and what is too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from checks.diagnose_issues import CHECK
from monitor.domain.check import Finding, OtherFinding, ProbeContext, Status, Verdict

NOW = datetime(2025, 12, 5, 5, 30, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=28)


def other_finding(
    check: str, key: str = "", minutes_ago: float = 1, status: str = "crit"
) -> OtherFinding:
    code, _, subject = key.partition(":")
    found = Finding(code, Status(status), subject, {"since": "x", "waiting": 212}) if key else None
    at = NOW - timedelta(minutes=minutes_ago)
    return OtherFinding(check, Status(status), at, found, SINCE)


def diagnose(*other_findings: OtherFinding) -> Verdict:
    context = ProbeContext(None, CHECK.options(), {}, NOW, lambda: other_findings)
    return CHECK.evaluate(CHECK.probe(context), context)[0]


def test_a_broker_outage_is_one_cause_with_its_consequences():
    verdict = diagnose(
        other_finding("outbox_age", "outbox_old:shard1"),
        other_finding("breakers", "breaker_open:ingest/kafka-publisher"),
        other_finding("kafka_cluster", "monitoring_gap:kafka", status="unknown"),
        other_finding("consumer_lag", "monitoring_gap:kafka", status="unknown"),
        other_finding("services", "service_down:kafka"),
        other_finding("redis_health"),
    )
    (finding,) = verdict.findings
    assert (finding.code, finding.subject) == ("diagnosis", "service_down:kafka")
    assert finding.params["cause_code"] == "service_down"
    assert finding.params["cause_subject"] == "kafka"
    assert finding.params["since"] == SINCE.isoformat()
    assert finding.params["consequences"] == 3
    assert [row["code"] for row in finding.evidence] == [
        "service_down",
        "breaker_open",
        "monitoring_gap",
        "monitoring_gap",
        "outbox_old",
    ]


def test_a_row_carries_the_findings_own_parameters():
    (finding,) = diagnose(other_finding("outbox_age", "outbox_old:shard1")).findings
    row = finding.evidence[0]
    assert (row["waiting"], row["since"], row["seen_since"]) == (212, "x", SINCE.isoformat())
    assert (row["check"], row["subject"], row["status"]) == ("outbox_age", "shard1", "crit")


def test_two_troubles_that_have_nothing_to_do_with_each_other_stay_two():
    verdict = diagnose(
        other_finding("services", "service_down:redis"),
        other_finding("dead_letters", "dead_letters_arrived:payment.dlq"),
    )
    assert [f.subject for f in verdict.findings] == [
        "dead_letters_arrived:payment.dlq",
        "service_down:redis",
    ]


def test_what_an_invariant_implies_is_folded_into_it():
    verdict = diagnose(
        other_finding("reconciliation", "books_broken:shard1/L4"),
        other_finding("reconciliation", "books_broken:shard1/L11"),
        other_finding("reconciliation", "books_broken:shard2/L11"),
    )
    roots = [f.subject for f in verdict.findings]
    assert roots == ["books_broken:shard1/L4", "books_broken:shard2/L11"]


@pytest.mark.parametrize(
    ("check", "minutes_ago", "expected"),
    [
        ("services", 19, {"diagnosis"}),
        ("services", 21, {"monitoring_gap"}),
        ("load_test", 9999, {"diagnosis"}),
        ("diagnose_issues", 1, set()),
    ],
)
def test_a_sighting_that_is_too_old_says_nothing_about_now(check, minutes_ago, expected):
    verdict = diagnose(other_finding(check, "service_down:redis", minutes_ago))
    assert {f.code for f in verdict.findings} == expected


def test_a_check_that_no_longer_runs_is_never_ok():
    verdict = diagnose(other_finding("services", "", 60, "ok"))
    assert verdict.status is Status.UNKNOWN
    assert verdict.findings[0].params["check"] == "services"


def test_nothing_found_is_nothing_to_explain():
    assert diagnose(other_finding("services", status="ok")) == Verdict(Status.OK)


def test_many_consequences_are_counted_and_some_are_shown():
    many = [other_finding("outbox_age", f"outbox_old:s{n}") for n in range(30)]
    (finding,) = diagnose(other_finding("services", "service_down:kafka"), *many).findings
    assert finding.params["consequences"] == 30
    assert len(finding.evidence) == 21
