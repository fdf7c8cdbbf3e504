"""checks/k6/runner: the real k6 against a tiny payment API on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pay_api import GET, Api, descendants, is_alive, pay_api, wait_until

from checks.k6 import process as k6_process
from checks.k6 import runner as k6
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.load_test.plan import Plan
from monitor.domain.load_test.run import LoadTestRun

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.slow
needs_k6 = pytest.mark.skipif(
    k6.find_binary() is None, reason="no k6 on PATH and no package k6 (Linux x86-64 only)"
)


@pytest.fixture
def api() -> Iterator[Api]:
    with pay_api() as api:
        yield api


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock and temporary folders of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def plan(api: Api, scenario: str = "authorize-short", **changes: object) -> Plan:
    basis = Plan(scenario, api.url, (api.url,), seconds=1, rate=6, limit_seconds=20)
    return replace(basis, **changes)  # type: ignore[arg-type]


def script(folder: Path, body: str, head: str = "") -> str:
    """A k6 script whose every iteration does `body`, three times in all."""
    path = folder / "a script.js"
    path.write_text(
        "import http from 'k6/http'; import { check, sleep } from 'k6';"
        "import exec from 'k6/execution';\n"
        f"{head or 'export const options = { iterations: 3 };'}\n"
        f"export default () => {{ {body} }};\n"
    )
    return str(path)


def ran(outcome: LoadTestRun | Unavailable) -> LoadTestRun:
    assert isinstance(outcome, LoadTestRun), outcome
    return outcome


@needs_k6
@pytest.mark.parametrize(
    ("scenario", "paths"),
    [
        ("authorize-short", {"/payments/authorize"}),
        ("authorize-only", {"/payments/authorize"}),
        ("authorize-capture", {"/payments/authorize", "/payments/capture/7"}),
        ("full-flow", {"/payments/authorize", "/payments/capture/7", "/payments/refund/7"}),
    ],
)
def test_each_scenario_passes_against_a_platform_that_works(api, own_folder, scenario, paths):
    run = ran(k6.run(plan(api, scenario), NOW))
    assert (run.state, run.reason, run.exit_code) == ("passed", "", 0), run
    assert {path for path, _ in api.bodies} == paths
    are_authorizations([body for path, body in api.bodies if path == "/payments/authorize"])
    merchants = {int(str(body["merchantId"]).removeprefix("MERCHANT-")) for _, body in api.bodies}
    assert {number % 2 for number in merchants} == {0, 1}, "both shards"
    assert run.result is not None
    assert set(run.result.endpoints) == {path.split("/")[2] for path in paths}
    assert run.started_at == NOW
    assert run.ended_at is not None
    assert 1 <= (run.ended_at - NOW).total_seconds() < 10
    assert 5 <= run.figures["iterations"] <= 8
    assert 0 < run.figures["median_ms"] <= run.figures["p95_ms"] <= run.figures["p99_ms"]
    assert run.figures["failed_percent"] == run.figures["thresholds_crossed"] == 0
    assert run.figures["requests_per_second"] > 3
    assert [p.name for p in own_folder.iterdir() if p.is_dir()] == []


def are_authorizations(bodies: list[dict[str, object]]) -> None:
    """As the platform takes them: keys of their own, its limits kept."""
    assert len({body["idempotencyKey"] for body in bodies}) == len(bodies) >= 5
    for body in bodies:
        assert body["currency"] == "KRW"
        assert int(str(body["amount"])) >= 1
        assert 1 <= int(str(body["merchantId"]).removeprefix("MERCHANT-")) <= 1000
        assert len(str(body["idempotencyKey"])) <= 64


@needs_k6
def test_refused_payments_cross_the_error_threshold(api):
    answers = iter(range(1000))
    api.answer = lambda path: (409, {}) if next(answers) % 2 else (200, {"paymentId": 1})
    run = ran(k6.run(plan(api), NOW))
    assert (run.state, run.exit_code) == ("failed", 99)
    assert 30 < run.figures["failed_percent"] < 70
    assert run.figures["thresholds_crossed"] == 2


@needs_k6
def test_a_capture_that_the_worker_did_first_is_no_failure(api):
    api.answer = lambda path: (409, {}) if "capture" in path else (200, {"paymentId": 1})
    run = ran(k6.run(plan(api, "authorize-capture"), NOW))
    assert (run.state, run.figures["failed_percent"]) == ("passed", 0)


@needs_k6
def test_a_platform_that_is_not_there_is_no_measurement(api):
    nobody = "http://127.0.0.1:9"
    run = ran(k6.run(plan(api, target=nobody, targets_allowed=(nobody,)), NOW))
    assert (run.state, run.reason) == ("invalid", "nothing_answered")
    assert run.figures == {}
    assert "refused" in run.log


@needs_k6
@pytest.mark.parametrize(
    ("body", "head", "state", "reason"),
    [
        (GET, "", "passed", ""),
        ("throw new Error('x');", "", "invalid", "no_requests"),
        (f"{GET} throw new Error('x');", "", "invalid", "iterations_raised"),
        (f"{GET} check(1, {{ no: () => false }});", "", "invalid", "checks_failed"),
        (
            GET,
            "import { Trend } from 'k6/metrics'; const never = new Trend('never');"
            "export const options = { iterations: 1, thresholds: { never: ['avg<1'] } };",
            "invalid",
            "threshold_without_data",
        ),
        (
            f"{GET} sleep(0.3);",
            "export const options = { scenarios: { a: { executor: 'constant-arrival-rate',"
            " rate: 20, duration: '1s', preAllocatedVUs: 1, maxVUs: 1 } } };",
            "invalid",
            "iterations_dropped",
        ),
        (
            GET,
            "export const options = { iterations: 1, thresholds:"
            " { http_req_duration: ['p(95)<0.0001', 'p(95)<9999'] } };",
            "failed",
            "thresholds_crossed",
        ),
        (f"{GET} exec.test.fail('bad');", "", "failed", "failed_by_script"),
        (f"{GET} exec.test.abort('stop');", "", "invalid", "aborted_by_script"),
        ("}", "", "invalid", "script_raised"),
        (
            GET,
            "export const options = { thresholds: { nope: ['avg<1'] } };",
            "invalid",
            "bad_options",
        ),
        (GET, "export function setup() { throw new Error('s'); }", "invalid", "script_raised"),
    ],
)
def test_an_outcome_is_named(api, tmp_path, body, head, state, reason):
    run = ran(k6.run(plan(api, script(tmp_path, body, head)), NOW))
    assert (run.state, run.reason) == (state, reason), run.log
    assert bool(run.figures) == (state != "invalid")
    assert run.scenario == "a script"


@needs_k6
def test_a_limit_on_a_part_that_stayed_empty_is_not_judged_and_named(api, tmp_path):
    head = (
        "export const options = { iterations: 1, thresholds:"
        " { 'http_req_duration{name:never}': ['avg<1'] } };"
    )
    run = ran(k6.run(plan(api, script(tmp_path, GET, head)), NOW))
    assert (run.state, run.reason) == ("unjudged", ""), run.log
    assert run.unjudged == ("http_req_duration{name:never} avg<1",)
    assert run.figures


@needs_k6
def test_a_redirect_is_not_followed_to_a_host_that_nobody_named(api, tmp_path):
    api.answer = lambda path: (302, {"to": f"{api.url}/elsewhere"})
    k6.run(plan(api, script(tmp_path, GET)), NOW)
    assert {path for path, _ in api.bodies} == {"/"}


@needs_k6
def test_a_run_ends_at_its_time_limit(api, tmp_path, own_folder):
    started = time.monotonic()
    run = ran(k6.run(plan(api, script(tmp_path, "sleep(60);"), limit_seconds=0.6), NOW))
    assert (run.state, run.reason) == ("invalid", "time_limit")
    assert time.monotonic() - started < 6
    assert [p.name for p in own_folder.iterdir() if p.is_dir()] == []


def program(folder: Path, text: str) -> str:
    path = folder / "k6"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_k6_that_floods_and_ignores_every_signal_is_ended_and_not_kept_in_memory(
    api, tmp_path, monkeypatch
):
    monkeypatch.setattr(k6_process, "GRACE_SECONDS", 0.2)
    flood = program(tmp_path, "trap '' TERM; while :; do echo flooding all the time >&2; done")
    started = time.monotonic()
    run = ran(k6.run(plan(api, k6_binary=flood, limit_seconds=0.3), NOW))
    assert time.monotonic() - started < 4
    assert (run.state, run.reason) == ("invalid", "time_limit")
    assert len(run.log) == k6.LOG_CHARACTERS_MAX


def test_a_huge_summary_is_not_read(api, tmp_path):
    huge = program(tmp_path, "head -c 3000000 /dev/zero >summary.json")
    assert ran(k6.run(plan(api, k6_binary=huge), NOW)).reason == "no_summary"


def test_a_program_that_cannot_run_is_told(api, tmp_path):
    broken = tmp_path / "k6"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    unavailable = k6.run(plan(api, k6_binary=str(broken)), NOW)
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.part, unavailable.reason) == ("k6", "k6_unstartable")


def test_k6_gets_no_secrets_of_ours_and_no_foreign_settings(api, tmp_path, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-4711")
    monkeypatch.setenv("K6_VUS", "999")
    tell = program(tmp_path, f"env >'{tmp_path}/seen'; echo \"$@\" >'{tmp_path}/arguments'")
    k6.run(plan(api, k6_binary=tell, variables={"ENABLE_CAPTURE": "true"}), NOW)
    seen = (tmp_path / "seen").read_text()
    assert "xoxb" not in seen
    assert "K6_VUS" not in seen
    for line in ("K6_NO_USAGE_REPORT=true", "ENABLE_CAPTURE=true", "RATE=6", "SECONDS=1"):
        assert line in seen.splitlines()
    assert "--address  " in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize(
    ("change", "why", "reason"),
    [
        ({"k6_binary": "/nowhere/k6"}, Why.NOT_VISIBLE, "k6_missing"),
        ({"target": "http://prod.example"}, Why.NOT_VISIBLE, "k6_target_refused"),
        ({"target": ""}, Why.NOT_VISIBLE, "k6_target_refused"),
        ({"targets_allowed": ()}, Why.NOT_VISIBLE, "k6_target_refused"),
        ({"scenario": "nope"}, Why.NOT_VISIBLE, "k6_scenario_unknown"),
        ({"scenario": "../scenarios/full-flow"}, Why.NOT_VISIBLE, "k6_scenario_unknown"),
    ],
)
def test_what_cannot_be_run_says_why(api, change, why, reason):
    unavailable = k6.run(plan(api, **change), NOW)
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.part, unavailable.why, unavailable.reason) == ("k6", why, reason)
    assert api.bodies == []


@pytest.mark.parametrize(
    ("target", "allowed", "expected"),
    [
        ("http://pay:8080", "http://pay:8080/api", True),
        ("http://pay:8080/api", "http://pay:8080", True),
        ("http://PAY", "http://pay:80/", True),
        ("https://pay", "https://pay:443", True),
        ("https://pay", "http://pay", False),
        ("http://pay:8081", "http://pay:8080", False),
        ("http://pay.evil.example:8080", "http://pay:8080", False),
        ("http://pay:8080@evil.example", "http://pay:8080", False),
        ("http://user:word@pay:8080", "http://pay:8080", False),
        ("http://evil.example\\@pay:8080", "http://pay:8080", False),
        ("http://pay:8080?x=", "http://pay:8080", False),
        ("http://pay:8080x", "http://pay:8080x", False),
        ("ftp://pay", "ftp://pay", False),
        ("", "", False),
    ],
)
def test_only_the_named_scheme_host_and_port_are_allowed(target, allowed, expected):
    assert k6.is_allowed(target, [allowed]) is expected


def test_the_configured_binary_comes_before_the_path_and_the_path_before_the_package(
    tmp_path, monkeypatch
):
    mine = program(tmp_path, "exit 0")
    monkeypatch.setenv("PATH", "/nonexistent")
    packaged = k6.find_binary()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert k6.find_binary() == Path(mine) != packaged
    monkeypatch.setenv("PATH", "/nonexistent")
    assert k6.find_binary(mine) == Path(mine)
    assert k6.find_binary("/nowhere/k6") is None


def test_a_second_run_at_the_same_time_is_refused(api, tmp_path):
    with k6_process.alone() as lock:
        assert lock is not None
        unavailable = k6.run(plan(api, k6_binary=program(tmp_path, "exit 0")), NOW)
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.why, unavailable.reason) == (Why.LIMIT, "k6_busy")
    assert ran(k6.run(plan(api, k6_binary=program(tmp_path, "exit 0")), NOW)).reason == "no_summary"


def parent(temporary: Path, plan: Plan) -> subprocess.Popen[bytes]:
    """A process of its own that runs a plan, as the scheduler does: in a thread."""
    code = textwrap.dedent(
        f"""
        import datetime, tempfile, threading
        from checks.k6 import runner as k6
        from monitor.domain.load_test.plan import Plan
        tempfile.tempdir = {str(temporary)!r}
        plan = Plan({plan.scenario!r}, {plan.target!r}, {plan.targets_allowed!r},
            k6_binary={plan.k6_binary!r})
        now = datetime.datetime.now(datetime.timezone.utc)
        thread = threading.Thread(target=k6.run, args=(plan, now))
        thread.start(); thread.join()
        """
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])


@needs_k6
def test_k6_dies_with_a_parent_that_is_killed_and_leaves_nothing_behind(api, tmp_path, own_folder):
    running = parent(own_folder, plan(api, script(tmp_path, GET + " sleep(60);")))
    wait_until(lambda: api.bodies, "k6 did not start")
    family = descendants(running.pid)
    assert len(family) == 2, "the keeper and k6"
    running.kill()
    running.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in family), "k6 outlived its parent")
    wait_until(lambda: not list(own_folder.glob("paypulse-k6-*/")), "a folder was left behind")
    with k6_process.alone() as lock:
        assert lock is not None


def test_no_other_run_starts_while_the_k6_of_a_killed_parent_lives(api, tmp_path, own_folder):
    stubborn = program(tmp_path, f"trap '' TERM; : > '{tmp_path}/up'; exec sleep 30")
    running = parent(own_folder, plan(api, k6_binary=stubborn))
    wait_until((tmp_path / "up").exists, "k6 did not start")
    keeper, last = descendants(running.pid)
    running.kill()
    running.wait()
    with k6_process.alone() as lock:
        assert lock is None
    os.kill(last, signal.SIGKILL)
    wait_until(lambda: not is_alive(keeper), "the keeper stays")
    with k6_process.alone() as lock:
        assert lock is not None


@needs_k6
def test_k6_dies_with_a_keeper_that_is_killed(api, tmp_path):
    outcome: list[object] = []
    keep = plan(api, script(tmp_path, GET + " sleep(60);"))
    thread = threading.Thread(target=lambda: outcome.append(k6.run(keep, NOW)))
    thread.start()
    wait_until(lambda: api.bodies, "k6 did not start")
    keeper, grandchild = descendants(os.getpid())
    os.kill(keeper, signal.SIGKILL)
    thread.join(5)
    assert not is_alive(grandchild)
    assert isinstance(outcome[0], LoadTestRun)
    assert outcome[0].state == "invalid"
