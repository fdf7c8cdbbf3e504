"""The circuit breakers: how they stand, why, and what they did in a span."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.platform import Breaker
from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.answers.answer import Answer, result
from mcp_server.answers.causes import cause_rows, told
from mcp_server.answers.live import platform, shown, together
from mcp_server.answers.rows import finding_row, findings_of, metric_rows
from mcp_server.answers.unavailable import unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.breakers.failure_pattern import (
    CHECK,
    OPEN_CODES,
    ROWS_MAX,
    Pattern,
    alert_row,
    cause_told,
    cuts,
    pattern,
    pattern_rows,
    unavailable_of,
)
from mcp_server.tools.breakers.rows import breaker_rows, flat, states_text
from mcp_server.tools.history.series import span_row
from mcp_server.tools.history.time_range import time_range as span_of
from monitor.domain.alert import Alert
from monitor.domain.check import Finding, Status, worst
from monitor.store.alerting.alerts import alerts_between

_BREAKERS_MAX = 20
_FINDINGS_MAX = 8
_LAST = timedelta(days=7)
_EFFECTS = ("outbox_waiting_messages", "outbox_oldest_age_seconds")


def get_circuit_breaker_status(ctx: Context[ToolContext]) -> CallToolResult:
    """How every circuit breaker stands on every ingest instance right now: state and since when,
    failure rate, failed, counted and refused calls. Why one is open: diagnose_circuit_breaker;
    what happened earlier: analyze_failure_pattern."""
    context = ctx.request_context.lifespan_context
    looks: dict[str, Any] = {
        "seen": partial(context.live, (CHECK,)),
        "facts": platform(context).breakers.breakers,
    }
    looked = together(looks)
    seen, facts = looked["seen"], looked["facts"]
    found = findings_of(seen)
    breakers = flat(facts)
    answer = Answer(
        verdict=worst(f.status for _, f in found) if seen and facts else Status.UNKNOWN,
        summary=_states(context, breakers, found),
        origin="live",
        measured_at=context.now,
        evidence={
            "breakers": breaker_rows(breakers[:_BREAKERS_MAX], seen.get(CHECK), context),
            "findings": [finding_row(context, *pair) for pair in found[:_FINDINGS_MAX]],
            "unavailable": unavailable_rows(context, _unavailable(facts)),
        },
        next=("diagnose_circuit_breaker", "analyze_failure_pattern", "check_kafka_health"),
        rest="diagnose_circuit_breaker tells the worst of them",
        truncated=len(breakers) > _BREAKERS_MAX or len(found) > _FINDINGS_MAX,
    )
    return result(answer, context.now)


def _unavailable(facts: Mapping[str, Fact[tuple[Breaker, ...]]]) -> list[Unavailable]:
    return [fact for fact in facts.values() if isinstance(fact, Unavailable)]


def _states(
    context: ToolContext, breakers: Sequence[Breaker], found: Sequence[tuple[str, Finding]]
) -> str:
    judged = [f for _, f in found if f.status is not Status.UNKNOWN]
    return context.say(
        "breaker.states",
        states=states_text(breakers),
        title=context.catalog.finding(judged[0], context.now).title if judged else "",
        blind=len(found) - len(judged),
    )


def diagnose_circuit_breaker(ctx: Context[ToolContext]) -> CallToolResult:
    """Why a circuit breaker is open or failing right now: its cause (broker down, payment gateway
    refusing), what follows from it (outbox, captures), and what to do; with when it last opened.
    All other troubles: diagnose_issues."""
    context = ctx.request_context.lifespan_context
    looks: dict[str, Any] = {"seen": context.live, "facts": platform(context).breakers.breakers}
    looked = together(looks)
    seen, facts = looked["seen"], looked["facts"]
    causes = [row for row in cause_rows(context, seen) if _is_about_breakers(row)]
    own = {name: each for name, each in seen.items() if name == CHECK}
    found = findings_of(own)
    metrics = [m for each in seen.values() for m in each.verdict.metrics if m.name in _EFFECTS]
    last = _last_opened(context)
    answer = Answer(
        verdict=worst(f.status for _, f in found) if own else Status.UNKNOWN,
        summary=_diagnosis(context, causes, flat(facts), found, last),
        origin="live",
        measured_at=context.now,
        evidence={
            "causes": causes[:_FINDINGS_MAX],
            "breakers": breaker_rows(flat(facts)[:_BREAKERS_MAX], own.get(CHECK), context),
            "effects": metric_rows(metrics),
            "last_opened_stored": alert_row(context, last) if last else None,
            "unavailable": unavailable_rows(context, _unavailable(facts)),
        },
        next=("analyze_failure_pattern", "check_outbox_status", "check_kafka_health"),
        rest="diagnose_issues tells the causes of everything else",
    )
    return result(answer, context.now)


def _is_about_breakers(row: Mapping[str, Any]) -> bool:
    codes = [row["code"], *(each["code"] for each in row["consequences"])]
    return any(code.startswith("breaker_") for code in codes)


def _last_opened(context: ToolContext) -> Alert | None:
    """The latest opening on record."""
    with context.read() as tx:
        alerts = alerts_between(tx, context.now - _LAST, context.now, pending=True)
    opened = [a for a in alerts if a.check == CHECK and a.code in OPEN_CODES]
    return max(opened, key=lambda a: a.since, default=None)


def _diagnosis(
    context: ToolContext,
    causes: Sequence[Mapping[str, Any]],
    breakers: Sequence[Breaker],
    found: Sequence[tuple[str, Finding]],
    last: Alert | None,
) -> str:
    if not causes:
        blind = sum(f.status is Status.UNKNOWN for _, f in found)
        states = states_text(breakers)
        return context.say(
            "breaker.nothing_wrong",
            states=states,
            blind=blind,
            last_at=last.since if last else None,
            recorded=context.recorded_at() is not None,
        )
    return told(context, causes, 1)


def analyze_failure_pattern(
    ctx: Context[ToolContext],
    time_range: Annotated[
        str, Field(min_length=1, max_length=80, description="1h, 24h, 'today', '14:00', 오후 2시")
    ] = "1h",
) -> CallToolResult:
    """What the breakers did in a span and why: "why did the breaker open at 2 p.m.?" Transitions
    (Prometheus), alerts, failure counts over time, the likely cause, and what else happened then
    (incidents, deployments noted, load tests), from stored history."""
    context = ctx.request_context.lifespan_context
    span = span_of(context, time_range)
    found = pattern(context, span)
    unavailable = unavailable_of(found)
    turns = 0 if not found.turns or isinstance(found.turns, Unavailable) else len(found.turns)
    answer = Answer(
        verdict=_pattern_verdict(found),
        summary=_pattern_told(context, found),
        origin="stored",
        measured_at=context.recorded_at() or (context.now if found.was_watched else None),
        evidence={
            **span_row(span),
            "openings": len(found.openings),
            "likely_cause_text": cause_told(context, found)[0] or None,
            **pattern_rows(context, found),
            "unavailable": unavailable_rows(context, unavailable),
        },
        next=("what_happened", "list_alerts", "diagnose_circuit_breaker"),
        rest="ask for a shorter time_range",
        truncated=max(turns, len(found.alerts)) > ROWS_MAX or cuts(found),
    )
    return result(answer, context.now)


def _pattern_verdict(found: Pattern) -> Status:
    if found.is_open:
        return Status.CRIT
    if found.openings or found.alerts:
        return Status.WARN
    return Status.OK if found.was_watched else Status.UNKNOWN


def _pattern_told(context: ToolContext, found: Pattern) -> str:
    cause, since = cause_told(context, found)
    openings, before = found.openings, found.open_before
    failed = [c for c in found.counts if c.metric == "breaker_failed_calls"]
    return context.say(
        "breaker.pattern",
        _now=None if found.span.length > timedelta(hours=12) else context.now,
        start=found.span.start,
        end=found.span.end,
        openings=len(openings),
        first_at=openings[0][0] if openings else None,
        breaker=shown(openings[0][1]) if openings else "",
        before=shown(before[1]) if before else "",
        before_at=before[0] if before else None,
        cause=cause,
        since=since,
        watched=found.was_watched,
        failed=max((c.highest for c in failed), default=None),
    )


TOOLSETS = ("circuit-breaker",)
TOOLS = (get_circuit_breaker_status, diagnose_circuit_breaker, analyze_failure_pattern)
