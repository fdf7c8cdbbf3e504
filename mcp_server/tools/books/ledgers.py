"""The ledger's entries, and what they come to."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from checks.sources.facts.payments import Entry, EntryFilter, EntryPage
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers import paging
from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, result, stamp
from mcp_server.answers.paging import Cursor, Page, question_of
from mcp_server.answers.unavailable import parted, parts_text, unavailable_rows
from mcp_server.context import ToolContext
from mcp_server.tools.history.spans import at
from mcp_server.tools.payments.filter import known_shard
from mcp_server.tools.payments.pages import merged, places, positions, totals, uncounted
from monitor.domain.check import Status, worst
from monitor.text.filters import clean

LIMIT = 10
_COLUMNS = [
    *("shard", "entry_id", "payment_id", "merchant_id", "books", "debit", "credit"),
    *("amount", "occurred_at"),
]
_KINDS = ("capture", "refund", "other")
Short = Annotated[str, Field(max_length=64)]


def query_ledgers(
    ctx: Context[ToolContext],
    query_type: Literal["", "by_payment", "by_merchant", "recent", "totals"] = "",
    payment_id: Annotated[int, Field(ge=0)] = 0,
    merchant_id: Short = "",
    shard: Short = "",
    start: Short = "",
    end: Short = "",
    limit: Annotated[int, Field(ge=1, le=100)] = LIMIT,
    cursor: Cursor = None,
) -> CallToolResult:
    """Ledger entries live, newest first, with totals of captures and refunds: of a payment, of a
    merchant ("how much did X refund?"), the latest (no totals), or totals alone. Payment ids exist
    on both shards: entries carry theirs. Whether the books hold: reconciliation_check."""
    context = ctx.request_context.lifespan_context
    kind = _kind(query_type, payment_id, merchant_id)
    arguments = {
        "type": kind,
        "ids": [payment_id, merchant_id, shard],
        "span": [start, end],
    }
    question = question_of("query_ledgers", arguments)
    before = places(paging.position(question, cursor), 0)
    wanted = EntryFilter(
        payment_id=payment_id or None,
        merchant_id=merchant_id,
        start=at(context, "start", start, context.now) if start else None,
        end=at(context, "end", end, context.now) if end else None,
        shard=known_shard(context, shard),
        limit=limit,
        after=before,
        lists=kind != "totals",
        sums=kind != "recent" or bool(start or end),
    )
    return _answered(context, wanted, question, before)


def _kind(query_type: str, payment_id: int, merchant_id: str) -> str:
    """What is asked for; where it is not said, the ids say it."""
    by_ids = "by_payment" if payment_id else "by_merchant" if merchant_id else "recent"
    kind = query_type or by_ids
    if kind == "by_payment" and not payment_id:
        raise ToolError("by_payment needs payment_id")
    if kind == "by_merchant" and not merchant_id:
        raise ToolError("by_merchant needs merchant_id, such as MERCHANT-7")
    if kind == "recent" and (payment_id or merchant_id):
        raise ToolError(f"recent takes no payment_id or merchant_id; use {by_ids}")
    return kind


def _answered(
    context: ToolContext, wanted: EntryFilter, question: str, before: Mapping[str, Any]
) -> CallToolResult:
    pages, unavailable = parted(context.app.runner.platform.database.entries(wanted))
    rows = merged([p.entries for p in pages], _place, is_down=True, limit=wanted.limit)
    lacking = [*unavailable, *uncounted(pages)]
    more = sum(len(p.entries) for p in pages) > len(rows) or any(p.has_more for p in pages)
    twice = _twice(rows) if wanted.payment_id else []
    found = totals(pages) if wanted.sums else None
    answer = Answer(
        verdict=_verdict(found, twice, lacking),
        summary=_summary(context, wanted, found, twice, lacking, pages),
        origin="live",
        measured_at=context.now,
        evidence={
            **(_sums(pages, found) if wanted.sums else {}),
            "columns": _COLUMNS,
            "data_rows": [_row(entry) for entry in rows],
            "unavailable": unavailable_rows(context, lacking),
        },
        next=("investigate_payment", "reconciliation_check", "query_payments"),
        chars_max=CHARS_USUAL if wanted.limit <= LIMIT else CHARS_MAX,
        page=Page("data_rows", question, positions(rows, _after, before, ()), more),
    )
    return result(answer, context.now)


def _place(entry: Entry) -> tuple[str | int, int]:
    return entry.occurred_at.isoformat(), entry.entry_id


def _after(entry: Entry) -> tuple[str | int, int]:
    return 0, entry.entry_id


def _twice(rows: Sequence[Entry]) -> list[str]:
    """The shards on which a payment is booked more than once from the same side."""
    sides = [(entry.shard, entry.kind) for entry in rows]
    return sorted({shard or "-" for shard, kind in sides if sides.count((shard, kind)) > 1})


def _verdict(
    found: Mapping[str, Any] | None, twice: Sequence[str], lacking: Sequence[Unavailable]
) -> Status:
    """A double booking is critical, an unknown pair of accounts too; else whether all was seen."""
    strange = found is not None and any(one.kind == "other" for one in found["by_kind"])
    wrong = [Status.CRIT] if twice or strange else []
    return worst([*wrong, *([Status.UNKNOWN] if lacking else [])])


def _sums(pages: Sequence[EntryPage], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The totals of each shard and of all."""
    by_shard = {p.shard: _totals(t) for p in pages if p.shard and (t := totals([p]))}
    return {"shards": by_shard, "totals": None if found is None else _totals(found)}


