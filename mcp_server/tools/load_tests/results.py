"""Load tests: the latest run, those before it, what they mean, and which there are."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, short
from mcp_server.context import ToolContext
from mcp_server.tools.load_tests.rows import (
    against,
    change_lines,
    endpoint_rows,
    history_row,
    judged_row,
    platform_rows,
    threshold_rows,
)
from monitor.domain.check import Status
from monitor.domain.load_test.history import Judged
from monitor.domain.load_test.run import FAILED, INVALID, PASSED, RUNNING
from monitor.load_tests.advice import advice_on
from monitor.load_tests.platform import platform_during
from monitor.load_tests.verdicts import judged_run, judged_runs
from monitor.text.load_test_values import advice_text

Scenario = Annotated[str, Field(max_length=100)]
_STATUS = {PASSED: Status.OK, FAILED: Status.CRIT, INVALID: Status.UNKNOWN}
_AHEAD = timedelta(minutes=5)  # an imported run may be dated by another clock


def get_latest_result(ctx: Context[ToolContext], scenario: Scenario = "") -> CallToolResult:
    """The latest load test: outcome, response times, failures, each endpoint's verdict against
    earlier runs; of one that still runs, how far it is. Starts nothing. What it means, and what to
    do, tells analyze_performance."""
    context = ctx.request_context.lifespan_context
    latest = _latest(context, scenario)
    if latest is None:
        return _nothing(context)
    if latest.run.state == RUNNING:
        return _running(context, latest)
    evidence = {
        "run": judged_row(context, latest),
        "endpoints": endpoint_rows(latest),
        "thresholds": threshold_rows(latest),
    }
    return _told(context, latest, evidence, ("analyze_performance", "get_test_history"))


def analyze_performance(
    ctx: Context[ToolContext],
    run: Annotated[int | None, Field(ge=1, description="its id; the latest if none")] = None,
    compare_with: Annotated[
        Literal["last", "week", "recent", "best"],
        Field(description="recent: median of the last five comparable runs; week: last week's"),
    ] = "last",
    scenario: Scenario = "",
) -> CallToolResult:
    """What a load test means ("compare it to last week"): what changed against an earlier run,
    verdicts that know noise from change, thresholds, what the platform did meanwhile, and advice
    that follows from it. An invalid run compares nothing and says why."""
    context = ctx.request_context.lifespan_context
    judged = _asked(context, run, scenario)
    if judged is None:
        return _nothing(context)
    with context.read() as tx:
        meanwhile = platform_during(tx, judged.run, context.now)
    other = against(judged, compare_with)
    evidence = {
        "run": judged_row(context, judged),
        "compared_with": _other_row(judged, compare_with),
        "changes": change_lines(judged, other, context.catalog) if other else [],
        "endpoints": endpoint_rows(judged),
        "thresholds": threshold_rows(judged),
        "platform": platform_rows(meanwhile),
        "advice": [
            {"code": each.code, "text": advice_text(each, context.catalog)}
            for each in advice_on(judged, meanwhile)
        ],
    }
    return _told(context, judged, evidence, ("get_test_history", "metric_history"), compare_with)


def get_test_history(
    ctx: Context[ToolContext],
    limit: Annotated[int, Field(ge=1, le=50)] = 5,
    scenario: Scenario = "",
) -> CallToolResult:
    """The last load tests, newest first, each with its verdict against the runs before it.
    Answers "has performance got worse from run to run?"."""
    context = ctx.request_context.lifespan_context
    with context.read() as tx:
        runs = judged_runs(tx, context.now + _AHEAD, scenario, limit)
    if not runs:
        return _nothing(context)
    answer = Answer(
        verdict=_status(runs[0]),
        summary=_sentence(context, runs[0], "last"),
        origin="stored",
        measured_at=runs[0].run.ended_at or runs[0].run.started_at,
        evidence={"runs": [history_row(each) for each in runs]},
        next=("analyze_performance", "metric_history"),
        rest="ask with a smaller limit, or metric_history(metric='load_test_p95_ms')",
        chars_max=CHARS_USUAL if limit <= 5 else CHARS_MAX,
    )
    return result(answer, context.now)


def list_scenarios(ctx: Context[ToolContext]) -> CallToolResult:
    """Which load tests there are, what each does, against which targets they may run, within which
    bounds and hours. run_load_test starts one."""
    context = ctx.request_context.lifespan_context
    loads = context.app.loads
    rules: Any = loads.rules
    found = loads.k6.described()
    evidence = {
        "scenarios": [{"name": name, "what": text} for name, text in found.items()],
        "configured": {"scenario": loads.k6.scenario_name(rules.scenario), "target": rules.target},
        "targets_allowed": list(rules.targets_allowed),
        "bounds": {
            "rate_max": rules.rate_max,
            "vus_max": rules.vus_max,
            "seconds_max": short(rules.seconds_max),
            "hours": rules.hours or "any",
        },
    }
    summary = context.say("load_scenarios", count=len(found), target=rules.target)
    next_ = ("run_load_test", "get_latest_result")
    return result(Answer(Status.OK, summary, "live", context.now, evidence, next_), context.now)


def _latest(context: ToolContext, scenario: str) -> Judged | None:
    with context.read() as tx:
        found = judged_runs(tx, context.now + _AHEAD, scenario, 1)
    return found[0] if found else None


def _asked(context: ToolContext, run: int | None, scenario: str) -> Judged | None:
    """The run that was named, or the latest that is over."""
    with context.read() as tx:
        if run is not None:
            judged = judged_run(tx, run)
            if judged is None:
                raise ToolError(f"run {run}: there is no such load test; see get_test_history")
            return judged
        runs = judged_runs(tx, context.now + _AHEAD, scenario, 2)
    return next((each for each in runs if each.run.state != RUNNING), None)


def _other_row(judged: Judged, name: str) -> dict[str, Any] | None:
    other = against(judged, name)
    if other is None:
        return None
    run = other.run
    told = {"id": run.id, "started_at": run.started_at} if run else {"runs": other.runs}
    return {"name": name, **told}


def _running(context: ToolContext, judged: Judged) -> CallToolResult:
    """How far a run is; one that nobody follows any more was killed."""
    run, loads = judged.run, context.app.loads
    far = loads.progress(run.id or 0)
    is_alive = loads.is_alive()
    live = far.live if far else None
    evidence = {
        "run": judged_row(context, judged),
        "is_running": is_alive,
        "progress": {
            "seconds": short(far.seconds) if far else None,
            "seconds_planned": short(far.seconds_planned) if far else None,
            "requests_per_second": short(live.requests_per_second) if live else None,
            "p95_ms": short(live.p95_ms) if live else None,
            "failed_percent": short(100 * live.failed_share)
            if live and live.failed_share is not None
            else None,
            "dropped_iterations": short(live.dropped) if live else None,
        },
    }
    key = "load_going" if is_alive else "load_gone"
    about = {"number": run.id, "scenario": run.scenario, "at": run.started_at}
    share = far.share if far else None
    done = None if share is None else 100 * share
    summary = context.say(key, done_percent=done, **about)
    next_ = ("get_latest_result",) if is_alive else ("get_test_history",)
    return result(
        Answer(Status.UNKNOWN, summary, "live", context.now, evidence, next_), context.now
    )


def _told(
    context: ToolContext,
    judged: Judged,
    evidence: dict[str, Any],
    next_: tuple[str, ...],
    compare_with: str = "last",
) -> CallToolResult:
    answer = Answer(
        verdict=_status(judged),
        summary=_sentence(context, judged, compare_with),
        origin="stored",
        measured_at=judged.run.ended_at or judged.run.started_at,
        evidence=evidence,
        next=next_,
        rest="see `paypulse loadtest show` for all of it",
    )
    return result(answer, context.now)


def _status(judged: Judged) -> Status:
    """A regression is worth a warning where the script's own limits were kept."""
    status = _STATUS.get(judged.run.state, Status.UNKNOWN)
    return Status.WARN if status is Status.OK and judged.word == "regression" else status


def _sentence(context: ToolContext, judged: Judged, compare_with: str) -> str:
    """One line: the outcome, and what changed; of an invalid run, why it says nothing."""
    run = judged.run
    other = against(judged, compare_with)
    doubt = run.doubts[0] if run.doubts else None
    return context.say(
        "load_told",
        number=run.id,
        scenario=run.scenario,
        at=run.started_at,
        state=context.say(f"load_state.{run.state}"),
        why=context.catalog.doubt(doubt.code, doubt.params) if doubt else "",
        changes="; ".join(change_lines(judged, other, context.catalog)[:2]) if other else "",
        p95_ms=run.figures.get("p95_ms"),
        failed_percent=run.figures.get("failed_percent"),
        compared=context.say(f"load_against.{compare_with}"),
        word=judged.word,
        verdict=context.catalog.say(f"loadtest.verdict.{judged.word}"),
    )


def _nothing(context: ToolContext) -> CallToolResult:
    answer = Answer(Status.UNKNOWN, context.say("load_test_none"), "stored", None)
    return result(answer, context.now)


TOOLSETS = ("loadtest", "history")
TOOLS = (get_latest_result, analyze_performance, get_test_history, list_scenarios)
