"""Valid before compared: why a run measured nothing, and why two runs are not alike.

k6 ends with 0 although every request was refused (its p95 is then 0 ms), every iteration raised,
a threshold had no data or most iterations were dropped: exit code 0 proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.domain.load_test.result import LoadResult, checks_failed_share, dropped_share
from monitor.domain.load_test.run import FAILED, INVALID, PASSED, UNJUDGED, LoadTestRun
from monitor.domain.statement import Statement

DROPPED_MAX = 0.01
THROWN_MAX = 0.01
REFUSED_MAX = 0.01
FAILED_MAX = 0.9
SHORT_MIN = 0.9

CROSSED, FAILED_BY_SCRIPT = 99, 110
_MEASURED = (0, CROSSED, FAILED_BY_SCRIPT)
_EXIT_CODES = {
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


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, as far as known; of an imported file nothing is.

    `stopped`: the code of why we ended it ourselves. `thrown`: iterations that raised.
    """

    exit_code: int | None = None
    stopped: str = ""
    thrown: int = 0
    seconds_planned: float | None = None


_UNKNOWN_ENDING = Ending()


def doubts(result: LoadResult | None, ending: Ending = _UNKNOWN_ENDING) -> tuple[Statement, ...]:
    """Why these numbers measure nothing, the gravest reason first; empty if they do."""
    return tuple(_doubts(result, ending))


def state_of(found: tuple[Statement, ...], result: LoadResult | None, exit_code: int | None) -> str:
    """passed, failed (it measured well that something is not), unjudged or invalid."""
    if found or result is None:
        return INVALID
    if result.crossed or exit_code in (CROSSED, FAILED_BY_SCRIPT):
        return FAILED
    return UNJUDGED if result.open_limits(exit_code) else PASSED


def failure_of(state: str, result: LoadResult | None, exit_code: int | None) -> str:
    """The word for why a run failed; empty if it did not."""
    if state != FAILED:
        return ""
    crossed = exit_code == CROSSED or (result is not None and result.crossed)
    return "thresholds_crossed" if crossed else "failed_by_script"


def _doubts(result: LoadResult | None, ending: Ending) -> Iterator[Statement]:
    if ending.stopped:
        yield Statement(ending.stopped)
    elif ending.exit_code is not None and ending.exit_code not in _MEASURED:
        code = _EXIT_CODES.get(ending.exit_code, "unknown_exit_code")
        yield Statement(code, {"exit_code": ending.exit_code})
    if result is None:
        yield Statement("no_summary")
        return
    if result.torn:
        yield Statement("torn")
    yield from _dropped(result)
    if not result.has_samples:
        yield Statement("no_requests")
    yield from _refused(result)
    yield from _failed(result)
    yield from _thrown(result, ending)
    yield from _unmeasured(result)
    if ending.seconds_planned and not ending.stopped:
        yield from _short(result, ending.seconds_planned)


def _dropped(result: LoadResult) -> Iterator[Statement]:
    share = dropped_share(result)
    if share > DROPPED_MAX:
        dropped = result.value("dropped_iterations", "count") or 0.0
        yield Statement("iterations_dropped", {"percent": 100 * share, "dropped": int(dropped)})


def _refused(result: LoadResult) -> Iterator[Statement]:
    """A request that was refused took 0 ms: k6 counts it, and all seems faster than ever."""
    failed = result.value("http_req_failed", "rate")
    fastest = result.value("http_req_duration", "min")
    if not failed or not result.has_samples:
        return
    if failed == 1 and not result.value("data_received", "count") and _never_took(result):
        yield Statement("nothing_answered")
    elif failed > REFUSED_MAX and fastest == 0:
        yield Statement("connections_refused", {"failed_percent": 100 * failed})


def _never_took(result: LoadResult) -> bool:
    """Where k6 tells neither bytes nor times, as its new summary may, failure is enough."""
    slowest = result.value("http_req_duration", "max")
    return slowest in (None, 0.0)


def _failed(result: LoadResult) -> Iterator[Statement]:
    failed = result.value("http_req_failed", "rate") or 0.0
    if failed >= FAILED_MAX and result.has_samples and not _never_took(result):
        yield Statement("requests_failed", {"failed_percent": 100 * failed})
    checks = checks_failed_share(result)
    if checks is not None and checks >= FAILED_MAX:
        yield Statement("checks_failed", {"failed_percent": 100 * checks})


def _thrown(result: LoadResult, ending: Ending) -> Iterator[Statement]:
    made = result.value("iterations", "count") or 0.0
    if ending.thrown > THROWN_MAX * max(1.0, made):
        yield Statement("iterations_raised", {"thrown": ending.thrown, "iterations": int(made)})


def _unmeasured(result: LoadResult) -> Iterator[Statement]:
    """k6 calls a threshold on something that never happened kept.

    A part of a metric may well stay empty (LoadResult.unmeasured): no request ended with a 500.
    """
    empty = dict.fromkeys(m.name for m, _ in result.thresholds if not (m.has_data or m.is_part))
    if empty and not _is_count_of_nothing(result, list(empty)):
        yield Statement("threshold_without_data", {"metrics": ", ".join(empty)[:200]})


def _is_count_of_nothing(result: LoadResult, empty: list[str]) -> bool:
    """`count<1` on errors, or on dropped iterations, is kept exactly because none came."""
    return all(result.measures[name].kind == "counter" for name in empty)


def _short(result: LoadResult, planned: float) -> Iterator[Statement]:
    if result.seconds is not None and result.seconds < SHORT_MIN * planned:
        yield Statement("short", {"seconds": result.seconds, "planned_seconds": planned})


def differences(run: LoadTestRun, other: LoadTestRun) -> tuple[Statement, ...]:
    """Why two runs must not be compared: what was changed between them; empty if nothing was.

    Only what both tell can differ: an imported file knows neither its script nor its rate.
    """
    return tuple(_differences(run, other))


def _differences(run: LoadTestRun, other: LoadTestRun) -> Iterator[Statement]:
    told: dict[str, tuple[Any, Any]] = {
        "scenario": (run.scenario, other.scenario),
        "target": (run.target, other.target),
        "script": (run.script_hash[:12], other.script_hash[:12]),
        "k6_version": (run.k6_version, other.k6_version),
    }
    for key in ("rate", "seconds", "vus"):
        told[key] = (run.options.get(key), other.options.get(key))
    for key, (now, before) in told.items():
        if now and before and now != before:
            yield Statement(f"other_{key}", {"now": now, "before": before})
    if run.options and other.options and _variables(run) != _variables(other):
        yield Statement("other_variables")
    if not (run.options.get("seconds") and other.options.get("seconds")):
        yield from _shorter(run, other)


def _variables(run: LoadTestRun) -> dict[str, Any]:
    return dict(run.options.get("variables") or {})


def _shorter(run: LoadTestRun, other: LoadTestRun) -> Iterator[Statement]:
    """Where nobody told how long a run should take: half the time and half the load is another.

    Time alone tells nothing: a fixed number of iterations takes longer on a slower platform.
    """
    if run.result is None or other.result is None:
        return
    seconds = (run.result.seconds, other.result.seconds)
    made = (run.result.value("iterations", "count"), other.result.value("iterations", "count"))
    if _is_half(*seconds) and _is_half(*made):
        yield Statement("other_seconds", {"now": seconds[0], "before": seconds[1]})


def _is_half(now: float | None, before: float | None) -> bool:
    if not now or not before:
        return False
    return now < before / 2 or now > before * 2
