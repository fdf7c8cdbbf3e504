"""monitor/domain/load_test/history and load_verdicts: a run among those before it, judged once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from store_case import fresh_store

from checks.k6.read import read_bytes
from monitor.domain.load_test.history import compared_of, judge, judge_all, values_of
from monitor.domain.load_test.result import figures
from monitor.domain.load_test.run import LoadTestRun
from monitor.load_tests.verdicts import judged_against, judged_run, judged_runs
from monitor.store.load_tests import save_run

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


def run_of(week: int, p95: float, failed: int = 0, **changes: Any) -> LoadTestRun:
    trend = {"avg": p95 / 2, "min": 1.0, "med": p95 / 2, "max": p95 * 1.5, "p(95)": p95}
    metrics = {
        "http_req_duration": trend,
        "http_req_duration{name:authorize}": trend,
        "http_req_failed": {"passes": failed, "fails": 1000 - failed, "value": failed / 1000},
        "http_reqs": {"count": 1000, "rate": 20.0},
        "iterations": {"count": 1000, "rate": 20.0},
        "vus": {"value": 3, "min": 3, "max": 3},
    }
    result = read_bytes(json.dumps({"metrics": metrics}).encode())
    at = NOW + week * WEEK
    run = LoadTestRun("full-flow", "http://pay", at, at + timedelta(minutes=1), "passed",
                      result=result, figures=figures(result))  # fmt: skip
    return replace(run, **changes)


LEVEL = [run_of(week, p95) for week, p95 in enumerate((120, 121, 119, 120, 122, 118, 120))]


def test_a_slowdown_is_said_at_its_second_run_and_for_as_long_as_it_lasts():
    runs = [*LEVEL, *(run_of(7 + n, p95) for n, p95 in enumerate((156, 157, 155, 158)))]
    words = [judged.word for judged in judge_all(runs)]
    assert words == ["not_enough_history"] * 5 + ["same"] * 3 + ["regression"] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"state": "invalid"},
        {"scenario": "authorize-only"},
        {"target": "http://elsewhere"},
        {"script_hash": "other"},
        {"k6_version": "2.2.0"},
        {"options": {"rate": 99}},
    ],
    ids=str,
)
def test_a_run_that_is_not_like_the_others_is_no_measure_for_them(change):
    known = {"script_hash": "mine", "k6_version": "1.1.0", "options": {"rate": 30}}
    before = [replace(run, **known) for run in LEVEL]
    odd = replace(run_of(7, 900), **{**known, **change})
    judged = judge(replace(run_of(8, 120), **known), [*before, odd])
    assert len(judged.earlier) == len(LEVEL)
    assert judged.word == "same"
    is_same_kind = not {"scenario", "target", "state"} & change.keys()
    assert bool(judged.last_differs) is is_same_kind


def test_an_invalid_run_has_no_verdict():
    judged = judge(run_of(8, 900, state="invalid"), LEVEL)
    assert (judged.word, judged.rulings, judged.against) == ("invalid", {}, ())


def test_it_stands_against_the_last_the_median_of_five_and_the_best():
    judged = judge(run_of(8, 85), LEVEL)
    assert {a.name: (a.run.started_at if a.run else None, a.runs) for a in judged.against} == {
        "last": (LEVEL[6].started_at, 1),
        "recent": (None, 5),
        "best": (LEVEL[5].started_at, 7),
    }
    change = judged.change("last", "http_req_duration", "p(95)")
    assert change == pytest.approx(85 / 120 - 1)
    assert judged.change("recent", "http_req_duration{name:authorize}", "p(95)") == change
    assert judged.change("best", "http_req_duration", "p(95)") == pytest.approx(85 / 118 - 1)
    assert judged.change("last", "nothing", "p(95)") is None


def test_what_got_worst_is_told_in_figures_failures_first():
    slow = [run_of(7, 156), run_of(8, 157)]
    told = compared_of(judge(slow[1], [*LEVEL, slow[0]]))
    assert (told["word"], told["metric"], told["statistic"]) == (
        *("regression", "http_req_duration", "p(95)"),
    )
    assert (told["now"], told["before"], told["endpoints"]) == (157, 120, "authorize")
    failing = [run_of(7, 156, failed=60), run_of(8, 157, failed=61)]
    told = compared_of(judge(failing[1], [*LEVEL, failing[0]]))
    assert (told["metric"], told["unit"], told["now"]) == ("http_req_failed", "share", 0.061)
    assert compared_of(judge(run_of(8, 120), LEVEL)) == {"word": "same", "runs": 7}


def test_only_what_can_be_compared_is():
    values = values_of(run_of(0, 100).result)
    assert "vus" not in values
    assert values["http_req_failed"] == {"rate": 0.0}
    assert values_of(None) == {}


def test_everybody_is_told_the_same_of_a_stored_run(tmp_path: Path):
    store = fresh_store(tmp_path)
    runs = [*LEVEL, run_of(7, 156), run_of(8, 157)]
    with store.write() as tx:
        ids = [save_run(tx, run) for run in runs]
    with store.read() as tx:
        listed = judged_runs(tx, NOW + 99 * WEEK, limit=3)
        single = judged_run(tx, ids[-1])
        unsaved = judged_against(tx, replace(run_of(9, 158)))
        assert judged_run(tx, 999) is None
        assert judged_runs(tx, NOW + 99 * WEEK, scenario="other") == []
    store.close()
    assert [judged.word for judged in listed] == ["regression", "same", "same"]
    assert single == listed[0]
    assert (unsaved.word, len(unsaved.earlier)) == ("regression", 9)
