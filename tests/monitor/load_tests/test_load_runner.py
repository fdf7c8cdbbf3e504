"""monitor/load_tests/runner with the real k6: marked, watched, alone, and dead with its monitor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pay_api import GET, Api, descendants, is_alive, pay_api, wait_until

from checks import load_test
from checks.k6 import process as k6_process
from checks.k6 import runner as k6
from checks.load_test import Options
from monitor.domain.check import Status
from monitor.domain.load_test.plan import Plan
from monitor.domain.load_test.preflight import Refusal
from monitor.domain.load_test.run import LoadTestRun
from monitor.load_tests.runner import Consent, LoadRunner
from monitor.load_tests.watch import Health
from monitor.store import load_tests
from monitor.store.database import Store, migrate, open_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(k6.find_binary() is None, reason="no k6 (Linux x86-64 only)"),
]
WELL = Health({"services": Status.OK}, {})
CRITICAL = Health({"services": Status.CRIT}, {"services": ["Kafka is down"]})


@dataclass
class HealthWatcher:
    """What the platform looks like, as a test says."""

    health: Callable[[], Health] = lambda: WELL
    trouble: Callable[[], Refusal | None] = lambda: None
    asked: list[Sequence[str]] = field(default_factory=list)

    def look(self, names: Sequence[str]) -> Health:
        self.asked.append(names)
        return self.health()

    def incident(self) -> Refusal | None:
        return self.trouble()


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def api() -> Iterator[Api]:
    with pay_api() as api:
        yield api


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(tmp_path / "p.db")
    opened = open_store(tmp_path / "p.db", durable=False)
    yield opened
    opened.close()


def runner(
    store: Store, api: Api, watcher: HealthWatcher | None = None, **options: Any
) -> LoadRunner:
    rules = Options(target=api.url, targets_allowed=(api.url,), watch_seconds=0.1, **options)
    clock = lambda: datetime.now(UTC)  # noqa: E731
    return LoadRunner(store, clock, UTC, rules, k6, watcher or HealthWatcher())  # type: ignore[arg-type]


def plan(loads: LoadRunner, **changes: Any) -> Plan:
    return load_test.plan_of(loads.rules, **{"seconds": 1, "rate": 8, **changes})  # type: ignore[arg-type]


def script(folder: Path, body: str, options: str = "{ vus: 1, duration: '30s' }") -> str:
    path = folder / "mine.js"
    path.write_text(
        f"import http from 'k6/http'; import {{ sleep }} from 'k6';"
        f"export const options = {options};"
        f"export default () => {{ {body} }};"
    )
    return str(path)


def row(store: Store, run_id: int) -> LoadTestRun:
    with store.read() as tx:
        found = load_tests.load_test(tx, run_id)
    assert found is not None
    return found


def begun(outcome: int | Refusal) -> int:
    assert isinstance(outcome, int), outcome
    return outcome


def test_a_run_is_marked_while_it_goes_on_and_recorded_whole(store, api):
    loads = runner(store, api)
    number = begun(loads.start(plan(loads, scenario="full-flow", seconds=2)))
    going = row(store, number)
    assert (going.state, going.ended_at, going.scenario) == ("running", None, "full-flow")
    with store.read() as tx:
        assert [s.ended_at for s in load_tests.load_spans(tx, going.started_at,
                datetime.now(UTC))] == [None]  # fmt: skip
    far = []
    while not loads.wait(number, 0.2):
        far.append(loads.progress(number))
    live = [each.live for each in far if each and each.live and each.live.requests]
    assert live, "k6's own interface told nothing"
    assert live[-1].p95_ms
    assert live[-1].requests_per_second
    run = row(store, number)
    assert (run.state, run.reason, run.exit_code) == ("passed", "", 0), run.log
    assert run.options == {"rate": 8, "seconds": 2, "vus": 40}
    assert (run.k6_version, len(run.script_hash), run.origin) == ("1.1.0", 64, "run")
    assert run.host.keys() == {"cpus", "load_before", "load_after"}
    assert run.result is not None
    assert set(run.result.endpoints) == {"authorize", "capture", "refund"}
    assert all(t.kept and t.value is not None for _, t in run.result.thresholds)
    with store.read() as tx:
        assert (load_tests.raw_file(tx, number) or b"").startswith(b"{")
    over = loads.progress(number)
    assert over is not None
    assert (over.is_over, over.share, over.seconds_left) == (True, 1.0, 0.0)


def test_409_is_told_apart_a_refusal_of_the_payment_gateway_has_no_payment(store, api):
    answers = iter(range(1000))
    bodies = ({"paymentId": 7}, {"paymentId": None})
    api.answer = lambda path: (409, bodies[next(answers) % 2])
    loads = runner(store, api)
    number = begun(loads.start(plan(loads)))
    loads.wait(number, 20)
    run = row(store, number)
    assert run.result is not None
    refused, duplicate = (run.result.value(m, "rate") for m in ("pg_refused", "duplicate_requests"))
    assert 0.3 < (refused or 0) < 0.7
    assert (refused or 0) + (duplicate or 0) == pytest.approx(1)
    assert (run.state, run.reason) == ("invalid", "requests_failed")


def test_a_run_of_the_calendar_is_left_to_its_caller_to_record(store, api):
    loads = runner(store, api)
    run = loads.execute(plan(loads))
    assert isinstance(run, LoadTestRun)
    assert run.state == "passed"
    assert run.id is not None
    assert row(store, run.id).state == "running"
    with store.write() as tx:
        load_tests.save_run(tx, run)
    assert row(store, run.id) == replace(run, raw=b"", compared={})
    assert run.compared == {"word": "not_enough_history", "runs": 0}


def test_a_platform_that_turns_critical_ends_the_run(store, api, tmp_path):
    looks = iter([WELL, CRITICAL, WELL, CRITICAL])
    watcher = HealthWatcher(lambda: next(looks, CRITICAL))
    loads = runner(store, api, watcher)
    number = begun(loads.start(plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))))
    assert loads.wait(number, 20)
    run = row(store, number)
    assert (run.state, run.reason) == ("invalid", "platform_critical")
    assert run.doubts[0].params == {"what": "Kafka is down"}
    assert len(watcher.asked) >= 5, "one critical look alone decides nothing"
    assert run.figures == {}
    with k6_process.alone() as lock:
        assert lock is not None


def test_an_incident_that_opens_meanwhile_ends_the_run(store, api, tmp_path):
    told: list[Refusal | None] = [None]
    loads = runner(store, api, HealthWatcher(trouble=lambda: told[0]))
    number = begun(loads.start(plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))))
    told[0] = Refusal("load_incident_open", {"id": 3, "root": "service_down:kafka"})
    assert loads.wait(number, 20)
    assert row(store, number).doubts[0].params == {"what": "service_down:kafka"}


def test_a_person_may_stop_it(store, api, tmp_path):
    loads = runner(store, api)
    number = begun(loads.start(plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))))
    wait_until(lambda: api.bodies, "k6 did not start")
    loads.stop(number)
    assert loads.wait(number, 20)
    run = row(store, number)
    assert (run.state, run.reason, run.options.get("address")) == (
        *("invalid", "stopped_by_person"),
        None,
    )


def test_a_monitor_that_ends_takes_its_run_with_it(store, api, tmp_path):
    loads = runner(store, api)
    ended: list[LoadTestRun | Refusal] = []
    slow = plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))
    calendar = threading.Thread(target=lambda: ended.append(loads.execute(slow)))
    calendar.start()
    wait_until(lambda: api.bodies, "k6 did not start")
    loads.stop_all()
    calendar.join(20)
    (run,) = ended
    assert isinstance(run, LoadTestRun)
    assert (run.state, run.reason) == ("invalid", "monitor_ended")


def test_one_run_at_a_time_whoever_begins_it(store, api, tmp_path):
    loads, other = runner(store, api), runner(store, api)
    number = begun(loads.start(plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))))
    refused = other.start(plan(other))
    assert isinstance(refused, Refusal)
    assert refused.code == "k6_busy"
    assert other.sweep() == [], "a run that goes on is not swept away"
    loads.stop(number)
    loads.wait(number, 20)
    assert begun(other.start(plan(other))) == number + 1
    other.wait(number + 1, 20)


def test_another_tmp_hides_no_run(store, api, tmp_path, monkeypatch):
    """A service may have a /tmp of its own: the lock beside the database is found all the same."""
    loads = runner(store, api)
    number = begun(loads.start(plan(loads, scenario=script(tmp_path, GET + "sleep(0.1);"))))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    other = runner(store, api)
    refused = other.start(plan(other))
    assert isinstance(refused, Refusal)
    assert (refused.code, other.sweep(), other.is_alive()) == ("k6_busy", [], True)
    loads.stop(number)
    loads.wait(number, 20)
    assert not other.is_alive()


@pytest.mark.parametrize(
    ("options", "watcher", "changes", "code"),
    [
        ({}, HealthWatcher(), {"target": "http://elsewhere"}, "k6_target_refused"),
        ({}, HealthWatcher(), {"scenario": "nope"}, "k6_scenario_unknown"),
        ({"rate_max": 5}, HealthWatcher(), {}, "load_over_rate"),
        ({"vus_max": 5}, HealthWatcher(), {}, "load_over_vus"),
        ({"seconds_max": 0.5}, HealthWatcher(), {}, "load_over_seconds"),
        ({"hours": "00:00-00:00"}, HealthWatcher(), {}, "load_outside_hours"),
        ({}, HealthWatcher(lambda: CRITICAL), {}, "load_platform_critical"),
        (
            {},
            HealthWatcher(trouble=lambda: Refusal("load_incident_open")),
            {},
            "load_incident_open",
        ),
    ],
)
def test_what_may_not_begin_says_why_and_makes_no_load(store, api, options, watcher, changes, code):
    loads = runner(store, api, watcher, **options)
    for refused in (loads.start(plan(loads, **changes)), loads.execute(plan(loads, **changes))):
        assert isinstance(refused, Refusal)
        assert refused.code == code
    again = loads.refusal(plan(loads, **changes))
    assert again is not None
    assert again.code == code
    assert api.bodies == []
    with store.read() as tx:
        assert load_tests.running(tx) == []
    with k6_process.alone() as lock:
        assert lock is not None


def test_production_needs_a_word_each_time_and_health_may_be_overridden(store, api):
    loads = runner(store, api, HealthWatcher(lambda: CRITICAL), targets_production=(api.url,))
    refused = loads.start(plan(loads))
    assert isinstance(refused, Refusal)
    assert refused.code == "load_production"
    number = begun(loads.start(plan(loads), Consent(production=True, anyway=True)))
    loads.wait(number, 20)
    assert row(store, number).state == "passed"
    calendar = loads.execute(plan(loads))
    assert isinstance(calendar, Refusal)
    assert calendar.code == "load_production"


def test_a_script_that_k6_cannot_read_never_begins(store, api, tmp_path):
    broken = tmp_path / "broken.js"
    broken.write_text("export default () => {")
    loads = runner(store, api)
    refused = loads.start(plan(loads, scenario=str(broken)))
    assert isinstance(refused, Refusal)
    assert refused.code == "k6_script_broken"
    assert "Unexpected end of input" in str(refused.params["error"])


def test_a_port_that_is_taken_is_not_the_end(store, api, monkeypatch):
    taken = k6_process.socket.create_server(("127.0.0.1", 0))
    addresses = iter([f"127.0.0.1:{taken.getsockname()[1]}"])
    free = k6.free_address
    monkeypatch.setattr(k6, "free_address", lambda: next(addresses, None) or free())
    loads = runner(store, api)
    number = begun(loads.start(plan(loads)))
    loads.wait(number, 20)
    taken.close()
    assert row(store, number).state == "passed"


CONFIG = """
database = "{folder}/p.db"
[platform]
base_url = "http://127.0.0.1:9"
[checks.load_test]
target = "{url}"
targets_allowed = ["{url}"]
health_checks = []
"""


def test_kill_9_of_the_monitor_ends_k6_and_the_next_start_marks_the_run(
    store, api, tmp_path, own_folder
):
    config = tmp_path / "paypulse.toml"
    config.write_text(CONFIG.format(folder=tmp_path, url=api.url))
    code = (
        f"import tempfile; tempfile.tempdir = {str(own_folder)!r}; "
        "from monitor.cli.main import main; "
        f"main(['loadtest', 'run', 'authorize-short', '--duration', '60s', '-c', {str(config)!r}])"
    )
    root = Path(__file__).parents[3]
    monitor = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: api.bodies, "k6 did not start", 20)
        family = descendants(monitor.pid)
        assert len(family) == 2, "the keeper and k6"
    finally:
        os.kill(monitor.pid, signal.SIGKILL)
        monitor.communicate()
    wait_until(lambda: not any(is_alive(pid) for pid in family), "k6 outlived the monitor")
    with store.read() as tx:
        (left,) = load_tests.running(tx)
    assert left.id is not None
    loads = runner(store, api)
    number = begun(loads.start(plan(loads)))  # the lock is free
    loads.wait(number, 20)
    killed = row(store, left.id)
    assert (killed.state, killed.reason) == ("invalid", "monitor_killed")
    assert killed.ended_at is not None
    assert row(store, number).state == "passed"


def test_many_who_wait_hinder_nobody(store, api):
    loads = runner(store, api)
    number = begun(loads.start(plan(loads)))
    waits = [threading.Thread(target=loads.wait, args=(number, 20.0)) for _ in range(5)]
    for wait in waits:
        wait.start()
    for wait in waits:
        wait.join(25)
    assert not any(wait.is_alive() for wait in waits)
    assert loads.wait(number, 0)
    assert loads.progress(10_000) is None
