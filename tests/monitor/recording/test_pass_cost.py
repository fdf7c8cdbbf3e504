"""What a pass costs while alerts of other checks live: nothing that grows with them."""

from __future__ import annotations

import sys

import pytest
from store_case import MINUTE, T0, fresh_store, recorder_of

from monitor.domain.alert import Rule
from monitor.domain.check import Finding, Status, Verdict
from monitor.domain.check_pass import Observed


class _Check:
    explains = False


class _Planned:
    check = _Check()
    rule = Rule(fire=1, within=1, resolve=1)


def calls_of_another_pass(folder, alerts):
    """How many functions the pass of a check without alerts calls beside so many live ones."""
    store = fresh_store(folder)
    recorder = recorder_of(store, ["console"])
    findings = tuple(Finding("lag_stuck", Status.CRIT, f"g{n}") for n in range(alerts))
    bad = Observed("consumer_lag", T0, 5.0, Verdict.of(findings, ()), {})
    recorder.record(_Planned(), bad, T0, 0)
    recorder.record(_Planned(), Observed("breakers", T0, 5.0, Verdict.of((), ()), {}), T0, 0)
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event == "call"

    at = T0 + MINUTE
    sys.setprofile(counted)
    recorder.record(_Planned(), Observed("breakers", at, 5.0, Verdict.of((), ()), {}), at, 0)
    sys.setprofile(None)
    store.close()
    return count


def test_a_pass_costs_the_same_beside_ten_and_beside_two_hundred_alerts(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    assert calls_of_another_pass(many, 200) == pytest.approx(
        calls_of_another_pass(few, 10), rel=0.1
    )
