"""The breaks of the books one by one, and how far was looked for them."""

from collections.abc import Iterable, Sequence
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult

from mcp_server.answers.answer import CHARS_MAX, Answer, result, stamp
from mcp_server.context import ToolContext
from monitor.domain.books.discrepancies import Extent, OpenBreaks
from monitor.domain.books.reconciliation import FoundBreak, Reconciled
from monitor.domain.check_pass import Observed
from monitor.domain.statement import InvalidError
from monitor.text.filters import clean

_LISTED_MAX = 100
_SECONDS_MAX = 240.0
_COLUMNS = ["shard", "invariant", "row", "payment_id", "amount_krw", "first_seen_at"]


def listed(context: ToolContext, full: bool, only: tuple[str, ...]) -> CallToolResult:
    """A reconciliation now, of all rows or of what is new, and its breaks."""
    found = _reconciled(context, full, tuple(name.upper() for name in only))
    rows = [_break(one) for one in found.breaks[:_LISTED_MAX]]
    unavailable = [clean(f.subject, 80) for f in found.unavailable]
    answer = Answer(
        verdict=found.status,
        summary=context.say(
            "books_listed",
            count=len(found.breaks),
            names=", ".join(only),
            full=full,
            whole=found.is_whole and not unavailable,
            unavailable=len(unavailable),
        ),
        origin="live",
        measured_at=found.at,
        evidence={
            "columns": _COLUMNS,
            "data_breaks": rows,
            "looked": looked_rows([look.extent for look in found.looks if look.extent]),
            "unavailable": unavailable[:_LISTED_MAX],
        },
        next=("investigate_payment", "query_ledgers"),
        chars_max=CHARS_MAX,
        truncated=len(found.breaks) > len(rows),
        rest="`paypulse reconcile --csv FILE` has all of them",
    )
    return result(answer, context.now)


def _reconciled(context: ToolContext, full: bool, only: tuple[str, ...]) -> Reconciled:
    from monitor.recording.reconcile import reconcile_now  # noqa: PLC0415 - heavy

    try:
        return reconcile_now(
            context.app.store,
            context.app.runner.platform,
            context.app.options_of("reconciliation"),
            context.app.clock,
            full=full,
            only=only,
            seconds_max=_SECONDS_MAX if full else None,
        )
    except InvalidError as error:
        raise ToolError(context.catalog.say(f"invalid.{error.code}", **error.params)) from None


def _break(found: FoundBreak) -> list[Any]:
    one = found.one
    row = [one.shard, one.invariant, clean(one.key, 80), one.payment_id, one.amount_krw]
    return [*row, None if found.is_new else stamp(one.first_seen_at)]


def extents_of(seen: Iterable[Observed]) -> tuple[Extent, ...]:
    """How far the passes looked, by shard."""
    records = (record for each in seen for record in each.verdict.records)
    return tuple(e for record in records if isinstance(record, OpenBreaks) for e in record.extents)


def looked_rows(extents: Sequence[Extent]) -> list[dict[str, Any]]:
    """By shard, since when rows were looked at and totalled, and what is open."""
    return [
        {
            "shard": extent.shard,
            "payments_since": stamp(extent.since),
            "all_rows_totalled_since": stamp(extent.whole_at),
            "control_drift_krw": extent.drift_krw,
            "unexplained_krw": extent.unexplained_krw,
        }
        for extent in extents
    ]
