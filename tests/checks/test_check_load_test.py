"""checks/load_test: what a run of k6 means for the platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from checks import load_test
from checks.k6 import runner as k6
from checks.load_test import CHECK, Options
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.check import Finding, Memory, ProbeContext, Status, Verdict
from monitor.domain.load_test import validity as load_validity
from monitor.domain.load_test.plan import Plan
from monitor.domain.load_test.preflight import Refusal
from monitor.domain.load_test.result import LoadResult, Measure, Threshold
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.metrics import METRICS
from monitor.text.catalog import Catalog

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
FIGURES = {"p95_ms": 100.0, "median_ms": 40.0, "failed_percent": 0.5, "requests_per_second": 30.0}
PASSED = LoadTestRun(
    scenario="authorize-short",
    target="http://pay:8080",
    started_at=NOW,
    ended_at=NOW + timedelta(seconds=5),
    state="passed",
    exit_code=0,
    figures=FIGURES,
)
CROSSED = Measure(
    "http_req_duration", "trend", {"p(95)": 700.0}, thresholds=(Threshold("p(95)<500", False),)
)
FAILED = replace(
    PASSED,
    state="failed",
    exit_code=99,
    reason="thresholds_crossed",
    figures={**FIGURES, "p95_ms": 700.0},
    result=LoadResult("summary_export", {"http_req_duration": CROSSED}),
)
INVALID = replace(PASSED, state="invalid", reason="no_requests", figures={}, log="Error:\n  x")


def context(memory: Memory = MappingProxyType({}), **options: Any) -> ProbeContext:
    return ProbeContext(platform=None, options=Options(**options), memory=memory, now=NOW)


def judged(fact: Any, memory: Memory = MappingProxyType({}), **options: Any) -> Verdict:
    return load_test.evaluate(fact, context(memory, **options))[0]


def test_it_is_off_until_it_is_configured_and_then_runs_on_sunday_morning():
    assert (CHECK.enabled, CHECK.cron, CHECK.timeout) == (False, "0 4 * * 0", timedelta(minutes=20))


def test_a_run_is_over_before_its_pass_is():
    assert timedelta(seconds=Options().limit_seconds) < CHECK.timeout - timedelta(seconds=30)


def test_a_passed_run_is_ok_and_kept_with_its_metrics():
    verdict = judged(PASSED)
    assert (verdict.status, verdict.findings, verdict.records) == (Status.OK, (), (PASSED,))
    assert {m.series: m.value for m in verdict.metrics} == {
        "load_test_p95_ms{authorize-short}": 100.0,
        "load_test_median_ms{authorize-short}": 40.0,
        "load_test_failed_percent{authorize-short}": 0.5,
        "load_test_requests_per_second{authorize-short}": 30.0,
    }
    assert {m.name for m in verdict.metrics} <= METRICS.keys()


@pytest.mark.parametrize("status", [Status.WARN, Status.CRIT])
def test_a_crossed_threshold_is_as_bad_as_configured_and_fires_at_once(status):
    verdict = judged(FAILED, crossed=status)
    (finding,) = verdict.findings
    assert (finding.key, finding.status) == ("load_test_failed:authorize-short", status)
    assert finding.passes_required == 1
    assert finding.params["crossed"] == "http_req_duration p(95)<500"
    assert finding.params["p95_ms"] == 700.0
    assert verdict.records == (FAILED,)
    assert len(verdict.metrics) == 4


def test_a_run_that_measured_nothing_warns_and_gives_no_figure():
    verdict = judged(INVALID)
    (finding,) = verdict.findings
    assert (finding.key, finding.status) == ("load_test_invalid:authorize-short", Status.WARN)
    assert (finding.params["reason"], finding.params["log"]) == ("no_requests", "Error: x")
    assert (verdict.metrics, verdict.records) == ((), (INVALID,))


def test_without_k6_nothing_was_seen():
    verdict, memory = load_test.evaluate(
        Unavailable("k6", Why.NOT_VISIBLE, "k6_missing"), context({"a": 1})
    )
    assert verdict.status is Status.UNKNOWN
    assert [f.key for f in verdict.findings] == ["monitoring_gap:k6"]
    assert (verdict.records, memory) == ((), {"a": 1})


@pytest.mark.parametrize(
    ("outcome", "fact"),
    [
        (PASSED, PASSED),
        (Refusal("k6_busy"), Unavailable("k6", Why.LIMIT, "k6_busy")),
    ],
    ids=["carried_out", "refused"],
)
def test_a_run_is_carried_out_by_whom_the_check_was_given(outcome, fact):
    plans = []
    check = load_test.run_by(lambda plan: plans.append(plan) or outcome)
    given = context(target="http://pay:8080", targets_allowed=("http://pay:8080",), rate=7)
    assert check.probe(given) == fact
    assert plans == [load_test.plan_of(given.options)]
    assert replace(check, probe=CHECK.probe) == CHECK


WORSE = {
    "word": "regression",
    "runs": 9,
    "metric": "http_req_duration",
    "statistic": "p(95)",
    "unit": "ms",
    "now": 160.0,
    "before": 120.0,
    "change_percent": 33.3,
    "shape": "step",
    "endpoints": "authorize, capture",
}


@pytest.mark.parametrize(
    ("run", "codes"),
    [
        (replace(PASSED, compared=WORSE), ["load_test_worse"]),
        (replace(FAILED, compared=WORSE), ["load_test_failed", "load_test_worse"]),
        (replace(INVALID, compared=WORSE), ["load_test_invalid"]),
        (replace(PASSED, compared={"word": "same", "runs": 9}), []),
        (replace(PASSED, compared={"word": "not_enough_history", "runs": 2}), []),
    ],
)
def test_a_run_that_got_worse_warns_at_once(run, codes):
    verdict = judged(run)
    assert [f.code for f in verdict.findings] == codes
    worse = next((f for f in verdict.findings if f.code == "load_test_worse"), None)
    assert worse is None or (worse.status, worse.passes_required) == (Status.WARN, 1)


def test_it_needs_no_memory_of_its_own():
    assert load_test.evaluate(PASSED, context({"a": 1}))[1] == {"a": 1}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "before it stood at 120 ms (+33.3 %). Worse are: authorize, capture."),
        ("ko", "이전에는 120 ms였습니다(+33.3%). 나빠진 것: authorize, capture."),
    ],
)
def test_what_got_worse_is_told_with_its_figures(language, said):
    (finding,) = judged(replace(PASSED, compared=WORSE)).findings
    told = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True).finding(finding)
    assert said in told.text
    share = {"metric": "http_req_failed", "statistic": "rate", "unit": "share"}
    failing = replace(PASSED, compared={**WORSE, **share, "now": 0.05, "before": 0.0})
    (finding,) = judged(failing).findings
    told = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True).finding(finding)
    assert "http_req_failed rate 5" in told.title


@pytest.mark.parametrize(
    "options",
    [
        {"target": "http://pay:8080"},
        {"target": "http://pay:8080", "targets_allowed": ("http://pay:8081",)},
        {"scenario": "full-fow"},
        {"variables": {"K6_VUS": "1"}},
        {"variables": {"lower": "1"}},
    ],
)
def test_a_broken_setting_stops_the_start(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Options(**options)


def test_the_probe_hands_its_settings_to_k6(monkeypatch):
    handed: list[Any] = []
    monkeypatch.setattr(k6, "run", lambda plan, now: handed.append((plan, now)) or PASSED)
    target = {"target": "http://pay/api", "targets_allowed": ("http://pay",)}
    rest = {"scenario": "full-flow", "seconds": 7, "rate": 8, "limit_seconds": 9.0}
    own = {"k6_binary": "/k6", "variables": {"A": "b"}}
    assert load_test.probe(context(**target, **rest, **own)) is PASSED
    assert handed == [(Plan(**target, **rest, **own), NOW)]


def findings() -> list[Finding]:
    by_script = replace(FAILED, result=None, figures={}, exit_code=110, reason="failed_by_script")
    slower = judged(replace(PASSED, compared=WORSE))
    reasons = [
        *sorted(set(load_validity._EXIT_CODES.values())),
        *("time_limit", "no_requests", "unknown_exit_code", "torn", "short", "no_summary"),
        *("nothing_answered", "connections_refused", "requests_failed", "checks_failed"),
        *("iterations_dropped", "iterations_raised", "threshold_without_data"),
        *(
            "platform_critical",
            "monitor_killed",
            "monitor_ended",
            "stopped_by_person",
            "not_started",
        ),
    ]
    invalid = [judged(replace(INVALID, reason=reason)) for reason in reasons]
    return [f for v in (judged(FAILED), judged(by_script), slower, *invalid) for f in v.findings]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("finding", findings(), ids=lambda f: f"{f.code} {f.params['reason']}")
def test_every_finding_can_be_told(finding, language):
    told = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True).finding(finding)
    assert 0 < len(told.title) <= 100
    assert "13:00" in told.text
    assert told.action
    assert ("not known here" in told.text) == (
        language == "en" and finding.params["reason"] == "unknown_exit_code"
    )


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("reason", "params", "said"),
    [
        ("k6_missing", {"configured": ""}, "k6"),
        ("k6_missing", {"configured": "/opt/k6"}, "/opt/k6"),
        ("k6_busy", {}, "k6"),
        ("k6_target_refused", {"target": "http://a", "expected": "http://b"}, "http://b"),
        ("k6_target_refused", {"target": "", "expected": ""}, "."),
        ("k6_scenario_unknown", {"scenario": "x", "expected": "full-flow"}, "full-flow"),
        ("k6_unstartable", {"k6": "/opt/k6", "error": "exec format"}, "exec format"),
    ],
)
def test_every_reason_can_be_told(language, reason, params, said):
    words = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True)
    assert said in words.say(f"reason.{reason}.text", **params)


def test_every_reason_that_a_run_can_have_has_words_of_its_own():
    words = Catalog("en", ZoneInfo("UTC"), strict=True)
    for finding in findings():
        if finding.code == "load_test_invalid" and finding.params["reason"] != "unknown_exit_code":
            assert "not known here" not in words.finding(finding).text
