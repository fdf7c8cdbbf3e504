"""`paypulse backtest` and `paypulse loadtest backtest`, as a person and as a program uses them."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.main import main

RUN = CliRunner()
START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAYPULSE_CONFIG", raising=False)


def hourly(folder: Path, days: int = 20) -> Path:
    noise, lines = random.Random(1), ["TimeStamp,Value,Label"]
    for number in range(days * 24):
        at = START + timedelta(hours=number)
        value = 60 + 20 * math.sin(2 * math.pi * at.hour / 24) + noise.gauss(0, 2)
        if timedelta(days=15) <= at - START < timedelta(days=15, hours=3):
            value *= 5
        text = "" if number in (100, 101) else f"{value:.3f}"
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{text},0")
    path = folder / "latency.csv"
    path.write_text("\n".join(lines))
    return path


def test_json_tells_the_alerts_with_times_as_in_the_file(tmp_path):
    result = RUN.invoke(main, ["backtest", str(hourly(tmp_path)), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["gaps"], told["points"]) == (2, 20 * 24 - 2 - 30)
    (alert,) = told["alerts"]
    assert alert["started_at"] == "2026-03-17 00:00:00"
    assert alert["ended_at"] == "2026-03-17 03:00:00"
    assert (alert["kind"], alert["direction"]) == ("spike", "up")
    assert "instead of the usual" in alert["reason"]


def test_the_good_direction_raises_nothing(tmp_path):
    result = RUN.invoke(main, ["backtest", str(hourly(tmp_path)), "--json", "--worse", "down"])
    assert json.loads(result.stdout)["alerts"] == []


def test_without_json_it_draws(tmp_path):
    result = RUN.invoke(main, ["backtest", str(hourly(tmp_path))])
    assert result.exit_code == 0
    assert "█" in result.stdout
    assert "▲ 2026-03-17 00:00:00 – 2026-03-17 03:00:00, spike" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_it_speaks_korean_where_that_is_configured(tmp_path):
    (tmp_path / "paypulse.toml").write_text('language = "ko"\n')
    result = RUN.invoke(main, ["backtest", str(hourly(tmp_path))])
    assert "일시 급변" in result.stdout
    assert "평소" in result.stdout


def test_bad_rows_are_named_on_the_side(tmp_path):
    path = hourly(tmp_path)
    path.write_text(path.read_text() + "\nnever,1,0\n2026-03-30 00:00:00,much,0\n")
    result = RUN.invoke(main, ["backtest", str(path), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["alerts"]
    assert (
        "line 482 left out, its time is not of the form of the others: never,1,0" in result.stderr
    )
    assert "line 483 left out, the value is no number" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("", "it is empty"),
        ("time\n2026-03-02\n", "only one column"),
        ("a,b\nc,d\n", "none of its 1 rows"),
        ("t,v\n2026-03-02 00:00,1\n", "too few"),
    ],
    ids=str,
)
def test_what_cannot_be_judged_ends_with_3_and_says_why(tmp_path, text, said):
    path = tmp_path / "series.csv"
    if text is not None:
        path.write_text(text)
    result = RUN.invoke(main, ["backtest", str(path), "--json"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert said in result.stderr


def test_an_unknown_direction_is_refused(tmp_path):
    result = RUN.invoke(main, ["backtest", str(hourly(tmp_path)), "--worse", "left"])
    assert result.exit_code == 3
    assert "up, down, both" in result.stderr


def export(folder: Path, number: int, scale: float, failed: float = 0.0) -> Path:
    noise = random.Random(number)
    level = scale * (1 + 0.02 * noise.gauss(0, 1))
    shape = {"min": 9, "med": 20, "avg": 21, "max": 60, "p(90)": 30, "p(95)": 34}
    trend = {name: value * level for name, value in shape.items()}
    metrics = {
        "http_reqs": {"count": 600, "rate": 60.0},
        "iterations": {"count": 600, "rate": 60.0},
        "data_received": {"count": 24_000, "rate": 2400.0},
        "http_req_failed": {"passes": int(600 * failed), "fails": 600, "value": failed},
        "http_req_duration": trend,
        "http_req_duration{name:pay}": trend,
    }
    path = folder / f"run_{number:02}.json"
    path.write_text(json.dumps({"root_group": {"name": "", "checks": {}}, "metrics": metrics}))
    return path


def test_runs_are_judged_in_the_order_given(tmp_path):
    scales = [1.0] * 8 + [1.3] * 3
    files = [str(export(tmp_path, number, scale)) for number, scale in enumerate(scales)]
    result = RUN.invoke(main, ["loadtest", "backtest", *files, "--json"])
    assert result.exit_code == 0
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["file"] for each in told] == files
    assert {(each["valid"], each["reason"]) for each in told} == {(True, None)}
    words = [each["verdicts"]["http_req_duration{name:pay}"]["p(95)"] for each in told]
    assert words == ["not_enough_history"] * 5 + ["same"] * 4 + ["regression"] * 2


def test_an_invalid_run_has_a_reason_and_no_verdicts_and_is_no_baseline(tmp_path):
    files = [str(export(tmp_path, number, 1.0)) for number in range(6)]
    dead = export(tmp_path, 6, 0.0, failed=1.0)
    (tmp_path / "torn.json").write_text('{"metrics": {')
    files += [str(dead), str(tmp_path / "torn.json"), str(export(tmp_path, 7, 1.0))]
    result = RUN.invoke(main, ["loadtest", "backtest", *files, "--json"])
    told = [json.loads(line) for line in result.stdout.splitlines()]
    for each in told[6:8]:
        assert (each["valid"], each["verdicts"]) == (False, {})
        assert each["reason"]
    assert told[8]["verdicts"]["http_req_duration"]["med"] == "same"


def test_without_json_each_endpoint_is_drawn(tmp_path):
    scales = [1.0] * 8 + [1.3] * 3
    files = [str(export(tmp_path, number, scale)) for number, scale in enumerate(scales)]
    result = RUN.invoke(main, ["loadtest", "backtest", *files])
    assert "http_req_duration{name:pay} p(95)" in result.stdout
    assert "····▲▲" in result.stdout
    assert "run_09.json" in result.stdout


def test_no_valid_run_at_all_ends_with_3(tmp_path):
    (tmp_path / "torn.json").write_text("{")
    result = RUN.invoke(main, ["loadtest", "backtest", str(tmp_path / "torn.json"), "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout)["valid"] is False
