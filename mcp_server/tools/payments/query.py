"""Payments by a sentence or by arguments, and what they come to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import Payment, PaymentFilter, PaymentPage, position
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers import paging
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.paging import Cursor, Page, question_of
from mcp_server.answers.unavailable import parted, parts_text, seen_whole, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.sentence.read import Wanted
from mcp_server.sentence.tokens import LENGTH_MAX
from mcp_server.tools.history.spans import at
from mcp_server.tools.payments.filter import asked, statuses
from mcp_server.tools.payments.pages import merged, places, positions, totals, uncounted
from monitor.text.filters import clean

LIMIT = 10
_HEAD = 2  # start and end lead each position
_COLUMNS = ["shard", "payment_id", "merchant_id", "status", "amount", "requested_at", "updated_at"]
_FAILED = {"CAPTURE_FAILED", "REFUND_FAILED"}
Short = Annotated[str, Field(max_length=64)]
Whole = Annotated[int, Field(ge=0, le=10**15)]


def query_payments(
    ctx: Context[ToolContext],
    status: Short = "",
    merchant_id: Short = "",
    payment_id: Whole = 0,
    amount_min: Whole = 0,
    amount_max: Whole = 0,
    start: Short = "",
    end: Short = "",
    shard: Short = "",
    order: Literal["", "newest", "oldest", "largest", "smallest"] = "",
    filter: Annotated[str, Field(max_length=LENGTH_MAX)] = "",
    limit: Annotated[int | None, Field(ge=1, le=100, description="else 10")] = None,
    cursor: Cursor = None,
) -> CallToolResult:
    """Payments live from all shards, by typed arguments (status: CAPTURE_FAILED or "failed"); else
    filter, a sentence in English or Korean ("failed payments last hour", "오늘 환불 실패한 결제
    5만원 이상"), adds to them. Says how it was understood, with count and total; refuses words it
    does not know. Totals per status of a period: payment_statistics; one payment's story:
    investigate_payment."""
    context = ctx.request_context.lifespan_context
    given = _typed(context, status, merchant_id, payment_id, amount_min, amount_max, start, end)
    given |= {name: v for name, v in (("shard", shard), ("order", order)) if v}
    wanted = asked(context, filter, given)
    question = question_of("query_payments", _said(filter, given))
    where = paging.position(question, cursor)
    if wanted.limit and limit not in (None, wanted.limit):
        raise ToolError(context.say("filter.contradicts", argument="limit"))
    return _answered(context, wanted, wanted.limit or limit or LIMIT, question, where)


def _said(sentence: str, given: dict[str, Any]) -> dict[str, Any]:
    """What chooses the rows, as the caller said it (a "last hour" stays one)."""
    return {"filter": sentence, **{name: str(value) for name, value in given.items()}}


def _typed(
    context: ToolContext,
    status: str,
    merchant_id: str,
    payment_id: int,
    low: int,
    high: int,
    *ends: str,
) -> dict[str, Any]:
    """The arguments that were given, as parts of a filter."""
    start, end = ends
    given: dict[str, Any] = {
        "statuses": statuses(context, status) if status else (),
        "merchant_id": merchant_id,
        "payment_id": payment_id or None,
        "amount_min": low or None,
        "amount_max": high or None,
        "start": at(context, "start", start, context.now) if start else None,
        "end": at(context, "end", end, context.now) if end else None,
    }
    return {name: value for name, value in given.items() if value not in (None, "", ())}


def _answered(
    context: ToolContext, wanted: Wanted, limit: int, question: str, where: paging.Position | None
) -> CallToolResult:
    start, end = _ends(wanted, where)
    before = places(where, _HEAD)
    source_filter = PaymentFilter(
        statuses=wanted.statuses,
        merchant_id=wanted.merchant_id,
        payment_id=wanted.payment_id,
        amount_min=wanted.amount_min,
        amount_max=wanted.amount_max,
        start=start,
        end=end,
        shard=wanted.shard,
        order=wanted.order or "newest",
        limit=limit,
        after=before,
    )
    facts = context.app.runner.platform.database.payments(source_filter)
    pages, unavailable = parted(facts)
    order = source_filter.order
    rows = merged([p.payments for p in pages], lambda p: position(p, order), _is_down(order), limit)
    more = sum(len(p.payments) for p in pages) > len(rows) or any(p.has_more for p in pages)
    head = (start.isoformat() if start else None, end.isoformat() if end else None)
    going_on = positions(rows, lambda p: position(p, order), before, head)
    lacking = [*unavailable, *uncounted(pages)]
    answer = Answer(
        verdict=seen_whole(lacking),
        summary=_summary(context, source_filter, pages, lacking),
        origin="live",
        measured_at=context.now,
        evidence=_evidence(context, source_filter, pages, rows, lacking),
        next=("investigate_payment", "payment_statistics", "query_ledgers"),
        chars_max=CHARS_USUAL if limit <= LIMIT else CHARS_MAX,
        page=Page("data_rows", question, going_on, more),
    )
    return result(answer, context.now)


def _ends(wanted: Wanted, where: paging.Position | None) -> tuple[datetime | None, datetime | None]:
    """The period of time; a page that goes on keeps that of the first."""
    if where is None:
        return wanted.start, wanted.end
    start, end = (datetime.fromisoformat(str(v)) if v else None for v in where[:_HEAD])
    return start, end


def _is_down(order: str) -> bool:
    return order in ("newest", "largest")


def _evidence(
    context: ToolContext,
    wanted: PaymentFilter,
    pages: Sequence[PaymentPage],
    rows: Sequence[Payment],
    lacking: Sequence[Unavailable],
) -> dict[str, Any]:
    found = totals(pages)
    evidence: dict[str, Any] = {
        "understood_text": understood(context, wanted),
        "found": None if found is None else _found(found),
        "columns": _COLUMNS,
        "data_rows": [_row(payment) for payment in rows],
    }
    if _FAILED & set(wanted.statuses):
        evidence["note"] = context.say("payments.no_row")
    if lacking:
        evidence["unavailable"] = unavailable_rows(context, lacking)
    return evidence


def _found(found: dict[str, Any]) -> dict[str, Any]:
    statuses = [[clean(s.kind, 50), s.count, s.amount_krw] for s in found["by_kind"][:12]]
    return {
        "count": found["count"],
        "amount_krw": found["amount_krw"],
        "data_by_status": statuses,
    }


def _row(payment: Payment) -> list[Any]:
    return [
        payment.shard,
        payment.payment_id,
        clean(payment.merchant_id, 40),
        clean(payment.status, 30),
        payment.amount_krw,
        stamp(payment.requested_at),
        stamp(payment.updated_at),
    ]


def understood(context: ToolContext, wanted: PaymentFilter) -> str:
    """A filter in words."""
    return context.say(
        "payments.understood",
        statuses=list(wanted.statuses),
        merchant=clean(wanted.merchant_id, 64),
        payment_id=wanted.payment_id,
        low=wanted.amount_min,
        high=wanted.amount_max,
        start=wanted.start,
        end=wanted.end,
        shard=wanted.shard,
        order=wanted.order,
    )


def _summary(
    context: ToolContext,
    wanted: PaymentFilter,
    pages: Sequence[PaymentPage],
    lacking: Sequence[Unavailable],
) -> str:
    found = totals(pages)
    return context.say(
        "payments.found" if found else "payments.listed",
        count=found["count"] if found else sum(len(p.payments) for p in pages),
        amount=found["amount_krw"] if found else None,
        understood=understood(context, wanted),
        is_unavailable=not pages,
        unavailable=parts_text(lacking),
    )


TOOLSETS = ("database-query",)
TOOLS = (query_payments,)
