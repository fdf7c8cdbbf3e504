"""One pass, bounded whatever a check does, and recorded whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from store_case import T0, fresh_store, recorder_of

from monitor.domain.alert import Rule
from monitor.domain.check import Check, Finding, Status, Verdict
from monitor.domain.check_pass import Planned
from monitor.run_check import FINDINGS_MAX, TEXT_MAX, Runner
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.passes.snapshots import latest_snapshots

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Nothing:
    """No options."""


def planned(evaluate, *, timeout: float = 5, name: str = "services") -> Planned:
    check = Check(name, Nothing, lambda look: None, lambda facts, look: (evaluate(), {}))
    rule = Rule(blind_after=timedelta(0))
    return Planned(check, Nothing(), MINUTE, "", timedelta(seconds=timeout), rule)


@pytest.fixture
def runner(tmp_path):
    recorder = recorder_of(fresh_store(tmp_path), ["kept"])
    return Runner(None, recorder, None, tuple)


def stored(runner: Runner):
    with runner.recorder.store.read() as tx:
        return latest_snapshots(tx), all_live_alerts(tx)


def test_a_check_that_raises_could_not_look(runner):
    def broken():
        raise KeyError("secret")

    seen = runner.run(planned(broken), T0, T0)
    [finding] = seen.verdict.findings
    assert (seen.verdict.status, finding.params["reason"]) == (Status.UNKNOWN, "check_raised")
    assert "secret" not in str(finding)


@pytest.mark.parametrize(
    ("error", "lack"),
    [(RuntimeError("can't start new thread"), "threads"), (MemoryError(), "memory")],
)
def test_what_we_lack_ourselves_is_no_trouble_of_the_platform(runner, error, lack):
    def short():
        raise error

    [finding] = runner.run(planned(short), T0, T0).verdict.findings
    said = finding.code, finding.status, finding.params["reason"], finding.params["got"]
    assert said == ("monitoring_gap", Status.UNKNOWN, "own_shortage", lack)


def test_a_check_that_gets_no_thread_could_not_look(runner, monkeypatch):
    def refuse(self) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        seen = runner.run(planned(lambda: Verdict.of([])), T0, T0)
    assert seen.verdict.findings[0].params["reason"] == "own_shortage"
    assert runner.run(planned(lambda: Verdict.of([])), T0, T0).verdict.status is Status.OK


def test_a_check_that_hangs_is_unknown_and_holds_up_no_other(runner):
    release = threading.Event()
    hanging = planned(lambda: release.wait(20), timeout=0.05)
    first = runner.run(hanging, T0, T0)
    second = runner.run(hanging, T0 + MINUTE, T0 + MINUTE)
    other = runner.run(planned(lambda: Verdict.of([]), name="breakers"), T0, T0)
    release.set()
    reasons = [s.verdict.findings[0].params["reason"] for s in (first, second)]
    assert reasons == ["check_timeout", "check_still_running"]
    assert other.verdict.status is Status.OK
    assert {name: s.status for name, s in stored(runner)[0].items()} == {
        "services": Status.UNKNOWN,
        "breakers": Status.OK,
    }


def test_a_flood_is_cut_and_what_is_not_shown_is_not_called_over(runner):
    def flood(first: int, count: int):
        many = [Finding("service_slow", Status.WARN, f"p{n:03}") for n in range(first, count)]
        return planned(lambda: Verdict.of(many))

    for minute in range(3):
        runner.run(flood(0, FINDINGS_MAX), T0 + minute * MINUTE, T0 + minute * MINUTE)
    for minute in range(3, 9):
        seen = runner.run(flood(20, 3 * FINDINGS_MAX), T0, T0 + minute * MINUTE)
    assert len(seen.verdict.findings) == FINDINGS_MAX + 1
    assert seen.verdict.status is Status.UNKNOWN
    assert {f"service_slow:p{n:03}" for n in range(FINDINGS_MAX)} <= {
        alert.key for alert in stored(runner)[1].values()
    }


def test_a_flood_of_critical_findings_does_not_displace_what_could_not_be_seen(runner):
    flood = [Finding("service_down", Status.CRIT, f"p{n:03}") for n in range(FINDINGS_MAX)]
    monitoring_gap = Finding("monitoring_gap", Status.UNKNOWN, "database/shard2", obscures="shard2")
    seen = runner.run(planned(lambda: Verdict.of([*flood, monitoring_gap])), T0, T0)
    assert monitoring_gap in seen.verdict.findings


def test_long_text_of_the_platform_is_cut(runner):
    long = Finding(
        "service_slow", Status.WARN, "x" * 9999, {"detail": "y" * 9999}, ({"z": "z" * 9999},)
    )
    [finding] = runner.run(planned(lambda: Verdict.of([long])), T0, T0).verdict.findings
    lengths = [len(finding.subject), len(finding.params["detail"]), len(finding.evidence[0]["z"])]
    assert max(lengths) <= TEXT_MAX


def counting(kept_in: str) -> Planned:
    """A check that counts its passes, in a new memory or in the one that it was handed."""

    def evaluate(facts, look):
        after = {"new": lambda: dict(look.memory), "same": lambda: look.memory}[kept_in]()
        after["passes"] = after.get("passes", 0) + 1
        return Verdict.of([]), after

    check = Check("services", Nothing, lambda look: None, evaluate)
    return Planned(check, Nothing(), MINUTE, "", MINUTE, Rule())


BROKEN_COMMIT = """
CREATE TABLE parents (id INTEGER PRIMARY KEY);
CREATE TABLE orphans (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER broken AFTER INSERT ON snapshots BEGIN INSERT INTO orphans VALUES (1); END
"""  # a deferred foreign key is checked, and fails, when the transaction is committed


@pytest.mark.parametrize("memory", ["new", "same"])
def test_a_commit_that_fails_leaves_the_memory_of_the_check_as_it_was(runner, memory):
    check, store = counting(memory), runner.recorder.store
    runner.run(check, T0, T0)
    with store.write() as tx:
        for statement in BROKEN_COMMIT.split(";\n"):
            tx.exec_driver_sql(statement)
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        runner.run(check, T0 + MINUTE, T0 + MINUTE)
    with store.write() as tx:
        tx.exec_driver_sql("DROP TRIGGER broken")
    assert runner.recorder.memory("services") == {"passes": 1}
    assert runner.run(check, T0 + 2 * MINUTE, T0 + 2 * MINUTE).memory == {"passes": 2}


def test_alerts_of_a_check_that_is_no_longer_run_end(runner):
    bad = planned(lambda: Verdict.of([Finding("service_down", Status.CRIT, "kafka")]))
    for minute in range(2):
        runner.run(bad, T0 + minute * MINUTE, T0 + minute * MINUTE)
    runner.recorder.resolve_orphans(["services"], T0 + 2 * MINUTE)
    assert len(stored(runner)[1]) == 1
    runner.recorder.resolve_orphans(["breakers"], T0 + 3 * MINUTE)
    assert stored(runner)[1] == {}
