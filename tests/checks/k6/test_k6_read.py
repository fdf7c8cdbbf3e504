"""checks/k6/read: every shape that k6 writes, read the same; what is none, named."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.k6 import points as k6_points
from checks.k6.read import read_bytes, read_file
from monitor.domain.load_test.files import NoResultError
from monitor.domain.load_test.plain import from_plain, to_plain
from monitor.domain.load_test.result import LoadResult, figures

SAMPLES = Path(__file__).parents[2] / "data" / "k6"
WHOLE = [
    *("01_summary_export_default.json", "02_summary_export_pass.json", "06_export_full.json"),
    *("03_summary_export_trendstats.json", "04_handleSummary.json", "05_export.json"),
    *("07_export_legacy.json", "12_export_timeunit.json", "30_k6v057_handleSummary.json"),
    *("30_k6v057_summary_export.json", "90_NOT_RUN_machine_readable_from_source.json"),
]


def sample(name: str) -> LoadResult:
    return read_file(SAMPLES / name).result


def refused(path: Path) -> NoResultError:
    with pytest.raises(NoResultError) as raised:
        read_file(path)
    return raised.value


@pytest.mark.parametrize("name", WHOLE)
def test_every_shape_tells_the_same_of_the_same_script(name):
    """All samples come from one script: 120 requests (8 of them failed), 3 users, 3 seconds."""
    result = sample(name)
    assert result.value("http_req_failed", "rate") == pytest.approx(8 / 120, abs=1e-3)
    assert result.value("http_req_failed", "matches") == 8
    assert result.value("http_req_failed", "total") == result.value("http_reqs", "count") == 120
    assert 70 < (result.value("http_req_duration", "avg") or 0) < 80, "ms always"
    assert 100 < (result.value("http_req_duration", "p(95)") or 0) < 110
    assert result.seconds == pytest.approx(3.1, abs=0.1)
    assert [(t.path.split("::")[-1], t.passes, t.fails) for t in result.checks] == [
        ("status is 200", 52, 8)
    ]
    assert result.value("checks", "rate") == pytest.approx(52 / 60, abs=1e-3)
    assert result.measures["vus"].kind == "gauge"
    assert 37.9 < figures(result)["requests_per_second"] < 39


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("01_summary_export_default.json", "summary_export"),
        ("04_handleSummary.json", "handle_summary"),
        ("90_NOT_RUN_machine_readable_from_source.json", "machine_summary"),
        ("10_out_json_head.ndjson", "json_lines"),
        ("11_out_csv_head.csv", "csv"),
    ],
)
def test_a_shape_is_recognised_by_its_content(name, shape, tmp_path):
    assert sample(name).shape == shape
    misnamed = tmp_path / "result.txt"
    misnamed.write_bytes((SAMPLES / name).read_bytes())
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress((SAMPLES / name).read_bytes()))
    assert read_file(misnamed) == read_file(packed), "a gzip'd copy is the same file"


@pytest.mark.parametrize(
    "name",
    ["01_summary_export_default.json", "04_handleSummary.json", "30_k6v057_handleSummary.json"],
)
def test_true_in_an_export_means_crossed_and_ok_in_handle_summary_kept(name):
    result = sample(name)
    assert result.crossed == ("http_req_duration p(99)<1",)
    kept = {(m.name, t.rule): t for m, t in result.thresholds if t.kept}
    assert set(kept) == {
        ("checks", "rate>0.5"),
        ("http_req_duration", "p(95)<2000"),
        ("http_req_duration{name:slow}", "avg<5000"),
        ("http_req_failed", "rate<0.5"),
    }
    assert kept["checks", "rate>0.5"].value == pytest.approx(52 / 60)
    p99 = next(t for _, t in result.thresholds if not t.kept)
    assert p99.value is None, "a p(99) threshold does not put p(99) into the summary"


def test_absent_statistics_are_absent_and_not_zero():
    usual, chosen = (sample(n) for n in (WHOLE[0], "03_summary_export_trendstats.json"))
    assert usual.value("http_req_duration", "p(99)") is None
    assert "p99_ms" not in figures(usual)
    assert chosen.value("http_req_duration", "p(99.9)") == pytest.approx(104.38, abs=0.01)
    assert chosen.value("http_req_duration", "med") is None
    assert "median_ms" not in figures(chosen)
    assert chosen.measures["pay_time"].samples == 60


def test_parts_and_endpoints_are_told_apart():
    result = sample("01_summary_export_default.json")
    assert list(result.endpoints) == ["slow"]
    assert result.endpoints["slow"].values["avg"] == pytest.approx(103.83, abs=0.01)
    part = result.measures["http_req_duration{expected_response:true}"]
    assert (part.base, dict(part.tags)) == ("http_req_duration", {"expected_response": "true"})
    assert result.groups == ("pay",)
    assert result.measures["outbox_age"].kind == "gauge"
    assert result.measures["declined"].kind == "rate"
    assert result.measures["payments"].kind == "counter"
    assert result.measures["batch_size"].kind == "trend"


def test_the_new_summary_tells_its_version_and_its_time():
    result = sample("90_NOT_RUN_machine_readable_from_source.json")
    assert (result.k6_version, result.script) == ("2.2.0", "script.js")
    assert result.ended_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert result.value("http_req_duration", "p(90)") == 103.9
    assert result.value("http_reqs", "rate") == pytest.approx(120 / 3.1)
    other = json.loads((SAMPLES / "90_NOT_RUN_machine_readable_from_source.json").read_text())
    other["metadata"] = {"k6Version": "1.5.0", "generatedAt": "2026-01-01T09:00:00+09:00"}
    for metric in other["results"]["metrics"]:
        metric["values"] = {f"p({k[1:]})" if k in ("p90", "p95") else k: v
                            for k, v in metric["values"].items()}  # fmt: skip
    spelled = read_bytes(json.dumps(other).encode())
    assert (spelled.k6_version, spelled.ended_at) == ("1.5.0", result.ended_at)
    assert spelled.measures == result.measures


def test_single_samples_become_metrics():
    lines = sample("10_out_json_head.ndjson")
    assert lines.value("http_req_duration", "p(95)") == 13.651903
    assert lines.value("http_req_failed", "rate") == 1
    assert lines.checks[0].path == "pay::status is 200"
    assert lines.crossed == ("checks rate>0.5", "http_req_failed rate<0.5")
    assert lines.started_at == datetime(2026, 11, 22, 20, 33, 40, 659471, tzinfo=UTC)
    rows = sample("11_out_csv_head.csv")
    assert rows.value("http_reqs", "count") == 2
    assert set(rows.endpoints) == {"flaky", "slow"}
    assert rows.endpoints["slow"].values["med"] == 101.949586
    assert rows.measures["pay_time"].kind == "unknown", "CSV does not tell the type"
    assert rows.started_at == datetime.fromtimestamp(1795379621, UTC)


def points(values: list[float], endpoints: int = 1) -> Iterator[str]:
    head = {"name": "http_req_duration", "type": "trend", "contains": "time",
            "thresholds": ["p(95)<50", "p(99)<9999"], "submetrics": None}  # fmt: skip
    yield json.dumps({"type": "Metric", "data": head, "metric": "http_req_duration"})
    for number, value in enumerate(values):
        at = f"2026-11-22T20:{number // 60 % 60:02}:{number % 60:02}.5Z"
        tags = {"name": f"ep{number % endpoints}", "expected_response": "true"}
        data = {"time": at, "value": value, "tags": tags}
        yield json.dumps({"metric": "http_req_duration", "type": "Point", "data": data})


def written(folder: Path, lines: Iterator[str]) -> Path:
    path = folder / "points.ndjson"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_quantiles_are_exact_and_as_k6_reckons_them(tmp_path):
    result = read_file(written(tmp_path, points([10, 20, 30, 40]))).result
    measure = result.measures["http_req_duration"]
    assert measure.values["med"] == 25
    assert measure.values["p(95)"] == pytest.approx(38.5)
    assert (measure.sketched, measure.samples, sum(measure.buckets.values())) == (False, 4, 4)
    assert [(t.rule, t.kept) for t in measure.thresholds] == [
        ("p(95)<50", True),
        ("p(99)<9999", True),
    ]


def test_many_samples_are_sketched_within_one_percent_and_in_bounded_memory(tmp_path):
    chance = random.Random(7)
    values = [chance.lognormvariate(4, 0.6) for _ in range(3 * k6_points.EXACT_MAX)]
    measure = read_file(written(tmp_path, points(values))).result.measures["http_req_duration"]
    assert measure.sketched
    assert len(measure.buckets) < 400
    ordered = sorted(values)
    for name, share in {"med": 0.5, "p(95)": 0.95, "p(99)": 0.99}.items():
        exact = ordered[math.floor(share * (len(ordered) - 1))]
        assert measure.values[name] == pytest.approx(exact, rel=0.011)
    assert measure.values["max"] == ordered[-1]
    assert measure.values["avg"] == pytest.approx(sum(values) / len(values))


def test_a_script_with_an_endpoint_for_every_request_does_not_grow_without_end(tmp_path):
    count = k6_points.ENDPOINTS_MAX + 150
    result = read_file(written(tmp_path, points([5.0] * count, endpoints=count))).result
    assert len(result.endpoints) == k6_points.ENDPOINTS_MAX
    assert result.left_out == 150
    assert result.measures["http_req_duration"].samples == count


def test_a_file_that_was_cut_off_is_read_and_says_so(tmp_path):
    whole = "\n".join(points([10, 20, 30])) + "\n"
    for name, content in {
        "line": whole.encode()[:-30],
        "gzip": gzip.compress(whole.encode())[:-12],
        "row": (SAMPLES / "11_out_csv_head.csv").read_bytes()[:-40],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read_file(tmp_path / name).result.torn, name


def rows_csv(folder: Path, stamps: list[str]) -> Path:
    path = folder / "x.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["metric_name", "timestamp", "metric_value", "check", "name", "extra_tags"])
        out.writerows(["http_req_duration", at, "5", "", "a\nb", "team=pay&x=1"] for at in stamps)
    return path


@pytest.mark.parametrize(
    "stamp", ["1795379621", "1795379621000000", "1795379621000000000", "2026-11-22T20:33:41Z"]
)
def test_csv_times_in_every_format_of_k6(tmp_path, stamp):
    result = read_file(rows_csv(tmp_path, [stamp])).result
    assert result.started_at == datetime.fromtimestamp(1795379621, UTC)
    assert list(result.endpoints) == ["a\nb"]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty", None),
        (b" \n\n", "empty", None),
        (b"hello", "not_k6", 1),
        (b"\xff\xfe\x00", "not_k6", 1),
        (b"[1]", "no_metrics", 1),
        (b"{}", "no_metrics", None),
        (b'{"metrics": 5}', "no_metrics", None),
        (b'{\n "metrics": {\n  "a": nope\n }\n}', "json", 3),
        (b'{\n "metrics": {\n  "http_reqs": {"count"', "torn", 3),
        (b'{"metrics": {"\xff": {}}}', "not_utf8", 1),
        (b'{"results": {}}', "no_metrics", None),
        (b"\x1f\x8bnonsense", "gzip_broken", None),
        (b"<!DOCTYPE html><html>", "dashboard", 1),
        (b"metric_name,metric_value,x\n", "csv_columns", 1),
        (b"metric_name,timestamp,metric_value\na,1,2\na,1\na,1,2\n", "csv_row", 3),
        (b"metric_name,timestamp,metric_value\na,1,2\na,x,2\n", "point_broken", 3),
        (b'{"type":"Point","metric":"a","data":{}}\n', "point_broken", 1),
        (
            b'{"type":"Metric","metric":"a","data":{"type":"trend"}}\n{broken}\n'
            b'{"type":"Metric","metric":"b","data":{"type":"trend"}}\n',
            "json",
            2,
        ),
    ],
)
def test_what_is_no_result_is_named_with_its_line(tmp_path, content, code, line):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    error = refused(path)
    assert (error.code, error.line) == (code, line)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("20_rest_metrics.json", "rest_answer"),
        ("20_rest_metric_one.json", "rest_answer"),
        ("20_rest_groups.json", "rest_answer"),
        ("20_rest_status.json", "rest_answer"),
        ("13_dashboard_decoded_head.ndjson", "dashboard"),
        ("nowhere.json", "missing"),
    ],
)
def test_other_output_of_k6_is_named_for_what_it_is(name, code):
    assert refused(SAMPLES / name).code == code


def test_deep_nesting_and_long_lines_are_refused(tmp_path, monkeypatch):
    deep = tmp_path / "deep.json"
    deep.write_text('{"metrics":\n' + "[" * 200_000)
    assert refused(deep).code in ("json", "torn")
    monkeypatch.setattr("checks.k6.read.LINE_BYTES_MAX", 500)
    long = written(tmp_path, iter(["x" * 10]))
    long.write_bytes(b'{"type":"Metric","metric":"a","data":{"type":"trend"}}\n' + b"x" * 5000)
    with pytest.raises(NoResultError) as raised:
        read_file(long)
    assert (raised.value.code, raised.value.line) == ("line_too_long", 2)


@pytest.mark.parametrize("name", [*WHOLE, "10_out_json_head.ndjson", "11_out_csv_head.csv"])
def test_a_result_survives_the_store_as_plain_data(name):
    result = sample(name)
    assert from_plain(json.loads(json.dumps(to_plain(result)))) == result
