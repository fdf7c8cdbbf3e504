"""Lists that go on: a cursor says where, and belongs to one question only."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

CURSOR_MAX = 4000
Position = tuple[int | str | None, ...]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX, description="from the answer before")]

_CHECK_CHARS = 10
_WRONG = "cursor is altered or belongs to other arguments; repeat the call without cursor"


@dataclass(frozen=True, slots=True)
class Page:
    """The list in the evidence that goes on.

    `positions`: for each of its rows, where the list goes on after it. `more`: whether anything
    follows the last row. Rows that do not fit into an answer come again with the next cursor.
    """

    rows: str
    question: str
    positions: Sequence[Position]
    more: bool

    def cursor_after(self, shown: int) -> str | None:
        """What leads to the rows after the first `shown`; None if there are none."""
        if not shown or (shown >= len(self.positions) and not self.more):
            return None
        return encode(self.question, self.positions[shown - 1])

    @property
    def cursor_chars_max(self) -> int:
        """How much room its cursor takes at most."""
        return max((len(encode(self.question, p)) for p in self.positions), default=0)


def question_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """What a cursor belongs to: a tool and the arguments that choose and order its rows."""
    return json.dumps([tool, arguments], sort_keys=True, ensure_ascii=True, default=str)


def offset_page(rows: str, question: str, offset: int, shown: int, total: int) -> Page:
    """The page of a list that is counted through: `shown` rows from `offset` on, of `total`."""
    positions = [(offset + i + 1,) for i in range(shown)]
    return Page(rows, question, positions, offset + shown < total)


def timed_page(
    rows: str, question: str, offset: int, shown: int, total: int, moment: datetime
) -> Page:
    """The same of a list that looks back from now: its next page looks back from that moment."""
    at = round(moment.timestamp() * 1e6)
    positions = [(offset + i + 1, at) for i in range(shown)]
    return Page(rows, question, positions, offset + shown < total)


def encode(question: str, position: Position) -> str:
    """A position as opaque text that only the same question takes back."""
    text = json.dumps(position, ensure_ascii=False, separators=(",", ":"))
    plain = text.encode("utf-8", "surrogatepass")  # halves of characters, as the platform sent them
    cursor = f"{_base64(plain)}.{_check(question, plain)}"
    if len(cursor) > CURSOR_MAX:
        raise ValueError("a position must be short enough to come back as a cursor")
    return cursor


def position(question: str, cursor: str | None) -> Position | None:
    """Where to go on; None at the beginning. What is no cursor of this question is refused."""
    if cursor is None:
        return None
    text, _, check = cursor.partition(".")
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        found = json.loads(plain.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        raise ToolError(_WRONG) from None
    if check != _check(question, plain) or not isinstance(found, list):
        raise ToolError(_WRONG)
    return tuple(found)


def offset(question: str, cursor: str | None) -> int:
    """Where a list that is counted through goes on."""
    found = position(question, cursor)
    if found is None:
        return 0
    if len(found) != 1 or not isinstance(found[0], int) or found[0] < 0:
        raise ToolError(_WRONG)
    return found[0]


def timed_offset(question: str, cursor: str | None, now: datetime) -> tuple[int, datetime]:
    """Where such a list goes on, and the moment from which it looks back."""
    found = position(question, cursor)
    if found is None:
        return 0, now
    match found:
        case (int(place), int(at)) if place >= 0 and 0 <= at <= now.timestamp() * 1e6:
            return place, datetime.fromtimestamp(at / 1e6, UTC)
    raise ToolError(_WRONG)


def _base64(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def _check(question: str, plain: bytes) -> str:
    """Tells an altered or misplaced cursor; a position grants nothing, so no secret is needed."""
    digest = hashlib.sha256(question.encode() + b"\0" + plain).digest()
    return _base64(digest)[:_CHECK_CHARS]
