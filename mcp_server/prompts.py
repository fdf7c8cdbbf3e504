"""What an operator asks again and again, as prompts: each a few steps, in the configured language.

A step whose tool is not offered is left out; a prompt whose first step is missing, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument

from mcp_server.context import ToolContext
from monitor.text.catalog import Catalog
from monitor.text.filters import clean

ARGUMENT_MAX = 200
_TOOL = re.compile(r"`(\w+)")


@dataclass(frozen=True, slots=True)
class Told:
    """A prompt by its name (its words are under mcp.prompt.<name>) and its arguments."""

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


PROMPTS = (
    Told("morning_check"),
    Told("weekly_performance", optional=("scenario",)),
    Told("incident"),
    Told("business_figures"),
    Told("payment_stuck", required=("payment_id",)),
    Told("api_slow"),
    Told("merchant_limited", required=("merchant_id",)),
)


def add_prompts(server: MCPServer[ToolContext], offered: Collection[str], catalog: Catalog) -> None:
    """Offer the prompts that have their tools."""
    for told in PROMPTS:
        first = catalog.say(f"mcp.prompt.{told.name}.step1", **_given(told, {}))
        if _tools_in(first) <= set(offered):
            server.add_prompt(_prompt(told, offered, catalog))


def _prompt(told: Told, offered: Collection[str], catalog: Catalog) -> Prompt:
    key = f"mcp.prompt.{told.name}"

    def text(**arguments: str) -> str:
        given = _given(told, arguments)
        lines = [catalog.say(f"{key}.ask", **given), *_steps(key, given, offered, catalog)]
        return "\n".join([*lines, catalog.say("mcp.prompt.rules")])

    return Prompt(
        name=told.name,
        title=catalog.say(f"{key}.title"),
        description=catalog.say(f"{key}.about"),
        arguments=[
            PromptArgument(
                name=name,
                description=catalog.say(f"mcp.prompt.argument.{name}"),
                required=name in told.required,
            )
            for name in (*told.required, *told.optional)
        ],
        fn=text,
        context_kwarg=None,
    )


def _given(told: Told, arguments: dict[str, str]) -> dict[str, str]:
    """The arguments on one line each, without what would end the quotation that they stand in."""
    names = (*told.required, *told.optional)
    given = {name: clean(str(arguments.get(name) or ""), ARGUMENT_MAX) for name in names}
    return {name: value.replace("`", "'").replace('"', "'") for name, value in given.items()}


def _steps(
    key: str, given: dict[str, str], offered: Collection[str], catalog: Catalog
) -> list[str]:
    """The steps that can be taken, numbered anew."""
    found: list[str] = []
    while catalog.has(f"{key}.step{len(found) + 1}"):
        found.append(catalog.say(f"{key}.step{len(found) + 1}", **given))
    known = [step for step in found if _tools_in(step) <= set(offered)]
    return [f"{number}. {step}" for number, step in enumerate(known, 1)]


def _tools_in(step: str) -> set[str]:
    return set(_TOOL.findall(step))
