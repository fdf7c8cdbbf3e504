"""Load tests with the real k6 binary, only against targets that the configuration names."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checks.k6 import inspect as k6_inspect
from checks.k6.inspect import BrokenScriptError
from checks.k6.keeper import UNSTARTABLE
from checks.k6.process import alone, claimed, free_address, run_process
from checks.k6.read import read_bytes
from checks.k6.rest import look_live
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.domain.load_test import validity as load_validity
from monitor.domain.load_test.files import NoResultError
from monitor.domain.load_test.plan import Control, Ended, Plan, Prepared
from monitor.domain.load_test.preflight import Asked, Refusal
from monitor.domain.load_test.result import LoadResult, figures
from monitor.domain.load_test.run import RUNNING, LoadTestRun
from monitor.domain.load_test.validity import Ending

# All of monitor/load_tests/port.py: mypy holds a module to a protocol by what is listed here.
__all__ = [
    "alone",
    "ask",
    "claimed",
    "describe",
    "described",
    "execute",
    "finish",
    "free_address",
    "look_live",
    "prepare",
    "scenario_name",
    "scenarios",
]
SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
LOG_CHARACTERS_MAX = 1000
_PORT_TAKEN = 106
_PORTS_TRIED = 3
_PORTS = {"http": 80, "https": 443}


def prepare(plan: Plan) -> Prepared | Refusal:
    """Find what a plan needs; nothing is run yet."""
    script = find_script(plan.scenario)
    if script is None:
        params = {"scenario": plan.scenario[:200], "expected": ", ".join(scenarios())}
        return Refusal("k6_scenario_unknown", params)
    if not is_allowed(plan.target, plan.targets_allowed):
        allowed = ", ".join(shown(url) for url in plan.targets_allowed)
        return Refusal("k6_target_refused", {"target": shown(plan.target), "expected": allowed})
    binary = find_binary(plan.k6_binary)
    if binary is None:
        return Refusal("k6_missing", {"configured": plan.k6_binary})
    return Prepared(
        plan=plan,
        script=script,
        binary=binary,
        scenario=scenario_name(plan.scenario),
        target=shown(plan.target),
        is_production=plan.is_production or looks_like_production(plan.target),
        variables=_variables(plan),
    )


def ask(prepared: Prepared) -> Asked | Refusal:
    """What the script asks for; k6 reads it, and makes no load."""
    try:
        return k6_inspect.inspect(prepared.binary, prepared.script, prepared.variables)
    except BrokenScriptError as error:
        return Refusal("k6_script_broken", {"error": str(error)})


def describe(prepared: Prepared, asked: Asked, now: datetime) -> LoadTestRun:
    """The run as it is stored while it goes on."""
    known = {"rate": asked.rate, "seconds": asked.seconds, "vus": asked.vus}
    options: dict[str, Any] = {key: value for key, value in known.items() if value is not None}
    if prepared.plan.variables:
        options["variables"] = dict(sorted(prepared.plan.variables.items()))
    return LoadTestRun(
        scenario=prepared.scenario,
        target=prepared.target,
        started_at=now,
        ended_at=None,
        state=RUNNING,
        script_hash=k6_inspect.script_hash(prepared.script),
        options=options,
        k6_version=k6_inspect.version(prepared.binary),
        host={"cpus": os.cpu_count() or 1, "load_before": round(os.getloadavg()[0], 2)},
    )


def run(plan: Plan, now: datetime) -> Fact[LoadTestRun]:
    """Run k6 to its end, however long that takes, up to the plan's limit."""
    prepared = prepare(plan)
    if isinstance(prepared, Refusal):
        return unavailable(prepared)
    with alone() as locks:
        if locks is None:
            return unavailable(Refusal("k6_busy"))
        ended = execute(prepared, locks, Control())
    return unavailable(ended) if isinstance(ended, Refusal) else finish(_bare(prepared, now), ended)


def _bare(prepared: Prepared, now: datetime) -> LoadTestRun:
    is_ours = prepared.plan.scenario in scenarios()
    options = {"seconds": prepared.plan.seconds} if prepared.plan.seconds and is_ours else {}
    return LoadTestRun(prepared.scenario, prepared.target, now, None, RUNNING, options=options)


def execute(prepared: Prepared, locks: Sequence[int], control: Control) -> Ended | Refusal:
    """Run k6; another port is tried where somebody took the one that `control` names."""
    plan = prepared.plan
    for _ in range(_PORTS_TRIED):
        try:
            ended = run_process(
                *(prepared.binary, prepared.script, prepared.variables),
                *(plan.limit_seconds, locks, control),
            )
        except OSError as error:
            params = {"k6": str(prepared.binary), "error": str(error)[:200]}
            return Refusal("k6_unstartable", params)
        if ended.exit_code == UNSTARTABLE and not ended.summary:
            params = {"k6": str(prepared.binary), "error": ended.log[-200:]}
            return Refusal("k6_unstartable", params)
        if ended.exit_code != _PORT_TAKEN or not control.address:
            break
        control.address = free_address()
    return ended


