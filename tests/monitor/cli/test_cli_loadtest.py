"""paypulse loadtest: results of k6 read from files, listed, shown, compared, given away."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from rich.cells import cell_len
from typer.testing import CliRunner

from monitor.cli.main import main
from monitor.domain.load_test.dates import date_in, scenario_in

SAMPLES = Path(__file__).parents[2] / "data" / "k6"
SEOUL = ZoneInfo("Asia/Seoul")
Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    config = tmp_path / "paypulse.toml"

    def call(*words: str, language: str = "en") -> Result:
        config.write_text(
            f'language = "{language}"\ntimezone = "Asia/Seoul"\ndatabase = "{tmp_path}/p.db"\n'
        )
        return CliRunner().invoke(main, [*words, "-c", str(config)])

    assert call("db", "migrate").exit_code == 0
    return call


def export(p95: float, failed: int = 0, received: int = 9000) -> str:
    """A run of 100 requests to two endpoints, as k6 exports it."""
    trend = {"avg": p95 / 2, "min": 1.0, "med": p95 / 2, "max": p95 * 1.5, "p(95)": p95}
    metrics = {
        "http_req_duration": trend,
        "http_req_duration{name:authorize}": {**trend, "thresholds": {"p(95)<500": p95 > 500}},
        "http_req_failed": {"passes": failed, "fails": 100 - failed, "value": failed / 100},
        "http_reqs": {"count": 100, "rate": 20.0},
        "iterations": {"count": 100, "rate": 20.0},
        "data_received": {"count": received, "rate": 1.0},
    }
    return json.dumps({"metrics": metrics, "root_group": {}})


@pytest.fixture
def history(ask: Ask, tmp_path: Path) -> Path:
    """Ten Sundays: eight alike, then two a third slower."""
    folder = tmp_path / "results"
    folder.mkdir()
    for week, p95 in enumerate((120, 121, 119, 120, 122, 118, 120, 121, 160, 161)):
        at = datetime.fromtimestamp(1_760_000_000 + week * 7 * 86_400, UTC)
        (folder / f"full-flow-{at:%Y-%m-%dT%H%M%SZ}.json").write_text(
            export(p95, received=9000 + week)
        )
    result = ask("loadtest", "import", str(folder), "--target", "http://pay")
    assert result.exit_code == 0, result.output
    return folder


def test_files_become_runs_with_the_time_and_the_scenario_of_their_names(ask, history):
    listed = json.loads(ask("loadtest", "list", "--json").stdout)
    assert [run["id"] for run in listed] == list(range(10, 0, -1))
    assert {run["scenario"] for run in listed} == {"full-flow"}
    assert listed[-1]["started_at"] == "2025-10-09T08:53:20+00:00"
    assert listed[0]["figures"]["p95_ms"] == 161
    assert listed[0]["verdict"] == "regression"
    assert [run["verdict"] for run in listed[2:]] == ["same"] * 3 + ["not_enough_history"] * 5


def test_the_same_content_is_known_again_and_what_is_no_result_is_named_and_left_alone(
    ask, history
):
    (history / "notes.json").write_text('{"mine": 1}')
    again = ask("loadtest", "import", str(history))
    assert again.exit_code == 1
    assert again.stdout.count("the same as #") == 10
    assert "notes.json: it is JSON, but has no metrics" in again.stdout
    assert "0 imported, 10 known already, 1 refused" in again.stdout
    assert (history / "notes.json").read_text() == '{"mine": 1}'


def test_a_bad_file_is_named_with_its_line_and_the_others_are_read(ask, tmp_path):
    bad, good = tmp_path / "bad.csv", tmp_path / "2026-11-22.json"
    bad.write_text("metric_name,timestamp,metric_value\nhttp_reqs,1795379621,1\nhttp_reqs,x,1\n")
    good.write_text(export(100))
    result = ask("loadtest", "import", str(bad), str(good), language="ko")
    assert f"{bad} 3행: k6 측정값이 아닙니다" in result.stdout
    assert "가져옴 1건, 이미 있음 0건, 거부 1건" in result.stdout
    told = ask("loadtest", "import", "--json", str(bad), str(tmp_path / "nowhere.json"))
    errors = [json.loads(line)["error"] for line in told.stdout.splitlines()]
    assert [(e["code"], e["line"]) for e in errors] == [("point_broken", 3), ("missing", None)]


def test_a_file_without_a_date_needs_one(ask, tmp_path):
    for name in ("a10.json", "a9.json"):
        (tmp_path / name).write_text(export(len(name)))
    refused = ask("loadtest", "import", str(tmp_path / "a9.json"))
    assert refused.exit_code == 1
    assert "--at 2026-11-22T04:00" in refused.stdout
    folder = tmp_path / "dated"
    folder.mkdir()
    for name in ("a10.json", "a9.json"):
        shutil.move(tmp_path / name, folder / name)
    result = ask("loadtest", "import", str(folder), "--at", "2026-11-22T04:00", "--every", "7d")
    assert result.exit_code == 0
    runs = json.loads(ask("loadtest", "list", "--json").stdout)
    assert [(r["file"], r["started_at"]) for r in runs] == [
        ("a10.json", "2026-11-28T19:00:00+00:00"),
        ("a9.json", "2026-11-21T19:00:00+00:00"),
    ]
    assert ask("loadtest", "import", "x.json", "--at", "soon").exit_code == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x_all_refused.json", "nothing_answered"),
        ("x_all_checks_fail.json", "no_requests"),
        ("x_throw_in_iter.json", "no_requests"),
        ("x_threshold_no_data.json", "no_requests"),
        ("x_dropped.json", "iterations_dropped"),
    ],
)
def test_a_broken_run_that_exited_with_0_is_invalid_and_is_not_compared(ask, name, reason):
    args = ("--at", "2026-11-22T04:00", "--exit-code", "0", "--scenario", "full-flow")
    ask("loadtest", "import", str(SAMPLES / "02_summary_export_pass.json"), *args)
    ask("loadtest", "import", str(SAMPLES / name), *args)
    latest = json.loads(ask("loadtest", "list", "--json", "-n", "1").stdout)[0]
    assert (latest["state"], latest["verdict"]) == ("invalid", "invalid")
    assert latest["reasons"][0]["code"] == reason
    assert latest["figures"] == {}
    diff = ask("loadtest", "diff", "1", "2")
    assert diff.exit_code == 1
    assert "#2 is invalid" in diff.stdout
    assert "Nothing is compared" in " ".join(diff.stdout.split())
    assert "http_req_duration" not in diff.stdout.partition("\n\n")[2]


def test_a_run_is_shown_against_the_last_the_recent_and_the_best(ask, history):
    shown = ask("loadtest", "show", "10").stdout
    assert "#10 full-flow of 2025-12-11" in shown
    authorize = next(line for line in shown.splitlines() if "authorize  " in line)
    assert authorize.split() == [
        *("authorize", "80.5", "ms", "161", "ms", "+0.6", "%", "+33.1", "%", "+36.4", "%"),
        "worse",
    ]
    assert "http_req_duration{name:authorize} p(95)<500  161 ms  kept" in shown
    whole = json.loads(ask("loadtest", "show", "10", "--json").stdout)
    ruling = whole["verdicts"]["http_req_duration{name:authorize}"]["p(95)"]
    assert (ruling["word"], ruling["shape"]) == ("regression", "step")
    assert [(a["name"], a["run"], a["runs"]) for a in whole["against"]] == [
        ("last", 9, 1),
        ("recent", None, 5),
        ("best", 6, 9),
    ]
    assert ask("loadtest", "show", "99").exit_code == 3


def test_two_runs_stand_side_by_side(ask, history):
    diff = ask("loadtest", "diff", "8", "9")
    assert diff.exit_code == 0
    row = next(line for line in diff.stdout.splitlines() if "{name:authorize} p(95)" in line)
    assert row.split()[2:] == ["121", "ms", "160", "ms", "+32.2", "%", "worse"]
    told = json.loads(ask("loadtest", "diff", "9", "8", "--json").stdout)
    assert told["comparable"]
    assert {v["metric"]: v["word"] for v in told["values"]}["http_req_duration"] == "better"


def test_a_run_against_another_target_is_not_comparable(ask, history, tmp_path):
    other = tmp_path / "full-flow-2026-01-01.json"
    other.write_text(export(50))
    ask("loadtest", "import", str(other), "--target", "http://elsewhere")
    diff = ask("loadtest", "diff", "10", "11")
    assert diff.exit_code == 1
    assert "Not comparable: another target (http://pay → http://elsewhere)" in diff.stdout
    shown = json.loads(ask("loadtest", "show", "11", "--json").stdout)
    assert (shown["compared_runs"], shown["verdict"]) == (0, "not_enough_history")


def test_a_trend_has_a_line_for_each_run(ask, history):
    lines = ask("loadtest", "trend", "http_req_duration{name:authorize}").stdout.splitlines()
    assert lines[0] == "http_req_duration{name:authorize} p(95), full-flow"
    assert len(lines) == 11
    assert lines[-3].endswith("the same")
    assert lines[-2].endswith("stands apart")
    assert lines[-1].endswith("worse")
    nothing = ask("loadtest", "trend", "nothing")
    assert "http_req_duration" in nothing.stdout and nothing.exit_code == 3
    told = json.loads(ask("loadtest", "trend", "http_reqs", "-s", "rate", "--json").stdout)
    assert [row["value"] for row in told] == [20.0] * 10


def test_runs_are_given_away_as_they_came_and_as_tables(ask, history, tmp_path):
    raw = ask("loadtest", "export", "3", "--format", "raw")
    assert raw.stdout_bytes == sorted(history.iterdir())[2].read_bytes()
    out = tmp_path / "out.csv"
    told = ask("loadtest", "export", "--format", "csv", "-o", str(out))
    assert "10 runs written" in told.stdout
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    p95 = [r["value"] for r in rows if r["metric"] == "http_req_duration" and
           r["statistic"] == "p(95)"]  # fmt: skip
    assert p95 == [f"{v}.0" for v in (120, 121, 119, 120, 122, 118, 120, 121, 160, 161)]
    whole = json.loads(ask("loadtest", "export", "1", "2").stdout)
    assert [run["id"] for run in whole] == [1, 2]
    assert whole[0]["result"]["measures"]["http_req_duration"]["values"]["p(95)"] == 120
    assert ask("loadtest", "export", "--format", "raw").exit_code == 3
    assert ask("loadtest", "export", "77").exit_code == 3
    assert ask("loadtest", "export", "--format", "xml").exit_code == 3


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_table_fits_into_eighty_columns(ask, history, tmp_path, language):
    odd = tmp_path / "결제 승인 부하 테스트 시나리오 아주 긴 이름 2026-01-02.json"
    odd.write_text(export(900, failed=20))
    ask("loadtest", "import", str(odd), str(SAMPLES / "10_out_json_head.ndjson"))
    calls = [("list",), ("show", "10"), ("show", "11"), ("show", "12"), ("diff", "9", "10")]
    calls += [("diff", "9", "10", "--all"), ("trend", "http_req_duration{name:authorize}")]
    for call in calls:
        told = ask("loadtest", *call, language=language)
        assert told.exit_code in (0, 1), told.output
        too_wide = [line for line in told.stdout.splitlines() if cell_len(line) > 80]
        assert too_wide == []
    assert ("무효" in ask("loadtest", "list", language="ko").stdout) is True


def test_below_the_list_stands_why_a_run_is_invalid(ask, history):
    name = "broken.json"
    (history / name).write_text(export(50, failed=100))
    ask("loadtest", "import", str(history / name), "--at", "2026-11-22T04:00")
    listed = ask("loadtest", "list").stdout
    table, _, below = listed.partition("#11: ")
    assert "broken" not in below
    assert below.startswith("100 % of the requests failed")
    assert len(table.splitlines()) == 1 + 11


def test_a_long_value_folds_instead_of_being_cut(ask, history):
    shown = ask("loadtest", "show", "10").stdout
    assert "file kept" in shown
    assert "bytes)" in " ".join(shown.split())
    assert "…" not in shown


def test_an_empty_history_says_what_to_do(ask):
    assert "paypulse loadtest import" in ask("loadtest", "list").stdout


@pytest.mark.parametrize(
    ("name", "at", "scenario"),
    [
        ("full-flow-2026-11-22T04-00-05.json", "2026-11-21T19:00:05", "full-flow"),
        ("k6_20261122_0400.csv.gz", "2026-11-21T19:00:00", "k6"),
        ("2026-11-22 authorize.ndjson", "2026-11-21T15:00:00", "authorize"),
        ("full-flow-2026-11-22T04:00:00Z.json", "2026-11-22T04:00:00", "full-flow"),
        ("x-2026-11-22T04:00:00+0900.json", "2026-11-21T19:00:00", "x"),
        ("summary-1795379621.json", "2026-11-22T20:33:41", "summary"),
        ("1795379621000.json", "2026-11-22T20:33:41", "imported"),
        ("g00_r07.json", None, "g00"),
        ("run-20269999.json", None, "run"),
        ("17.json", None, "17"),
    ],
)
def test_a_name_may_tell_the_time_and_the_scenario(name, at, scenario):
    found = date_in(name, SEOUL)
    assert (found and found.replace(tzinfo=None).isoformat()) == at
    assert scenario_in(name) == scenario


def test_a_folder_says_which_files_it_passed_over(ask, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "01_summary_export_default.json").write_bytes(
        (SAMPLES / "01_summary_export_default.json").read_bytes()
    )
    (folder / "report.html").write_text("<html>")
    (folder / ".hidden.json").write_text("{}")
    said = ask("loadtest", "import", "--mtime", str(folder)).output
    assert "2 other files in the folders were passed over: .hidden.json, report.html" in said
