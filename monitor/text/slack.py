"""Block Kit: blocks from a layout of templates/slack, within Slack's limits whatever the content.

Limits of docs.slack.dev: 50 blocks, 3000 characters a section, 150 a header, 10 elements a
context; and some 10,000 characters in all, which is not documented but enforced. Platform text
stands in plain_text only: there it can neither mention, link nor format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitor import resources

BLOCKS_MAX = 50
SECTION_MAX = 3000
HEADER_MAX = 150
ELEMENTS_MAX = 10
TOTAL_MAX = 9500
TEXT_MAX = 3000
_JOINER = "\u2060"  # word joiner: shows nothing, and parts what Slack would make a link of
Block = dict[str, Any]


def blocks(layout: str, **values: Any) -> tuple[Block, ...]:
    """The blocks of a layout: each line of it is one block, or nothing."""
    lines = _environment().get_template(f"slack/{layout}.jsonl.j2").render(values).splitlines()
    return fit([json.loads(line) for line in lines if line.strip()])


def fit(made: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks within the limits: what is too much is cut from the end, the last block stays."""
    if not made:
        return ()
    *body, last = made
    room = TOTAL_MAX - block_size(last)
    kept: list[Block] = []
    for block in body[: BLOCKS_MAX - 1]:
        size = block_size(block)
        if size > room:
            shortened = _shorten(block, room)
            kept += [shortened] if shortened else []
            break
        kept.append(block)
        room -= size
    return (*kept, last)


def _shorten(block: Block, room: int) -> Block | None:
    text = block.get("text")
    if room < 20 or not text or text["type"] != "plain_text":
        return None
    return {**block, "text": {**text, "text": cut_units(text["text"], room)}}


def block_size(block: Mapping[str, Any]) -> int:
    """The characters of a block's texts."""
    texts = [block["text"]] if "text" in block else block.get("elements", [])
    return sum(units(text["text"]) for text in texts)


def units(text: str) -> int:
    """The length of a text as JavaScript counts it: an emoji is two."""
    return len(text) + sum(1 for ch in text if ord(ch) > 0xFFFF)


def cut_units(text: str, limit: int) -> str:
    """Text of at most `limit` of those units; an ellipsis marks what is missing."""
    if units(text) <= limit:
        return text
    kept = text[: limit - 1]
    while units(kept) > limit - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def escape(text: str) -> str:
    """Text for mrkdwn: the three characters by which Slack knows mentions and links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quiet(text: str, limit: int = TEXT_MAX) -> str:
    """Top-level text that mentions nobody and links nothing, whatever it quotes."""
    parted = text.replace("@", "@" + _JOINER).replace("://", ":" + _JOINER + "//")
    return escape(cut_units(parted, limit))


def _json(block: Block | None) -> str:
    return json.dumps(block, ensure_ascii=True) if block else ""


def _plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut_units(text, limit), "emoji": False}


def _section(text: Block) -> Block:
    return {"type": "section", "text": text}


def _header(text: str) -> str:
    return _json({"type": "header", "text": _plain_text(text, HEADER_MAX)} if text else None)


def _plain(text: str) -> str:
    return _json(_section(_plain_text(text, SECTION_MAX)) if text else None)


def _heading(text: str) -> str:
    """One of our own headings, in bold; the marks of bold themselves are taken out of it."""
    if not text:
        return ""
    bold = f"*{escape(cut_units(text.replace('*', ''), 200))}*"
    return _json(_section({"type": "mrkdwn", "text": bold, "verbatim": True}))


def _listed(lines: Iterable[str]) -> str:
    """Lines as few sections as hold them."""
    parts: list[str] = []
    for line in (cut_units(f"• {line}", 1000) for line in lines):
        if parts and units(parts[-1]) + units(line) < SECTION_MAX:
            parts[-1] = f"{parts[-1]}\n{line}"
        else:
            parts.append(line)
    return "\n".join(_plain(part) for part in parts)


def _link(url: str, text: str) -> str:
    if not url.startswith(("https://", "http://")) or len(url) > 1000:
        return ""
    address = escape(url).replace("|", "%7C")
    label = escape(text).replace("|", "/")
    return _json(_section({"type": "mrkdwn", "text": f"<{address}|{label}>", "verbatim": True}))


def _context(lines: Iterable[str]) -> str:
    elements = [_plain_text(line, 300) for line in lines if line][:ELEMENTS_MAX]
    return _json({"type": "context", "elements": elements} if elements else None)


def _divider() -> str:
    return _json({"type": "divider"})


_BUILDERS: Mapping[str, Callable[..., str]] = {
    "header": _header,
    "plain": _plain,
    "heading": _heading,
    "listed": _listed,
    "link": _link,
    "context": _context,
    "divider": _divider,
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # The builders above write JSON; there is no markup to escape in a layout.
    loader = FileSystemLoader(resources.folder("templates"))
    made = Environment(loader=loader, undefined=StrictUndefined, autoescape=False)  # noqa: S701
    made.globals.update(_BUILDERS)
    return made
