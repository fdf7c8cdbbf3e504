"""What a k6 run says: whether it can be believed at all, what it crossed, and its figures.

k6 ends with 0 although every request was refused (and its p95 is then 0 ms), every iteration
raised, or most iterations were dropped; such a run is "invalid" and has no figures.
In --summary-export a threshold that is `true` was crossed, and the `passes` of
http_req_failed are the requests that failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

DROPPED_PERCENT_MAX = 1.0
THROWN_PERCENT_MAX = 1.0

_CROSSED, _FAILED_BY_SCRIPT = 99, 110
_MEASURED = (0, _CROSSED, _FAILED_BY_SCRIPT)
_REASONS = {
    97: "cloud_failed",
    98: "cloud_failed",
    100: "setup_timeout",
    101: "teardown_timeout",
    103: "stopped_from_outside",
    104: "bad_options",
    105: "interrupted",
    106: "port_taken",
    107: "script_raised",
    108: "aborted_by_script",
    109: "k6_crashed",
    137: "killed",
    143: "interrupted",
    255: "bad_command",
}
Summary = Mapping[str, Any]


def parse(text: bytes) -> Summary:
    """The summary that k6 exported; empty if it is none."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    usable = isinstance(parsed, dict) and isinstance(parsed.get("metrics"), dict)
    return parsed if usable else {}


def outcome(exit_code: int, stopped: bool, thrown: int, summary: Summary) -> tuple[str, str]:
    """The state (passed, failed, invalid) and the word for why."""
    if stopped:
        return "invalid", "time_limit"
    if exit_code not in _MEASURED:
        return "invalid", _REASONS.get(exit_code, "unknown_exit_code")
    doubt = _doubt(thrown, summary)
    if doubt:
        return "invalid", doubt
    if crossed(summary) or exit_code == _CROSSED:
        return "failed", "thresholds_crossed"
    return ("failed", "failed_by_script") if exit_code else ("passed", "")


def _doubt(thrown: int, summary: Summary) -> str:
    """Why these numbers measure nothing; empty if they do."""
    if not summary:
        return "no_summary"
    requests = _number(summary, "http_reqs", "count")
    if not requests:
        return "no_requests"
    failed = _number(summary, "http_req_failed", "value")
    if failed == 1 and not _number(summary, "data_received", "count"):
        return "nothing_answered"
    if dropped_percent(summary) > DROPPED_PERCENT_MAX:
        return "iterations_dropped"
    if 100 * thrown > THROWN_PERCENT_MAX * max(1, iterations(summary)):
        return "iterations_raised"
    if _number(summary, "checks", "fails") and not _number(summary, "checks", "passes"):
        return "all_checks_failed"
    return "threshold_without_data" if any(_unmeasured(summary)) else ""


def figures(summary: Summary) -> dict[str, float]:
    """The numbers that runs are compared by; only those that this run has."""
    wanted = {
        "p95_ms": _number(summary, "http_req_duration", "p(95)"),
        "median_ms": _number(summary, "http_req_duration", "med"),
        "p99_ms": _number(summary, "http_req_duration", "p(99)"),
        "requests_per_second": _number(summary, "http_reqs", "rate"),
        "failed_percent": _percent(_number(summary, "http_req_failed", "value")),
        "checks_failed_percent": _checks_failed_percent(summary),
        "dropped_percent": dropped_percent(summary),
        "iterations": iterations(summary),
        "thresholds_crossed": float(len(crossed(summary))),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def crossed(summary: Summary) -> tuple[str, ...]:
    """The thresholds that were crossed, such as `http_req_duration p(95)<500`."""
    return tuple(f"{name} {rule}" for name, rule, is_crossed in _thresholds(summary) if is_crossed)


def dropped_percent(summary: Summary) -> float:
    """How much of the load k6 could not make: the run was then not the run that was asked for."""
    dropped = _number(summary, "dropped_iterations", "count") or 0.0
    return 100 * dropped / (dropped + iterations(summary)) if dropped else 0.0


def iterations(summary: Summary) -> float:
    """How often the scenario was gone through."""
    return _number(summary, "iterations", "count") or 0.0


def _checks_failed_percent(summary: Summary) -> float | None:
    passed = _number(summary, "checks", "value")
    return None if passed is None else 100 * (1 - passed)


def _thresholds(summary: Summary) -> Iterator[tuple[str, str, bool]]:
    for name, metric in sorted(_metrics(summary).items()):
        rules = metric.get("thresholds") if isinstance(metric, dict) else None
        if isinstance(rules, dict):
            yield from ((name, rule, bool(is_crossed)) for rule, is_crossed in rules.items())


def _unmeasured(summary: Summary) -> Iterator[str]:
    """Metrics with a threshold but no sample: k6 calls such a threshold kept."""
    for name in dict.fromkeys(name for name, _, _ in _thresholds(summary)):
        metric = _metrics(summary)[name]
        if metric.get("count") == 0 or metric.get("passes") == metric.get("fails") == 0:
            yield name


def _metrics(summary: Summary) -> Mapping[str, Any]:
    found = summary.get("metrics", {})
    return found if isinstance(found, dict) else {}


def _number(summary: Summary, metric: str, key: str) -> float | None:
    values = _metrics(summary).get(metric)
    value = values.get(key) if isinstance(values, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
