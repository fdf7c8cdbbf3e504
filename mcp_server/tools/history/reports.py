"""The last daily or weekly report, as it was owed to the receivers."""

from collections.abc import Sequence
from typing import Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from mcp_server.answers.answer import Answer, result, stamp
from mcp_server.context import ToolContext
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.report import Report
from monitor.reports.job import report_messages
from monitor.store.delivery.journal import messages_with_key
from monitor.text.messages.report import ReportView, report_view
from monitor.text.messages.report_figures import FigureRow

_RECEIVERS_MAX = 20
_LINES_MAX = 8
_ROWS_MAX = 12
_COLUMNS = ["figure", "now", "before", "change", "earlier", "change_earlier"]


def last_report(
    ctx: Context[ToolContext], kind: Literal["daily", "weekly"] = "daily"
) -> CallToolResult:
    """The last daily or weekly report as it was sent: what is wrong, what was and is over, key
    figures beside earlier ones, load tests, coverage, and whether it arrived. Where none was ever
    sent, it is made from the history now. For other periods use compare_periods."""
    context = ctx.request_context.lifespan_context
    sent = _sent(context, kind)
    payload = sent[0].payload if sent else _made(context, kind)
    report = Report.from_dict(payload)
    view = report_view(payload, context.catalog)
    answer = Answer(
        verdict=Status.UNKNOWN if report.unseen_since or not report.ran else report.status,
        summary=f"{view.title} – {view.headline}",
        origin="stored",
        measured_at=report.as_of,
        evidence={
            "kind": kind,
            "was_sent": bool(sent),
            "day": report.day.isoformat(),
            "start": stamp(report.start),
            "end": stamp(report.end),
            "deliveries": [_delivery(message) for message in sent],
            "passes": {"ran": report.ran, "expected": report.expected},
            "figure_columns": _COLUMNS,
            "parts": _parts(view),
            "context_text": list(view.context),
        },
        next=("compare_periods", "list_alerts", "what_happened"),
        rest="paypulse report shows it whole",
        truncated=any(
            len(part.lines) > _LINES_MAX or len(part.figures) > _ROWS_MAX for part in view.parts
        ),
    )
    return result(answer, context.now)


def _sent(context: ToolContext, kind: str) -> list[Message]:
    """The messages of the newest report of this kind, one for each receiver."""
    with context.read() as tx:
        found = messages_with_key(tx, f"report:{kind}:", _RECEIVERS_MAX)
    return [message for message in found if message.key == found[0].key]


def _made(context: ToolContext, kind: str) -> Any:
    """The report of today, built from the history and owed to nobody."""
    app = context.app
    day = context.now.astimezone(app.config.zone).date()
    (message,) = report_messages(app.store, app.config, kind, day, context.now, ["mcp"])
    return message.payload


def _delivery(message: Message) -> dict[str, Any]:
    return {
        "receiver": message.receiver,
        "state": message.state,
        "sent_at": stamp(message.sent_at),
        "attempts": message.attempts,
    }


def _parts(view: ReportView) -> list[dict[str, Any]]:
    return [
        {
            "heading": part.heading,
            "lines_text": [str(line) for line in part.lines[:_LINES_MAX]],
            "data_figures": _figures(part.figures),
        }
        for part in view.parts
    ]


def _figures(rows: Sequence[FigureRow]) -> list[list[str]]:
    return [
        [row.label, row.now, row.before, row.change, row.earlier, row.change_earlier]
        for row in rows[:_ROWS_MAX]
    ]


TOOLSETS = ("system-health", "history")
TOOLS = (last_report,)
