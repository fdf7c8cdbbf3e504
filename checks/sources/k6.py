"""Load tests with the real k6 binary, only against targets that the configuration names."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from checks.sources.facts import Fact, Unseen, Why
from checks.sources.k6_keeper import UNSTARTABLE
from checks.sources.k6_process import Ended, alone, execute
from checks.sources.k6_read import read_bytes
from checks.sources.k6_shapes import NoResultError
from monitor.domain import load_validity
from monitor.domain.load_result import LoadResult, figures
from monitor.domain.load_test import LoadTestRun
from monitor.domain.load_validity import Ending

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
LOG_CHARACTERS_MAX = 1000
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run against what. `seconds` and `rate` 0: as the scenario itself says.

    `scenario` is a name of ours or the path of a k6 script; `variables` are further entries
    of the script's __ENV. `limit_seconds` bounds the whole run.
    """

    scenario: str
    target: str
    targets_allowed: tuple[str, ...]
    seconds: int = 0
    rate: int = 0
    limit_seconds: float = 900.0
    k6_binary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def run(plan: Plan, now: datetime) -> Fact[LoadTestRun]:
    """Run k6 to its end, however long that takes, up to the plan's limit."""
    script = find_script(plan.scenario)
    if script is None:
        params = {"scenario": plan.scenario, "expected": ", ".join(scenarios())}
        return _unseen(Why.BLIND, "k6_scenario_unknown", params)
    if not is_allowed(plan.target, plan.targets_allowed):
        allowed = ", ".join(plan.targets_allowed)
        params = {"target": shown(plan.target), "expected": allowed}
        return _unseen(Why.BLIND, "k6_target_refused", params)
    binary = find_binary(plan.k6_binary)
    if binary is None:
        return _unseen(Why.BLIND, "k6_missing", {"configured": plan.k6_binary})
    with alone() as lock:
        if lock is None:
            return _unseen(Why.LIMIT, "k6_busy", {})
        return _run(plan, binary, script, lock, now)


def _run(plan: Plan, binary: Path, script: Path, lock: int, now: datetime) -> Fact[LoadTestRun]:
    try:
        ended = execute(binary, script, _variables(plan), plan.limit_seconds, lock)
    except OSError as error:
        return _unseen(Why.BLIND, "k6_unstartable", {"k6": str(binary), "error": str(error)[:200]})
    if ended.exit_code == UNSTARTABLE and not ended.summary:
        return _unseen(Why.BLIND, "k6_unstartable", {"k6": str(binary), "error": ended.log[-200:]})
    return as_run(plan, ended, now)


def as_run(plan: Plan, ended: Ended, now: datetime) -> LoadTestRun:
    """The run as it is stored; one that measured nothing has no figures but the end of the log."""
    result = _result(ended.summary)
    planned = float(plan.seconds) if plan.seconds and plan.scenario in scenarios() else None
    stopped = "time_limit" if ended.stopped else ""
    ending = Ending(ended.exit_code, stopped, ended.thrown, planned)
    found = load_validity.doubts(result, ending)
    state = load_validity.state_of(found, result, ended.exit_code)
    failure = load_validity.failure_of(state, result, ended.exit_code)
    return LoadTestRun(
        scenario=scenario_name(plan.scenario),
        target=shown(plan.target),
        started_at=now,
        ended_at=now + timedelta(seconds=ended.took_seconds),
        state=state,
        exit_code=ended.exit_code,
        reason=found[0].code if found else failure,
        doubts=found,
        figures=figures(result) if result and not found else {},
        log=ended.log[-LOG_CHARACTERS_MAX:] if found else "",
        result=result,
        raw=ended.summary,
    )


def _result(summary: bytes) -> LoadResult | None:
    try:
        return read_bytes(summary) if summary else None
    except NoResultError:
        return None


def _unseen(why: Why, reason: str, params: Mapping[str, str]) -> Unseen:
    return Unseen("k6", why, reason, params)


def _variables(plan: Plan) -> dict[str, str]:
    own = {"BASE_URL": plan.target.rstrip("/")}
    own |= {"SECONDS": str(plan.seconds)} if plan.seconds else {}
    own |= {"RATE": str(plan.rate)} if plan.rate else {}
    return {**plan.variables, **own}


def scenarios() -> tuple[str, ...]:
    """The names of the scenarios that come with the product."""
    return tuple(sorted(path.stem for path in SCENARIOS.glob("*.js")))


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
