"""What clients may read beside the tools: the same answers under an address, and their schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool

from mcp_server.answers.schema import ANSWER
from mcp_server.context import ToolContext
from monitor.text.catalog import Catalog

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer under an address: which tool gives it, asked how; `name` finds its words."""

    path: str
    name: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


STANDING = (
    Told("alerts/open", "alerts_open", "list_alerts"),
    Told("alerts/recent", "alerts_recent", "list_alerts", {"state": "recent"}),
    Told("reports/daily", "report_daily", "last_report"),
    Told("reports/weekly", "report_weekly", "last_report", {"kind": "weekly"}),
    Told("runs/latest", "run_latest", "get_latest_result"),
    Told("runs", "runs", "get_test_history"),
)
BY_NAME = (
    Told("metrics/{metric}", "metric", "metric_history"),
    Told("merchants/{merchant_id}", "merchant", "investigate_merchant"),
    Told("payments/{payment_id}", "payment", "investigate_payment"),
    Told("topics/{topic}", "topic", "get_topic_details"),
    Told("groups/{group_id}", "group", "check_consumer_lag"),
)


def add_resources(
    server: MCPServer[ToolContext],
    context: ToolContext,
    tools: Mapping[str, Tool],
    catalog: Catalog,
) -> None:
    """Offer the schema, and an address for the answers of those tools that are offered."""

    @server.resource(
        "paypulse://schema/answer",
        title=catalog.say("mcp.resource.schema"),
        description="JSON Schema of the structured content of every tool of this server.",
        mime_type="application/schema+json",
    )
    def answer_schema() -> str:
        return json.dumps(ANSWER, indent=2)

    for told in STANDING:
        if told.tool in tools:
            server.add_resource(_standing(told, tools[told.tool], context, catalog))
    for told in BY_NAME:
        if told.tool in tools:
            _add_template(server, told, tools[told.tool], context, catalog)


def _standing(told: Told, tool: Tool, context: ToolContext, catalog: Catalog) -> FunctionResource:
    async def read() -> str:
        return await _answer(tool, told.arguments, context)

    return FunctionResource(
        uri=f"paypulse://{told.path}",
        name=told.name,
        title=catalog.say(f"mcp.resource.{told.name}"),
        description=f"The answer of {told.tool}.",
        mime_type=_JSON,
        fn=read,
    )


def _add_template(
    server: MCPServer[ToolContext], told: Told, tool: Tool, context: ToolContext, catalog: Catalog
) -> None:
    async def read(**given: str) -> str:
        return await _answer(tool, {**told.arguments, **given}, context)

    parameter = told.path.partition("{")[2].rstrip("}")
    server.resource(
        f"paypulse://{told.path}",
        name=told.name,
        title=catalog.say(f"mcp.resource.{told.name}"),
        description=f"The answer of {told.tool}.",
        mime_type=_JSON,
    )(_taking(read, parameter))


def _taking(read: Any, parameter: str) -> Any:
    """The reader of a template, shown with the one parameter that its address has."""
    shown = Parameter(parameter, Parameter.KEYWORD_ONLY, annotation=str)
    read.__signature__ = Signature([shown], return_annotation=str)
    read.__annotations__ = {parameter: str, "return": str}
    return read


async def _answer(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> str:
    # The SDK hands no Context to a resource without parameters; tools need only ours.
    ctx: Any = SimpleNamespace(request_context=SimpleNamespace(lifespan_context=context))
    result = await tool.run(dict(arguments), ctx)
    plain = result.structured_content or {}
    if result.is_error:
        raise ResourceError(str(plain.get("summary", "")))
    return json.dumps(plain, ensure_ascii=False)
