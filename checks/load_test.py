"""Load test: does the platform still keep its response times and error rates under load?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from checks.k6 import runner as k6
from checks.sources.facts.unavailable import Fact, Unavailable, monitoring_gap
from monitor.config.option_types import Count, CountOrZero, PathText, Seconds, Switch
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
)
from monitor.domain.load_test.plan import Plan
from monitor.domain.load_test.preflight import Refusal, hours_of
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import InvalidError

_METRICS = {
    "p95_ms": "load_test_p95_ms",
    "median_ms": "load_test_median_ms",
    "failed_percent": "load_test_failed_percent",
    "requests_per_second": "load_test_requests_per_second",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What is run where, and when its result is worth a word.

    `target` is the base URL of the payment API and must have the scheme, host and port of one
    of `targets_allowed`, or of `targets_production`, where nothing runs by itself without
    `allow_production`; so it is with a target whose own name says production. `scenario` is a
    name of ours or the path of a k6 script, for which `variables` are further entries of __ENV;
    `seconds` and `rate` 0: as the scenario says.
    No run begins outside `hours` (`01:00-06:00`, in the configured zone; empty: any), with more
    than `rate_max` iterations a second, `vus_max` users or `seconds_max` (`limit_seconds` ends
    every run, and belongs below the check's time-out), or while one of
    `health_checks` or an open incident is critical; they are looked at every `watch_seconds`.
    A run that got worse than those before it warns, by the rules that judge all runs
    (monitor/domain/detection/runs.py); they need no settings.
    """

    target: str = ""
    targets_allowed: tuple[str, ...] = ()
    scenario: PathText = "authorize-short"
    seconds: CountOrZero = 0
    rate: CountOrZero = 0
    limit_seconds: Seconds = 900.0
    k6_binary: PathText = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    targets_production: tuple[str, ...] = ()
    allow_production: Switch = False
    rate_max: Count = 2000
    vus_max: Count = 3000
    seconds_max: Seconds = 840.0
    hours: str = ""
    health_checks: tuple[str, ...] = (
        *("services", "breakers", "kafka_cluster", "redis_health", "outbox_age", "connections"),
        *("consumer_lag", "traffic"),
    )
    watch_seconds: Seconds = 5.0
    crossed: Status = Status.CRIT

    def __post_init__(self) -> None:
        """A broken setting is told at start-up, not on Sunday morning."""
        allowed = (*self.targets_allowed, *self.targets_production)
        if self.target and not k6.is_allowed(self.target, allowed):
            raise InvalidError("target_not_allowed", given=k6.shown(self.target))
        hours_of(self.hours)
        if k6.find_script(self.scenario) is None:
            known = ", ".join(k6.scenarios())
            raise InvalidError("no_scenario", given=self.scenario, known=known)
        for name in self.variables:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) or name.startswith("K6_"):
                raise InvalidError("variables", given=name)


def plan_of(options: Options, **changes: Any) -> Plan:
    """What the configuration asks for, with what a person wants otherwise."""
    plan = Plan(
        scenario=options.scenario,
        target=options.target,
        targets_allowed=(*options.targets_allowed, *options.targets_production),
        seconds=options.seconds,
        rate=options.rate,
        limit_seconds=options.limit_seconds,
        k6_binary=options.k6_binary,
        variables=options.variables,
    )
    plan = replace(plan, **changes)
    is_production = k6.is_allowed(plan.target, options.targets_production)
    return replace(plan, is_production=is_production)


def probe(context: ProbeContext) -> Fact[LoadTestRun]:
    """Run k6 once."""
    return k6.run(plan_of(context.options), context.now)


def run_by(execute: Callable[[Plan], LoadTestRun | Refusal]) -> Check:
    """The check, its runs carried out by someone who may refuse them, or call them off."""

    def probe_watched(context: ProbeContext) -> Fact[LoadTestRun]:
        outcome = execute(plan_of(context.options))
        return k6.unavailable(outcome) if isinstance(outcome, Refusal) else outcome

    return replace(CHECK, probe=probe_watched)


def evaluate(fact: Fact[LoadTestRun], context: ProbeContext) -> tuple[Verdict, Memory]:
    """Crossed thresholds, runs that measured nothing, and runs worse than those before."""
    if isinstance(fact, Unavailable):
        return Verdict.of([monitoring_gap(fact)]), context.memory
    found = [f for f in (_failed(fact, context), _worse(fact)) if f is not None]
    return replace(Verdict.of(found, _metrics(fact)), records=(fact,)), context.memory


def _failed(run: LoadTestRun, context: ProbeContext) -> Finding | None:
    if run.state == "invalid":
        log = " ".join(run.log.split())[-200:]
        why = run.doubts[0].params if run.doubts else {}
        params = {**_told(run), "log": log, **why}
        return Finding("load_test_invalid", Status.WARN, run.scenario, params, passes_required=1)
    if run.state == "unjudged":
        params = {**_told(run), **run.figures, "limits": ", ".join(run.unjudged)[:200]}
        return Finding("load_test_unjudged", Status.WARN, run.scenario, params, passes_required=1)
    if run.state == "failed":
        crossed = ", ".join(run.result.crossed if run.result else ())[:200]
        params = {**_told(run), **run.figures, "crossed": crossed}
        return Finding(
            "load_test_failed", context.options.crossed, run.scenario, params, passes_required=1
        )
    return None


def _worse(run: LoadTestRun) -> Finding | None:
    """What the monitor says of the run beside those before it, which a check does not know."""
    if not run.is_valid or run.compared.get("word") != "regression":
        return None
    params = {**_told(run), **run.compared}
    return Finding("load_test_worse", Status.WARN, run.scenario, params, passes_required=1)


def _told(run: LoadTestRun) -> Params:
    return {
        "target": run.target,
        "reason": run.reason,
        "exit_code": run.exit_code,
        "started_at": run.started_at.isoformat(),
    }


def _metrics(run: LoadTestRun) -> list[Metric]:
    found = run.figures.items()
    return [Metric(_METRICS[k], value, run.scenario) for k, value in found if k in _METRICS]


CHECK = Check(
    name="load_test",
    options=Options,
    probe=probe,
    evaluate=evaluate,
    cron="0 4 * * 0",
    timeout=timedelta(minutes=20),
    enabled=False,
    live=False,
)