def _totals(found: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {one.kind: one for one in found["by_kind"]}
    rows: dict[str, Any] = {
        f"{kind}s": {"entries": kinds[kind].count, "amount_krw": kinds[kind].amount_krw}
        for kind in _KINDS
        if kind in kinds
    }
    return rows | {"net_receivable_krw": _amount(kinds, "capture") - _amount(kinds, "refund")}


def _amount(kinds: Mapping[str, Any], kind: str) -> int:
    return kinds[kind].amount_krw if kind in kinds else 0


def _row(entry: Entry) -> list[Any]:
    return [
        entry.shard,
        entry.entry_id,
        entry.payment_id,
        clean(entry.merchant_id, 40),
        entry.kind,
        clean(entry.debit_account, 40),
        clean(entry.credit_account, 40),
        entry.amount_krw,
        stamp(entry.occurred_at),
    ]


def _homes(pages: Sequence[EntryPage]) -> list[str]:
    """The shards that have entries of a payment id, if they are several: payments of its own."""
    found = [page.shard for page in pages if page.entries]
    return found if len(found) > 1 else []


def _summary(
    context: ToolContext,
    wanted: EntryFilter,
    found: Mapping[str, Any] | None,
    twice: Sequence[str],
    lacking: Sequence[Unavailable],
    pages: Sequence[EntryPage],
) -> str:
    kinds = {one.kind: one for one in found["by_kind"]} if found else {}
    counts = {f"{k}s": kinds[k].count if k in kinds else 0 for k in _KINDS}
    amounts = {f"{k}_krw": _amount(kinds, k) for k in _KINDS}
    return context.say(
        "ledgers.found" if found else "ledgers.listed" if wanted.sums else "ledgers.recent",
        merchant=clean(wanted.merchant_id, 64),
        payment_id=wanted.payment_id,
        start=wanted.start,
        end=wanted.end,
        shown=sum(len(p.entries) for p in pages),
        twice=", ".join(twice),
        both=", ".join(_homes(pages)) if wanted.payment_id else "",
        unavailable=parts_text(lacking),
        **counts,
        **amounts,
    )


TOOLSETS = ("database-query",)
TOOLS = (query_ledgers,)
