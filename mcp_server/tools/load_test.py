"""What the load tests found: the latest run, and those before it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answer import CHARS_MAX, CHARS_USUAL, Answer, percent, result
from mcp_server.desk import Desk
from mcp_server.told import run_row
from monitor.compare import relative
from monitor.domain.check import Status
from monitor.domain.load_test import LoadTestRun
from monitor.store.load_tests import load_tests

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_STATUS = {"passed": Status.OK, "failed": Status.CRIT, "invalid": Status.UNKNOWN}
_SAME_SCENARIO_MAX = 50


def get_latest_result(ctx: Context[Desk]) -> CallToolResult:
    """The latest load test from the history: outcome, response times, error rate, and the change
    against the run of the same scenario before it. Starts nothing."""
    desk = ctx.request_context.lifespan_context
    runs = _runs(desk, 1)
    if not runs:
        return _nothing(desk)
    latest = runs[0]
    before = _before(desk, latest)
    evidence = {
        "run": run_row(latest, desk.now),
        "before": run_row(before, desk.now) if before else None,
        "change_percent": _changes(latest, before),
    }
    answer = Answer(
        verdict=_STATUS.get(latest.state, Status.UNKNOWN),
        summary=_told(desk, latest, before),
        origin="stored",
        measured_at=latest.ended_at or latest.started_at,
        evidence=evidence,
        next=("get_test_history", "compare_periods"),
    )
    return result(answer, desk.now)


def get_test_history(
    ctx: Context[Desk], limit: Annotated[int, Field(ge=1, le=50)] = 5
) -> CallToolResult:
    """The last load tests from the history, newest first, each with the change against the run of
    the same scenario before it. Answers "has performance got worse from run to run?"."""
    desk = ctx.request_context.lifespan_context
    runs = _runs(desk, limit + _SAME_SCENARIO_MAX)
    if not runs:
        return _nothing(desk)
    rows = [_row(desk, run, runs[i + 1 :]) for i, run in enumerate(runs[:limit])]
    answer = Answer(
        verdict=_STATUS.get(runs[0].state, Status.UNKNOWN),
        summary=_told(desk, runs[0], _same(runs[0], runs[1:])),
        origin="stored",
        measured_at=runs[0].ended_at or runs[0].started_at,
        evidence={"runs": rows},
        next=("get_latest_result", "metric_history"),
        rest="ask with a smaller limit, or metric_history(metric='load_test_p95_ms')",
        chars_max=CHARS_USUAL if limit <= 5 else CHARS_MAX,
    )
    return result(answer, desk.now)


def _runs(desk: Desk, limit: int, scenario: str = "") -> list[LoadTestRun]:
    with desk.read() as tx:
        return load_tests(tx, _FIRST, desk.now, scenario, limit)


def _before(desk: Desk, run: LoadTestRun) -> LoadTestRun | None:
    return _same(run, _runs(desk, _SAME_SCENARIO_MAX, run.scenario)[1:])


def _same(run: LoadTestRun, earlier: Sequence[LoadTestRun]) -> LoadTestRun | None:
    """The run before that can be compared: same scenario and target, and it measured something."""
    kind = (run.scenario, run.target)
    found = (r for r in earlier if (r.scenario, r.target) == kind and r.state in _MEASURED)
    return next(found, None)


_MEASURED = ("passed", "failed")


def _row(desk: Desk, run: LoadTestRun, earlier: Sequence[LoadTestRun]) -> dict[str, Any]:
    changes = _changes(run, _same(run, earlier))
    return run_row(run, desk.now) | {"change_percent": changes}


def _changes(run: LoadTestRun, before: LoadTestRun | None) -> dict[str, Any]:
    """How each figure of a run that measured something changed, in percent."""
    if before is None or run.state not in _MEASURED:
        return {}
    shared = [name for name in run.figures if name in before.figures]
    return {n: percent(relative(run.figures[n], before.figures[n])) for n in shared}


def _told(desk: Desk, run: LoadTestRun, before: LoadTestRun | None) -> str:
    return desk.say(
        "load_test",
        scenario=run.scenario,
        state=desk.say(f"load_state.{run.state}"),
        at=run.started_at,
        p95_ms=run.figures.get("p95_ms"),
        failed_percent=run.figures.get("failed_percent"),
        change_percent=_changes(run, before).get("p95_ms"),
    )


def _nothing(desk: Desk) -> CallToolResult:
    answer = Answer(Status.UNKNOWN, desk.say("load_test_none"), "stored", None)
    return result(answer, desk.now)


TOOLSETS = ("loadtest",)
TOOLS = (get_latest_result, get_test_history)
