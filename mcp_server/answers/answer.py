"""The one shape of every answer: verdict, summary, age, evidence, and what to ask next."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcp.types import CallToolResult, TextContent

from mcp_server.answers.paging import Page
from monitor.domain.check import Status
from monitor.text.filters import clean
from monitor.text.masking import MASK, is_masked, masked

CHARS_PER_TOKEN = 4
CHARS_USUAL = 2_000 * CHARS_PER_TOKEN
CHARS_MAX = 8_000 * CHARS_PER_TOKEN
TEXT_MAX = 200
SUMMARY_MAX = 400
KEYS_MAX = 12
_MARGIN = 400  # for the words about what was cut


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool found. `rest` says how to get what does not fit into `chars_max`.

    `origin`: live (looked just now) or stored (from the monitor's history). `page`: the list in
    the evidence that goes on by cursor.
    """

    verdict: Status
    summary: str
    origin: str
    measured_at: datetime | None
    evidence: dict[str, Any] = field(default_factory=dict)
    next: tuple[str, ...] = ()
    rest: str = ""
    chars_max: int = CHARS_USUAL
    truncated: bool = False
    page: Page | None = None


def result(answer: Answer, now: datetime) -> CallToolResult:
    """The answer as it goes over the wire, the same as structure and as text."""
    chars_max = min(answer.chars_max, CHARS_MAX)
    if answer.page is None:
        return _result(fit(_envelope(answer, now), chars_max, answer.rest))
    room = answer.page.cursor_chars_max
    kept = fit(_envelope(answer, now), chars_max - room, answer.rest, answer.page.rows)
    return _result(_goes_on(kept, answer.page))


def _goes_on(envelope: dict[str, Any], page: Page) -> dict[str, Any]:
    """With the cursor to what follows the rows that are really in the envelope."""
    cursor = page.cursor_after(len(envelope["evidence"].get(page.rows, ())))
    if cursor is None:
        return envelope
    rest = envelope.get("rest") or "repeat the call with this cursor"
    return envelope | {"truncated": True, "cursor": cursor, "rest": rest}


def only_next(answered: CallToolResult, known: Collection[str]) -> CallToolResult:
    """An answer that names as next steps only tools that this server offers."""
    said = answered.structured_content or {}
    named = said.get("next", [])
    if all(name in known for name in named):
        return answered
    return _result(
        said | {"next": [name for name in named if name in known]}, bool(answered.is_error)
    )


def refusal(text: str) -> CallToolResult:
    """An error that says what was wrong and what would be right."""
    said = clean(text, 2 * SUMMARY_MAX)
    return _result({"verdict": "unknown", "summary": said, "error": True}, is_error=True)


def _result(plain: dict[str, Any], is_error: bool = False) -> CallToolResult:
    text = TextContent(type="text", text=compact(plain))
    return CallToolResult(content=[text], structured_content=plain, is_error=is_error)


def _envelope(answer: Answer, now: datetime) -> dict[str, Any]:
    at = answer.measured_at
    return {
        "verdict": answer.verdict.value,
        "summary": clean(answer.summary, SUMMARY_MAX),
        "origin": answer.origin,
        "measured_at": stamp(at),
        "age_seconds": age(at, now),
        "evidence": plain(answer.evidence),
        "truncated": answer.truncated,
        "next": list(answer.next),
    } | ({"rest": answer.rest} if answer.truncated and answer.rest else {})


def fit(
    envelope: dict[str, Any], chars_max: int, rest: str = "", paged: str = ""
) -> dict[str, Any]:
    """The envelope within so many characters: its largest lists lose their last rows.

    Of the list that goes on by cursor the first row stays: a page without any leads nowhere.
    """
    cut: dict[str, int] = {}
    while (size := len(compact(envelope))) > chars_max - _MARGIN:
        lists = [
            (len(compact(rows)), path, rows)
            for path, rows in _lists(envelope["evidence"])
            if path != paged or len(rows) > 1
        ]
        longest = max(lists, key=lambda entry: entry[0], default=None)
        if longest is None:
            envelope["evidence"] = {}
            cut["evidence"] = cut.get("evidence", 0) + 1
            break
        _, path, rows = longest
        drop = max(1, len(rows) * (size - chars_max + _MARGIN) // (2 * size))
        del rows[-min(drop, len(rows) - (path == paged)) :]
        cut[path] = cut.get(path, 0) + drop
    cut.pop(paged, None)  # what is missing there comes with the next cursor
    if cut:
        envelope["truncated"] = True
        envelope["left_out"] = dict(sorted(cut.items(), key=lambda e: -e[1])[:5])
        envelope["rest"] = rest or "ask a narrower question"
    return envelope


def _lists(value: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Every list that is not empty, with the names that lead to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value:
        yield path, value
        for item in value:
            yield from _lists(item, path)


def compact(value: Any) -> str:
    """JSON without blanks, as it is counted."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def plain(value: Any) -> Any:
    """JSON types only: times as UTC text, numbers short, text clean and cut to length."""
    if isinstance(value, Mapping):
        return {
            str(key): MASK if is_masked(str(key)) else plain(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, float):
        return short(value)
    return clean(value, 2 * TEXT_MAX)


def data(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the platform itself said: a few plain values, never to be taken for instructions."""
    kept = list(params.items())[:KEYS_MAX]
    shown = ((str(key), value) for key, value in kept)
    return {clean(k, 40): MASK if is_masked(k) else _datum(value) for k, value in shown}


def _datum(value: Any) -> Any:
    if isinstance(value, float):
        return short(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if masked(str(value)) == str(value) else MASK
    return clean(str(value), TEXT_MAX)


def short(value: float | None) -> float | int | None:
    """A number with five significant digits; None for what JSON cannot hold."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.5g}")
    return round(rounded) if rounded == value and rounded.is_integer() else rounded


def percent(share: float | None) -> float | int | None:
    """A share (0 to 1, or a relative change) in percent with one decimal."""
    return None if share is None or not math.isfinite(share) else short(round(100 * share, 1))


def stamp(at: datetime | None) -> str | None:
    """A time as UTC text to the second."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def age(at: datetime | None, now: datetime) -> int | None:
    """How many seconds ago that was."""
    return None if at is None else max(round((now - at).total_seconds()), 0)
