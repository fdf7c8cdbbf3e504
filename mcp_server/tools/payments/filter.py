"""What a caller asks for, by a sentence and by arguments; what contradicts is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.context import ToolContext
from mcp_server.sentence.read import Reading, Wanted, contradiction, read
from mcp_server.sentence.times import Calendar
from monitor.domain.statement import Statement

_PROBLEMS_MAX = 4
_WORD_MAX = 40


def asked(context: ToolContext, sentence: str, typed: Mapping[str, Any]) -> Wanted:
    """The filter that a sentence and typed arguments make together."""
    reading = read(sentence, _calendar(context)) if sentence.strip() else Reading(Wanted())
    _accept(context, reading)
    wanted = reading.wanted
    for name, value in typed.items():
        said = getattr(wanted, name)
        if said not in (None, "", ()) and said != value:
            raise ToolError(context.say("filter.contradicts", argument=name))
        wanted = replace(wanted, **{name: value})
    known_shard(context, wanted.shard)
    if wrong := contradiction(wanted, context.now):
        raise ToolError(context.say(f"filter.{wrong}"))
    return wanted


def statuses(context: ToolContext, text: str) -> tuple[str, ...]:
    """The statuses that an argument names: as they are, or in the words of a sentence."""
    reading = read(text, _calendar(context))
    _accept(context, reading)
    others = [f.name for f in fields(Wanted) if f.name != "statuses"]
    if not reading.wanted.statuses or any(getattr(reading.wanted, n) for n in others):
        raise ToolError(context.say("filter.no_status", knows=context.say("filter.statuses")))
    return reading.wanted.statuses


def _calendar(context: ToolContext) -> Calendar:
    return Calendar(context.now, context.app.config.zone)


def _accept(context: ToolContext, reading: Reading) -> None:
    """Refuse a sentence of which not every word is understood, and say what would be."""
    if not reading.problems:
        return
    told = [_told(context, problem) for problem in reading.problems[:_PROBLEMS_MAX]]
    raise ToolError(
        context.say("filter.refused", problems=" ".join(told), knows=context.say("filter.knows"))
    )


def _told(context: ToolContext, problem: Statement) -> str:
    params = {"near": ""} | {k: str(v)[:_WORD_MAX] for k, v in problem.params.items()}
    return context.say(f"filter.{problem.code}", **params)


def known_shard(context: ToolContext, shard: str) -> str:
    """A shard that is configured, or an error that names those that are."""
    known = context.app.runner.platform.database.shard_names()
    if shard and known and shard not in known:
        raise ToolError(context.say("filter.no_shard", shard=shard, known=", ".join(known)))
    return shard
