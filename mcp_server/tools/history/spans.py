"""Spans and series out of a caller's words; what cannot be meant is refused with what can."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.answers.answer import TEXT_MAX
from mcp_server.context import ToolContext
from monitor.domain.check import series_name
from monitor.domain.interval import Interval
from monitor.domain.metrics import METRICS
from monitor.reports.periods import instant
from monitor.text.filters import clean

NAME_MAX = 2 * TEXT_MAX  # how long a subject is shown
_EXAMPLE = "2026-11-22 or 2026-11-22T14:00 (clock of the configured zone) or with an offset"


def at(context: ToolContext, name: str, text: str | None, default: datetime) -> datetime:
    """A time that was given as text, or the default."""
    if text is None:
        return default
    try:
        return instant(text, context.app.config.zone)
    except (ValueError, OverflowError):
        raise ToolError(f"{name} is no time; right would be {_EXAMPLE}") from None


def span(
    context: ToolContext,
    start: str | None,
    end: str | None,
    length: timedelta,
    longest: timedelta,
    now: datetime | None = None,
) -> Interval:
    """From start to end; where one is left out, so long before now or before the end."""
    now = now or context.now
    end_at = min(at(context, "end", end, now), now)
    start_at = at(context, "start", start, end_at - length)
    if start_at >= end_at:
        raise ToolError("start must be before end, and before now")
    if end_at - start_at > longest:
        raise ToolError(f"at most {longest.days} days at once; move start")
    return Interval(start_at, end_at)


def known_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Metric names that are in the catalogue, or an error that names those that are near."""
    wanted = tuple(names)
    for name in wanted:
        if name not in METRICS:
            raise ToolError(f"there is no metric of that name{near(name, list(METRICS))}")
    return wanted


def near(name: str, known: Sequence[str]) -> str:
    """What was probably meant, or all that there is."""
    found = difflib.get_close_matches(name, known, 3, 0.5)
    if found:
        return f"; did you mean {' or '.join(repr(one) for one in found)}?"
    return f"; known are {', '.join(sorted(known)[:40])}" if known else ""


def choose(
    series: Iterable[tuple[str, str]], metric: str, subject: str | None, check: str | None
) -> list[tuple[str, str]]:
    """The series of a metric, of one subject or check or of all; an error if there are none."""
    of_metric = [s for s in series if s[1].partition("{")[0] == metric]
    found = [s for s in of_metric if check in (None, s[0])]
    if check is not None and of_metric and not found:
        raise ToolError(f"{metric} is not measured by that check{near(check, _checks(of_metric))}")
    if subject is None:
        return found
    named = [s for s in found if s[1] == series_name(metric, subject)]
    named = named or [s for s in found if clean(_subject(s[1]), NAME_MAX) == subject]
    if found and not named:
        raise ToolError(f"{metric} has no such subject{near(subject, _subjects(found))}")
    return named


def _checks(series: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({check for check, _ in series})


def _subjects(series: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({clean(_subject(name), NAME_MAX) for _, name in series})


def _subject(name: str) -> str:
    return name.partition("{")[2].removesuffix("}")