def unavailable(refusal: Refusal) -> Unavailable:
    """A run that did not take place, as a check tells it."""
    limits = ("k6_busy", "load_")
    why = Why.LIMIT if refusal.code.startswith(limits) else Why.NOT_VISIBLE
    return Unavailable("k6", why, refusal.code, refusal.params)


def finish(run: LoadTestRun, ended: Ended) -> LoadTestRun:
    """How a run ended; one that measured nothing has no figures but the end of the log."""
    result = _result(ended.summary)
    planned = run.options.get("seconds")
    ending = Ending(ended.exit_code, ended.stopped, ended.thrown, planned)
    found = load_validity.doubts(result, ending)
    state = load_validity.state_of(found, result, ended.exit_code)
    failure = load_validity.failure_of(state, result, ended.exit_code)
    host = {**run.host, "load_after": round(os.getloadavg()[0], 2)} if run.host else {}
    return replace(
        run,
        ended_at=run.started_at + timedelta(seconds=ended.took_seconds),
        state=state,
        exit_code=ended.exit_code,
        reason=found[0].code if found else failure,
        doubts=found,
        figures=figures(result) if result and not found else {},
        log=ended.log[-LOG_CHARACTERS_MAX:] if found else "",
        result=result,
        host=host,
        content_hash=hashlib.sha256(ended.summary).hexdigest() if ended.summary else "",
        raw=ended.summary,
    )


def _result(summary: bytes) -> LoadResult | None:
    try:
        return read_bytes(summary) if summary else None
    except NoResultError:
        return None


def _variables(plan: Plan) -> dict[str, str]:
    own = {"BASE_URL": plan.target.rstrip("/")}
    own |= {"SECONDS": str(plan.seconds)} if plan.seconds else {}
    own |= {"RATE": str(plan.rate)} if plan.rate else {}
    return {**plan.variables, **own}


def scenarios() -> tuple[str, ...]:
    """The names of the scenarios that come with the product."""
    return tuple(sorted(path.stem for path in SCENARIOS.glob("*.js")))


def described() -> dict[str, str]:
    """What each of them does, as its first line says."""
    found = {}
    for name in scenarios():
        with (SCENARIOS / f"{name}.js").open(encoding="utf-8") as file:
            found[name] = file.readline().removeprefix("//").strip()
    return found


def scenario_name(scenario: str) -> str:
    """What a run is called: our own name, or the file name of another script."""
    return Path(scenario).stem if scenario.endswith(".js") else scenario


def find_script(scenario: str) -> Path | None:
    """The script of a scenario of ours, or the script that this path leads to."""
    if scenario in scenarios():
        return SCENARIOS / f"{scenario}.js"
    path = Path(scenario).expanduser()
    return path.resolve() if path.suffix == ".js" and path.is_file() else None


def find_binary(configured: str = "") -> Path | None:
    """The k6 to use: the configured one, else the one on PATH, else that of the package `k6`."""
    if configured:
        found = shutil.which(Path(configured).expanduser())
    else:
        found = shutil.which("k6") or _packaged()
    return Path(found).resolve() if found else None


def _packaged() -> str | None:
    try:
        files = metadata.distribution("k6").files or []
    except metadata.PackageNotFoundError:
        return None
    paths = [str(file.locate()) for file in files if file.name == "k6"]
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def is_allowed(target: str, allowed: Iterable[str]) -> bool:
    """Whether a base URL has exactly the scheme, host and port of one that is allowed."""
    origin = _origin(target)
    return origin is not None and any(origin == _origin(url) for url in allowed)


def looks_like_production(target: str) -> bool:
    """Whether a target's own name says so: pay.prod.example, live-api, production-7."""
    origin = _origin(target)
    labels = re.split(r"[.-]", origin[1]) if origin else []
    return any(re.fullmatch(r"(prod|prd|production|live)\d*", label) for label in labels)


def _origin(url: str) -> tuple[str, str, int] | None:
    """None for what is no plain http(s) URL: another scheme, no host, credentials, odd letters."""
    if re.search(r"[\s\\?#\x00-\x1f]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port


def shown(url: str) -> str:
    """A URL without credentials, query and fragment, cut: fit to be stored and read."""
    return re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", url)[0])[:200]
