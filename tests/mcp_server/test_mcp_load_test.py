"""The MCP tools on load tests: what they found, what it means, how far one is, starting one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_case import NOW, answer, app_with, found, refused, talk, writing_app
from pay_api import Api, pay_api

from checks.k6 import runner as k6
from checks.k6.read import read_bytes
from mcp_server.server import build_server
from monitor.app import App
from monitor.domain.load_test.result import figures
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import Statement
from monitor.store.acts.approvals import approve
from monitor.store.load_tests import load_test, save_run

needs_k6 = pytest.mark.skipif(k6.find_binary() is None, reason="no k6 (Linux x86-64 only)")


def result_of(p95: float, failed: int = 0) -> Any:
    """A result of 100 requests to two endpoints."""
    trend = {"avg": p95 / 2, "min": 1.0, "med": p95 / 2, "max": p95 * 1.5, "p(95)": p95}
    metrics = {
        "http_req_duration": {**trend, "thresholds": {"p(95)<500": p95 > 500}},
        "http_req_duration{name:authorize}": trend,
        "http_req_duration{name:capture}": trend,
        "http_req_failed": {"passes": failed, "fails": 100 - failed, "value": failed / 100},
        "http_reqs": {"count": 100, "rate": 20.0},
        "iterations": {"count": 100, "rate": 20.0},
        "data_received": {"count": 9000, "rate": 1.0},
    }
    return read_bytes(json.dumps({"metrics": metrics}).encode())


def run_of(days: float, p95: float, state: str = "passed", **more: Any) -> LoadTestRun:
    at = NOW - timedelta(days=days)
    told = result_of(p95) if state in ("passed", "failed") else None
    return LoadTestRun(
        *("authorize-short", "http://pay.test", at, at + timedelta(minutes=1), state),
        result=told,
        figures=figures(told) if told else {},
        **more,
    )


def store_runs(app: App, *runs: LoadTestRun) -> None:
    with app.store.write() as tx:
        for run in runs:
            save_run(tx, run)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_with(tmp_path, {"services": found()})


@pytest.fixture
def api() -> Iterator[Api]:
    with pay_api() as api:
        yield api


def test_the_latest_run_stands_beside_the_comparable_one_before(app):
    doubt = Statement("nothing_answered")
    store_runs(app, run_of(3, 120), run_of(2, 0, "invalid", doubts=(doubt,)), run_of(1, 85))
    plain = answer(app, "get_latest_result")
    assert (plain["verdict"], plain["origin"]) == ("ok", "stored")
    assert plain["age_seconds"] == 86_400 - 60
    assert "p95 120 ms → 85 ms, −29.2 % (better)" in plain["summary"]
    assert plain["evidence"]["run"]["verdict"] == "not_enough_history"
    assert plain["evidence"]["run"]["p95_change_percent"]["last"] == -29.2
    names = [row["endpoint_text"] for row in plain["evidence"]["endpoints"]]
    assert names == ["all", "authorize", "capture"]
    assert plain["evidence"]["thresholds"][0]["kept"]


def test_compared_to_last_week_means_the_run_of_last_week(app):
    store_runs(app, run_of(14, 200), run_of(7, 120), run_of(1, 90), run_of(0, 85))
    week = answer(app, "analyze_performance", compare_with="week")
    assert week["evidence"]["compared_with"] == {
        "name": "week", "id": 2, "started_at": "2026-11-15T05:30:00Z",
    }  # fmt: skip
    assert "p95 120 ms → 85 ms, −29.2 % (better)" in week["summary"]
    assert "against last week's run" in week["summary"]
    best = answer(app, "analyze_performance", compare_with="best")
    assert "p95 90 ms → 85 ms, −5.6 % (better)" in best["evidence"]["changes"][0]


def test_without_a_run_of_last_week_nothing_is_compared_with_it(app):
    store_runs(app, run_of(1, 90), run_of(0, 85))
    week = answer(app, "analyze_performance", compare_with="week")
    assert week["evidence"]["compared_with"] is None
    assert week["evidence"]["changes"] == []


def test_it_says_the_same_in_korean(tmp_path):
    app = app_with(tmp_path, {"services": found()}, "ko")
    store_runs(app, run_of(7, 120), run_of(0, 85))
    week = answer(app, "analyze_performance", compare_with="week")
    assert "지난주 실행 대비 p95 120 ms → 85 ms, −29.2% (개선)" in week["summary"]


def test_a_regression_that_kept_its_limits_warns_and_names_the_endpoints(app):
    values = (120, 121, 119, 120, 122, 118, 120, 170, 171)
    store_runs(app, *(run_of(20 - n, p95) for n, p95 in enumerate(values)))
    plain = answer(app, "analyze_performance")
    assert plain["verdict"] == "warn"
    said = {r["endpoint_text"]: r["verdicts"]["p(95)"] for r in plain["evidence"]["endpoints"]}
    assert said == dict.fromkeys(("all", "authorize", "capture"), "regression")
    assert [a["code"] for a in plain["evidence"]["advice"]] == ["all_slower"]
    history = answer(app, "get_test_history", limit=9)["evidence"]["runs"]
    assert [run["verdict"] for run in history[:3]] == ["regression", "same", "same"]
    assert history[-1]["verdict"] == "not_enough_history"


def test_an_invalid_run_says_why_and_compares_nothing(app):
    doubts = (Statement("iterations_dropped", {"percent": 80.5, "dropped": 33}),)
    store_runs(app, run_of(7, 120), run_of(0, 0, "invalid", doubts=doubts))
    for tool in ("get_latest_result", "analyze_performance"):
        plain = answer(app, tool)
        assert plain["verdict"] == "unknown"
        assert "33 iterations (80.5 % of the load) could not be made" in plain["summary"]
        assert plain["evidence"]["endpoints"] == []
        assert plain["evidence"]["run"]["verdict"] == "invalid"


def test_a_crossed_threshold_is_critical(app):
    store_runs(app, run_of(1, 900, "failed"))
    plain = answer(app, "get_latest_result")
    assert plain["verdict"] == "crit"
    assert [t["kept"] for t in plain["evidence"]["thresholds"]] == [False]


def test_the_history_is_newest_first_and_within_the_budget(app):
    store_runs(app, *(run_of(days, 100 + days) for days in range(1, 60)))
    plain = answer(app, "get_test_history")
    assert [run["p95_ms"] for run in plain["evidence"]["runs"]] == [101, 102, 103, 104, 105]
    assert len(json.dumps(answer(app, "get_test_history", limit=50))) / 4 < 8_000


def test_without_a_run_nothing_is_claimed(app):
    for tool in ("get_test_history", "get_latest_result", "analyze_performance"):
        assert answer(app, tool)["verdict"] == "unknown"
    assert "no such load test" in refused(app, "analyze_performance", run=7)


def test_a_run_that_was_cut_off_is_not_said_to_be_running(app, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    going = run_of(0, 0, "running", options={"seconds": 60.0})
    store_runs(app, run_of(7, 120), going)
    plain = answer(app, "get_latest_result")
    assert not plain["evidence"]["is_running"]
    assert "was cut off" in plain["summary"]
    assert "p95" in answer(app, "analyze_performance")["summary"], "the one before is told"


def test_the_scenarios_say_what_they_do_and_where_they_may_run(app):
    plain = answer(app, "list_scenarios")
    names = {row["name"]: row["what"] for row in plain["evidence"]["scenarios"]}
    assert set(names) == {path.stem for path in k6.SCENARIOS.glob("*.js")} >= {"full-flow"}
    assert "capture and refund" in names["full-flow"]
    assert plain["evidence"]["bounds"]["rate_max"] == 2000


def running(folder: Path, api: Api, more: str = "health_checks = []\n") -> App:
    """An app that may run load tests against the little payment API."""
    app = writing_app(folder, "run_load_test")
    rules = app.loads.rules
    changes = {"target": api.url, "targets_allowed": (api.url,), "seconds": 1, "rate": 8}
    from dataclasses import replace  # noqa: PLC0415

    if more:
        changes["health_checks"] = ()
    app.loads.rules = replace(rules, **changes)  # type: ignore[type-var]
    return app


def confirmed(app: App, arguments: dict[str, Any]) -> tuple[Any, Any]:
    """A call, and the same again once a person has approved it."""

    def second(results: list[Any]) -> tuple[str, dict[str, Any]]:
        code = results[0].structured_content["evidence"]["approve_with"].split()[-1]
        assert approve(app.store, code, "kim", app.clock())
        return "run_load_test", arguments

    return ("run_load_test", arguments), second


@needs_k6
def test_a_confirmed_run_begins_at_once_and_ends_in_the_history(tmp_path, api, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = running(tmp_path, api)
    arguments = {"scenario": "authorize-only", "enable_capture": True}
    asked, begun = talk(app, *confirmed(app, arguments))
    assert api.url in asked.structured_content["summary"]
    assert not begun.is_error, begun.structured_content
    number = begun.structured_content["evidence"]["id"]
    assert "has begun" in begun.structured_content["summary"]
    going = answer(app, "get_latest_result")
    assert going["evidence"]["run"]["state"] in ("running", "passed")
    assert app.loads.wait(number, 20)
    with app.store.read() as tx:
        run = load_test(tx, number)
    assert run is not None
    assert run.is_valid, run.doubts
    assert {path.split("/")[2] for path, _ in api.bodies} == {"authorize", "capture"}
    assert run.options["variables"] == {"ENABLE_CAPTURE": "true"}


@needs_k6
def test_one_that_waits_tells_how_far_it_is(tmp_path, api, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = running(tmp_path, api)
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async def run() -> Any:
        async with Client(build_server(app)) as client:
            first, second = confirmed(app, {"scenario": "full-flow", "wait": True})
            asked = await client.call_tool(*first)
            name, arguments = second([asked])
            return await client.call_tool(name, arguments, progress_callback=progress)

    done = anyio.run(run)
    assert not done.is_error, done.structured_content
    assert done.structured_content["verdict"] == "ok"
    assert "passed: p95" in done.structured_content["summary"]
    assert told
    assert all(total == 1 for _, total, _ in told)
    assert all(message for _, _, message in told)


@needs_k6
def test_what_must_not_run_is_refused_with_its_reason(tmp_path, api, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = running(tmp_path, api, more="")
    _, unwell = talk(app, *confirmed(app, {"scenario": "authorize-short"}))
    assert unwell.is_error, "nobody can see this platform, so nobody knows whether it bears load"
    assert unwell.structured_content["summary"]
    with k6.alone() as lock:
        assert lock is not None
        (tmp_path / "other").mkdir()
        app = running(tmp_path / "other", api)
        _, busy = talk(app, *confirmed(app, {"scenario": "authorize-short"}))
    assert "Another k6 run is going on" in busy.structured_content["summary"]
    (path,) = talk(app, ("run_load_test", {"scenario": "/etc/passwd.js"}))
    assert "no such load test" in path.structured_content["summary"]
    assert api.bodies == []


def test_it_is_not_offered_unless_the_configuration_names_it(app):
    async def names() -> list[str]:
        async with Client(build_server(app)) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert "run_load_test" not in anyio.run(names)
    assert {"get_latest_result", "analyze_performance"} <= set(anyio.run(names))
