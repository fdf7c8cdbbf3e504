"""What a caller asks for, by a sentence and by arguments; what contradicts is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.context import Desk
from mcp_server.sentence.read import Problem, Reading, Wanted, contradiction, read
from mcp_server.sentence.times import Calendar

_PROBLEMS_MAX = 4
_WORD_MAX = 40


def asked(desk: Desk, sentence: str, typed: Mapping[str, Any]) -> Wanted:
    """The filter that a sentence and typed arguments make together."""
    reading = read(sentence, _calendar(desk)) if sentence.strip() else Reading(Wanted())
    _accept(desk, reading)
    wanted = reading.wanted
    for name, value in typed.items():
        said = getattr(wanted, name)
        if said not in (None, "", ()) and said != value:
            raise ToolError(desk.say("filter.contradicts", argument=name))
        wanted = replace(wanted, **{name: value})
    known_shard(desk, wanted.shard)
    if wrong := contradiction(wanted, desk.now):
        raise ToolError(desk.say(f"filter.{wrong}"))
    return wanted


def statuses(desk: Desk, text: str) -> tuple[str, ...]:
    """The statuses that an argument names: as they are, or in the words of a sentence."""
    reading = read(text, _calendar(desk))
    _accept(desk, reading)
    others = [f.name for f in fields(Wanted) if f.name != "statuses"]
    if not reading.wanted.statuses or any(getattr(reading.wanted, n) for n in others):
        raise ToolError(desk.say("filter.no_status", knows=desk.say("filter.statuses")))
    return reading.wanted.statuses


def _calendar(desk: Desk) -> Calendar:
    return Calendar(desk.now, desk.app.config.zone)


def _accept(desk: Desk, reading: Reading) -> None:
    """Refuse a sentence of which not every word is understood, and say what would be."""
    if not reading.problems:
        return
    told = [_told(desk, problem) for problem in reading.problems[:_PROBLEMS_MAX]]
    raise ToolError(
        desk.say("filter.refused", problems=" ".join(told), knows=desk.say("filter.knows"))
    )


def _told(desk: Desk, problem: Problem) -> str:
    params = {"near": ""} | {k: v[:_WORD_MAX] for k, v in problem.params.items()}
    return desk.say(f"filter.{problem.code}", **params)


def known_shard(desk: Desk, shard: str) -> str:
    """A shard that is configured, or an error that names those that are."""
    known = desk.app.runner.platform.database.shard_names()
    if shard and known and shard not in known:
        raise ToolError(desk.say("filter.no_shard", shard=shard, known=", ".join(known)))
    return shard
