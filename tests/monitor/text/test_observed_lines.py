"""What `paypulse check` prints: a cause is explained once, its consequences are folded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.domain.check import Finding, Params, Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.text.catalog import Catalog
from monitor.text.terminal.observed import observed_lines

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CATALOG = Catalog("en", UTC, strict=True)


def gap(part: str, reason: str = "connection_refused", why: str = "way", path: str = "/a"):
    params: Params = {"part": part, "reason": reason, "why": why, "path": path}
    params = {**params, "got": "Connection refused", "expected": "a JSON object"}
    return Finding("monitoring_gap", Status.UNKNOWN, part, params)


def down(part: str) -> Finding:
    return Finding("service_down", Status.CRIT, part, {"part": part, "detail": "refused"})


def diagnosis(cause: Finding, *others: Finding) -> Finding:
    rows = tuple(
        {**f.params, "check": "x", "code": f.code, "subject": f.subject, "status": f.status.value}
        for f in (cause, *others)
    )
    told: Params = {"cause_code": cause.code, "cause_subject": cause.subject}
    told = {**told, "cause_check": "x", "since": NOW.isoformat(), "consequences": len(others)}
    return Finding("diagnosis", cause.status, cause.key, told, rows)


def lines(**found: list[Finding]) -> list[str]:
    seen = {
        name: Observed(name, NOW, 1.0, Verdict.of(findings), {}) for name, findings in found.items()
    }
    return observed_lines(seen, CATALOG)


def advice(told: list[str]) -> int:
    return sum("→" in line for line in told)


def test_what_cannot_be_seen_for_one_reason_is_explained_once_and_names_every_check():
    told = lines(
        breakers=[gap("gateway", path="/a")],
        consumer_lag=[gap("gateway", path="/b")],
        outbox_age=[gap("gateway", path="/c")],
    )
    assert advice(told) == 1
    [folded] = [line for line in told if "For the same reason" in line]
    assert "(2)" in folded
    assert "consumer_lag" in folded
    assert "outbox_age" in folded


@pytest.mark.parametrize(
    "other", [gap("redis"), gap("gateway", reason="timeout"), gap("gateway", why="refused")]
)
def test_another_part_or_another_reason_is_explained_by_itself(other):
    assert advice(lines(breakers=[gap("gateway")], consumer_lag=[other])) == 2


def test_a_check_with_news_of_its_own_keeps_its_line():
    told = lines(breakers=[gap("gateway")], services=[down("ingest"), gap("gateway", path="/b")])
    assert advice(told) == 2
    assert any("(services)" in line for line in told)
    assert not any("For the same reason" in line for line in told)


def test_what_follows_from_an_outage_names_it_and_its_advice_is_given_once():
    lag, outage = gap("kafka", why="refused"), down("kafka")
    late = Finding(
        "relay_stalled",
        Status.WARN,
        "",
        {"stalled_seconds": 9, "waiting": 2, "since": NOW.isoformat()},
    )
    told = lines(
        consumer_lag=[lag],
        outbox_age=[late],
        services=[outage],
        diagnose_issues=[diagnosis(outage, lag, late)],
    )
    assert advice(told) == 1
    assert sum("follows from: Kafka is down" in line for line in told) == 1
    assert any("consumer_lag" in line for line in told)


def test_what_nobody_shows_does_not_follow_from_an_outage_beside_it():
    blind, way = gap("instances", "no_prometheus", "not_visible"), gap("gateway")
    told = lines(breakers=[way], instances=[blind], diagnose_issues=[diagnosis(way, blind)])
    assert advice(told) == 2


def test_a_diagnosis_that_is_asked_for_alone_is_told_whole():
    told = lines(diagnose_issues=[diagnosis(down("kafka"), gap("kafka"))])
    assert advice(told) == 1
    assert any("Kafka is down" in line for line in told)


def test_every_finding_has_a_line_or_its_check_is_named():
    told = "\n".join(lines(a=[gap("x"), gap("y")], b=[gap("y"), gap("x")], c=[gap("z")]))
    assert "b (b)" in told
    titles = [CATALOG.finding(gap(part)).title for part in "xyz"]
    assert all(title in told for title in titles)
