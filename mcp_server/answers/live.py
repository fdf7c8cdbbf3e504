"""Live looks past the checks: the platform's parts, asked side by side, and named safely."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult

from checks.sources.facts.platform import Platform
from checks.sources.facts.unavailable import Unavailable
from mcp_server.answers.answer import Answer, result
from mcp_server.answers.unavailable import reason, unavailable_rows
from mcp_server.context import ToolContext
from monitor.domain.check import Finding, Status
from monitor.text.filters import clean

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed

T = TypeVar("T")

NAME_MAX = 80
_SIDE_BY_SIDE = 8
_NAMES_MAX = 20
_PLAIN = re.compile(r"[\w.:/@-]{1,60}")


def platform(context: ToolContext) -> Platform:
    """The platform as it is configured to be seen."""
    found: Platform = context.app.runner.platform
    return found


def together(questions: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """The answers to several questions that are asked side by side; each bounds itself."""
    if not questions:
        return {}
    with ThreadPoolExecutor(min(len(questions), _SIDE_BY_SIDE), "look") as pool:
        found = pool.map(lambda ask: ask(), questions.values())
        return dict(zip(questions, found, strict=True))


def nothing_seen(
    context: ToolContext, unavailable: Sequence[Unavailable], *following: str
) -> CallToolResult:
    """The answer where nothing could be looked at, with the reason."""
    answer = Answer(
        verdict=Status.UNKNOWN,
        summary=context.say("not_seen", reason=reason(context, unavailable[0])),
        origin="live",
        measured_at=context.now,
        evidence={"unavailable": unavailable_rows(context, unavailable)},
        next=following or ("check_all_services", "list_alerts"),
    )
    return result(answer, context.now)


def require(kind: str, name: str, known: Iterable[str]) -> None:
    """An error for what does not exist, with what was probably meant or all that there is."""
    names = [clean(one, NAME_MAX) for one in known]
    if name in names:
        return
    found = difflib.get_close_matches(name, names, 1, 0.6)
    if found:
        hint = f"did you mean {found[0]!r}?"
    else:
        listed = ", ".join(sorted(filter(_PLAIN.fullmatch, names))[:_NAMES_MAX])
        hint = f"there are {listed}" if names else "there are none"
    raise ToolError(f"no {kind} {clean(name, NAME_MAX)!r}; {hint}")


def shown(name: str) -> str:
    """A name of the platform's as a summary may quote it; one that is no plain name is not."""
    return name if _PLAIN.fullmatch(name) else "(…)"


def about(seen: Mapping[str, Observed], subjects: Iterable[str]) -> list[Finding]:
    """What live checks found about some subjects, or could not look at."""
    wanted = set(subjects)
    found = (f for each in seen.values() for f in each.verdict.findings)
    return [f for f in found if f.status is Status.UNKNOWN or f.subject in wanted]
