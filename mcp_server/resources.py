"""What clients may read beside the tools: the shape of every answer."""

from __future__ import annotations

import json

from mcp.server.mcpserver import MCPServer

from mcp_server.desk import Desk
from mcp_server.schema import ANSWER


def add_resources(server: MCPServer[Desk]) -> None:
    """Offer the resources."""

    @server.resource(
        "paypulse://schema/answer",
        title="Schema of every answer",
        description="JSON Schema of the structured content of every tool of this server.",
        mime_type="application/schema+json",
    )
    def answer_schema() -> str:
        return json.dumps(ANSWER, indent=2)
