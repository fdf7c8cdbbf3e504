"""Starting a load test: asked first, refused where it must not run, followed if wanted."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from mcp_server.answers.answer import Answer, refusal, result
from mcp_server.context import ToolContext
from mcp_server.tools.load_tests.rows import endpoint_rows, judged_row, threshold_rows
from mcp_server.writing import writing
from monitor.domain.check import Status
from monitor.domain.load_test.preflight import Refusal
from monitor.load_tests.runner import Consent
from monitor.load_tests.verdicts import judged_run
from monitor.text.load_test_values import progress_line

_WAIT_SECONDS = 1.0
_STATUS = {"passed": Status.OK, "failed": Status.CRIT}


def _asks(
    context: ToolContext,
    scenario: str,
    enable_capture: bool | None,
    enable_refund: bool | None,
    wait: bool,
) -> str:
    """The question; a scenario that is none of ours is refused, above all the path of a script."""
    _known(context, scenario)
    rules: Any = context.app.loads.rules
    given = {"capture": enable_capture, "refund": enable_refund}
    return context.say("load_write", scenario=scenario, target=rules.target, **given)


@writing(asks=_asks, destructive=True)
async def run_load_test(
    ctx: Context[ToolContext],
    scenario: Annotated[str, Field(max_length=100)] = "authorize-short",
    enable_capture: bool | None = None,
    enable_refund: bool | None = None,
    wait: Annotated[bool, Field(description="stay until it is over, and report progress")] = False,
) -> CallToolResult:
    """Put load on the platform with k6, as the configuration allows; list_scenarios tells which.
    Returns at once with the run's id, then get_latest_result tells how far it is. Refused on a
    platform that is not well, beside another run, and on targets that are not allowed."""
    context = ctx.request_context.lifespan_context
    _known(context, scenario)
    rules: Any = context.app.loads.rules
    plan = context.app.load_plan(
        scenario=_script(context, scenario),
        variables={**rules.variables, **_switches(enable_capture, enable_refund)},
    )
    consent = Consent(production=rules.allow_production)
    begun = await run_sync(context.app.loads.start, plan, consent)
    if isinstance(begun, Refusal):
        return refusal(context.catalog.say(f"reason.{begun.code}.text", **begun.params))
    if wait:
        return await _followed(ctx, context, begun)
    summary = context.say("load_begun", number=begun, scenario=scenario)
    evidence = {"id": begun, "scenario": scenario}
    return result(
        Answer(Status.OK, summary, "live", context.now, evidence, ("get_latest_result",)),
        context.now,
    )


def _known(context: ToolContext, scenario: str) -> None:
    loads = context.app.loads
    rules: Any = loads.rules
    known = [*loads.k6.scenarios(), loads.k6.scenario_name(rules.scenario)]
    if scenario not in known:
        listed = ", ".join(dict.fromkeys(known))
        raise ToolError(f"scenario: there is no such load test; there are {listed}")
    if not rules.target:
        raise ToolError("no target is configured for load tests (checks.load_test.target)")


def _script(context: ToolContext, scenario: str) -> str:
    """The scenario as the configuration has it: a script of its own is known by its name only."""
    loads = context.app.loads
    rules: Any = loads.rules
    own = loads.k6.scenario_name(rules.scenario)
    return str(rules.scenario) if scenario == own else scenario


def _switches(capture: bool | None, refund: bool | None) -> dict[str, str]:
    given = {"ENABLE_CAPTURE": capture, "ENABLE_REFUND": refund}
    return {name: str(value).lower() for name, value in given.items() if value is not None}


async def _followed(ctx: Context[ToolContext], context: ToolContext, number: int) -> CallToolResult:
    """The run to its end; its progress is told while it lasts."""
    loads = context.app.loads
    while not await run_sync(loads.wait, number, _WAIT_SECONDS):
        far = await run_sync(loads.progress, number)
        if far is not None and not far.is_over:
            line = progress_line(far, context.catalog)
            await ctx.report_progress(far.seconds, far.seconds_planned, line)
    with context.read() as tx:
        judged = judged_run(tx, number)
    if judged is None:
        raise ToolError(f"run {number} is not in the history any more")
    evidence = {
        "id": number,
        "run": judged_row(context, judged),
        "endpoints": endpoint_rows(judged),
        "thresholds": threshold_rows(judged),
    }
    status = _STATUS.get(judged.run.state, Status.UNKNOWN)
    doubt = judged.run.doubts[0] if judged.run.doubts else None
    summary = context.say(
        "load_ended",
        number=number,
        scenario=judged.run.scenario,
        state=context.say(f"load_state.{judged.run.state}"),
        p95_ms=judged.run.figures.get("p95_ms"),
        why=context.catalog.doubt(doubt.code, doubt.params) if doubt else "",
    )
    next_ = ("analyze_performance", "get_test_history")
    return result(Answer(status, summary, "live", context.now, evidence, next_), context.now)


TOOLSETS = ("loadtest",)
TOOLS = (run_load_test,)
