"""monitor/domain/load_test/validity: valid before compared, whatever k6's exit code says."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from checks.k6.process import LOG_BYTES_MAX, Log
from checks.k6.read import read_bytes, read_file
from monitor.domain.load_test import validity as load_validity
from monitor.domain.load_test.result import LoadResult, figures
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import Ending, differences, doubts, failure_of, state_of
from monitor.text.catalog import Catalog

SAMPLES = Path(__file__).parents[2] / "data" / "k6"
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
# As k6 1.1 exports a run of 200 requests that kept all its limits.
GOOD: dict[str, Any] = {
    "metrics": {
        "http_reqs": {"count": 200, "rate": 39.6},
        "http_req_duration": {
            "avg": 9.2,
            "min": 3.1,
            "med": 8.4,
            "max": 70.2,
            "count": 200,
            "p(90)": 14.5,
            "p(95)": 20.25,
            "p(99)": 61.0,
            "thresholds": {"p(95)<500": False},
        },
        "http_req_failed": {
            "passes": 5,
            "fails": 195,
            "value": 0.025,
            "thresholds": {"rate<0.05": False},
        },
        "checks": {"passes": 190, "fails": 10, "value": 0.95},
        "iterations": {"count": 199, "rate": 39.4},
        "dropped_iterations": {"count": 1, "rate": 0.2},
        "data_received": {"count": 22_000, "rate": 4400.0},
    },
    "root_group": {"name": ""},
}


def read(summary: Any) -> LoadResult:
    return read_bytes(json.dumps(summary).encode())


def changed(**metrics: dict[str, Any] | None) -> LoadResult:
    """The good summary with some metrics replaced, or left out."""
    summary = copy.deepcopy(GOOD)
    for name, metric in metrics.items():
        if metric is None:
            del summary["metrics"][name]
        else:
            summary["metrics"][name] = metric
    return read(summary)


def outcome(
    result: LoadResult | None, exit_code: int | None = 0, stopped: str = "", thrown: int = 0
) -> tuple[str, str]:
    found = doubts(result, Ending(exit_code, stopped, thrown))
    state = state_of(found, result, exit_code)
    return state, found[0].code if found else failure_of(state, result, exit_code)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("x_all_refused.json", ["nothing_answered"]),
        ("x_all_checks_fail.json", ["no_requests", "checks_failed"]),
        ("x_throw_in_iter.json", ["no_requests"]),
        ("x_threshold_no_data.json", ["no_requests", "threshold_without_data"]),
        ("x_dropped.json", ["iterations_dropped", "no_requests"]),
        ("01_summary_export_default.json", []),
        ("02_summary_export_pass.json", []),
        ("03_summary_export_trendstats.json", []),
        ("04_handleSummary.json", []),
        ("30_k6v057_handleSummary.json", []),
        ("90_NOT_RUN_machine_readable_from_source.json", []),
    ],
)
def test_exit_0_although_broken_is_invalid_with_its_reason(name, codes):
    result = read_file(SAMPLES / name).result
    for ending in (Ending(), Ending(0)):
        found = doubts(result, ending)
        assert [doubt.code for doubt in found] == codes
        assert (state_of(found, result, ending.exit_code) == "invalid") == bool(codes)


def test_figures_carry_their_units_and_failed_requests_are_the_passes():
    assert figures(read(GOOD)) == {
        "p95_ms": 20.25,
        "median_ms": 8.4,
        "p99_ms": 61.0,
        "requests_per_second": 39.6,
        "failed_percent": 2.5,
        "checks_failed_percent": pytest.approx(5),
        "dropped_percent": 0.5,
        "iterations": 199,
        "thresholds_crossed": 0,
    }


def test_a_figure_that_was_not_exported_is_left_out_not_zero():
    bare = changed(http_req_duration={"avg": 9.2, "p(95)": 20.0, "count": 3}, checks=None)
    assert not {"median_ms", "p99_ms", "checks_failed_percent"} & figures(bare).keys()


FAILED_ALL = {"passes": 200, "fails": 0, "value": 1}
ZERO = {"avg": 0, "min": 0, "med": 0, "max": 0, "p(95)": 0}
ALL_REFUSED = changed(
    http_req_failed=FAILED_ALL, data_received={"count": 0, "rate": 0}, http_req_duration=ZERO
)
SOME_REFUSED = changed(
    http_req_failed={"passes": 60, "fails": 140, "value": 0.3},
    http_req_duration={**ZERO, "max": 70.2, "p(95)": 21.0, "med": 8.0},
)
ALL_ERRORS = changed(http_req_failed=FAILED_ALL)
MOST_ERRORS = changed(http_req_failed={"passes": 194, "fails": 6, "value": 0.97})
UNMEASURED = changed(refund_duration={"count": 0, "p(95)": 0, "thresholds": {"p(95)<700": False}})
UNTOLD = changed(refund_duration={**ZERO, "thresholds": {"p(95)<700": False}})
NO_RATE = changed(payment_errors={"passes": 0, "fails": 0, "thresholds": {"rate<0.002": False}})
NONE_DROPPED = changed(dropped_iterations={"count": 0, "rate": 0, "thresholds": {"count<1": False}})
DROPPED = changed(dropped_iterations={"count": 3, "rate": 1})
CROSSED = changed(http_req_duration={"count": 9, "p(95)": 700, "thresholds": {"p(95)<500": True}})
HALF_FAILED = changed(http_req_failed={"passes": 100, "fails": 100, "value": 0.5})


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (read(GOOD), ("passed", "")),
        (None, ("invalid", "no_summary")),
        (changed(http_reqs=None, http_req_duration=None, http_req_failed=None),
         ("invalid", "no_requests")),
        (ALL_REFUSED, ("invalid", "nothing_answered")),
        (SOME_REFUSED, ("invalid", "connections_refused")),
        (ALL_ERRORS, ("invalid", "requests_failed")),
        (MOST_ERRORS, ("invalid", "requests_failed")),
        (HALF_FAILED, ("passed", "")),
        (DROPPED, ("invalid", "iterations_dropped")),
        (NONE_DROPPED, ("passed", "")),
        (changed(checks={"passes": 0, "fails": 9, "value": 0}), ("invalid", "checks_failed")),
        (changed(checks={"passes": 0, "fails": 0}), ("passed", "")),
        (UNMEASURED, ("invalid", "threshold_without_data")),
        (UNTOLD, ("invalid", "threshold_without_data")),
        (NO_RATE, ("invalid", "threshold_without_data")),
        (CROSSED, ("failed", "thresholds_crossed")),
        (replace(read(GOOD), torn=True), ("invalid", "torn")),
    ],
    ids=lambda value: value[1] or value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_exit_code_0_and_no_exit_code_prove_nothing(result, expected):
    assert outcome(result, 0) == outcome(result, None) == expected


@pytest.mark.parametrize(
    ("exit_code", "expected"),
    [
        (99, ("failed", "thresholds_crossed")),
        (110, ("failed", "failed_by_script")),
        (97, ("invalid", "cloud_failed")),
        (100, ("invalid", "setup_timeout")),
        (101, ("invalid", "teardown_timeout")),
        (103, ("invalid", "stopped_from_outside")),
        (104, ("invalid", "bad_options")),
        (105, ("invalid", "interrupted")),
        (106, ("invalid", "port_taken")),
        (107, ("invalid", "script_raised")),
        (108, ("invalid", "aborted_by_script")),
        (109, ("invalid", "k6_crashed")),
        (137, ("invalid", "killed")),
        (143, ("invalid", "interrupted")),
        (255, ("invalid", "bad_command")),
        (-9, ("invalid", "unknown_exit_code")),
    ],
)
def test_an_exit_code_tells_how_a_good_looking_run_ended(exit_code, expected):
    assert outcome(read(GOOD), exit_code) == expected


def test_thrown_iterations_and_a_stop_of_our_own_are_doubts():
    assert outcome(read(GOOD), thrown=1) == ("passed", "")
    assert outcome(read(GOOD), thrown=2) == ("invalid", "iterations_raised")
    assert outcome(read(GOOD), 105, stopped="platform_critical")[1] == "platform_critical"


@pytest.mark.parametrize(("seconds", "is_short"), [(9.1, False), (8.9, True), (None, False)])
def test_a_run_that_ends_before_its_time_is_short(seconds, is_short):
    result = replace(read(GOOD), seconds=seconds)
    found = doubts(result, Ending(0, seconds_planned=10.0))
    assert [d.code for d in found] == (["short"] if is_short else [])


@pytest.mark.parametrize(
    "odd", [5, "x", [], {"count": "many"}, {"count": True}, {"count": None}, {"thresholds": 5}]
)
def test_odd_metrics_are_no_numbers(odd):
    result = read({"metrics": dict.fromkeys(GOOD["metrics"], odd)})
    assert outcome(result)[0] == "invalid"
    assert figures(result) == {"dropped_percent": 0, "iterations": 0, "thresholds_crossed": 0}


RUN = LoadTestRun(
    *("full-flow", "http://pay", NOW, NOW + timedelta(seconds=5), "passed"),
    result=read(GOOD),
    script_hash="a" * 64,
    options={"rate": 30, "seconds": 5.0, "vus": 20},
    k6_version="1.1.0",
)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"scenario": "authorize-only"}, "other_scenario"),
        ({"target": "http://other"}, "other_target"),
        ({"script_hash": "b" * 64}, "other_script"),
        ({"k6_version": "2.2.0"}, "other_k6_version"),
        ({"options": {"rate": 60, "seconds": 5.0, "vus": 20}}, "other_rate"),
        ({"options": {"rate": 30, "seconds": 60.0, "vus": 20}}, "other_seconds"),
        ({"options": {"rate": 30, "seconds": 5.0, "vus": 40}}, "other_vus"),
        ({"script_hash": "", "k6_version": "", "options": {}}, None),
    ],
)
def test_only_what_was_changed_makes_runs_unlike(change, code):
    other = replace(RUN, **change)
    for pair in ((RUN, other), (other, RUN)):
        assert [d.code for d in differences(*pair)] == ([code] if code else [])


def test_a_fixed_number_of_iterations_may_take_longer_but_half_a_run_is_another():
    bare = replace(RUN, options={}, result=replace(read(GOOD), seconds=10.0))
    slower = replace(bare, result=replace(read(GOOD), seconds=40.0))
    half = changed(iterations={"count": 80, "rate": 39.4})
    cut = replace(bare, result=replace(half, seconds=2.0))
    assert differences(slower, bare) == ()
    assert [d.code for d in differences(cut, bare)] == ["other_seconds"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_reason_has_words_with_and_without_its_figures(language):
    words = Catalog(language, UTC, strict=True)
    results = [ALL_REFUSED, SOME_REFUSED, ALL_ERRORS, DROPPED, UNMEASURED]
    found = [doubt for result in results for doubt in doubts(result)]
    found += doubts(changed(checks={"passes": 0, "fails": 9, "value": 0}), Ending(-9, thrown=90))
    found += doubts(replace(read(GOOD), seconds=1.0), Ending(0, seconds_planned=9.0))
    for doubt in found:
        assert words.has(f"load_doubt.{doubt.code}")
        assert words.doubt(doubt.code, doubt.params)
        assert words.doubt(doubt.code, {})
    for code in load_validity._EXIT_CODES.values():
        assert words.has(f"load_doubt.{code}")
    for doubt in differences(RUN, replace(RUN, scenario="x", target="y", script_hash="z",
            k6_version="2", options={"rate": 1, "seconds": 2, "vus": 3})):  # fmt: skip
        assert words.say(f"load_difference.{doubt.code}", **doubt.params)


def test_raised_iterations_are_counted_across_torn_lines():
    line = b'level=error msg="Error: x" executor=shared-iterations scenario=a source=stacktrace\n'
    other = b'level=error msg="mine" source=console\n'
    log = Log()
    stream = (line + other) * 50
    for start in range(0, len(stream), 7):
        log.add(stream[start : start + 7])
    assert log.thrown == 50


def test_a_line_without_an_end_is_not_kept_whole():
    log = Log()
    for _ in range(100):
        log.add(b"x" * 10_000)
    assert len(log.text) == LOG_BYTES_MAX
    assert len(log._line) == LOG_BYTES_MAX
