"""Idempotency keys that did not keep a payment from being made twice."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import KeyFindings, SharedKey, WrongAnswer
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.paging import Cursor, question_of, timed_offset, timed_page
from mcp_server.answers.unavailable import parts_text, unavailable_rows
from mcp_server.context import ToolContext
from monitor.domain.check import Status, worst
from monitor.store.discrepancies import open_breaks
from monitor.text.filters import clean

LIMIT = 8
_USES_MAX = 4
_USE_COLUMNS = ["shard", "payment_id", "merchant_id", "status", "amount", "requested_at"]
_D1 = "D1"


def find_duplicate_idempotency(
    ctx: Context[ToolContext],
    hours: Annotated[float, Field(gt=0, le=720, description="of how new payments")] = 24,
    limit: Annotated[int, Field(ge=1, le=100)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """Idempotency keys that failed, live: one merchant's key with a payment on both shards (paid
    twice), stored answers that name another payment than their own, and keys that several
    merchants share (allowed, and a sign of weak keys). For one key use idempotency_lookup."""
    context = ctx.request_context.lifespan_context
    question = question_of("find_duplicate_idempotency", {"hours": hours})
    start, until = timed_offset(question, cursor, context.now)
    found = context.app.runner.platform.database.shared_keys(until - timedelta(hours=hours), until)
    if isinstance(found, Unavailable):
        return result(_unavailable(context, found), context.now)
    rows = _rows(found)
    shown = rows[start : start + limit]
    answer = Answer(
        verdict=_verdict(found),
        summary=_summary(context, found, hours),
        origin="live",
        measured_at=context.now,
        evidence={
            "payments_looked_at": dict(found.looked_at),
            "not_looked_at_before": {s: stamp(at) for s, at in found.cut_at.items()},
            "use_columns": _USE_COLUMNS,
            "data_keys": shown,
            "answers_without_payment_stored": _stored(context),
            "unavailable": unavailable_rows(context, found.unavailable),
        },
        next=("investigate_payment", "idempotency_lookup", "reconciliation_check"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=timed_page("data_keys", question, start, len(shown), len(rows), until),
        truncated=bool(found.cut_at),
        rest="ask for fewer hours",
    )
    return result(answer, context.now)


def _unavailable(context: ToolContext, found: Unavailable) -> Answer:
    return Answer(
        Status.UNKNOWN,
        context.say("keys.unavailable", unavailable=found.part),
        "live",
        context.now,
        {"unavailable": unavailable_rows(context, [found])},
        ("reconciliation_check",),
    )


def _verdict(found: KeyFindings) -> Status:
    """Two payments of one merchant under one key are money taken twice."""
    kinds = {shared.kind for shared in found.shared}
    statuses = [Status.CRIT] if "both_shards" in kinds else []
    statuses += [Status.WARN] if found.wrong_answers else []
    return worst([*statuses, *([Status.UNKNOWN] if found.unavailable or found.cut_at else [])])


def _rows(found: KeyFindings) -> list[dict[str, Any]]:
    """The worst first: paid twice, answered wrongly, shared."""
    by_kind: dict[str, list[dict[str, Any]]] = {"both_shards": [], "across_merchants": []}
    for shared in found.shared:
        by_kind[shared.kind].append(_shared(shared))
    wrong = [_wrong(one) for one in found.wrong_answers]
    return [*by_kind["both_shards"], *wrong, *by_kind["across_merchants"]]


def _shared(shared: SharedKey) -> dict[str, Any]:
    uses = [
        [
            *(u.shard, u.payment_id, clean(u.merchant_id, 40), clean(u.status, 30)),
            *(u.amount_krw, stamp(u.requested_at)),
        ]
        for u in shared.uses[:_USES_MAX]
    ]
    return {
        "kind": shared.kind,
        "key": clean(shared.key, 64),
        "payments": len(shared.uses),
        "uses": uses,
    }


def _wrong(one: WrongAnswer) -> dict[str, Any]:
    return {
        "kind": "wrong_answer",
        "key": clean(one.key, 64),
        "shard": one.shard,
        "merchant_id": clean(one.merchant_id, 40),
        "payment_id": one.payment_id,
        "answered_payment_id": one.answered_id,
    }


def _stored(context: ToolContext) -> dict[str, Any]:
    """Answers to which no payment belongs, as reconciliation last found them (D1)."""
    with context.read() as tx:
        found = [b for b in open_breaks(tx, invariant=_D1) if b.payment_id is None]
    return {"count": len(found), "data": [clean(b.key, 80) for b in found[:3]]}


def _summary(context: ToolContext, found: KeyFindings, hours: float) -> str:
    kinds: Sequence[str] = [shared.kind for shared in found.shared]
    return context.say(
        "keys.found",
        seconds=hours * 3600,
        looked_at=sum(found.looked_at.values()),
        twice=kinds.count("both_shards"),
        wrong=len(found.wrong_answers),
        shared=kinds.count("across_merchants"),
        is_cut=bool(found.cut_at),
        unavailable=parts_text(found.unavailable),
    )


TOOLSETS = ("database-query",)
TOOLS = (find_duplicate_idempotency,)
