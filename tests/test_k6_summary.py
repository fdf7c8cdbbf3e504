"""checks/sources/k6_summary: what a summary export says, and when it says nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from checks.sources import k6_summary
from checks.sources.k6_process import LOG_BYTES_MAX, Log

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


def changed(**metrics: dict[str, Any] | None) -> dict[str, Any]:
    """The good summary with some metrics replaced, or left out."""
    summary = copy.deepcopy(GOOD)
    for name, metric in metrics.items():
        if metric is None:
            del summary["metrics"][name]
        else:
            summary["metrics"][name] = metric
    return summary


def test_figures_carry_their_units_and_failed_requests_are_the_passes():
    assert k6_summary.figures(GOOD) == {
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
    found = k6_summary.figures(bare)
    assert "median_ms" not in found
    assert "p99_ms" not in found
    assert "checks_failed_percent" not in found


def test_a_threshold_that_is_true_was_crossed():
    rules = {"p(95)<500": True, "p(99)<900": False}
    summary = changed(http_req_duration={"count": 9, "p(95)": 700.0, "thresholds": rules})
    assert k6_summary.crossed(summary) == ("http_req_duration p(95)<500",)
    assert k6_summary.figures(summary)["thresholds_crossed"] == 1
    assert k6_summary.outcome(99, False, 0, summary) == ("failed", "thresholds_crossed")


ALL_REFUSED = changed(
    http_req_failed={"passes": 200, "fails": 0, "value": 1}, data_received={"count": 0, "rate": 0}
)
ALL_ERRORS = changed(http_req_failed={"passes": 200, "fails": 0, "value": 1})
UNMEASURED = changed(refund_duration={"count": 0, "p(95)": 0, "thresholds": {"p(95)<700": False}})
NO_RATE = changed(payment_errors={"passes": 0, "fails": 0, "thresholds": {"rate<0.002": False}})
DROPPED = changed(dropped_iterations={"count": 3, "rate": 1})
CROSSED = changed(http_req_duration={"count": 9, "thresholds": {"p(95)<500": True}})


@pytest.mark.parametrize(
    ("exit_code", "stopped", "thrown", "summary", "expected"),
    [
        (0, False, 0, GOOD, ("passed", "")),
        (0, False, 1, GOOD, ("passed", "")),
        (0, False, 2, GOOD, ("invalid", "iterations_raised")),
        (0, True, 0, GOOD, ("invalid", "time_limit")),
        (0, False, 0, {}, ("invalid", "no_summary")),
        (0, False, 0, changed(http_reqs=None), ("invalid", "no_requests")),
        (0, False, 0, ALL_REFUSED, ("invalid", "nothing_answered")),
        (99, False, 0, ALL_REFUSED, ("invalid", "nothing_answered")),
        (0, False, 0, ALL_ERRORS, ("passed", "")),
        (0, False, 0, DROPPED, ("invalid", "iterations_dropped")),
        (99, False, 0, DROPPED, ("invalid", "iterations_dropped")),
        (0, False, 0, changed(checks={"passes": 0, "fails": 9}), ("invalid", "all_checks_failed")),
        (0, False, 0, changed(checks={"passes": 0, "fails": 0}), ("passed", "")),
        (0, False, 0, UNMEASURED, ("invalid", "threshold_without_data")),
        (0, False, 0, NO_RATE, ("invalid", "threshold_without_data")),
        (0, False, 0, CROSSED, ("failed", "thresholds_crossed")),
        (99, False, 0, GOOD, ("failed", "thresholds_crossed")),
        (110, False, 0, GOOD, ("failed", "failed_by_script")),
        (100, False, 0, GOOD, ("invalid", "setup_timeout")),
        (101, False, 0, GOOD, ("invalid", "teardown_timeout")),
        (103, False, 0, GOOD, ("invalid", "stopped_from_outside")),
        (104, False, 0, {}, ("invalid", "bad_options")),
        (105, False, 0, GOOD, ("invalid", "interrupted")),
        (106, False, 0, {}, ("invalid", "port_taken")),
        (107, False, 0, {}, ("invalid", "script_raised")),
        (108, False, 0, GOOD, ("invalid", "aborted_by_script")),
        (109, False, 0, {}, ("invalid", "k6_crashed")),
        (137, False, 0, {}, ("invalid", "killed")),
        (255, False, 0, {}, ("invalid", "bad_command")),
        (-9, False, 0, {}, ("invalid", "unknown_exit_code")),
    ],
)
def test_the_outcome_of_a_run(exit_code, stopped, thrown, summary, expected):
    assert k6_summary.outcome(exit_code, stopped, thrown, summary) == expected


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'{"metrics": 5}', b"\xff\xfe", b'{"root_group": {}}']
)
def test_what_is_no_summary_is_read_as_none(text):
    assert k6_summary.parse(text) == {}


@pytest.mark.parametrize(
    "odd", [5, "x", [], {"count": "many"}, {"count": True}, {"count": None}, {"thresholds": 5}]
)
def test_odd_metrics_are_no_numbers(odd):
    summary = {"metrics": dict.fromkeys(GOOD["metrics"], odd)}
    assert k6_summary.outcome(0, False, 0, summary)[0] == "invalid"
    assert k6_summary.figures(summary) == {
        "dropped_percent": 0,
        "iterations": 0,
        "thresholds_crossed": 0,
    }


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
