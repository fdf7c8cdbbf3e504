"""The limits of a k6 run: read however they are written, judged or said not to be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from checks.k6 import points as k6_points
from checks.k6.read import read_bytes, read_file
from monitor.domain.load_test.result import UNKNOWN_RULE, LoadResult
from monitor.domain.load_test.validity import Ending, doubts, state_of

TIMES = [100.0] * 60 + [200.0] * 38 + [900.0, 3000.0]  # 100 samples, 20 % of them marked bad
SAMPLES = Path(__file__).parents[2] / "data" / "k6"


def lines_of(name: str, kind: str, limits: Sequence[Any], values: Sequence[float], **declared: Any):
    data = {"name": name, "type": kind, "contains": "time", "thresholds": limits, **declared}
    yield {"type": "Metric", "data": {"submetrics": None, **data}, "metric": name}
    for number, value in enumerate(values):
        at = f"2026-11-22T20:{number // 60 % 60:02}:{number % 60:02}Z"
        tags = {"name": f"call{number % 2}", "status": "200"}
        point = {"time": at, "value": value, "tags": tags}
        yield {"metric": name, "type": "Point", "data": point}


def read_lines(folder: Path, *metrics: Any) -> LoadResult:
    path = folder / "points.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for metric in metrics for line in metric))
    return read_file(path).result


def state(result: LoadResult, exit_code: int | None = None) -> str:
    return state_of(doubts(result, Ending(exit_code)), result, exit_code)


@pytest.mark.parametrize(
    ("kind", "limit", "expected"),
    [
        ("trend", "p(95)<250", "passed"),
        ("trend", "p(95)<150", "failed"),
        ("trend", {"threshold": "p(95)<150", "abortOnFail": True}, "failed"),
        ("trend", {"threshold": "p(95)<250", "abortOnFail": False}, "passed"),
        ("trend", "p(99.9)<1000", "failed"),
        ("trend", "p(99.9)<3000", "passed"),
        ("trend", "p(75)<101", "failed"),
        ("trend", "p(0)>=100", "passed"),
        ("trend", "p( 95 ) < 150", "failed"),
        ("trend", "avg<1e2", "failed"),
        ("trend", "avg<1.5E3", "passed"),
        ("trend", "med<1.", "failed"),
        ("trend", "max<+5000", "passed"),
        ("rate", "rate<.01", "failed"),
        ("rate", "rate < .3", "passed"),
        ("rate", "rate===0.2", "passed"),
        ("counter", "count>=20", "passed"),
        ("counter", "count>=21", "failed"),
        ("gauge", "value!=0", "failed"),
        ("trend", "p(95)<500ms", "unjudged"),
        ("trend", "p(101)<500", "unjudged"),
        ("trend", "p95<500", "unjudged"),
        ("trend", "banana", "unjudged"),
        ("trend", {"abortOnFail": True}, "unjudged"),
        ("trend", 500, "unjudged"),
        ("trend", "rate<0.1", "unjudged"),
        ("rate", "avg<1", "unjudged"),
    ],
)
def test_a_limit_is_read_as_k6_reads_it_and_else_the_run_is_never_passed(
    tmp_path, kind, limit, expected
):
    values = TIMES if kind == "trend" else [1.0] * 20 + [0.0] * 80
    result = read_lines(tmp_path, lines_of("pay", kind, [limit], values))
    assert state(result) == expected
    assert len(list(result.thresholds)) == 1, "no limit is dropped"


def test_a_crossed_limit_beside_one_that_cannot_be_judged_still_fails_the_run(tmp_path):
    result = read_lines(tmp_path, lines_of("pay", "trend", ["p95<1", "p(95)<1"], TIMES))
    assert (state(result), result.crossed) == ("failed", ("pay p(95)<1",))


def test_k6_s_own_exit_code_settles_what_the_file_cannot(tmp_path):
    result = read_lines(tmp_path, lines_of("pay", "trend", ["p95<1"], TIMES))
    assert [state(result, code) for code in (None, 0, 99)] == ["unjudged", "passed", "failed"]


def test_a_limit_on_a_part_whose_text_the_file_does_not_hold_is_not_judged(tmp_path):
    """k6 lists the parts of a metric in --out json, but not the limits that are set on them."""
    part = {"name": "pay{name:call0}", "suffix": "name:call0", "tags": {"name": "call0"}}
    own = {"name": "pay{expected_response:true}", "suffix": "expected_response:true", "tags": {}}
    result = read_lines(tmp_path, lines_of("pay", "trend", [], TIMES, submetrics=[part, own]))
    assert state(result) == "unjudged"
    assert result.open_limits(None) == (f"pay{{name:call0}} {UNKNOWN_RULE}",)


def test_a_limit_on_a_part_is_judged_by_the_samples_of_the_part(tmp_path):
    part = {"name": "pay{name:call0}", "suffix": "name:call0", "tags": {"name": "call0"}}
    limits = lines_of("pay{name:call0}", "trend", ["max<950"], [])
    result = read_lines(tmp_path, lines_of("pay", "trend", [], TIMES, submetrics=[part]), limits)
    assert state(result) == "passed", "the 3,000 ms were those of call1"


def test_a_percentile_out_of_the_histogram_near_its_limit_is_not_judged(tmp_path):
    values = [float(100 + n % 100) for n in range(k6_points.EXACT_MAX + 100)]
    for limit, expected in (("p(95)<194.9", "unjudged"), ("p(95)<200", "passed")):
        result = read_lines(tmp_path, lines_of("pay", "trend", [limit], values))
        assert state(result) == expected


def summary(**metrics: Any) -> LoadResult:
    known = {"http_reqs": {"count": 200, "rate": 40}, "iterations": {"count": 200, "rate": 40}}
    known["http_req_duration"] = {"avg": 9, "min": 1, "med": 8, "max": 60, "p(95)": 20}
    return read_bytes(json.dumps({"metrics": known | metrics}).encode())


EMPTY = {"avg": 0, "min": 0, "med": 0, "max": 0, "p(90)": 0, "p(95)": 0}


@pytest.mark.parametrize(
    ("name", "values", "limit", "expected"),
    [
        ("http_req_duration{status:500}", EMPTY, "max>=0", "passed"),
        ("http_req_duration{status:500}", EMPTY, "p(95)>=0", "passed"),
        ("http_req_duration{status:500}", EMPTY, "avg>-1", "passed"),
        ("http_reqs{status:500}", {"count": 0, "rate": 0}, "count<10", "passed"),
        ("http_reqs{status:500}", {"count": 0, "rate": 0}, "count>=0", "passed"),
        ("http_req_failed{name:pay}", {"value": 0, "passes": 0, "fails": 0}, "rate>=0", "passed"),
        ("http_req_failed{name:pay}", {"value": 0, "passes": 0, "fails": 0}, "rate<1", "unjudged"),
        ("http_req_duration{name:pay}", EMPTY, "p(95)<500", "unjudged"),
        ("pay_time", EMPTY, "p(95)<500", "invalid"),
    ],
)
def test_a_limit_on_a_part_that_stayed_empty_does_not_void_the_run(name, values, limit, expected):
    for exit_code in (None, 0):
        result = summary(**{name: {**values, "thresholds": {limit: False}}})
        assert state(result, exit_code) == expected


def test_a_shape_without_room_for_limits_is_not_called_passed():
    for name in ("11_out_csv_head.csv", "90_NOT_RUN_machine_readable_from_source.json"):
        result = read_file(SAMPLES / name).result
        assert result.open_limits(None) == (UNKNOWN_RULE,)
        assert result.open_limits(0) == ()


def test_trends_of_other_protocols_are_endpoints(tmp_path):
    trends = ("grpc_req_duration", "ws_session_duration", "browser_web_vital_lcp",
              "browser_http_req_duration", "kafka_writer_write_seconds")  # fmt: skip
    metrics = (lines_of(name, "trend", [], TIMES) for name in trends)
    endpoints = read_lines(tmp_path, *metrics).endpoints
    for name in trends:
        assert endpoints[name].samples == 100
        assert endpoints[f"{name} call1"].samples == 50


def test_the_machine_summary_as_k6_2_writes_it_is_read():
    """Made by hand after machine_readable.go of k6 2.x; no k6 2 was run for it."""
    values = {"avg": 9.0, "max": 60.0, "med": 8.0, "min": 1.0, "p(90)": 15.0, "p(95)": 20.0}
    trend = {"contains": "time", "name": "grpc_req_duration", "type": "trend", "values": values}
    counter = {"name": "iterations", "type": "counter", "contains": "default",
               "values": {"count": 200}}  # fmt: skip
    data = {
        "version": "1.0.0",
        "metadata": {"generated_at": "2026-11-30T10:00:10Z", "k6_version": "2.2.0"},
        "config": {"execution": "local", "script": "pay.js", "duration": 10.0},
        "results": {"checks": {"metrics": [], "results": []}, "metrics": [trend, counter]},
    }
    result = read_bytes(json.dumps(data).encode())
    assert (result.k6_version, result.seconds) == ("2.2.0", 10.0)
    assert result.value("iterations", "rate") == 20
    assert result.endpoints["grpc_req_duration"].values["p(95)"] == 20
    assert (state(result), state(result, 0), state(result, 99)) == ("unjudged", "passed", "failed")
