"""What the listing costs a client: recorded, tool by tool, with every tool switched on."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp_case import writing_app

from mcp_server.answers.answer import CHARS_PER_TOKEN
from mcp_server.server import INSTRUCTIONS, build_server
from mcp_server.toolsets import NAMES, all_offers

BUDGET = tomllib.loads((Path(__file__).parent / "mcp_budget.toml").read_text())


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    app = writing_app(
        tmp_path_factory.mktemp("budget"), *(o.name for o in all_offers() if o.writing)
    )

    async def run():
        async with Client(build_server(app)) as client:
            return (await client.list_tools()).tools

    yield {tool.name: tool for tool in anyio.run(run)}
    app.close()


def tokens(tool):
    plain = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return len(json.dumps(plain, ensure_ascii=False, separators=(",", ":"))) / CHARS_PER_TOKEN


def test_every_tool_is_listed_and_no_other(tools):
    assert tools.keys() == {offer.name for offer in all_offers()}


def test_the_whole_listing_stays_within_its_budget(tools):
    cost = sum(map(tokens, tools.values())) + len(INSTRUCTIONS) / CHARS_PER_TOKEN
    assert cost <= BUDGET["all_max"], f"{len(tools)} tools cost {cost:.0f} tokens"


def test_no_tool_costs_more_than_is_recorded(tools):
    allowed = {name: BUDGET["tools"].get(name, BUDGET["tool_max"]) for name in tools}
    found = {name: round(tokens(tool)) for name, tool in tools.items()}
    assert {n: cost for n, cost in found.items() if cost > allowed[n]} == {}
    assert BUDGET["tools"].keys() <= tools.keys()


def test_the_instructions_stay_short():
    assert len(INSTRUCTIONS) / CHARS_PER_TOKEN <= BUDGET["instructions_max"]


def test_no_listed_tool_carries_an_output_schema_or_the_titles_of_pydantic(tools):
    for tool in tools.values():
        assert tool.output_schema is None
        assert not any("title" in p for p in tool.input_schema["properties"].values())


def test_every_tool_belongs_to_a_toolset_and_tells_what_it_is_for(tools):
    for offer in all_offers():
        assert offer.toolsets and set(offer.toolsets) <= set(NAMES), offer.name
        assert len(tools[offer.name].description) > 60
        assert tools[offer.name].annotations.open_world_hint is False


def test_every_toolset_has_tools():
    assert {name for offer in all_offers() for name in offer.toolsets} >= {
        "database-query",
        "loadtest",
        "system-health",
        "history",
    }
